//! Rows that producers push: positions, snapshots.

use xiaoshu::standard::Kind;
use xiaoshu::store::{Landed, RunEnd};

use super::desk::Desk;
use super::home::Home;
use super::table::{self, Row};

fn rows(keys: std::ops::Range<u32>, content: u32) -> Vec<Row> {
    keys.map(|k| Row::good(k, content)).collect()
}

fn ended(complete: bool, at: i64) -> RunEnd {
    RunEnd::new(complete, at)
}

pub async fn a_landing_moves_its_producers_position_and_no_other(home: impl Home) {
    let desk = pushing(home.open().await).await;
    assert_eq!(desk.position("a").await, 0);
    let landed = desk.push("a", &rows(0..3, 1), Some(7), 1).await.unwrap();
    assert_eq!(landed, Landed { read: 3, changed: 3, ..Landed::default() });
    assert_eq!((desk.position("a").await, desk.position("b").await), (7, 0));
    // More of the same position is to come.
    desk.push("a", &rows(3..4, 1), None, 2).await.unwrap();
    assert_eq!(desk.position("a").await, 7);
    let bad = desk.push("b", &[Row::bad(9, 1)], Some(u64::MAX / 2), 3).await.unwrap();
    assert_eq!((bad.quarantined, desk.position("b").await), (1, u64::MAX / 2));
    assert!(desk.push("b", &rows(5..6, 1), Some(u64::MAX), 3).await.is_err(), "a position out of range");
    assert_eq!(desk.table().await, (4, 1, 0));
    desk.audited().await;
}

pub async fn a_position_outlives_a_restart(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..2, 1), Some(5), 1).await.unwrap();
    drop(desk);
    let desk = pushing(home.open().await).await;
    assert_eq!(desk.position("a").await, 5);
    desk.audited().await;
}

pub async fn a_later_push_replaces_without_conflict(home: impl Home) {
    let desk = pushing(home.open().await).await;
    for content in 1..4 {
        let landed = desk.push("a", &rows(0..2, content), Some(u64::from(content)), 1).await.unwrap();
        assert_eq!((landed.changed, landed.quarantined), (2, 0));
    }
    let again = desk.push("a", &rows(0..2, 3), Some(4), 1).await.unwrap();
    assert_eq!((again.changed, again.unchanged), (0, 2));
    // A bad version waits, and is settled when its key lands.
    desk.push("a", &[Row::bad(1, 4)], Some(5), 1).await.unwrap();
    assert_eq!(desk.table().await, (2, 1, 1));
    desk.push("a", &[Row::good(1, 4)], Some(6), 1).await.unwrap();
    assert_eq!(desk.table().await, (2, 0, 0));
    desk.audited().await;
}

pub async fn pushes_of_a_day_are_one_run(home: impl Home) {
    let desk = pushing(home.open().await).await;
    let day = super::desk::DAY;
    for (position, at) in [(1, 0), (2, day / 2), (3, day + 1), (4, day + 2)] {
        desk.push("a", &rows(0..1, position), Some(u64::from(position)), at).await.unwrap();
    }
    let runs = desk.store.runs(0).await.unwrap();
    let seen: Vec<_> = runs.iter().map(|r| (r.began, r.ended, r.complete, r.landed.changed)).collect();
    assert_eq!(seen, [(day + 1, Some(day + 2), false, 2), (0, Some(day / 2), false, 2)]);
    assert!(!desk.store.read_once(desk.feed).await.unwrap(), "pushes alone are no complete read");
}

pub async fn a_snapshot_deletes_what_it_did_not_see(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..10, 1), Some(1), 1).await.unwrap();
    desk.store.begin_snapshot(&desk.mark("a", Some(2)), [1; 16], 2).await.unwrap();
    desk.push("a", &rows(0..5, 1), Some(3), 2).await.unwrap();
    desk.push("a", &rows(5..9, 2), Some(4), 2).await.unwrap();
    let summary = desk.store.end_snapshot(&desk.mark("a", Some(5)), &ended(true, 3)).await.unwrap();
    assert_eq!((summary.missing, summary.deleted), (1, 1));
    assert_eq!(summary.landed, Landed { read: 9, changed: 4, unchanged: 5, ..Landed::default() });
    assert_eq!((desk.table().await, desk.position("a").await), ((9, 0, 0), 5));
    assert!(desk.store.read_once(desk.feed).await.unwrap());
    assert!(desk.store.end_snapshot(&desk.mark("a", Some(6)), &ended(true, 3)).await.is_err(), "ended twice");
    assert_eq!(desk.position("a").await, 5);
    desk.audited().await;
}

