//! What speaks against deletions speaks against those of rows that are made of the rows read, too.

use std::sync::Arc;

use xiaoshu::app::{self, Fittings, Part, RunRequest};
use xiaoshu::report::Clock;

use crate::hub::school::School;

const TABLE: &str = "ODS_XSHXSJ";
const MAPPING: &str = r#"table = "ODS_XSHXSJ"
source = "jw"
owner = "学工处"
mode = "file"
read.object = "said*.csv"

[portrait]
of = "student"
rows = "person"
roster = "CORE_XS"
field = "PJWDJJG"

[fields]
XH = "person"
PJWDJJG = "portrait"
SJSCRQ = "made"
SJKBZXFWRQ = "made"
"#;

fn said(persons: std::ops::Range<usize>) -> String {
    let rows: String = persons.map(|n| format!("S{n:03},0101,S{n:03}\n")).collect();
    format!("person,item,value\n{rows}")
}

/// Records that stand, and why deletions wait.
fn collect(school: &School) -> (u64, Vec<String>) {
    let request = RunRequest { once: true, only: vec![Part::Collect], restored: false };
    let clock: Arc<dyn Clock> = Arc::clone(&school.clock) as Arc<dyn Clock>;
    let fittings = Fittings { clock, around_store: Box::new(|store| store) };
    let done = app::run_fitted(&school.context(), &request, &fittings).expect("a collection");
    assert!(done.runs.iter().all(|run| run.error.is_none()), "{:?}", done.runs);
    let status = app::status(&school.context()).expect("a status");
    let line = status.tables.iter().find(|line| line.table == TABLE).expect("the table");
    (line.live, status.deletions.iter().map(|held| held.why.en.clone()).collect())
}

#[test]
fn fewer_files_and_a_file_cut_off_delete_no_row_that_is_made_of_them() {
    let school = School::new(1, 0);
    for other in ["courses", "projects"] {
        std::fs::remove_file(school.path(&format!("mappings/{other}.toml"))).expect("removed");
    }
    school.write("mappings/portraits.toml", MAPPING);
    let whole = || {
        school.write("files/said1.csv", &said(0..57));
        school.write("files/said2.csv", &said(57..60));
    };
    whole();
    assert_eq!(collect(&school), (60, vec![]));
    std::fs::remove_file(school.path("files/said2.csv")).expect("removed");
    let (live, why) = collect(&school);
    assert!(live == 60 && why.len() == 1 && why[0].contains("2 files"), "{live} {why:?}");
    whole();
    assert_eq!(collect(&school), (60, vec![]));
    school.write("files/said2.csv", said(57..59).trim_end());
    let (live, why) = collect(&school);
    assert!(live == 60 && why.len() == 1 && why[0].contains("cut off"), "{live} {why:?}");
    // The same with its last line whole is a deletion.
    school.write("files/said2.csv", &said(57..59));
    assert_eq!(collect(&school), (59, vec![]));
}
