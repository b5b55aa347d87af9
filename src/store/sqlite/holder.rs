//! Record keys and the natural keys that hold them, in feeds with adopted keys.

use std::collections::{HashMap, HashSet};

use sqlx::{Sqlite, Transaction};

use super::chunks::Set;
use super::fault::db;
use super::feeds::OpenFeed;
use super::place::cursors;
use super::shape::{Form, Shapes, pieces};
use super::{flight, number_list};
use crate::record::{RecordBatch, RecordKey};
use crate::store::chunks::Kept;
use crate::store::holder::{Holder, Known, decide};
use crate::store::sort::{Fate, Write};
use crate::store::{FeedId, StoreError};

static CLAIM: Form = Form { head: "INSERT INTO record_key (feed, key, nk) VALUES ", row: "(?,?,?)", tail: "" };

static LEAVE: Form = Form { head: "DELETE FROM record_key WHERE (feed, key, nk) IN (VALUES ", row: "(?,?,?)", tail: ")" };

/// Holds the writes' record keys against those that are held: rows that may not have theirs become clashes, records keep
/// the key that they have, and what is new is held from now on. Returns whether the feed has adopted keys.
pub(super) async fn hold(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    feed: FeedId,
    open: &OpenFeed,
    batch: &RecordBatch,
    fate: &mut Fate,
) -> Result<bool, StoreError> {
    let adopts = open.adopts || fate.writes.iter().any(|w| batch.row(w.row as usize).is_adopted());
    if !adopts || fate.writes.is_empty() {
        return Ok(adopts);
    }
    if !open.adopts {
        begin_adopting(tx, feed).await?;
    }
    let known = look_up(tx, feed, batch, &fate.writes).await?;
    let (claims, clashes) = decide(batch, &mut fate.writes, known);
    fate.clash(clashes);
    let left: Vec<(RecordKey, u32)> = claims.iter().filter_map(|c| Some((c.left?, c.row))).collect();
    let taken: Vec<(RecordKey, u32)> = claims.iter().map(|c| (c.key, c.row)).collect();
    for (form, keys) in [(&LEAVE, &left), (&CLAIM, &taken)] {
        for piece in pieces(keys) {
            let mut query = sqlx::query(shapes.sql(form, piece.len()));
            for (key, row) in piece {
                query = query.bind(feed.0).bind(key.as_str()).bind(batch.row(*row as usize).natural_key());
            }
            query.execute(&mut **tx).await.map_err(db("noting record keys"))?;
        }
    }
    Ok(true)
}

/// The first adopted key of a feed: all keys of its records are held from now on, the first of equal ones.
async fn begin_adopting(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<(), StoreError> {
    for sql in [
        "INSERT OR IGNORE INTO record_key (feed, key, nk) SELECT feed, key, nk FROM feed WHERE feed = ? ORDER BY rid",
        "UPDATE feeds SET adopts = 1 WHERE id = ?",
    ] {
        sqlx::query(sql).bind(feed.0).execute(&mut **tx).await.map_err(db("noting record keys"))?;
    }
    Ok(())
}

async fn look_up(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    batch: &RecordBatch,
    writes: &[Write],
) -> Result<Known, StoreError> {
    let what = db("looking record keys up");
    let old = writes.iter().filter_map(|w| w.old);
    let kept: Vec<(u32, String)> =
        sqlx::query_as("SELECT rid, key FROM feed WHERE seq IN (SELECT value FROM json_each(?)) AND feed = ?")
            .bind(number_list(old.map(|o| o.seq as i64)))
            .bind(feed.0)
            .fetch_all(&mut **tx)
            .await
            .map_err(what)?;
    let wanted: Vec<String> = writes.iter().map(|w| batch.row(w.row as usize).record_key().as_str().to_owned()).collect();
    let holders: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(
        "SELECT k.key, k.nk, coalesce((SELECT h.flags & 1 FROM head h WHERE h.feed = k.feed AND h.nk = k.nk), 1) \
         FROM json_each(?) j CROSS JOIN record_key k ON k.feed = ? AND k.key = j.value",
    )
    .bind(serde_json::Value::from(wanted).to_string())
    .bind(feed.0)
    .fetch_all(&mut **tx)
    .await
    .map_err(what)?;
    let holder = |(key, natural_key, gone): (String, Vec<u8>, bool)| {
        Some((RecordKey::parse(&key)?, Holder { natural_key, gone, row: None }))
    };
    let kept: HashMap<u32, RecordKey> = kept.into_iter().filter_map(|(rid, key)| Some((rid, RecordKey::parse(&key)?))).collect();
    let moving = writes.iter().filter_map(|w| {
        let (record, old) = (batch.row(w.row as usize), w.old?);
        (record.is_adopted() && kept.get(&old.rid) != Some(&record.record_key())).then_some(old.rid)
    });
    let upstream = perhaps_upstream(tx, feed, &moving.collect::<Vec<_>>()).await?;
    Ok(Known { holders: holders.into_iter().filter_map(holder).collect(), kept, upstream })
}

/// Which of these records an upstream may hold: it said so, or one is on its way, or its fate is unknown.
async fn perhaps_upstream(tx: &mut Transaction<'_, Sqlite>, feed: FeedId, rids: &[u32]) -> Result<HashSet<u32>, StoreError> {
    if rids.is_empty() {
        return Ok(HashSet::new());
    }
    let unknown: Vec<(u32,)> = sqlx::query_as(
        "SELECT r.value FROM json_each(?1) r CROSS JOIN upstream u WHERE \
         EXISTS (SELECT 1 FROM exception e WHERE e.upstream = u.id AND e.feed = ?2 AND e.rid = r.value AND e.reason = ?3)",
    )
    .bind(number_list(rids.iter().map(|r| i64::from(*r))))
    .bind(feed.0)
    .bind(super::place::reason_code(crate::store::Reason::Unknown))
    .fetch_all(&mut **tx)
    .await
    .map_err(db("looking record keys up"))?;
    let mut perhaps: HashSet<u32> = unknown.into_iter().map(|(rid,)| rid).collect();
    for (upstream, _) in cursors(tx, feed).await? {
        let held = Set { upstream, feed, kept: Kept::Rids }.load(&mut **tx).await?;
        let flying = flight::flying(&mut **tx, upstream, feed).await?.rids;
        perhaps.extend(rids.iter().filter(|rid| held.contains(u64::from(**rid)) || flying.contains(**rid)));
    }
    Ok(perhaps)
}
