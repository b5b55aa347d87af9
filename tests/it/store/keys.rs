//! A record key belongs to one natural key.

use xiaoshu::store::{Landed, Lane, Outcome, QuarantineFilter, QuarantinedRow};

use super::desk::Desk;
use super::home::{Home, SqliteHome};
use super::table::{self, Adopted, Row, key_of};

fn vendor(key: u32, content: u32, n: u32) -> Row {
    Row::adopting(key, content, Adopted::Vendor(n))
}

/// Record keys of what is pending, by key.
async fn pending(desk: &Desk) -> Vec<(u32, String)> {
    let rows = desk.pending(Lane::Live, 1000, 1).await;
    let mut keys: Vec<(u32, String)> = rows.iter().map(|r| (key_of(&r.natural_key), r.record_key.to_string())).collect();
    for (row, key) in rows.iter().zip(rows.iter().map(|r| r.record_key)) {
        assert_eq!(table::payload_key(&row.payload), key.as_str());
    }
    keys.sort();
    keys
}

fn key(adopted: Adopted) -> String {
    adopted.key(&table::plan("T_THING", xiaoshu::standard::Kind::State)).to_string()
}

async fn broken(desk: &Desk, rule: &str) -> Vec<QuarantinedRow> {
    desk.store.quarantined(&QuarantineFilter { rule: Some(rule.into()), ..Default::default() }).await.unwrap()
}

pub async fn the_first_row_with_a_record_key_holds_it(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    // Later in key order, earlier in the file.
    let run = desk.run("a", &[&[vendor(2, 1, 7), vendor(1, 1, 7), Row::good(3, 1)], &[vendor(4, 1, 7)]], true, 1).await;
    assert_eq!(run.landed, Landed { read: 4, changed: 2, quarantined: 2, ..Landed::default() });
    assert_eq!((desk.table().await, desk.collisions().await), ((2, 2, 0), 2));
    let minted = key(Adopted::MintedFor(3));
    assert_eq!(pending(&desk).await, [(2, key(Adopted::Vendor(7))), (3, minted)]);
    let waiting = broken(&desk, "key_collision").await;
    let said: serde_json::Value = serde_json::from_str(&waiting[0].violations).unwrap();
    assert_eq!((said[0]["field"].as_str(), said[0]["severity"].as_str()), (Some("KEY"), Some("error")));
    for text in [said[0]["zh"].as_str().unwrap(), said[0]["en"].as_str().unwrap()] {
        let held = key(Adopted::Vendor(7));
        assert!(text.contains("NO=K000002") && text.contains("test:things#1") && text.contains(&held), "{text}");
    }
    // Read again nothing changes, and the first holder stands.
    let run = desk.run("a", &[&[vendor(1, 2, 7), vendor(4, 1, 7), vendor(2, 1, 7), Row::good(3, 1)]], true, 2).await;
    assert_eq!(run.landed, Landed { read: 4, unchanged: 2, quarantined: 2, ..Landed::default() });
    desk.audited().await;
    // Mended at the source: another key, or none; what waited lands by itself.
    let run = desk.run("a", &[&[vendor(1, 1, 8), Row::good(4, 1), vendor(2, 1, 7), Row::good(3, 1)]], true, 3).await;
    assert_eq!(run.landed, Landed { read: 4, changed: 2, unchanged: 2, ..Landed::default() });
    assert_eq!((desk.table().await, desk.collisions().await), ((4, 0, 0), 0));
    assert_eq!(pending(&desk).await[0].1, key(Adopted::Vendor(8)));
    desk.audited().await;
}

pub async fn adopted_keys_and_minted_ones_never_meet(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1)]], true, 1).await;
    // Landed before anybody adopted keys, in another batch, and in a later run.
    let taken = Row::adopting(3, 1, Adopted::MintedFor(1));
    let early = Row::adopting(4, 1, Adopted::MintedFor(5));
    let run = desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1), taken, early], &[Row::good(5, 1)]], true, 2).await;
    assert_eq!(run.landed, Landed { read: 5, changed: 1, unchanged: 2, quarantined: 2, ..Landed::default() });
    assert_eq!(desk.collisions().await, 2);
    desk.audited().await;
    drop(desk);
    let desk = Desk::new(home.open().await).await;
    let run = desk.run("b", &[&[Row::good(5, 1), Row::adopting(6, 1, Adopted::MintedFor(6))]], true, 3).await;
    assert_eq!(run.landed, Landed { read: 2, changed: 1, quarantined: 1, ..Landed::default() });
    // A key that says what would have been minted is no adopted one.
    assert_eq!(desk.run("b", &[&[Row::good(6, 1)]], false, 4).await.landed.unchanged, 1);
    desk.audited().await;
}

pub async fn a_deleted_record_keeps_its_key(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let rows = |n: u32| (0..n).map(|k| vendor(k, 1, k)).collect::<Vec<_>>();
    desk.run("a", &[&rows(20)], true, 1).await;
    assert_eq!(desk.run("a", &[&rows(19)], true, 2).await.deleted, 1);
    let mut heir = rows(19);
    heir.push(vendor(30, 1, 19));
    assert_eq!(desk.run("a", &[&heir], true, 3).await.landed.quarantined, 1);
    let text = broken(&desk, "key_collision").await[0].violations.clone();
    assert!(text.contains("NO=K000019, deleted since"), "{text}");
    desk.audited().await;
    // It comes back under the key that it had.
    assert_eq!(desk.run("a", &[&rows(20)], true, 4).await.landed.changed, 1);
    assert_eq!(pending(&desk).await[19], (19, key(Adopted::Vendor(19))));
}

