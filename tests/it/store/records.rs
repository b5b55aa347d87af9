//! Landed records by key, by page and by position.

use std::collections::BTreeSet;

use xiaoshu::store::{Op, RecordRow};

use super::desk::Desk;
use super::home::Home;
use super::table::{Row, key_of};

fn rows(keys: std::ops::Range<u32>, content: u32) -> Vec<Row> {
    keys.map(|k| Row::good(k, content)).collect()
}

fn keys(rows: &[RecordRow]) -> Vec<u32> {
    rows.iter().map(|row| key_of(&row.natural_key)).collect()
}

pub async fn a_record_is_found_by_its_key_live_or_gone(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..3, 1)], true, 1).await;
    let page = desk.store.page(desk.feed, None, 10).await.unwrap();
    let found = desk.store.record(desk.feed, &page[1].record_key).await.unwrap().unwrap();
    assert_eq!(found, page[1]);
    assert!(std::str::from_utf8(&found.payload).unwrap().contains("\"NAME\":\"name 1\""));
    desk.run("a", &[&[Row::good(0, 1), Row::good(2, 1)]], true, 9).await;
    let gone = desk.store.record(desk.feed, &page[1].record_key).await.unwrap().unwrap();
    assert_eq!((gone.op, gone.at, gone.payload == page[1].payload), (Op::Delete, 9, true));
    assert!(gone.seq > page[2].seq);
    let unknown = xiaoshu::record::RecordKey::from_bits([7; 16]);
    assert_eq!(desk.store.record(desk.feed, &unknown).await.unwrap(), None);
}

pub async fn pages_hold_every_live_record_once_while_rows_come_and_go(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(10..30, 1)], true, 1).await;
    let mut seen = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    for turn in 0.. {
        let page = desk.store.page(desk.feed, after.as_deref(), 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(last.natural_key.clone());
        seen.extend(keys(&page));
        match turn {
            // Behind the page, within it, and ahead of it; the page's last row goes.
            0 => drop(desk.run("a", &[&rows(0..1, 1), &rows(10..13, 2), &rows(14..31, 1)], true, 2).await),
            1 => drop(desk.run("a", &[&rows(0..1, 1), &rows(10..13, 2), &rows(14..31, 3)], true, 3).await),
            _ => {}
        }
    }
    assert_eq!(seen, (10..31).collect::<Vec<u32>>(), "13 had been given before it went, 0 came too late");
    let live: BTreeSet<u32> = keys(&desk.store.page(desk.feed, None, 100).await.unwrap()).into_iter().collect();
    assert!(live.contains(&0) && !live.contains(&13));
}

pub async fn changes_give_the_newest_versions_in_order_with_tombstones(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    assert_eq!(desk.store.newest_seq(desk.feed).await.unwrap(), 0);
    desk.run("a", &[&rows(0..5, 1)], true, 1).await;
    let first = desk.store.changes(desk.feed, 0, 100).await.unwrap();
    assert_eq!(keys(&first), [0, 1, 2, 3, 4]);
    assert!(first.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let middle = first[2].seq;
    assert_eq!(keys(&desk.store.changes(desk.feed, middle, 100).await.unwrap()), [3, 4]);
    assert_eq!(keys(&desk.store.changes(desk.feed, 0, 2).await.unwrap()), [0, 1]);
    desk.run("a", &[&[Row::good(0, 2), Row::good(2, 1), Row::good(3, 1), Row::good(4, 1)]], true, 2).await;
    let newest = desk.store.newest_seq(desk.feed).await.unwrap();
    let after = desk.store.changes(desk.feed, first[4].seq, 100).await.unwrap();
    let told: Vec<_> = after.iter().map(|row| (key_of(&row.natural_key), row.op)).collect();
    assert_eq!(told, [(0, Op::Upsert), (1, Op::Delete)]);
    assert_eq!(after[1].seq, newest);
    assert_eq!(desk.store.changes(desk.feed, newest, 100).await.unwrap(), []);
    assert_eq!(desk.store.changes(desk.feed, u64::MAX, 100).await.unwrap(), []);
}
