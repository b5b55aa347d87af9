//! Stored records sent again because somebody said so.

use xiaoshu::app::{self, Failure, RampTarget, ReleaseRequest, ResendRequest};

use super::school::School;

fn table() -> Option<String> {
    Some("ODS_KCJBSJ".to_owned())
}

fn writes(school: &School) -> usize {
    school.runtime.block_on(school.brain.writes(None)).expect("writes").len()
}

#[test]
fn stored_records_go_again_and_change_nothing() {
    let school = School::new(30, 0);
    school.round();
    // The command goes by the machine's clock, the school by one of its own.
    let behind = jiff::Timestamp::now().as_millisecond() - xiaoshu::report::Clock::now(school.clock.as_ref());
    school.clock.advance(std::time::Duration::from_millis(behind.unsigned_abs() + 3_600_000));
    let (held, effects) = (school.held(), school.effects());
    let one = ResendRequest { table: table(), upstream: Some("moe".to_owned()) };
    let answer = app::resend(&school.context(), &one).expect("sent");
    assert_eq!(answer.lines.iter().map(|l| (l.table.as_str(), l.rows)).collect::<Vec<_>>(), [("ODS_KCJBSJ", 30)]);
    let round = school.round();
    assert!(round.imbalances.is_empty());
    assert_eq!((writes(&school), school.effects(), school.held()), (60 + 30, effects, held.clone()));
    let all = app::resend(&school.context(), &ResendRequest::default()).expect("sent");
    assert_eq!(all.lines.iter().map(|l| l.rows).sum::<u64>(), 60);
    school.round();
    assert_eq!((writes(&school), school.effects(), school.held()), (150, effects, held));
}

#[test]
fn a_closed_table_is_not_sent_again_and_a_name_must_exist() {
    let school = School::new(5, 0);
    school.round();
    let close = ReleaseRequest { table: table(), upstream: None, to: Some(RampTarget::Closed) };
    app::release(&school.context(), &close).expect("closed");
    let answer = app::resend(&school.context(), &ResendRequest { table: table(), upstream: None }).expect("an answer");
    assert!(answer.lines[0].rows == 0 && answer.lines[0].refused.is_some(), "{answer:?}");
    for unknown in [
        ResendRequest { table: Some("ODS_NICHTS".to_owned()), upstream: None },
        ResendRequest { table: None, upstream: Some("other".to_owned()) },
    ] {
        let failed = app::resend(&school.context(), &unknown);
        assert!(matches!(failed, Err(Failure::Unknown(_))), "{failed:?}");
    }
}
