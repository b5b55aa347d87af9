//! Cursor, batches, verdicts, exceptions, ramp.

use xiaoshu::record::RecordKey;
use xiaoshu::store::{
    Again, BatchPhase, Cursor, ExceptionFilter, Lane, MemberVerdict, Op, Outcome, RampState, RampStep, Reason, Receipt, Stage,
    Stock,
};

use super::desk::{DAY, Desk};
use super::home::Home;
use super::table::{Row, key_of};

fn rows(keys: std::ops::Range<u32>, content: u32) -> Vec<Row> {
    keys.map(|k| Row::good(k, content)).collect()
}

async fn desk_with(home: &impl Home, keys: u32) -> Desk {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..keys, 1)], false, 1).await;
    desk
}

pub async fn a_stored_batch_settles_its_rows(home: impl Home) {
    let desk = desk_with(&home, 3).await;
    assert_eq!(desk.stock().await, Stock { live: 3, waiting: 3, ..Stock::default() });
    let batch = desk.stage_all(10).await;
    assert_eq!(desk.stock().await, Stock { live: 3, in_flight: 3, ..Stock::default() });
    let members = desk.store.members(batch).await.unwrap();
    assert_eq!(members.iter().map(|m| m.ordinal).collect::<Vec<_>>(), [0, 1, 2]);
    let rids: Vec<u64> = members.iter().map(|m| m.rid).collect();
    assert_eq!(desk.store.in_flight(desk.upstream, desk.feed, &[rids[0], 99]).await.unwrap(), [rids[0]]);
    let few = [MemberVerdict { ordinal: 0, outcome: Outcome::Stored }];
    assert!(desk.store.settle(batch, &few, None, 11).await.is_err(), "members without a verdict");
    desk.settle_all(batch, Outcome::Stored, 11).await;
    assert_eq!(desk.stock().await, Stock { live: 3, stored: 3, ..Stock::default() });
    assert_eq!(desk.store.stock().await.unwrap()[0].last_stored, Some(11));
    assert!(desk.pending(Lane::Live, 10, 12).await.is_empty());
    assert!(desk.store.settle(batch, &few, None, 11).await.is_err(), "settled twice");
    desk.audited().await;
}

pub async fn a_new_version_in_flight_waits_for_the_verdict(home: impl Home) {
    let desk = desk_with(&home, 1).await;
    let batch = desk.stage_all(10).await;
    desk.run("a", &[&rows(0..1, 2)], false, 11).await;
    assert_eq!(desk.stock().await, Stock { live: 1, waiting: 1, ..Stock::default() });
    let newer = desk.pending(Lane::Live, 10, 12).await;
    assert!(desk.stage(&newer, |_| None, 12).await.is_err(), "two unsettled versions of one key");
    desk.stage(&newer, |_| Some((Reason::WaitsVerdict, None)), 12).await.unwrap();
    assert_eq!(desk.stock().await.held["waits_verdict"], 1);
    assert!(desk.pending(Lane::Live, 10, 13).await.is_empty());
    desk.settle_all(batch, Outcome::Stored, 14).await;
    assert_eq!(desk.stock().await.held["waits_verdict"], 1, "the newest version is not stored");
    desk.audited().await;
    let due = desk.pending(Lane::Live, 10, 14).await;
    assert_eq!(due[0].seq, newer[0].seq);
    let batch = desk.stage(&due, |_| None, 15).await.unwrap().unwrap();
    desk.settle_all(batch, Outcome::Stored, 16).await;
    assert_eq!(desk.stock().await.stored, 1);
    desk.audited().await;
}

pub async fn a_row_that_changed_while_it_was_staged_is_sent_again(home: impl Home) {
    let desk = desk_with(&home, 2).await;
    let read = desk.pending(Lane::Live, 10, 10).await;
    desk.run("a", &[&rows(0..1, 2)], false, 11).await;
    let batch = desk.stage(&read, |_| None, 12).await.unwrap().unwrap();
    assert_eq!(desk.stock().await, Stock { live: 2, in_flight: 1, waiting: 1, ..Stock::default() });
    let members = desk.store.members(batch).await.unwrap();
    assert_eq!(members.iter().map(|m| m.record_key).collect::<Vec<_>>(), read.iter().map(|r| r.record_key).collect::<Vec<_>>());
    desk.settle_all(batch, Outcome::Unknown { split: 1 }, 13).await;
    assert_eq!(desk.stock().await, Stock { live: 2, unknown: 1, waiting: 1, ..Stock::default() });
    desk.audited().await;
}