pub async fn a_snapshot_goes_on_after_a_restart(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..4, 1), Some(1), 1).await.unwrap();
    let run = desk.store.begin_snapshot(&desk.mark("a", Some(2)), [1; 16], 2).await.unwrap();
    desk.push("a", &rows(0..2, 1), Some(3), 2).await.unwrap();
    drop(desk);
    let desk = pushing(home.open().await).await;
    let state = desk.store.push_state(desk.feed, "push", "a").await.unwrap();
    let open = state.snapshot.unwrap();
    assert_eq!((state.position, open.run, open.producer.as_str(), open.mapping_digest), (3, run, "a", [1; 16]));
    desk.push("a", &rows(2..3, 1), Some(4), 3).await.unwrap();
    let summary = desk.store.end_snapshot(&desk.mark("a", Some(5)), &ended(true, 3)).await.unwrap();
    assert_eq!((summary.deleted, desk.table().await.0), (1, 3));
    desk.audited().await;
}

pub async fn a_snapshot_begun_anew_replaces_the_one_under_way(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..4, 1), Some(1), 1).await.unwrap();
    desk.store.begin_snapshot(&desk.mark("a", Some(2)), [1; 16], 2).await.unwrap();
    desk.push("a", &rows(0..1, 1), Some(3), 2).await.unwrap();
    let second = desk.store.begin_snapshot(&desk.mark("b", Some(1)), [1; 16], 3).await.unwrap();
    let open = desk.store.push_state(desk.feed, "push", "a").await.unwrap().snapshot.unwrap();
    assert_eq!((open.run, open.producer.as_str()), (second, "b"));
    assert!(desk.store.end_snapshot(&desk.mark("a", Some(4)), &ended(true, 3)).await.is_err(), "it is not a's any more");
    desk.push("b", &rows(0..4, 1), Some(2), 4).await.unwrap();
    let summary = desk.store.end_snapshot(&desk.mark("b", Some(3)), &ended(true, 5)).await.unwrap();
    assert_eq!((summary.deleted, summary.landed.unchanged), (0, 4), "what the first saw does not count");
    desk.audited().await;
}

pub async fn a_snapshot_given_up_deletes_nothing(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..4, 1), Some(1), 1).await.unwrap();
    desk.store.begin_snapshot(&desk.mark("a", Some(2)), [1; 16], 2).await.unwrap();
    desk.push("a", &rows(0..1, 2), Some(3), 2).await.unwrap();
    let summary = desk.store.end_snapshot(&desk.mark("a", Some(4)), &ended(false, 3)).await.unwrap();
    assert_eq!((summary.deleted, desk.table().await.0, desk.position("a").await), (0, 4, 4));
    desk.audited().await;
}

pub async fn a_pushed_row_takes_back_a_held_deletion(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..4, 1), Some(1), 1).await.unwrap();
    desk.store.begin_snapshot(&desk.mark("a", Some(2)), [1; 16], 2).await.unwrap();
    desk.store.end_snapshot(&desk.mark("a", Some(3)), &ended(true, 3)).await.unwrap();
    assert_eq!(desk.store.pending_deletions().await.unwrap()[0].count, 4, "an empty table is not believed at once");
    desk.push("a", &rows(1..3, 1), Some(4), 4).await.unwrap();
    assert_eq!(desk.store.pending_deletions().await.unwrap()[0].count, 2);
    assert_eq!(desk.approve(5).await, 2);
    assert_eq!(desk.table().await.0, 2);
    desk.audited().await;
}

pub async fn another_natural_key_forgets_positions(home: impl Home) {
    let desk = pushing(home.open().await).await;
    desk.push("a", &rows(0..2, 1), Some(5), 1).await.unwrap();
    let plan = table::plan("T_THING", Kind::State);
    let spec = xiaoshu::store::FeedSpec { key_digest: [2; 16], ..table::spec(&plan) };
    desk.store.rekey(&spec, 2).await.unwrap();
    assert_eq!(desk.position("a").await, 0, "under the new key everything has to come once more");
}

/// A desk that may push.
async fn pushing(store: std::sync::Arc<dyn xiaoshu::store::Store>) -> Desk {
    super::desk::hold(&*store, xiaoshu::store::Leased::Stream("push".into())).await.unwrap();
    Desk::new(store).await
}
