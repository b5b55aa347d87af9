//! Which records a complete run found missing, and whether they may go without being asked for.

use roaring::RoaringBitmap;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::fault::db;
use super::feeds::IndexedField;
use super::runs::{OpenRun, bitmap, bitmap_bytes};
use super::sharing::give_up;
use super::tombstone::bury;
use super::{SqliteStore, Writer, begin, number_list};
use crate::store::bound::{SEVEN_DAYS, why_held};
use crate::store::{FeedId, Millis, RunEnd, RunId, StoreError};

/// Heads read at once when looking for missing ones.
const PAGE: i64 = 50_000;

/// Finds and buries or holds the records that a complete run has not seen; returns how many are missing and buried.
pub(super) async fn find_missing(
    tx: &mut Transaction<'_, Sqlite>,
    run: RunId,
    open: &OpenRun,
    end: &RunEnd,
    indexed: &[IndexedField],
) -> Result<(u64, u64), StoreError> {
    let what = db("looking for missing records");
    let (is_log, live): (bool, i64) = sqlx::query_as("SELECT is_log, live FROM feeds WHERE id = ?")
        .bind(open.feed.0)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
    if is_log {
        return Ok((0, 0));
    }
    let mut missing = missing(tx, run, open).await?;
    if end.error.is_none() && !missing.is_empty() {
        give_up(tx, open, &mut missing).await?;
    }
    if missing.is_empty() {
        drop_held(tx, open).await?;
        return Ok((0, 0));
    }
    let (recent,): (i64,) = sqlx::query_as("SELECT coalesce(sum(count), 0) FROM deletion WHERE feed = ? AND at > ?")
        .bind(open.feed.0)
        .bind(end.at - SEVEN_DAYS)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
    let keyless = new_keyless(tx, run, open).await?;
    match why_held(live.unsigned_abs(), missing.len(), recent.unsigned_abs(), keyless, end.error.is_some()) {
        Some(why) => {
            hold_for(tx, open.feed, open.source, &missing, &why, end.at).await?;
            Ok((missing.len(), 0))
        }
        None => {
            drop_held(tx, open).await?;
            let buried = bury(tx, open.feed, indexed, &missing, end.at).await?;
            sqlx::query("INSERT INTO deletion (feed, at, count) VALUES (?, ?, ?)")
                .bind(open.feed.0)
                .bind(end.at)
                .bind(buried as i64)
                .execute(&mut **tx)
                .await
                .map_err(what)?;
            Ok((missing.len(), buried))
        }
    }
}

/// Rows without a key that this run is the first to see: a record whose key was spoilt looks like a missing one.
async fn new_keyless(tx: &mut Transaction<'_, Sqlite>, run: RunId, open: &OpenRun) -> Result<u64, StoreError> {
    let (n,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM quarantine WHERE feed = ? AND source = ? AND last_run = ?3 AND first_run = ?3 AND nk IS NULL",
    )
    .bind(open.feed.0)
    .bind(open.source)
    .bind(run.0)
    .fetch_one(&mut **tx)
    .await
    .map_err(db("counting rows without a key"))?;
    Ok(n.unsigned_abs())
}

/// The live records that a source holds.
pub(super) async fn standing_of(conn: &mut SqliteConnection, feed: FeedId, source: i64) -> Result<RoaringBitmap, StoreError> {
    let mut standing = RoaringBitmap::new();
    let mut behind: Vec<u8> = Vec::new();
    loop {
        // One row a page: a row a record would cost more than reading it.
        let (rids, last, n): (Option<String>, Option<Vec<u8>>, i64) = sqlx::query_as(
            "SELECT group_concat(rid), max(nk), count(*) FROM (SELECT rid, nk FROM head WHERE feed = ? AND nk > ? \
             AND source = ? AND flags & 1 = 0 ORDER BY nk LIMIT ?)",
        )
        .bind(feed.0)
        .bind(behind.as_slice())
        .bind(source)
        .bind(PAGE)
        .fetch_one(&mut *conn)
        .await
        .map_err(db("looking for missing records"))?;
        standing.extend(rids.as_deref().unwrap_or_default().split(',').filter_map(|r| r.parse::<u32>().ok()));
        match last {
            Some(last) if n == PAGE => behind = last,
            _ => return Ok(standing),
        }
    }
}

