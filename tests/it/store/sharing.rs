//! Several sources that feed one table: one of them holds a record, and nothing flips.

use xiaoshu::finding::Text;
use xiaoshu::store::{Difference, Landed, QuarantineFilter, QuarantinedRow, RunEnd};

use super::desk::{DAY, Desk};
use super::home::Home;
use super::table::{Row, key_of};

fn rows(keys: std::ops::Range<u32>, content: u32) -> Vec<Row> {
    keys.map(|key| Row::good(key, content)).collect()
}

/// Rows that wait for another source.
async fn waiting(desk: &Desk) -> Vec<QuarantinedRow> {
    let filter = QuarantineFilter { rule: Some("other_source".into()), ..Default::default() };
    desk.store.quarantined(&filter).await.unwrap()
}

/// Seqs of the live records, by key: they move when a record is written.
async fn seqs(desk: &Desk) -> Vec<(u32, u64)> {
    let rows = desk.pending(xiaoshu::store::Lane::Live, 1000, 1).await;
    let mut seqs: Vec<(u32, u64)> = rows.iter().map(|r| (key_of(&r.natural_key), r.seq)).collect();
    seqs.sort_unstable();
    seqs
}

/// Keys of rows that can be run again.
async fn ready(desk: &Desk, source: &str) -> Vec<u32> {
    let rows = desk.store.ready(desk.feed, source, 0, 0).await.unwrap();
    rows.iter().map(|r| key_of(r.natural_key.as_ref().unwrap())).collect()
}

pub async fn what_another_source_says_waits_and_nothing_flips(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..10, 1)], true, 1).await;
    let mut other = rows(0..4, 1);
    other.extend(rows(4..6, 2));
    other.extend(rows(10..12, 2));
    let first = desk.run("b", &[&other], true, 2).await.landed;
    assert_eq!(first, Landed { read: 8, changed: 2, unchanged: 4, quarantined: 2, ..Landed::default() });
    let before = seqs(&desk).await;
    assert_eq!(before.len(), 12);
    for round in 0..3 {
        let at = 10 + 2 * round;
        let a = desk.run("a", &[&rows(0..10, 1)], true, at).await;
        assert_eq!((a.landed.unchanged, a.landed.changed, a.missing, a.closed), (10, 0, 0, 0));
        let b = desk.run("b", &[&other], true, at + 1).await;
        assert_eq!((b.landed.unchanged, b.landed.quarantined, b.landed.changed, b.missing), (6, 2, 0, 0));
        assert_eq!(seqs(&desk).await, before, "no record was written again");
        desk.audited().await;
    }
    let rows = waiting(&desk).await;
    assert_eq!(
        rows.iter().map(|r| (&*r.source, r.since)).collect::<Vec<_>>(),
        [("b", 2), ("b", 2)],
        "they have waited all along"
    );
    let said: serde_json::Value = serde_json::from_str(&rows[0].violations).unwrap();
    assert_eq!((said.as_array().unwrap().len(), said[0]["field"].as_str().unwrap()), (1, "NAME"));
    let (zh, en) = (said[0]["zh"].as_str().unwrap(), said[0]["en"].as_str().unwrap());
    for text in [zh, en] {
        assert!(text.contains("--from a --to b") && !text.contains("name 1") && !text.contains("name 2"), "{text}");
    }
    let difference =
        Difference { table: "T_THING".into(), field: "NAME".into(), holder: "a".into(), source: "b".into(), rows: 2 };
    assert_eq!(desk.store.differences().await.unwrap(), [difference]);
    assert_eq!(desk.table().await, (12, 2, 0), "the records are not stale");
    assert!(ready(&desk, "b").await.is_empty());
}

pub async fn a_row_closes_when_both_sources_agree(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..4, 1)], true, 1).await;
    desk.run("b", &[&rows(0..2, 2)], true, 2).await;
    assert_eq!(waiting(&desk).await.len(), 2);
    // The other source is mended.
    desk.run("b", &[&[Row::good(0, 1), Row::good(1, 2)]], false, 3).await;
    assert_eq!(waiting(&desk).await.len(), 1);
    // The holder is mended: the record changes, and the other's row closes when it is seen again.
    let mut mended = rows(0..4, 1);
    mended[1].content = 2;
    assert_eq!(desk.run("a", &[&mended], true, 4).await.landed.changed, 1);
    assert_eq!(waiting(&desk).await.len(), 1);
    let run = desk.run("b", &[&[Row::good(0, 1), Row::good(1, 2)]], false, 5).await;
    assert_eq!((run.landed.unchanged, waiting(&desk).await.len()), (2, 0));
    // A complete read that no longer holds a row closes it.
    desk.run("b", &[&[Row::good(0, 3)]], true, 6).await;
    assert_eq!(waiting(&desk).await.len(), 1);
    assert_eq!(desk.run("b", &[&[Row::good(1, 2)]], true, 7).await.closed, 1);
    desk.audited().await;
}

