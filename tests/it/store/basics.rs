//! Opening, facts, keys, views.

use std::collections::{HashMap, HashSet};

use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::standard::Kind;
use xiaoshu::store::StoreError;

use super::desk::Desk;
use super::home::Home;
use super::table::{self, AMOUNT, NAME, NO, Row};

pub async fn facts_hold_over_a_restart(home: impl Home) {
    let store = home.open().await;
    let generation = store.generation().await.unwrap();
    assert_eq!(store.get_meta("namespace").await.unwrap(), None);
    assert_eq!(store.init_meta("namespace", b"one").await.unwrap(), b"one");
    assert_eq!(store.init_meta("namespace", b"two").await.unwrap(), b"one");
    store.set_meta("other", b"x").await.unwrap();
    store.set_meta("other", b"y").await.unwrap();
    drop(store);
    let store = home.open().await;
    assert_eq!(store.get_meta("namespace").await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(store.get_meta("other").await.unwrap().as_deref(), Some(&b"y"[..]));
    assert_eq!(store.generation().await.unwrap(), generation);
    let desk = Desk::new(store.clone()).await;
    desk.run("a", &[&[Row::good(1, 1)]], true, 1).await;
    let before = store.table_rows().await.unwrap()[0].seq;
    assert_eq!(store.raise_generation().await.unwrap(), generation + 1);
    desk.run("a", &[&[Row::good(1, 2)]], true, 2).await;
    let after = store.table_rows().await.unwrap()[0].seq;
    assert_eq!((before >> 48, after >> 48), (u64::from(generation), u64::from(generation) + 1));
    assert!(after & 0xffff_ffff_ffff > before & 0xffff_ffff_ffff);
}

pub async fn a_second_process_is_refused(home: impl Home) {
    use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
    // Only stores in a directory have a lock file.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("xiaoshu.lock"), "left behind").unwrap();
    let first = SqliteStore::open(dir.path(), SqliteOptions::default()).await.unwrap();
    let second = SqliteStore::open(dir.path(), SqliteOptions::default()).await.err().unwrap();
    assert!(matches!(second, StoreError::Locked { .. }), "{second}");
    assert_eq!(second.fault_class(), FaultClass::Configuration);
    first.close().await.unwrap();
    SqliteStore::open(dir.path(), SqliteOptions::default()).await.unwrap();
    drop(home.open().await);
}

pub async fn a_reader_works_beside_the_writer(home: impl Home) {
    let absent = home.open_read_only().await.err().unwrap();
    assert!(matches!(absent, StoreError::Absent(_)), "{absent}");
    let desk = Desk::new(home.open().await).await;
    let reader = home.open_read_only().await.unwrap();
    assert_eq!(reader.open_feed(&table::spec(&desk.plan)).await.unwrap(), desk.feed);
    desk.run("a", &[&[Row::good(1, 1), Row::bad(2, 1)]], true, 1).await;
    let row = &reader.table_rows().await.unwrap()[0];
    assert_eq!((row.live, row.quarantined), (1, 1));
    assert_eq!(reader.quarantined(&Default::default()).await.unwrap().len(), 1);
    assert_eq!(reader.audit().await.unwrap(), Vec::new());

    let asked = [table::key_text(1), table::key_text(2)];
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    assert_eq!(reader.existing(desk.feed, NO, &asked).await.unwrap(), HashSet::from([table::key_text(1)]));
    // Also what nobody has indexed yet.
    assert_eq!(reader.existing(desk.feed, AMOUNT, &["12.5", "13"]).await.unwrap(), HashSet::from(["12.5".to_owned()]));
    let given = reader.lookup(desk.feed, AMOUNT, &["12.5"], NO).await.unwrap();
    assert_eq!(given["12.5"], [table::key_text(1)]);

    // It decides nothing: not even a feed is made or parked.
    let refused = reader.approve_deletions(desk.feed, "", 2).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly), "{refused}");
    assert!(matches!(reader.set_meta("x", b"y").await.unwrap_err(), StoreError::ReadOnly));
    let other = table::plan("T_OTHER", Kind::State);
    assert!(matches!(reader.open_feed(&table::spec(&other)).await.unwrap_err(), StoreError::Absent(_)));
    let mut changed = table::spec(&desk.plan);
    changed.key_digest = [2; 16];
    assert!(matches!(reader.open_feed(&changed).await.unwrap_err(), StoreError::Inconsistent(_)));
    let rows = desk.store.table_rows().await.unwrap();
    assert_eq!((rows.len(), rows[0].parked.clone()), (1, None));

    // And it works when nobody writes.
    drop((desk, reader));
    assert_eq!(home.open_read_only().await.unwrap().table_rows().await.unwrap()[0].live, 1);
}

pub async fn a_lost_record_makes_the_audit_fail(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1), Row::good(3, 1)]], true, 1).await;
    desk.audited().await;
    drop(desk);
    home.lose_a_record().await;
    let desk = Desk::new(home.open().await).await;
    let found = desk.store.audit().await.unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().any(|i| i.counted == 3 && i.found == 2), "{found:?}");
}

