//! What the program says on standard error while it works.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::school::School;

/// The program, about to run on the school's settings with these settings of the log.
fn hub(school: &School, log: &str, args: &[&str]) -> Command {
    let text = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("logging.toml", &format!("{text}\n[log]\n{log}\n"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["run", "--only", "collect"]).args(args).arg("--settings").arg(school.path("logging.toml"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn one_round_logs_as_the_settings_say() {
    let school = School::new(5, 0);
    let errors = |log: &str| {
        let done = hub(&school, log, &["--once"]).output().expect("run");
        String::from_utf8(done.stderr).expect("UTF-8")
    };
    let plain = errors("level = \"info\"");
    let read = plain.lines().find(|line| line.contains("INFO") && line.contains("ODS_KCJBSJ")).expect("a line of the log");
    assert!(read.contains("read=5"), "{read}");
    assert!(plain.lines().any(|line| line == "读取数据源"), "progress stands on lines of its own: {plain}");
    let json = errors("level = \"debug\"\nformat = \"json\"");
    let events: Vec<serde_json::Value> = json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(events.iter().any(|e| e["level"] == "DEBUG" && e["table"] == "ODS_KCJBSJ"), "{json}");
    assert!(!errors("level = \"error\"").contains("INFO"));
}

#[test]
fn the_service_logs_what_it_reads_and_that_it_stops() {
    let school = School::new(5, 0);
    let mut child = hub(&school, "level = \"info\"", &[]).spawn().expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map(|line| line.expect("UTF-8"));
    assert!(lines.any(|line| line.contains("INFO") && line.contains("ODS_KCJSSJ")), "the second table was never read");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("told");
    assert!(told.success());
    assert!(lines.any(|line| line.contains("stopping")), "the log ended without a word");
    let rest: Vec<String> = lines.collect();
    let status = child.wait().expect("ended");
    assert!(status.success(), "{status}: {rest:?}");
}