pub async fn contradictions_of_another_source_freeze_nothing(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..4, 1)], true, 1).await;
    let twice = [Row::good(0, 1), Row::good(0, 2), Row::good(1, 2), Row::good(4, 1), Row::good(4, 2)];
    let run = desk.run("b", &[&twice], true, 2).await;
    assert_eq!((run.landed.quarantined, run.landed.changed), (5, 0));
    // The holder goes on: its record can change.
    let run = desk.run("a", &[&rows(0..4, 3)], true, 3).await;
    assert_eq!((run.landed.changed, run.landed.quarantined), (4, 0));
    desk.audited().await;
}

pub async fn what_the_holder_misses_goes_to_the_source_that_gives_it(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..100, 1)], true, 1).await;
    let mut other = rows(0..1, 1);
    other.extend(rows(1..2, 2));
    desk.run("b", &[&other], true, 2).await;
    // Two go over, one is gone.
    let run = desk.run("a", &[&rows(3..100, 1)], true, 3).await;
    assert_eq!((run.missing, run.deleted, desk.table().await.0), (1, 1, 99));
    assert_eq!(ready(&desk, "b").await, [1], "its content waits to be run again");
    let run = desk.run("b", &[&other], false, 4).await;
    assert_eq!((run.landed.changed, run.landed.unchanged), (1, 1));
    assert!(waiting(&desk).await.is_empty());
    // The former holder comes back, and now it is the one that waits.
    let run = desk.run("a", &[&rows(0..100, 1)], true, 5).await;
    assert_eq!((run.landed.unchanged, run.landed.changed, run.landed.quarantined), (98, 1, 1));
    assert_eq!(&*waiting(&desk).await[0].source, "a");
    // Held as missing: the other source takes it over with its own content, even if it never gave it before.
    let run = desk.run("a", &[&rows(50..100, 1)], true, 6).await;
    assert_eq!((run.missing, run.deleted), (48, 0));
    let late = desk.run("b", &[&[Row::good(10, 2), Row::good(11, 1)]], false, 7).await;
    assert_eq!((late.landed.changed, late.landed.unchanged), (1, 1));
    assert_eq!(desk.store.pending_deletions().await.unwrap()[0].count, 46);
    desk.audited().await;
}

pub async fn a_run_with_an_error_gives_nothing_up(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..100, 1)], true, 1).await;
    desk.run("b", &[&rows(0..2, 1)], true, 2).await;
    let run = desk.begin("a", 1, 3).await.unwrap().run;
    desk.land(run, &rows(1..100, 1), 99, 3).await.unwrap();
    let end = RunEnd { complete: true, ..RunEnd::broken("something".into(), 4) };
    assert_eq!(desk.store.finish_run(run, &end).await.unwrap().missing, 1);
    assert_eq!(desk.store.weigh_takeover(desk.feed, "a", "b").await.unwrap().held, 100);
    desk.audited().await;
}

pub async fn a_pushed_row_waits_for_the_holder_too(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..4, 1)], true, 1).await;
    super::desk::hold(&*desk.store, xiaoshu::store::Leased::Stream("push".into())).await.unwrap();
    let landed = desk.push("p", &[Row::good(0, 2), Row::good(1, 1), Row::good(9, 1)], Some(1), 2).await.unwrap();
    assert_eq!((landed.quarantined, landed.unchanged, landed.changed), (1, 1, 1));
    assert!(landed.balances());
    // What was pushed counts as given.
    let weighed = desk.store.weigh_takeover(desk.feed, "a", "push").await.unwrap();
    assert_eq!((weighed.held, weighed.given, weighed.differing), (4, 2, 1));
    desk.audited().await;
}