pub async fn a_refusal_is_offered_once_more(home: impl Home) {
    let desk = desk_with(&home, 1).await;
    let refused = Outcome::Refused { text: "bad".into(), field: Some("NAME".into()) };
    let batch = desk.stage_all(10).await;
    desk.settle_all(batch, refused.clone(), 11).await;
    assert_eq!(desk.stock().await.refused, 1);
    let found = desk.store.exceptions(&ExceptionFilter { reason: Some(Reason::Refused), ..Default::default() }).await.unwrap();
    assert_eq!((found[0].text.as_deref(), found[0].field.as_deref(), found[0].refusals), (Some("bad"), Some("NAME"), 1));
    assert_eq!((found[0].since, found[0].due), (11, Some(11 + 7 * DAY)));
    assert!(desk.pending(Lane::Live, 10, 12).await.is_empty());
    let batch = desk.stage_all(11 + 7 * DAY).await;
    desk.settle_all(batch, refused, 20 * DAY).await;
    let found = desk.store.exceptions(&ExceptionFilter::default()).await.unwrap();
    assert_eq!((found[0].refusals, found[0].due), (2, None));
    desk.audited().await;
    // Asked for by hand all the same.
    let filter = ExceptionFilter { upstream: Some(desk.upstream), feed: Some(desk.feed), limit: 5, ..Default::default() };
    assert_eq!(desk.store.release(&filter, 21 * DAY).await.unwrap(), 1);
    assert_eq!(desk.pending(Lane::Live, 10, 21 * DAY).await.len(), 1);
}

pub async fn unknown_rows_wait_again_in_smaller_parts(home: impl Home) {
    let desk = desk_with(&home, 4).await;
    let batch = desk.stage_all(10).await;
    desk.settle_all(batch, Outcome::Unknown { split: 2 }, 11).await;
    assert_eq!(desk.stock().await.unknown, 4);
    let again = desk.pending(Lane::Live, 10, 11).await;
    assert_eq!(again.iter().map(|r| r.split).collect::<Vec<_>>(), [2; 4]);
    let batch = desk.stage(&again[..2], |_| None, 12).await.unwrap().unwrap();
    desk.store.give_up(batch, 13).await.unwrap();
    assert_eq!(desk.stock().await.unknown, 4);
    assert!(desk.pending(Lane::Live, 10, 13).await.iter().all(|r| r.split == 2), "a batch given up keeps the bound");
    assert!(desk.store.batches(desk.upstream, None).await.unwrap().is_empty());
    desk.audited().await;
}

pub async fn a_cursor_may_not_pass_rows_by(home: impl Home) {
    let desk = desk_with(&home, 3).await;
    let read = desk.pending(Lane::Live, 10, 10).await;
    let over = Cursor { seq: read[2].seq, backfill: None };
    assert!(desk.stage_at(&read[..2], |_| None, over, 11).await.is_err(), "a row passed by");
    assert!(desk.stage_at(&read, |_| None, Cursor { seq: read[1].seq, backfill: None }, 11).await.is_err(), "a row not passed");
    assert_eq!(desk.stock().await.waiting, 3);
    assert_eq!(desk.store.cursor(desk.upstream, desk.feed).await.unwrap(), Cursor::default());
    desk.stage(&read[..2], |_| None, 11).await.unwrap();
    assert!(desk.stage(&read[..1], |_| Some((Reason::Closed, None)), 11).await.is_err(), "a row in flight is no exception");
    assert!(desk.stage_at(&[], |_| None, Cursor::default(), 11).await.is_err(), "a cursor goes back");
    desk.audited().await;
}

pub async fn exceptions_come_back_when_due_or_released(home: impl Home) {
    let desk = desk_with(&home, 4).await;
    let read = desk.pending(Lane::Live, 10, 10).await;
    let fate = |r: &xiaoshu::store::FeedRow| match key_of(&r.natural_key) {
        0 => Some((Reason::NotDue, Some(50))),
        1 => Some((Reason::OutOfScope, None)),
        2 => Some((Reason::Closed, None)),
        _ => Some((Reason::WaitsParent, Some(20))),
    };
    assert_eq!(desk.stage(&read, fate, 11).await.unwrap(), None);
    let stock = desk.stock().await;
    assert_eq!(stock.held.len(), 4);
    let keys = async |at| desk.pending(Lane::Live, 10, at).await.iter().map(|r| key_of(&r.natural_key)).collect::<Vec<_>>();
    assert_eq!(keys(19).await, [0; 0]);
    assert_eq!(keys(20).await, [3]);
    assert_eq!(keys(50).await, [3, 0]);
    desk.store.set_ramp(desk.upstream, desk.feed, RampStep::Open, None, 30).await.unwrap();
    assert_eq!(keys(30).await, [3, 2]);
    let filter = ExceptionFilter { reason: Some(Reason::OutOfScope), ..Default::default() };
    assert_eq!(desk.store.release(&filter, 25).await.unwrap(), 1);
    assert_eq!(keys(30).await, [3, 1, 2]);
    // Looked at and held again, for another reason.
    let due = desk.pending(Lane::Live, 1, 30).await;
    desk.stage(&due, |_| Some((Reason::Unsealed, None)), 31).await.unwrap();
    assert_eq!(desk.stock().await.held["unsealed"], 1);
    desk.audited().await;
}

