//! What a pause looks like, who is told, and how it ends.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use xiaoshu::app::{self, AcceptRequest, Fittings, Part, RunRequest};
use xiaoshu::report::ManualClock;
use xiaoshu::store::ReadModels;
use xiaoshu::store::Shapes;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};

use super::hub::{COURSES, HARMLESS, Hub, PROJECTS, REPORTING, holds, pauses};
use super::sheet::{Sheet, col};

const SOURCE: &str = "kind = \"csv\"\npath = \"files\"\nsettle = 0";
const READ: &str = "read.object = \"t.csv\"";

fn hub(sheet: &Sheet) -> Hub {
    let hub = Hub::new(SOURCE, READ, &|attr| sheet.name_of(attr));
    hub.write("files/t.csv", sheet.csv());
    hub.collect();
    hub
}

fn command(hub: &Hub, args: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    let output = command.args(args).arg("--settings").arg(hub.path().join("xiaoshu.toml")).output().expect("the program");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("UTF-8"), output.status.code())
}

#[test]
fn a_pause_says_what_is_the_matter_and_whom_it_concerns() {
    let before = Sheet::plain();
    let hub = hub(&before);
    let mut after = Sheet { version: 1, ..before };
    after.col("hours").head = "学时合计";
    hub.write("files/t.csv", after.csv());
    let answer = hub.collect();
    let run = answer.runs.iter().rfind(|run| run.table == COURSES).expect("the run");
    assert!(!run.complete && run.error.as_deref().is_some_and(|error| error.contains("pauses")), "{run:?}");
    let (text, code) = command(&hub, &["status", "--lang", "zh"]);
    for part in [
        "ODS_KCJBSJ（jw）暂停采集，影响上报",
        "列“总学时”没有了，很可能改名为“学时合计”",
        "JXJHGDKSS",
        "教务处",
        "24 条记录保持原样",
        "总学时 → 学时合计",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("上次采集没有读完"), "{text}");
    assert_eq!(code, Some(1));
    let (text, _) = command(&hub, &["status", "--json"]);
    let status: Value = serde_json::from_str(&text).expect("JSON");
    let line = status["tables"].as_array().expect("tables").iter().find(|line| line["table"] == COURSES).expect("courses");
    let paused = &line["paused"][0];
    assert_eq!(
        (&paused["class"], &paused["source"], &paused["owner"]),
        (&json!("reporting_affected"), &json!("jw"), &json!("教务处"))
    );
    assert_eq!((&paused["records"], &paused["acceptable"]), (&json!(24), &json!(false)));
    let change = &paused["changes"][0];
    assert_eq!((&change["kind"], &change["likely"]), (&json!("renamed"), &json!(["学时合计"])));
    assert_eq!(line["error"], Value::Null);
    let (text, code) = command(&hub, &["drift", "accept", COURSES, "jw", "--lang", "zh"]);
    assert!(text.contains("不能接受") && code == Some(1), "{text}");
    pauses(&hub, [REPORTING, None], "what cannot be accepted");
}

#[test]
fn a_corrected_mapping_ends_the_pause() {
    let before = Sheet::plain();
    let hub = hub(&before);
    let mut after = Sheet { version: 1, ..before.clone() };
    after.col("hours").head = "学时合计";
    hub.write("files/t.csv", after.csv());
    hub.collect();
    pauses(&hub, [REPORTING, None], "renamed");
    holds(COURSES, &hub.landed(COURSES), &before.truth(), "renamed");
    hub.map(READ, &|attr| after.name_of(attr));
    assert!(hub.paused().is_empty(), "another mapping is not paused any more");
    hub.collect();
    holds(COURSES, &hub.landed(COURSES), &after.truth(), "corrected");
    pauses(&hub, HARMLESS, "corrected");
}

