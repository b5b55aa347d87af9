//! The tables that describe the hub itself are filled by the edition's own mappings.

use xiaoshu::app::{self, Context, Fittings, Part, RunRequest, Silent};
use xiaoshu::finding::Lang;
use xiaoshu::{sample, source};

#[test]
fn the_hub_reports_of_itself_once_every_source_is_numbered() {
    let dir = tempfile::tempdir().expect("a folder");
    let school = sample::write(dir.path(), &sample::Options::default()).expect("written");
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
    let context = Context { settings: school.settings, data: None, schemas: None, lang: Lang::En, progress: &Silent };
    let request = RunRequest { once: true, only: vec![Part::Collect], ..RunRequest::default() };
    let answer = app::run_fitted(&context, &request, &Fittings::default()).expect("a round");
    let run = |table: &str| answer.runs.iter().find(|run| run.table == table).expect("a run");

    let described = run("ODS_SJBZYXXXTYSGXSJ");
    assert_eq!(
        (&described.error, described.counts.read, described.counts.changed),
        (&None, 4, 4),
        "two tables of the school, two of the hub"
    );
    let ledger = run("ODS_XBSJZXSJJCQKSJ");
    assert_eq!(ledger.error, None);
    assert!(ledger.counts.read >= 5 && ledger.counts.changed == ledger.counts.read, "{ledger:?}");
}