pub async fn a_newer_version_takes_an_exception_back(home: impl Home) {
    let desk = desk_with(&home, 2).await;
    let read = desk.pending(Lane::Live, 10, 10).await;
    desk.stage(&read, |_| Some((Reason::OutOfScope, None)), 11).await.unwrap();
    desk.run("a", &[&rows(0..1, 2)], false, 12).await;
    assert_eq!(desk.stock().await.waiting, 1);
    assert_eq!(desk.store.exceptions(&ExceptionFilter::default()).await.unwrap().len(), 1);
    desk.audited().await;
}

pub async fn a_deletion_is_delivered(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..10, 1)], true, 1).await;
    let batch = desk.stage_all(2).await;
    desk.settle_all(batch, Outcome::Stored, 3).await;
    desk.run("a", &[&rows(0..9, 1)], true, 4).await;
    assert_eq!(desk.gone_upstream().await, 1);
    let gone = desk.pending(Lane::Live, 10, 5).await;
    assert_eq!(gone[0].op, Op::Delete);
    let batch = desk.stage(&gone, |_| None, 5).await.unwrap().unwrap();
    assert_eq!(desk.stock().await, Stock { live: 9, stored: 9, ..Stock::default() });
    desk.audited().await;
    desk.settle_all(batch, Outcome::Stored, 6).await;
    assert_eq!(desk.gone_upstream().await, 0);
    desk.audited().await;
}

pub async fn back_fill_comes_newest_first(home: impl Home) {
    let desk = desk_with(&home, 6).await;
    let cursor = desk.store.open_backfill(desk.upstream, desk.feed, 2).await.unwrap();
    let keys = |rows: &[xiaoshu::store::FeedRow]| rows.iter().map(|r| key_of(&r.natural_key)).collect::<Vec<_>>();
    assert_eq!(keys(&desk.pending(Lane::Live, 10, 2).await), [4, 5]);
    let back = desk.pending(Lane::Backfill, 2, 2).await;
    assert_eq!(keys(&back), [3, 2]);
    assert_eq!(desk.stock().await.waiting, 6);
    let (from, _) = cursor.backfill.unwrap();
    let next = Cursor { seq: cursor.seq, backfill: Some((from, back[1].seq - 1)) };
    desk.stage_at(&back, |_| None, next, 3).await.unwrap().unwrap();
    assert_eq!(desk.stock().await, Stock { live: 6, in_flight: 2, waiting: 4, ..Stock::default() });
    desk.audited().await;
    assert_eq!(desk.store.open_backfill(desk.upstream, desk.feed, 0).await.unwrap(), next, "one back-fill at a time");
    // A change takes its row out of the range and puts it ahead.
    desk.run("a", &[&rows(0..1, 2)], false, 4).await;
    let rest = desk.pending(Lane::Backfill, 10, 5).await;
    assert_eq!(keys(&rest), [1]);
    desk.stage_at(&rest, |_| None, Cursor { seq: cursor.seq, backfill: None }, 5).await.unwrap();
    assert_eq!(keys(&desk.pending(Lane::Live, 10, 6).await), [4, 5, 0]);
    desk.audited().await;
}

pub async fn stored_rows_can_be_sent_again(home: impl Home) {
    let desk = desk_with(&home, 3).await;
    let read = desk.pending(Lane::Live, 2, 2).await;
    let batch = desk.stage(&read, |_| None, 2).await.unwrap().unwrap();
    desk.settle_all(batch, Outcome::Stored, 3).await;
    // Only rows with a value in one of the fields named, and no field is called so.
    let again = async |which: Again<'_>| desk.store.resend(desk.upstream, desk.feed, which, 4).await.unwrap();
    assert_eq!(again(Again::Having(&["NOTHING"])).await, 0);
    // Only the rows with these keys; none named is none sent, and a key that is not stored is no one.
    assert_eq!(again(Again::Keys(&[])).await, 0);
    assert_eq!(again(Again::Keys(&[read[0].record_key, RecordKey::from_bits([0; 16])])).await, 1);
    assert_eq!(desk.stock().await, Stock { live: 3, waiting: 2, stored: 1, ..Stock::default() });
    assert_eq!(again(Again::Having(&["NOTHING", "NAME"])).await, 1);
    assert_eq!(again(Again::All).await, 0);
    assert_eq!(desk.stock().await, Stock { live: 3, waiting: 3, ..Stock::default() });
    assert!(desk.store.exceptions(&ExceptionFilter::default()).await.unwrap().is_empty());
    desk.audited().await;
    let batch = desk.stage_all(5).await;
    desk.settle_all(batch, Outcome::Stored, 6).await;
    assert_eq!(desk.stock().await.stored, 3);
    desk.audited().await;
}

