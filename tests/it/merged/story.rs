//! Records put together, end to end against the reference platform, over both stores.

use super::school::{Rooms, room, row};

fn a_record_of_two_sources(rooms: &Rooms) {
    rooms.teaching(&[room(1, "一号室", "30", ""), room(2, "二号室", "31", "投影"), room(3, "三号室", "32", "")]);
    rooms.estate(&[room(1, "甲", "40", "旧"), room(2, "乙", "", "新"), room(9, "别处", "9", "")]);
    let answer = rooms.round();
    let errors: Vec<_> = answer.runs.iter().filter_map(|run| run.error.clone()).collect();
    assert_eq!(errors, Vec::<String>::new());
    // The third has no kind, which is mandatory: it waits. What the roster does not have is no record.
    let held = rooms.held();
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!(held[&1], row("一号室", "40", "旧"), "name by the teaching office, seats by the estate, a note by who has one");
    assert_eq!(held[&2], row("二号室", "31", "投影"), "seats of the other where the one with the say has none");
    let effects = rooms.0.effects();
    for _ in 0..3 {
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()), (effects, held.clone()), "a record was written again");
    }
    let status = rooms.status();
    assert_eq!(status.tables.iter().map(|t| (&*t.table, t.live)).collect::<Vec<_>>(), [(super::school::TABLE, 2)]);
}

#[test]
fn a_record_is_put_together_of_two_sources_and_nothing_flips() {
    a_record_of_two_sources(&Rooms::new());
}

#[test]
fn a_record_is_put_together_of_two_sources_and_nothing_flips_on_postgres() {
    a_record_of_two_sources(&Rooms::on_postgres());
}