async fn missing(tx: &mut Transaction<'_, Sqlite>, run: RunId, open: &OpenRun) -> Result<RoaringBitmap, StoreError> {
    let mut missing = standing_of(tx, open.feed, open.source).await? - open.all_seen();
    if missing.is_empty() {
        return Ok(missing);
    }
    // A bad version of a record is at the source, so the record is not gone.
    let spoilt: Vec<(u32,)> = sqlx::query_as(
        "SELECT h.rid FROM quarantine q JOIN head h ON h.feed = q.feed AND h.nk = q.nk \
         WHERE q.feed = ? AND q.source = ? AND q.last_run = ? AND q.nk IS NOT NULL",
    )
    .bind(open.feed.0)
    .bind(open.source)
    .bind(run.0)
    .fetch_all(&mut **tx)
    .await
    .map_err(db("looking for missing records"))?;
    for (rid,) in spoilt {
        missing.remove(rid);
    }
    Ok(missing)
}

/// Holds deletions of a source's records for approval.
pub(super) async fn hold_for(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    source: i64,
    rids: &RoaringBitmap,
    why: &str,
    at: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO missing (feed, source, rids, why, since) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (feed, source) DO UPDATE SET rids = excluded.rids, why = excluded.why",
    )
    .bind(feed.0)
    .bind(source)
    .bind(bitmap_bytes(rids))
    .bind(why)
    .bind(at)
    .execute(&mut **tx)
    .await
    .map_err(db("holding deletions"))?;
    Ok(())
}

async fn drop_held(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM missing WHERE feed = ? AND source = ?")
        .bind(open.feed.0)
        .bind(open.source)
        .execute(&mut **tx)
        .await
        .map_err(db("dropping held deletions"))?;
    Ok(())
}

/// Takes what a run has seen, complete or not, off the deletions held for its source.
pub(super) async fn found_again(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun) -> Result<(), StoreError> {
    let held: Option<(Vec<u8>,)> = sqlx::query_as("SELECT rids FROM missing WHERE feed = ? AND source = ?")
        .bind(open.feed.0)
        .bind(open.source)
        .fetch_optional(&mut **tx)
        .await
        .map_err(db("reading held deletions"))?;
    let Some((bytes,)) = held else { return Ok(()) };
    keep_held(tx, open.feed, open.source, &(bitmap(&bytes)? - open.all_seen())).await
}

/// Keeps only these of the records held for a source.
pub(super) async fn keep_held(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    source: i64,
    left: &RoaringBitmap,
) -> Result<(), StoreError> {
    let query = if left.is_empty() {
        sqlx::query("DELETE FROM missing WHERE feed = ? AND source = ?").bind(feed.0).bind(source)
    } else {
        let sql = "UPDATE missing SET rids = ?3 WHERE feed = ?1 AND source = ?2";
        sqlx::query(sql).bind(feed.0).bind(source).bind(bitmap_bytes(left))
    };
    query.execute(&mut **tx).await.map_err(db("holding deletions"))?;
    Ok(())
}

/// Those among the records held for a source that are still its own: one that another source has landed since is not gone.
async fn still_of(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    source: i64,
    held: &RoaringBitmap,
) -> Result<RoaringBitmap, StoreError> {
    let own: Vec<(u32,)> =
        sqlx::query_as("SELECT rid FROM head WHERE feed = ? AND source = ? AND rid IN (SELECT value FROM json_each(?))")
            .bind(feed.0)
            .bind(source)
            .bind(number_list(held.iter().map(i64::from)))
            .fetch_all(&mut **tx)
            .await
            .map_err(db("deleting records"))?;
    Ok(own.into_iter().map(|(rid,)| rid).collect())
}

impl SqliteStore {
    pub(super) async fn delete_held(&self, feed: FeedId, at: Millis) -> Result<u64, StoreError> {
        let what = db("deleting records");
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, .. } = &mut *guard;
        let mut tx = begin(conn, "deleting records").await?;
        let indexed = match feeds.get(&feed) {
            Some(open) => open.indexed.to_vec(),
            None => return Err(super::inconsistent(format!("feed {} was not opened", feed.0))),
        };
        let held: Vec<(i64, Vec<u8>)> = sqlx::query_as("DELETE FROM missing WHERE feed = ? RETURNING source, rids")
            .bind(feed.0)
            .fetch_all(&mut *tx)
            .await
            .map_err(what)?;
        let mut rids = RoaringBitmap::new();
        for (source, bytes) in &held {
            rids |= still_of(&mut tx, feed, *source, &bitmap(bytes)?).await?;
        }
        // What a run under way has seen since is not gone.
        let seen: Vec<(Vec<u8>,)> =
            sqlx::query_as("SELECT rids FROM seen WHERE run IN (SELECT id FROM run WHERE feed = ? AND ended IS NULL)")
                .bind(feed.0)
                .fetch_all(&mut *tx)
                .await
                .map_err(what)?;
        for (bytes,) in &seen {
            rids -= bitmap(bytes)?;
        }
        let buried = bury(&mut tx, feed, &indexed, &rids, at).await?;
        self.commit(tx, "deleting records").await?;
        Ok(buried)
    }
}