pub async fn a_changed_natural_key_parks_the_table(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let mut other = table::spec(&desk.plan);
    other.key_digest = [2; 16];
    // Before anything has landed the definition may change.
    desk.store.open_feed(&other).await.unwrap();
    desk.store.open_feed(&table::spec(&desk.plan)).await.unwrap();
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1)]], true, 1).await;
    let batch = desk.stage_all(2).await;
    desk.settle_all(batch, xiaoshu::store::Outcome::Stored, 3).await;

    let refused = desk.store.open_feed(&other).await.unwrap_err();
    assert!(matches!(refused, StoreError::Inconsistent(_)), "{refused}");
    assert!(desk.store.table_rows().await.unwrap()[0].parked.is_some());
    let run = desk.begin("a", 1, 4).await.unwrap().run;
    assert!(desk.land(run, &[Row::good(3, 1)], 1, 4).await.is_err());

    assert_eq!(desk.store.rekey(&other, 5).await.unwrap(), 2);
    assert_eq!(desk.store.open_feed(&other).await.unwrap(), desk.feed);
    assert_eq!(desk.store.table_rows().await.unwrap()[0].parked, None);
    assert_eq!(desk.table().await, (0, 0, 0));
    assert_eq!(desk.store.ramp(desk.upstream, desk.feed).await.unwrap().step, xiaoshu::store::RampStep::Closed);
    desk.audited().await;
    desk.run("a", &[&[Row::good(1, 1)]], true, 6).await;
    assert_eq!(desk.stock().await.waiting, 1);
    desk.audited().await;
}

pub async fn indexed_values_answer_questions(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let (store, feed) = (&desk.store, desk.feed);
    assert!(!store.read_once(feed).await.unwrap());
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1), Row::good(3, 2)]], false, 1).await;
    assert!(!store.read_once(feed).await.unwrap());
    let asked = [table::key_text(1), table::key_text(9), "it's \"quoted\"".to_owned()];
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    assert_eq!(store.existing(feed, NO, &asked).await.unwrap(), HashSet::from([table::key_text(1)]));
    let given = store.lookup(feed, NAME, &["name 1", "name 2", "name 3"], NO).await.unwrap();
    let want = HashMap::from([
        ("name 1".to_owned(), vec![table::key_text(1), table::key_text(2)]),
        ("name 2".to_owned(), vec![table::key_text(3)]),
    ]);
    assert_eq!(given, want);
    let given = store.lookup(feed, NO, &[&table::key_text(1)], AMOUNT).await.unwrap();
    assert_eq!(given[&table::key_text(1)], ["12.5"]);
    // A changed value and a deleted record are gone from the index.
    desk.run("a", &[&[Row::good(1, 7), Row::good(2, 1)]], true, 2).await;
    assert!(store.read_once(feed).await.unwrap());
    let left = store.existing(feed, NAME, &["name 1", "name 2", "name 7"]).await.unwrap();
    assert_eq!(left, HashSet::from(["name 1".to_owned(), "name 7".to_owned()]));
    assert!(store.existing(feed, AMOUNT, &["12.5"]).await.is_err(), "a field that is not indexed");
    desk.audited().await;
}

pub async fn a_field_indexed_later_knows_what_landed_before(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let mut spec = table::spec(&desk.plan);
    spec.indexed = vec![];
    desk.store.open_feed(&spec).await.unwrap();
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 2)]], true, 1).await;
    spec.indexed = vec![AMOUNT, NAME];
    desk.store.open_feed(&spec).await.unwrap();
    let found = desk.store.existing(desk.feed, NAME, &["name 2", "name 3"]).await.unwrap();
    assert_eq!(found, HashSet::from(["name 2".to_owned()]));
    assert_eq!(desk.store.existing(desk.feed, AMOUNT, &["12.5"]).await.unwrap().len(), 1);
    desk.audited().await;
    desk.run("a", &[&[Row::good(1, 3), Row::good(2, 2)]], true, 2).await;
    desk.audited().await;
}

pub async fn views_show_live_records_and_the_ledger(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1), Row::good(3, 1), Row::bad(4, 1)]], true, 1_700_000_000_000).await;
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 5)]], true, 1_700_000_000_000).await;
    let (address, sql) = desk.store.views(&[(Some(desk.feed), desk.plan.clone())]).await.unwrap();
    let names = ["\"T_THING\"", "hub_runs", "hub_stock", "hub_sources"];
    for name in names {
        assert!(sql.iter().any(|s| s.contains(name)), "{name}");
    }
    assert!(!address.is_empty());
    home.check_views(&address, &sql).await;
    let log = Desk::try_new(desk.store.clone(), Kind::Log).await.unwrap();
    assert_eq!(log.feed, desk.feed);
}