#[test]
fn what_means_the_same_can_be_accepted() {
    let before = Sheet::plain();
    let hub = hub(&before);
    let mut after = Sheet { version: 1, ..before };
    let at = after.at("leader");
    after.columns.insert(at, col("负责人", "aide"));
    hub.write("files/t.csv", after.csv());
    hub.collect();
    pauses(&hub, [None, REPORTING], "doubled");
    let request = AcceptRequest { table: PROJECTS.into(), source: "jw".into() };
    let answer = app::drift_accept(&hub.context(), &request).expect("accepted");
    assert!(answer.accepted && answer.refused.is_none());
    assert!(hub.paused()[PROJECTS].accepted);
    hub.collect();
    pauses(&hub, HARMLESS, "accepted");
    // Accepting said that the first column of the name is the one: it was not, and the records hold what was accepted.
    assert_eq!(hub.landed(PROJECTS)["0001"]["FZRH"], "A001");
    assert!(app::drift_accept(&hub.context(), &request).is_err(), "nothing pauses any more");
    hub.collect();
    pauses(&hub, HARMLESS, "what was accepted is what is known");
}

#[test]
fn what_was_accepted_is_only_that() {
    let before = Sheet::plain();
    let hub = hub(&before);
    let mut after = before.clone();
    let at = after.at("leader");
    after.columns.insert(at, col("负责人", "aide"));
    hub.write("files/t.csv", after.csv());
    hub.collect();
    app::drift_accept(&hub.context(), &AcceptRequest { table: PROJECTS.into(), source: "jw".into() }).expect("accepted");
    after.columns.insert(0, col("负责人", "memo"));
    hub.write("files/t.csv", after.csv());
    hub.collect();
    pauses(&hub, [None, REPORTING], "it changed again before the next collection");
    holds(PROJECTS, &hub.landed(PROJECTS), &before.truth(), "it changed again");
}

#[test]
fn harmless_changes_are_noted_and_every_run_has_a_digest() {
    let before = Sheet::plain();
    let hub = hub(&before);
    let digests = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = hub.path().join("data");
            let store = SqliteStore::open_read_only(&dir, SqliteOptions::default()).await.expect("a store");
            let mut all = Vec::new();
            for run in store.runs(0).await.expect("runs").into_iter().filter(|run| run.table == COURSES).rev() {
                all.push(store.shape_of_run(run.run).await.expect("read").expect("a digest"));
            }
            store.close().await.expect("closed");
            all
        })
    };
    hub.collect();
    let mut after = before;
    after.columns.push(col("新列", "aide"));
    hub.write("files/t.csv", after.csv());
    hub.collect();
    let found = digests();
    assert_eq!((found.len(), found[0] == found[1], found[1] == found[2]), (3, true, false));
    let answer = app::drift(&hub.context()).expect("a list");
    assert!(answer.paused.is_empty());
    let noted = answer.noted.iter().find(|line| line.table == COURSES).expect("noted");
    assert!(noted.text.zh.contains("新增列“新列”"), "{noted:?}");
    let (text, code) = command(&hub, &["drift", "list", "--lang", "zh"]);
    assert!(text.contains("没有因来源变化而暂停的表") && text.contains("新增列“新列”") && code == Some(0), "{text}");
}

#[test]
fn a_pause_is_logged_when_it_begins_and_not_again() {
    let before = Sheet::plain();
    let hub = hub(&before);
    let mut after = before;
    after.remove("practice");
    hub.write("files/t.csv", after.csv());
    let collect = || command(&hub, &["run", "--once", "--only", "collect"]).0;
    let told = |log: &str| log.lines().filter(|line| line.contains("a run was stopped") && line.contains(COURSES)).count();
    assert_eq!((told(&collect()), told(&collect())), (1, 0));
}

#[test]
fn the_first_reading_pauses_nothing() {
    let hub = Hub::new(SOURCE, READ, &|attr| Sheet::plain().name_of(attr));
    hub.write("files/t.csv", Sheet::plain().csv());
    let clock = Arc::new(ManualClock::new(1_732_068_000_000));
    let fittings = Fittings { clock, around_store: Box::new(|store| store) };
    let request = RunRequest { only: vec![Part::Collect], once: true, ..RunRequest::default() };
    let answer = app::run_fitted(&hub.context(), &request, &fittings).expect("a collection");
    assert!(answer.runs.iter().all(|run| run.complete && run.error.is_none()));
    pauses(&hub, HARMLESS, "the first reading");
}
