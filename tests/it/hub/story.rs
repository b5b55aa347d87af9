//! What a school's IT person sees: rows in, verdicts back, both equations shown.

use xiaoshu::app::RunAnswer;

use super::school::School;

/// Sums over all tables.
pub fn totals(answer: &RunAnswer) -> xiaoshu::app::Counts {
    let mut total = xiaoshu::app::Counts::default();
    for table in answer.domains.iter().flat_map(|d| &d.tables) {
        total += table.counts;
    }
    total
}

/// One promise, with the store in a file and in PostgreSQL.
macro_rules! on_both_stores {
    ($($promise:ident($rows:literal, $delay:literal);)*) => {
        mod in_a_file {
            $(#[test]
            fn $promise() {
                super::$promise(super::School::new($rows, $delay));
            })*
        }
        mod in_postgres {
            $(#[test]
            fn $promise() {
                super::$promise(super::School::on_postgres($rows, $delay));
            })*
        }
    };
}

on_both_stores! {
    every_row_is_stored_and_a_second_round_sends_nothing(50, 0);
    a_changed_row_is_sent_alone_and_a_child_without_parent_waits_for_it(20, 0);
    verdicts_that_come_late_are_waited_for(10, 3_600);
}

fn every_row_is_stored_and_a_second_round_sends_nothing(school: School) {
    let first = school.round();
    let counts = totals(&first);
    assert_eq!((counts.read, counts.changed, counts.stored), (100, 100, 100), "{first:?}");
    assert!(first.imbalances.is_empty(), "{:?}", first.imbalances);
    let effects = school.effects();
    assert_eq!(effects, 100);
    let second = school.round();
    let counts = totals(&second);
    assert_eq!((counts.unchanged, counts.changed, counts.stored), (100, 0, 100));
    assert_eq!(school.effects(), effects);
}

fn a_changed_row_is_sent_alone_and_a_child_without_parent_waits_for_it(school: School) {
    school.courses(0..19);
    let first = school.round();
    let counts = totals(&first);
    assert_eq!((counts.changed, counts.quarantined, counts.stored), (38, 1, 38), "{first:?}");
    let text = std::fs::read_to_string(school.path("files/courses.csv")).expect("read");
    school.write("files/courses.csv", &format!("{}K0019,课程19,40\n", text.replace("K0003,课程3,19", "K0003,课程3,20")));
    let second = school.round();
    assert_eq!(totals(&second).stored, 40, "{second:?}");
    assert_eq!(school.effects(), 38 + 3);
    assert!(second.imbalances.is_empty());
}

fn verdicts_that_come_late_are_waited_for(school: School) {
    let counts = totals(&school.round());
    assert_eq!((counts.stored, counts.in_flight, counts.waiting), (20, 0, 0));
}
