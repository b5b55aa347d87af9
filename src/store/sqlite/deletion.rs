//! Which records a complete run found missing, and whether they may go without being asked for.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::fault::db;
use super::feeds::{IndexedField, OpenFeed};
use super::runs::{OpenRun, bitmap, bitmap_bytes};
use super::sharing::give_up;
use super::tombstone::bury;
use super::{SqliteStore, Writer, begin, number_list};
use crate::finding::Text;
use crate::store::bound::SEVEN_DAYS;
use crate::store::proof::{Case, Former, Hold, Kind, Waves, judge, list_code, why_text};
use crate::store::{Approved, FeedId, Millis, RunEnd, RunId, StoreError};

/// Heads read at once when looking for missing ones.
const PAGE: i64 = 50_000;

/// What a complete run misses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Missed {
    /// Live records of the source that it did not see.
    pub(super) missing: u64,
    /// Of these, how many were buried.
    pub(super) buried: u64,
    /// Of these, how many go at the end of the collection.
    pub(super) due: u64,
    /// The source had records before.
    pub(super) had_rows: bool,
}

/// Finds and buries or holds the records that a complete run has not seen.
pub(super) async fn find_missing(
    tx: &mut Transaction<'_, Sqlite>,
    run: RunId,
    open: &OpenRun,
    end: &RunEnd,
    indexed: &[IndexedField],
) -> Result<Missed, StoreError> {
    let what = db("looking for missing records");
    let (is_log, live): (bool, i64) = sqlx::query_as("SELECT is_log, live FROM feeds WHERE id = ?")
        .bind(open.feed.0)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
    if is_log {
        return Ok(Missed { had_rows: gave_rows(tx, open, end.at).await?, ..Missed::default() });
    }
    let (mut missing, mut own) = missing(tx, run, open).await?;
    let mut missed = Missed { missing: missing.len(), had_rows: own > 0, ..Missed::default() };
    if end.error.is_none() && !missing.is_empty() {
        give_up(tx, open, &mut missing).await?;
        // What another source gives is that one's now.
        own -= missed.missing - missing.len();
        missed.missing = missing.len();
    }
    if missing.is_empty() {
        drop_held(tx, open).await?;
        return Ok(missed);
    }
    let (recent,): (i64,) = sqlx::query_as("SELECT coalesce(sum(count), 0) FROM deletion WHERE feed = ? AND at > ?")
        .bind(open.feed.0)
        .bind(end.at - SEVEN_DAYS)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
    let (mapping, filtered): (Vec<u8>, i64) =
        sqlx::query_as("SELECT mapping, filtered FROM run WHERE id = ?").bind(run.0).fetch_one(&mut **tx).await.map_err(what)?;
    let former = former(tx, run, open).await?;
    let held = held(tx, open).await?;
    let verdict = judge(&Case {
        live: live.unsigned_abs(),
        own,
        missing: missing.len(),
        recent: recent.unsigned_abs(),
        keyless: new_keyless(tx, run, open).await?,
        filtered: filtered.unsigned_abs(),
        error: end.error.is_some(),
        evidence: &end.evidence,
        mapping: mapping.try_into().unwrap_or_default(),
        former: former.as_ref(),
        stays: held.as_ref().and_then(|held| held.stays.as_ref()),
    });
    match verdict {
        Some(why) => {
            let mut held = held.unwrap_or_default();
            held.waves.go_on(&held.rids, &missing, former.map_or(0, |former| former.ended));
            hold(tx, (run, open), (&missing, &held.waves), &why, end.at).await?;
            missed.due = if why.kind == Kind::Due { missing.len() } else { 0 };
        }
        None => {
            drop_held(tx, open).await?;
            missed.buried = bury_unasked(tx, open.feed, indexed, &missing, end.at).await?;
        }
    }
    Ok(missed)
}

/// Buries records without asking, and notes how many.
async fn bury_unasked(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    indexed: &[IndexedField],
    rids: &RoaringBitmap,
    at: Millis,
) -> Result<u64, StoreError> {
    let buried = bury(tx, feed, indexed, rids, at).await?;
    sqlx::query("INSERT INTO deletion (feed, at, count) VALUES (?, ?, ?)")
        .bind(feed.0)
        .bind(at)
        .bind(buried as i64)
        .execute(&mut **tx)
        .await
        .map_err(db("noting deletions"))?;
    Ok(buried)
}