pub async fn a_takeover_moves_what_the_other_source_gives(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..10, 1)], true, 1).await;
    let mut other = rows(0..2, 1);
    other.extend(rows(2..5, 2));
    desk.run("b", &[&other], true, 2).await;
    let weighed = desk.store.weigh_takeover(desk.feed, "a", "b").await.unwrap();
    assert_eq!((weighed.held, weighed.given, weighed.differing), (10, 5, 3));
    assert_eq!(weighed.fields, [("NAME".to_owned(), 3)]);
    assert_eq!(desk.store.weigh_takeover(desk.feed, "a", "nobody").await.unwrap().given, 0);
    assert!(ready(&desk, "b").await.is_empty(), "weighing changes nothing");
    assert_eq!(desk.store.take_over(desk.feed, "a", "b", 3).await.unwrap(), weighed);
    assert_eq!(ready(&desk, "b").await, [2, 3, 4]);
    let b = desk.run("b", &[&other], true, 4).await;
    assert_eq!((b.landed.changed, b.landed.unchanged, b.closed), (3, 2, 0));
    // The former holder's rows wait where they differ, and its other records are its own still.
    for at in [5, 7] {
        let a = desk.run("a", &[&rows(0..10, 1)], true, at).await;
        assert_eq!((a.landed.unchanged, a.landed.quarantined, a.landed.changed, a.missing), (7, 3, 0, 0));
        let b = desk.run("b", &[&other], true, at + 1).await;
        assert_eq!((b.landed.unchanged, b.landed.changed, b.missing), (5, 0, 0));
    }
    // What the new holder gives later is its own as well, the same content and another one.
    let late = desk.run("b", &[&[Row::good(8, 1), Row::good(9, 2)]], false, 9).await;
    assert_eq!((late.landed.unchanged, late.landed.changed), (1, 1));
    assert_eq!(desk.store.weigh_takeover(desk.feed, "a", "b").await.unwrap().held, 3);
    desk.audited().await;
}

pub async fn a_takeover_can_be_taken_back(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..4, 1)], true, 1).await;
    desk.run("b", &[&rows(0..4, 2)], true, 2).await;
    desk.run("a", &[&rows(0..4, 1)], true, 3).await;
    desk.store.take_over(desk.feed, "a", "b", 4).await.unwrap();
    assert_eq!(desk.run("b", &[&rows(0..4, 2)], true, 5).await.landed.changed, 4);
    assert_eq!(desk.run("a", &[&rows(0..4, 1)], true, 6).await.landed.quarantined, 4);
    assert_eq!(desk.store.take_over(desk.feed, "b", "a", 7).await.unwrap().given, 4);
    assert_eq!(desk.run("b", &[&rows(0..4, 2)], true, 8).await.landed.unchanged, 4, "it still stands as the other gave it");
    assert_eq!(desk.run("a", &[&rows(0..4, 1)], true, 9).await.landed.changed, 4);
    assert_eq!(desk.run("b", &[&rows(0..4, 2)], true, 10).await.landed.quarantined, 4);
    desk.audited().await;
}

pub async fn records_without_a_mapping_are_found_and_held(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..10, 1)], true, 1).await;
    desk.run("b", &[&rows(0..4, 2)], true, 2).await;
    let both = [("T_THING", "a"), ("T_THING", "b")];
    let of = async |mapped: &[(&str, &str)]| desk.store.orphaned(&["test-2024"], mapped).await.unwrap();
    assert!(of(&both).await.is_empty());
    let waits = of(&both[..1]).await;
    assert_eq!((waits.len(), waits[0].live, waits[0].waiting), (1, 0, 4), "it holds nothing, and its rows wait");
    let left = of(&both[1..]).await;
    assert_eq!((left.len(), &*left[0].source, left[0].live, &left[0].taken_by), (1, "a", 10, &None));
    assert!(desk.store.orphaned(&["other"], &both[1..]).await.unwrap().is_empty(), "another edition");
    desk.store.take_over(desk.feed, "a", "b", 3).await.unwrap();
    let left = of(&both[1..]).await;
    assert_eq!((left[0].live, left[0].taken_by.as_deref()), (6, Some("b")));
    let why = Text::new("已无映射读取", "nobody reads them");
    assert_eq!(desk.store.settle_orphaned(desk.feed, "a", Some(&why), 4).await.unwrap(), 6);
    let held = desk.store.pending_deletions().await.unwrap();
    assert_eq!((held.len(), held[0].count, &*held[0].source, &held[0].why), (1, 6, "a", &why));
    assert_eq!(desk.table().await.0, 10, "nothing is deleted without approval");
    // Doing it again holds the same, since the same day.
    assert_eq!(desk.store.settle_orphaned(desk.feed, "a", Some(&why), 5 + DAY).await.unwrap(), 6);
    assert_eq!(desk.store.pending_deletions().await.unwrap()[0].since, 4);
    // One that the new holder gives after all is not gone.
    desk.run("b", &[&[Row::good(9, 2)]], false, 6 + DAY).await;
    assert_eq!(desk.approve(7 + DAY).await, 5);
    assert!(of(&both[1..]).await.is_empty());
    // Rows of a source that is no longer read wait for nobody.
    desk.run("c", &[&[Row::good(9, 3)]], false, 8 + DAY).await;
    let of_c = async || waiting(&desk).await.iter().filter(|row| &*row.source == "c").count();
    assert_eq!(of_c().await, 1);
    assert_eq!(desk.store.settle_orphaned(desk.feed, "c", None, 9 + DAY).await.unwrap(), 0);
    assert_eq!(of_c().await, 0);
    desk.audited().await;
}
