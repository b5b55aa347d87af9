//! The example of the operator's guide: one student of three systems, with what is sensitive.

use std::path::Path;
use std::sync::Arc;

use xiaoshu::app::{self, CheckRequest, Context, Fittings, Part, QuarantineRequest, RunRequest, Silent};
use xiaoshu::finding::Lang;
use xiaoshu::report::ManualClock;

use crate::hub::school::MORNING;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).map(drop).expect("copied");
        }
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(dir.join(name).parent().expect("a folder")).expect("made");
    std::fs::write(dir.join(name), text).expect("written");
}

/// What no list may show: the name that stands and the other one, the number of the paper, telephone, address.
const SECRETS: [&str; 6] = ["齐小满", "齐晓满", "44052419930101001X", "01085550000", "样例路一号", "20249001"];

#[test]
fn the_example_puts_a_student_together_of_three_systems_and_shows_no_sensitive_value() {
    let dir = tempfile::tempdir().expect("a folder");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/merged"), dir.path());
    let students = "学号,姓名,性别,入学日期,学制,班号,年级,学籍状态\n20249001,齐小满,男,2024-09-01,3,B1,2024,在读\n";
    let contacts = "学号,姓名,政治面貌,本人电话,家庭电话,家庭住址,家长\n20249001,齐晓满,03,01085550000,,样例路一号,齐大满\n";
    let admitted = "学号,姓名,拼音,性别,身份证号,出生日期,出生地,籍贯,民族,政治面貌,户口所在地,户口类别,生源,就读方式\n\
                    20249001,齐小满,QI XIAOMAN,女,44052419930101001X,1993-01-01,440524,样例,汉族,13,440524,1,101,1\n";
    write(dir.path(), "exports/jw/students.csv", students);
    write(dir.path(), "exports/xg/contacts.csv", contacts);
    write(dir.path(), "exports/zs/admitted.csv", admitted);
    let clock = Arc::new(ManualClock::new(MORNING));
    let context =
        Context { settings: dir.path().join("xiaoshu.toml"), data: None, schemas: None, lang: Lang::En, progress: &Silent };
    let check = app::check(&context, &CheckRequest { connect: true, upstream: false }).expect("a check");
    assert!(check.faults.is_empty() && check.steps.iter().all(|step| step.ok != Some(false)), "{check:?}");
    let fittings = Fittings { clock: Arc::clone(&clock) as _, ..Fittings::default() };
    let request = RunRequest { once: true, only: vec![Part::Collect], ..RunRequest::default() };
    let answer = app::run_fitted(&context, &request, &fittings).expect("a round");
    assert!(answer.runs.iter().all(|run| run.error.is_none()), "{:?}", answer.runs);
    let waiting = app::quarantine_list(&context, &QuarantineRequest::default()).expect("a list");
    let status = app::status(&context).expect("a status");
    assert_eq!(
        status.tables.iter().map(|line| (&*line.table, line.live)).collect::<Vec<_>>(),
        [("CORE_XS", 1)],
        "{:?}",
        waiting.causes
    );

    let conflicts = app::conflicts(&context, Some("CORE_XS")).expect("conflicts");
    let mut fields: Vec<_> = conflicts.tables[0].fields.iter().map(|f| (&*f.field, &*f.used, &*f.other, f.records)).collect();
    fields.sort_unstable();
    assert_eq!(fields, [("XBM", "zs", "jw", 1), ("XM", "jw", "xg", 1), ("ZZMMM", "xg", "zs", 1)]);
    let shown = serde_json::to_string(&conflicts).expect("JSON") + &serde_json::to_string(&status).expect("JSON");
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    assert!(conflicts.tables[0].fields.iter().all(|f| f.samples.len() == 1 && f.samples[0].key.len() == 32));
}
