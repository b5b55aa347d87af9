//! Bad rows wait and come back, and nothing is lost unnoticed.

use std::sync::Arc;

use xiaoshu::app::{self, QuarantineRequest};

use super::crashing::CrashingStore;
use super::school::School;
use super::story::totals;
use crate::store::home::lose_a_record;

/// How many rows wait.
fn waiting(school: &School) -> usize {
    let all = QuarantineRequest { limit: 100, ..QuarantineRequest::default() };
    app::quarantine_list(&school.context(), &all).expect("a list").rows.len()
}

#[test]
fn a_corrected_row_lands_and_closes_its_entry() {
    let school = School::new(20, 0);
    let good = std::fs::read_to_string(school.path("files/courses.csv")).expect("read");
    school.write("files/courses.csv", &good.replace("K0007,课程7,23", "K0007,课程7,many"));
    let first = school.round();
    let counts = totals(&first);
    assert_eq!((counts.changed, counts.quarantined), (38, 2), "the course, and the project that refers to it: {first:?}");
    assert!(first.imbalances.is_empty(), "{:?}", first.imbalances);
    assert_eq!(waiting(&school), 2);

    school.write("files/courses.csv", &good);
    let second = school.round();
    assert_eq!(totals(&second).stored, 40, "{second:?}");
    assert!(second.imbalances.is_empty(), "{:?}", second.imbalances);
    assert_eq!(waiting(&school), 0);
    assert_eq!(school.effects(), 40);
}

#[test]
fn a_row_that_was_not_read_whole_never_lands_from_what_was_saved_of_it() {
    let school = School::new(20, 0);
    let good = std::fs::read_to_string(school.path("files/courses.csv")).expect("read");
    let surplus = good.replace("K0003,课程3,19", "K0003,课程3,19,20");
    let bytes = surplus.into_bytes();
    let at = bytes.windows(7).position(|w| w == "课程5".as_bytes()).expect("the fifth course");
    let torn = [&bytes[..at + 2], &bytes[at + 3..]].concat();
    std::fs::write(school.path("files/courses.csv"), &torn).expect("written");
    let first = school.round();
    assert_eq!(totals(&first).quarantined, 4, "two courses and their projects: {first:?}");

    let courses = QuarantineRequest { table: Some("ODS_KCJBSJ".to_owned()), ..QuarantineRequest::default() };
    let retried = app::quarantine_retry(&school.context(), &courses).expect("a retry");
    assert_eq!((retried.tried, retried.landed, retried.unread), (0, 0, 2));
    assert_eq!(totals(&school.round()).stored, 36);
    assert_eq!(waiting(&school), 4);

    school.write("files/courses.csv", &good);
    assert_eq!(totals(&school.round()).stored, 40);
    assert_eq!(waiting(&school), 0);
}

/// The cells of every waiting row, by the rule that it breaks.
fn waiting_cells(school: &School) -> Vec<(String, Vec<String>)> {
    let courses = QuarantineRequest { table: Some("ODS_KCJBSJ".to_owned()), limit: 100, ..QuarantineRequest::default() };
    let rows = app::quarantine_list(&school.context(), &courses).expect("a list").rows;
    let shown = rows.iter().map(|row| app::quarantine_show(&school.context(), row.id).expect("a row"));
    let mut cells: Vec<_> = shown
        .map(|row| (row.violations[0].rule.clone(), row.raw.into_iter().map(|(_, cell)| cell.unwrap_or_default()).collect()))
        .collect();
    cells.sort();
    cells
}

#[test]
fn a_conflicting_row_behind_a_rejected_one_waits_with_its_own_cells() {
    let school = School::new(0, 0);
    // The rejected rows part the places of accepted rows from those of read ones; the third course comes with two names.
    school.write(
        "files/courses.csv",
        "课程号,课程名称,总学时\nK0001,课程1,many\nK0002,课程2,many\nK0003,课程3,19\nK0004,课程4,20\nK0003,另一门课,19\nK0005,课程5,21\n",
    );
    let first = school.round();
    assert!(first.imbalances.is_empty(), "{:?}", first.imbalances);
    let own = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let found = waiting_cells(&school);
    let rejected: Vec<_> = found.iter().filter(|(rule, _)| rule != "duplicate_key").map(|(_, cells)| cells.clone()).collect();
    let conflicting: Vec<_> = found.iter().filter(|(rule, _)| rule == "duplicate_key").map(|(_, cells)| cells.clone()).collect();
    assert_eq!(rejected, [own(["K0001", "课程1", "many"]), own(["K0002", "课程2", "many"])]);
    assert_eq!(conflicting, [own(["K0003", "另一门课", "19"]), own(["K0003", "课程3", "19"])]);
}

#[test]
fn a_record_lost_in_the_store_makes_the_equations_fail() {
    let school = School::new(20, 0);
    assert!(school.round().imbalances.is_empty());
    school.runtime.block_on(lose_a_record(&school.path("data")));
    let status = app::status(&school.context()).expect("a status");
    assert!(status.imbalances.iter().any(|i| (i.counted, i.found) == (20, 19)), "{:?}", status.imbalances);
    assert!(!school.round().imbalances.is_empty());
}

#[test]
fn a_row_lost_on_its_way_into_the_store_makes_the_run_equation_fail() {
    let school = School::new(20, 0);
    let good = std::fs::read_to_string(school.path("files/courses.csv")).expect("read");
    school.write("files/courses.csv", &good.replace("K0007,课程7,23", "K0007,课程7,many"));
    let answer = school.try_round(|store| Arc::new(CrashingStore::losing(store))).expect("a round");
    let lost: Vec<_> = answer.imbalances.iter().map(|i| (i.counted, i.found)).collect();
    assert_eq!(lost, [(20, 19), (20, 19)], "the course, and the project that refers to it: {:?}", answer.imbalances);
}
