//! Record keys and the natural keys that hold them, in feeds with adopted keys.

use std::collections::{HashMap, HashSet};

use super::chunks::Set;
use super::fault::db;
use super::lock::Locked;
use super::place::cursors;
use super::{Tx, flight, signed};
use crate::record::{RecordBatch, RecordKey};
use crate::store::chunks::Kept;
use crate::store::holder::{Holder, Known, decide};
use crate::store::place::reason_code;
use crate::store::sort::{Fate, Write};
use crate::store::{FeedId, Reason, StoreError};

/// Holds the writes' record keys against those that are held: rows that may not have theirs become clashes, records keep
/// the key that they have, and what is new is held from now on.
pub(super) async fn hold(tx: &mut Tx, locked: &Locked, batch: &RecordBatch, fate: &mut Fate) -> Result<(), StoreError> {
    let adopts = locked.adopts || fate.writes.iter().any(|w| batch.row(w.row as usize).is_adopted());
    if !adopts || fate.writes.is_empty() {
        return Ok(());
    }
    if !locked.adopts {
        begin_adopting(tx, locked.feed).await?;
    }
    let known = look_up(tx, locked.feed, batch, &fate.writes).await?;
    let (claims, clashes) = decide(batch, &mut fate.writes, known);
    fate.clash(clashes);
    let left: Vec<(RecordKey, u32)> = claims.iter().filter_map(|c| Some((c.left?, c.row))).collect();
    let taken: Vec<(RecordKey, u32)> = claims.iter().map(|c| (c.key, c.row)).collect();
    for (sql, keys) in [
        (
            "DELETE FROM record_key k USING unnest($2::text[], $3::bytea[]) u(key, nk) \
             WHERE k.feed = $1 AND k.key = u.key AND k.nk = u.nk",
            &left,
        ),
        ("INSERT INTO record_key (feed, key, nk) SELECT $1, key, nk FROM unnest($2::text[], $3::bytea[]) u(key, nk)", &taken),
    ] {
        if keys.is_empty() {
            continue;
        }
        sqlx::query(sql)
            .bind(locked.feed.0 as i32)
            .bind(keys.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
            .bind(keys.iter().map(|(_, row)| batch.row(*row as usize).natural_key()).collect::<Vec<_>>())
            .execute(&mut **tx)
            .await
            .map_err(db("noting record keys"))?;
    }
    Ok(())
}

/// The first adopted key of a feed: all keys of its records are held from now on, the first of equal ones.
async fn begin_adopting(tx: &mut Tx, feed: FeedId) -> Result<(), StoreError> {
    for sql in [
        "INSERT INTO record_key (feed, key, nk) SELECT DISTINCT ON (key) feed, key, nk FROM feed WHERE feed = $1 ORDER BY key, rid",
        "UPDATE feeds SET adopts = true WHERE id = $1",
    ] {
        sqlx::query(sql).bind(feed.0 as i32).execute(&mut **tx).await.map_err(db("noting record keys"))?;
    }
    Ok(())
}

async fn look_up(tx: &mut Tx, feed: FeedId, batch: &RecordBatch, writes: &[Write]) -> Result<Known, StoreError> {
    let what = db("looking record keys up");
    let old = writes.iter().filter_map(|w| w.old);
    let kept: Vec<(i64, String)> = sqlx::query_as("SELECT rid, key FROM feed WHERE feed = $1 AND seq = ANY($2)")
        .bind(feed.0 as i32)
        .bind(signed(old.map(|o| o.seq)))
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let wanted: Vec<RecordKey> = writes.iter().map(|w| batch.row(w.row as usize).record_key()).collect();
    let holders: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(
        "SELECT k.key, k.nk, coalesce((SELECT h.flags & 1 = 1 FROM head h WHERE h.feed = k.feed AND h.nk = short_key(k.nk)), true) \
         FROM record_key k WHERE k.feed = $1 AND k.key = ANY($2)",
    )
    .bind(feed.0 as i32)
    .bind(wanted.iter().map(RecordKey::as_str).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await
    .map_err(what)?;
    let holder = |(key, natural_key, gone): (String, Vec<u8>, bool)| {
        Some((RecordKey::parse(&key)?, Holder { natural_key, gone, row: None }))
    };
    let kept: HashMap<u32, RecordKey> =
        kept.into_iter().filter_map(|(rid, key)| Some((rid as u32, RecordKey::parse(&key)?))).collect();
    let moving = writes.iter().filter_map(|w| {
        let (record, old) = (batch.row(w.row as usize), w.old?);
        (record.is_adopted() && kept.get(&old.rid) != Some(&record.record_key())).then_some(i64::from(old.rid))
    });
    let upstream = perhaps_upstream(tx, feed, &moving.collect::<Vec<_>>()).await?;
    Ok(Known { holders: holders.into_iter().filter_map(holder).collect(), kept, upstream })
}

/// Which of these records an upstream may hold: it said so, or one is on its way, or its fate is unknown.
async fn perhaps_upstream(tx: &mut Tx, feed: FeedId, rids: &[i64]) -> Result<HashSet<u32>, StoreError> {
    if rids.is_empty() {
        return Ok(HashSet::new());
    }
    let unknown: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT r.rid FROM unnest($1::bigint[]) r(rid) CROSS JOIN upstream u WHERE \
         EXISTS (SELECT 1 FROM exception e WHERE e.upstream = u.id AND e.feed = $2 AND e.rid = r.rid AND e.reason = $3)",
    )
    .bind(rids)
    .bind(feed.0 as i32)
    .bind(reason_code(Reason::Unknown))
    .fetch_all(&mut **tx)
    .await
    .map_err(db("looking record keys up"))?;
    let mut perhaps: HashSet<u32> = unknown.into_iter().map(|rid| rid as u32).collect();
    for (upstream, _) in cursors(tx, feed).await? {
        let held = Set { upstream, feed, kept: Kept::Rids }.load(&mut **tx).await?;
        let flying = flight::flying(&mut **tx, upstream, feed).await?.rids;
        perhaps.extend(rids.iter().map(|rid| *rid as u32).filter(|rid| held.contains(u64::from(*rid)) || flying.contains(*rid)));
    }
    Ok(perhaps)
}