/// Whether a complete run of the last days gave rows: of a log nobody knows which records a source still has.
async fn gave_rows(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun, at: Millis) -> Result<bool, StoreError> {
    let (some,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM run WHERE feed = ? AND source = ? AND complete = 1 AND ended > ? AND read > filtered)",
    )
    .bind(open.feed.0)
    .bind(open.source)
    .bind(at - SEVEN_DAYS)
    .fetch_one(&mut **tx)
    .await
    .map_err(db("looking for former runs"))?;
    Ok(some)
}

/// What the last complete run of the same source and table knew.
async fn former(tx: &mut Transaction<'_, Sqlite>, run: RunId, open: &OpenRun) -> Result<Option<Former>, StoreError> {
    let row = sqlx::query_as(
        "SELECT columns, parts, mapping, ended, filtered FROM run WHERE feed = ? AND source = ? AND complete = 1 AND ended IS NOT NULL AND id < ? \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(open.feed.0)
    .bind(open.source)
    .bind(run.0)
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("looking for the former run"))?;
    Ok(row.map(Former::read))
}

/// Its rids, waves, kind and reason, in Chinese and English, as they are stored.
type HeldRow = (Vec<u8>, Vec<u8>, i32, String, String);

/// What is held for a source already.
#[derive(Default)]
struct HeldBefore {
    rids: RoaringBitmap,
    waves: Waves,
    /// Why they stay held whatever later runs miss.
    stays: Option<Text>,
}

