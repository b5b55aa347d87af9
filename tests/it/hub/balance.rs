//! Bad rows wait and come back, and nothing is lost unnoticed.

use xiaoshu::app::{self, QuarantineRequest};

use super::school::School;
use super::story::totals;

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