pub async fn batches_keep_their_story(home: impl Home) {
    let desk = desk_with(&home, 2).await;
    let batch = desk.stage_all(10).await;
    let info = async || desk.store.batches(desk.upstream, Some(desk.feed)).await.unwrap().remove(0);
    let staged = info().await;
    assert_eq!((staged.id, staged.phase, staged.rows, staged.not_after), (batch, BatchPhase::Staged, 2, 1010));
    desk.store.mark_sent(batch, 20).await.unwrap();
    assert_eq!((info().await.phase, info().await.sent), (BatchPhase::Sent, Some(20)));
    desk.store.absent(batch, 30).await.unwrap();
    desk.store.absent(batch, 40).await.unwrap();
    assert_eq!(info().await.absences, (2, Some(30)));
    let receipt = Receipt { mark: "2024-11-22 08:00:00".into(), at: 50 };
    desk.store.receipt(batch, &receipt, 60).await.unwrap();
    desk.store.asked(batch, 90).await.unwrap();
    let accepted = info().await;
    assert_eq!((accepted.phase, accepted.receipt.as_ref()), (BatchPhase::Accepted, Some(&receipt)));
    assert_eq!((accepted.asked, accepted.ask_at), (1, Some(90)));
    desk.settle_all(batch, Outcome::Stored, 100).await;
    assert!(desk.store.batches(desk.upstream, None).await.unwrap().is_empty());
    assert_eq!(desk.store.marks(desk.upstream, desk.feed, 50).await.unwrap(), [receipt.mark.as_str()]);
    assert!(desk.store.marks(desk.upstream, desk.feed, 51).await.unwrap().is_empty());
    assert!(desk.store.mark_sent(batch, 110).await.is_err(), "a settled batch");
}

pub async fn the_ramp_counts_what_was_staged(home: impl Home) {
    let desk = desk_with(&home, 3).await;
    let ramp = async || desk.store.ramp(desk.upstream, desk.feed).await.unwrap();
    assert_eq!(ramp().await, RampState { step: RampStep::Open, used: 0, why: None });
    desk.stage_all(10).await;
    assert_eq!(ramp().await.used, 3);
    desk.store.set_ramp(desk.upstream, desk.feed, RampStep::Closed, Some("mapping changed"), 11).await.unwrap();
    assert_eq!(ramp().await, RampState { step: RampStep::Closed, used: 0, why: Some("mapping changed".into()) });
    // Attaching again changes nothing.
    desk.store.attach(desk.upstream, desk.feed, RampStep::Open).await.unwrap();
    assert_eq!(ramp().await.step, RampStep::Closed);
    // An upstream attached later has everything ahead.
    let second = desk.store.open_upstream("second").await.unwrap();
    assert_eq!(desk.store.open_upstream("second").await.unwrap(), second);
    assert!(desk.store.cursor(second, desk.feed).await.is_err(), "not attached");
    desk.store.attach(second, desk.feed, RampStep::Canary).await.unwrap();
    let stock = desk.store.stock().await.unwrap();
    assert_eq!(stock.iter().find(|s| s.upstream == second).unwrap().stock.waiting, 3);
    desk.audited().await;
}

pub async fn pending_keeps_to_its_bounds(home: impl Home) {
    let desk = desk_with(&home, 10).await;
    let size = desk.pending(Lane::Live, 1, 1).await[0].payload.len() as u64;
    let take =
        async |limit, bytes| desk.store.pending(desk.upstream, desk.feed, Lane::Live, limit, bytes, 1).await.unwrap().len();
    assert_eq!(take(4, u64::MAX).await, 4);
    assert_eq!(take(100, size * 3).await, 3);
    assert_eq!(take(100, 0).await, 1, "a row larger than the bound goes alone");
    assert!(desk.store.stage(desk.upstream, desk.feed, &Stage::default()).await.unwrap().is_none());
}
