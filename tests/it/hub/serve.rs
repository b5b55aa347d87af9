//! The service as a service manager runs it: it reads, reports, and ends in order when it is told to.
#![cfg(unix)]

use std::process::{Command, Stdio};

use xiaoshu::brain::{Brain, BrainConfig};

use super::school::{self, CODE};

const ROWS: usize = 30;

#[test]
fn the_service_reads_reports_and_ends_when_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut config = BrainConfig::sandbox(CODE);
    config.login.rsa_bits = 1024;
    let brain = runtime.block_on(Brain::start(config)).expect("a platform");
    school::furnish(dir.path(), &brain.url(), ROWS);
    let settings = dir.path().join("xiaoshu.toml");
    let mut service = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
        .args(["run", "--settings"])
        .arg(&settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    // The courses go at once; the projects wait for the courses' verdicts, which take longer than a test should.
    while runtime.block_on(brain.effects(None)).expect("effects").len() < ROWS {
        assert!(service.try_wait().expect("asked").is_none(), "the service ended by itself");
        std::thread::yield_now();
    }
    let told = Command::new("kill").args(["-TERM", &service.id().to_string()]).status().expect("told");
    assert!(told.success());
    let status = service.wait().expect("ended");
    assert!(status.success(), "{status}");
}
