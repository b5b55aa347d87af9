//! The tables that describe the hub itself are filled by the edition's own mappings.

use std::path::Path;

use xiaoshu::app::{self, Context, Fittings, Part, RunRequest, Silent};
use xiaoshu::finding::Lang;
use xiaoshu::{sample, source};

/// The sample school with a few of its mappings, and those that the edition ships.
fn school(dir: &Path) -> sample::Sample {
    let school = sample::write(dir, &sample::Options::default()).expect("written");
    source::load_script(&school.teaching_database, &school.teaching_sql).expect("loaded");
    let kept = ["CORE_DW", "CORE_JZG", "CORE_XTXX", "ODS_KCJBSJ", "ODS_XXHXTJSSJ"];
    for mapping in &school.mappings {
        let name = mapping.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if !kept.contains(&name) {
            std::fs::remove_file(mapping).expect("removed");
        }
    }
    let settings = std::fs::read_to_string(&school.settings).expect("read");
    assert!(settings.contains("shipped = false"));
    std::fs::write(&school.settings, settings.replace("shipped = false", "shipped = true")).expect("written");
    school
}

#[test]
fn the_hub_reports_of_itself_once_every_source_is_numbered() {
    let dir = tempfile::tempdir().expect("a folder");
    let school = school(dir.path());
    reports_of_itself(school);
}

#[test]
fn the_hub_reports_of_itself_out_of_postgres_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let school = school(dir.path());
    super::school::keep_in_postgres(school.settings.parent().expect("a folder"));
    reports_of_itself(school);
}

fn reports_of_itself(school: sample::Sample) {
    let context = Context { settings: school.settings, data: None, schemas: None, lang: Lang::En, progress: &Silent };
    let request = RunRequest { once: true, only: vec![Part::Collect], ..RunRequest::default() };
    let answer = app::run_fitted(&context, &request, &Fittings::default()).expect("a round");
    let run = |table: &str| answer.runs.iter().find(|run| run.table == table).expect("a run");

    let described = run("ODS_SJBZYXXXTYSGXSJ");
    assert_eq!(
        (&described.error, described.counts.read, described.counts.changed),
        (&None, 6, 6),
        "two tables of the school, two about the hub, two of the portraits of staff"
    );
    let ledger = run("ODS_XBSJZXSJJCQKSJ");
    assert_eq!(ledger.error, None);
    assert!(ledger.counts.read >= 5 && ledger.counts.changed == ledger.counts.read, "{ledger:?}");
}

#[test]
fn relative_folders_start_from_where_the_command_was_typed() {
    let dir = tempfile::tempdir().expect("a folder");
    school(&dir.path().join("school"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["run", "--once", "--only", "collect", "--settings", "school/xiaoshu.toml", "--data", "store"]);
    let done = command.current_dir(dir.path()).output().expect("run");
    // The tables that describe the hub are read out of the store itself: all of them, or the exit code is 1.
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    assert!(dir.path().join("store").is_dir());
}