pub async fn a_record_keeps_the_key_that_it_was_reported_under(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[vendor(1, 1, 1), vendor(2, 1, 2)]], true, 1).await;
    // Nobody upstream knows it yet: another adopted key is a correction, and the old one is free.
    let run = desk.run("a", &[&[vendor(1, 1, 3), vendor(2, 1, 2)], &[vendor(4, 1, 1)]], true, 2).await;
    assert_eq!(run.landed, Landed { read: 3, changed: 2, unchanged: 1, ..Landed::default() });
    let want = [(1, key(Adopted::Vendor(3))), (2, key(Adopted::Vendor(2))), (4, key(Adopted::Vendor(1)))];
    assert_eq!(pending(&desk).await, want);
    desk.audited().await;
    let batch = desk.stage_all(3).await;
    desk.settle_all(batch, Outcome::Stored, 3).await;

    // Now it stands upstream: a row with another key waits, one without any keeps it.
    let run = desk.run("a", &[&[vendor(1, 1, 9), Row::good(2, 5), vendor(4, 1, 1)]], true, 4).await;
    assert_eq!(run.landed, Landed { read: 3, changed: 1, unchanged: 1, quarantined: 1, ..Landed::default() });
    assert_eq!((desk.table().await, desk.collisions().await), ((3, 1, 1), 0));
    assert!(broken(&desk, "key_changed").await[0].violations.contains(&key(Adopted::Vendor(3))));
    assert_eq!(pending(&desk).await, [(2, key(Adopted::Vendor(2)))]);
    desk.audited().await;
    let run = desk.run("a", &[&[vendor(1, 1, 3), Row::good(2, 5), vendor(4, 1, 1)]], true, 5).await;
    assert_eq!(run.landed, Landed { read: 3, unchanged: 3, ..Landed::default() });
    assert_eq!(desk.table().await, (3, 0, 0));
    desk.audited().await;
}

pub async fn one_natural_key_with_two_record_keys_is_a_conflict(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let run = desk.run("a", &[&[vendor(1, 1, 1), vendor(1, 1, 2)]], true, 1).await;
    assert_eq!(run.landed, Landed { read: 2, quarantined: 2, ..Landed::default() });
    assert_eq!(broken(&desk, "duplicate_key").await.len(), 2);
    desk.audited().await;
}

/// A store written before keys were looked after: two records may have one.
#[tokio::test]
async fn of_equal_keys_from_before_the_first_holds_it() {
    use sqlx::Connection;
    let home = SqliteHome::new();
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[vendor(1, 1, 7), vendor(2, 1, 8), Row::good(3, 1)]], true, 1).await;
    drop(desk);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.dir.path().join("xiaoshu.db"));
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    for sql in [
        "UPDATE feed SET key = (SELECT min(key) FROM feed WHERE key LIKE 'VENDOR%') WHERE key LIKE 'VENDOR%'",
        "DROP INDEX quarantine_collision",
        "DROP TABLE record_key",
        "DROP TABLE pushed",
        "DROP TABLE compared",
        "DROP TABLE flight",
        "DROP TABLE held",
        "DROP INDEX feed_gone",
        "CREATE TABLE member (batch INTEGER, ordinal INTEGER, upstream INTEGER, feed INTEGER, rid INTEGER, seq INTEGER, hash BLOB, \
         key TEXT, op INTEGER, refusals INTEGER, split INTEGER)",
        "CREATE TABLE delivered (upstream INTEGER, feed INTEGER, rid INTEGER, seq INTEGER, hash BLOB)",
        "DROP TABLE notice",
        "ALTER TABLE feeds DROP COLUMN adopts",
        "ALTER TABLE run DROP COLUMN whole",
        "ALTER TABLE run DROP COLUMN missed",
        "DROP TABLE given",
        "DROP TABLE yields",
        "DROP INDEX quarantine_rival",
        "ALTER TABLE run DROP COLUMN columns",
        "ALTER TABLE run DROP COLUMN parts",
        "ALTER TABLE run DROP COLUMN doubt_zh",
        "ALTER TABLE run DROP COLUMN doubt_en",
        "ALTER TABLE missing DROP COLUMN zh",
        "ALTER TABLE missing DROP COLUMN kind",
        "ALTER TABLE missing DROP COLUMN run",
        "ALTER TABLE missing DROP COLUMN waves",
        "DROP TABLE withdrawn",
        "DROP TABLE shape",
        "DROP TABLE paused",
        "ALTER TABLE run DROP COLUMN shape",
        "PRAGMA user_version = 1",
    ] {
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    let desk = Desk::new(home.open().await).await;
    let run = desk.run("a", &[&[vendor(1, 2, 7), vendor(2, 2, 7), Row::good(3, 1)]], true, 2).await;
    assert_eq!(run.landed, Landed { read: 3, changed: 1, unchanged: 1, quarantined: 1, ..Landed::default() });
    assert_eq!(desk.collisions().await, 1);
    desk.audited().await;
    let run = desk.run("a", &[&[vendor(1, 2, 7), vendor(2, 2, 8), Row::good(3, 1)]], true, 3).await;
    assert_eq!((run.landed.changed, desk.collisions().await), (1, 0));
    desk.audited().await;
}

#[test]
fn a_natural_key_with_a_sensitive_part_is_not_named() {
    use xiaoshu::standard::{Kind, Sensitivity};
    let mut plan = std::sync::Arc::try_unwrap(table::plan("T_THING", Kind::State)).ok().unwrap();
    let bytes = [&[0, 0, 7][..], b"K000001"].concat();
    assert_eq!(table::name(&plan, &bytes).as_deref(), Some("NO=K000001"));
    assert_eq!(table::name(&plan, &bytes[..5]), None, "bytes that are no key");
    plan.fields[table::NO.usize()].sensitivity = Sensitivity::IdNumber;
    assert_eq!(table::name(&plan, &bytes), None);
}