async fn held(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun) -> Result<Option<HeldBefore>, StoreError> {
    let row: Option<HeldRow> = sqlx::query_as("SELECT rids, waves, kind, zh, why FROM missing WHERE feed = ? AND source = ?")
        .bind(open.feed.0)
        .bind(open.source)
        .fetch_optional(&mut **tx)
        .await
        .map_err(db("reading held deletions"))?;
    let Some((rids, waves, kind, zh, en)) = row else { return Ok(None) };
    let stays = (kind == Kind::Stay.code()).then(|| why_text(zh, en));
    Ok(Some(HeldBefore { rids: bitmap(&rids)?, waves: Waves::read(&waves)?, stays }))
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

/// Records of the source that the run has not seen, and how many live ones the source has.
async fn missing(tx: &mut Transaction<'_, Sqlite>, run: RunId, open: &OpenRun) -> Result<(RoaringBitmap, u64), StoreError> {
    let standing = standing_of(tx, open.feed, open.source).await?;
    let own = standing.len();
    let mut missing = standing - open.all_seen();
    if missing.is_empty() {
        return Ok((missing, own));
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
    Ok((missing, own))
}

/// Holds deletions of a source's records for approval, whatever spoke for or against them before.
pub(super) async fn hold_for(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    source: i64,
    rids: &RoaringBitmap,
    why: &Text,
    at: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO missing (feed, source, rids, why, zh, since) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (feed, source) DO UPDATE SET rids = excluded.rids, why = excluded.why, zh = excluded.zh, kind = 0",
    )
    .bind(feed.0)
    .bind(source)
    .bind(bitmap_bytes(rids))
    .bind(&why.en)
    .bind(&why.zh)
    .bind(at)
    .execute(&mut **tx)
    .await
    .map_err(db("holding deletions"))?;
    Ok(())
}

/// Holds what a run has missed, or lets it wait for the end of the collection.
async fn hold(
    tx: &mut Transaction<'_, Sqlite>,
    (run, open): (RunId, &OpenRun),
    (rids, waves): (&RoaringBitmap, &Waves),
    hold: &Hold,
    at: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO missing (feed, source, rids, why, zh, kind, run, waves, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (feed, source) DO UPDATE SET rids = excluded.rids, why = excluded.why, zh = excluded.zh, kind = excluded.kind, \
         run = excluded.run, waves = excluded.waves",
    )
    .bind(open.feed.0)
    .bind(open.source)
    .bind(bitmap_bytes(rids))
    .bind(&hold.why.en)
    .bind(&hold.why.zh)
    .bind(hold.kind.code())
    .bind(run.0)
    .bind(waves.bytes())
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

/// What a run under way has seen of a feed is not gone.
async fn under_way(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<RoaringBitmap, StoreError> {
    let seen: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT rids FROM seen WHERE run IN (SELECT id FROM run WHERE feed = ? AND ended IS NULL)")
            .bind(feed.0)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("deleting records"))?;
    seen.iter().try_fold(RoaringBitmap::new(), |all, (bytes,)| Ok(all | bitmap(bytes)?))
}

fn indexed_of(feeds: &HashMap<FeedId, OpenFeed>, feed: FeedId) -> Result<Vec<IndexedField>, StoreError> {
    let open = feeds.get(&feed).ok_or_else(|| super::inconsistent(format!("feed {} was not opened", feed.0)))?;
    Ok(open.indexed.to_vec())
}

impl SqliteStore {
    pub(super) async fn settle_due(&self, run: RunId, doubt: Option<&Text>, at: Millis) -> Result<u64, StoreError> {
        let what = db("settling deletions");
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, .. } = &mut *guard;
        let mut tx = begin(conn, "settling deletions").await?;
        let due: Option<(u32, i64, Vec<u8>)> =
            sqlx::query_as("SELECT feed, source, rids FROM missing WHERE run = ? AND kind = ?")
                .bind(run.0)
                .bind(Kind::Due.code())
                .fetch_optional(&mut *tx)
                .await
                .map_err(what)?;
        let Some((feed, source, rids)) = due else { return Ok(0) };
        let feed = FeedId(feed);
        let mut buried = 0;
        match doubt {
            Some(why) => {
                sqlx::query("UPDATE missing SET kind = ?, zh = ?, why = ? WHERE feed = ? AND source = ?")
                    .bind(Kind::Ask.code())
                    .bind(&why.zh)
                    .bind(&why.en)
                    .bind(feed.0)
                    .bind(source)
                    .execute(&mut *tx)
                    .await
                    .map_err(what)?;
            }
            None => {
                sqlx::query("DELETE FROM missing WHERE feed = ? AND source = ?")
                    .bind(feed.0)
                    .bind(source)
                    .execute(&mut *tx)
                    .await
                    .map_err(what)?;
                let rids = still_of(&mut tx, feed, source, &bitmap(&rids)?).await? - under_way(&mut tx, feed).await?;
                buried = bury_unasked(&mut tx, feed, &indexed_of(feeds, feed)?, &rids, at).await?;
            }
        }
        self.commit(tx, "settling deletions").await?;
        Ok(buried)
    }

    pub(super) async fn delete_held(&self, feed: FeedId, code: &str, at: Millis) -> Result<Option<Approved>, StoreError> {
        let what = db("deleting records");
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, .. } = &mut *guard;
        let mut tx = begin(conn, "deleting records").await?;
        let indexed = indexed_of(feeds, feed)?;
        let held: Vec<(i64, Vec<u8>, String)> =
            sqlx::query_as("SELECT source, rids, why FROM missing WHERE feed = ? ORDER BY source")
                .bind(feed.0)
                .fetch_all(&mut *tx)
                .await
                .map_err(what)?;
        if held.is_empty() || list_code(held.iter().map(|(source, rids, why)| (*source, &**rids, &**why))) != code {
            return Ok(None);
        }
        sqlx::query("DELETE FROM missing WHERE feed = ?").bind(feed.0).execute(&mut *tx).await.map_err(what)?;
        let (mut rids, mut listed) = (RoaringBitmap::new(), 0);
        for (source, bytes, _) in &held {
            let own = bitmap(bytes)?;
            listed += own.len();
            rids |= still_of(&mut tx, feed, *source, &own).await?;
        }
        rids -= under_way(&mut tx, feed).await?;
        let deleted = bury(&mut tx, feed, &indexed, &rids, at).await?;
        self.commit(tx, "deleting records").await?;
        Ok(Some(Approved { deleted, spared: listed.saturating_sub(deleted) }))
    }
}
