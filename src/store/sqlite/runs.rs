//! Runs: begin, take up again, end.

use std::collections::HashMap;

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::feeds::OpenFeed;
use super::{SqliteStore, Writer, begin, deletion, held, inconsistent, sharing};
use crate::source::Position;
pub(super) use crate::store::open_run::{CHUNK_BITS, OpenRun, bitmap, bitmap_bytes, hash_of, landed};
use crate::store::proof::came_out_empty;
use crate::store::sort::{FROZEN, Sighting};
use crate::store::{FeedId, Millis, NewRun, RunEnd, RunId, RunStart, RunSummary, StoreError};

/// Reads a run that goes on back from the database.
pub(super) async fn load(tx: &mut Transaction<'_, Sqlite>, run: RunId) -> Result<OpenRun, StoreError> {
    let what = db("reading a run");
    let known: Option<(i64, u32, Option<i64>)> = sqlx::query_as("SELECT source, feed, ended FROM run WHERE id = ?")
        .bind(run.0)
        .fetch_optional(&mut **tx)
        .await
        .map_err(what)?;
    let Some((source, feed, None)) = known else {
        return Err(inconsistent(format!("run {} is not under way", run.0)));
    };
    let seen: Vec<(u32, Vec<u8>)> =
        sqlx::query_as("SELECT chunk, rids FROM seen WHERE run = ?").bind(run.0).fetch_all(&mut **tx).await.map_err(what)?;
    let sightings: Vec<(u32, Vec<u8>, bool)> = sqlx::query_as("SELECT rid, hash, several FROM sighting WHERE run = ?")
        .bind(run.0)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let conflicts: Vec<(Vec<u8>,)> = sqlx::query_as(
        "SELECT q.nk FROM quarantine q WHERE q.feed = ? AND q.source = ? AND q.last_run = ? AND q.conflict = 1 \
         AND q.nk IS NOT NULL AND NOT EXISTS (SELECT 1 FROM head h WHERE h.feed = q.feed AND h.nk = q.nk AND h.flags <> 1)",
    )
    .bind(feed)
    .bind(source)
    .bind(run.0)
    .fetch_all(&mut **tx)
    .await
    .map_err(what)?;
    let seen = seen.into_iter().map(|(chunk, bytes)| Ok((chunk, bitmap(&bytes)?))).collect::<Result<_, StoreError>>()?;
    let sightings = sightings.into_iter().map(|(rid, hash, several)| (rid, Sighting { hash: hash_of(&hash), several })).collect();
    let conflicts = conflicts.into_iter().map(|(nk,)| nk).collect();
    Ok(OpenRun { feed: FeedId(feed), source, landings: 0, seen, sightings, conflicts, walks: true })
}

/// The number of a source, by its name.
pub(super) async fn source_id(tx: &mut Transaction<'_, Sqlite>, name: &str) -> Result<i64, StoreError> {
    let (id,): (i64,) =
        sqlx::query_as("INSERT INTO source (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id")
            .bind(name)
            .fetch_one(&mut **tx)
            .await
            .map_err(db("naming a source"))?;
    Ok(id)
}

impl SqliteStore {
    pub(super) async fn begin_run_row(&self, new: &NewRun) -> Result<RunStart, StoreError> {
        let what = db("beginning a run");
        let mut guard = self.writer().await?;
        let Writer { conn, runs, .. } = &mut *guard;
        let mut tx = begin(conn, "beginning a run").await?;
        let source = source_id(&mut tx, &new.source).await?;
        let open: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT id, mapping, position FROM run WHERE feed = ? AND source = ? AND ended IS NULL ORDER BY id DESC",
        )
        .bind(new.feed.0)
        .bind(source)
        .fetch_all(&mut *tx)
        .await
        .map_err(what)?;
        if let Some((id, _, position)) =
            open.first().filter(|(_, mapping, position)| mapping.as_slice() == new.mapping_digest && !position.is_empty())
        {
            let start = RunStart { run: RunId(*id), resume: Some(Position(position.clone())), after: None, whole_at: None };
            // What stopped it is over.
            sqlx::query("UPDATE run SET error = NULL WHERE id = ?").bind(id).execute(&mut *tx).await.map_err(what)?;
            self.commit(tx, "taking a run up").await?;
            return Ok(start);
        }
        interrupt(&mut tx, runs, new.feed, source, new.at).await?;
        let after = last_position(&mut tx, new, source).await?;
        let whole_at = last_whole(&mut tx, new, source).await?;
        let (run,): (i64,) = sqlx::query_as("INSERT INTO run (source, feed, mapping, began) VALUES (?, ?, ?, ?) RETURNING id")
            .bind(source)
            .bind(new.feed.0)
            .bind(new.mapping_digest.as_slice())
            .bind(new.at)
            .fetch_one(&mut *tx)
            .await
            .map_err(what)?;
        self.commit(tx, "beginning a run").await?;
        Ok(RunStart { run: RunId(run), resume: None, after, whole_at })
    }

    pub(super) async fn hold_run_row(&self, run: RunId, error: &str) -> Result<bool, StoreError> {
        let what = db("leaving a run open");
        let mut guard = self.writer().await?;
        let mut tx = begin(&mut guard.conn, "leaving a run open").await?;
        let done = sqlx::query("UPDATE run SET error = ? WHERE id = ? AND ended IS NULL AND length(position) > 0")
            .bind(error)
            .bind(run.0)
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        self.commit(tx, "leaving a run open").await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn finish_run_row(&self, run: RunId, end: &RunEnd) -> Result<RunSummary, StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, runs, .. } = &mut *guard;
        let mut tx = begin(conn, "ending a run").await?;
        let summary = finish(&mut tx, feeds, runs, run, end).await?;
        self.commit(tx, "ending a run").await?;
        Ok(summary)
    }
}

/// Where the last run that ended well had come to.
async fn last_position(tx: &mut Transaction<'_, Sqlite>, new: &NewRun, source: i64) -> Result<Option<Position>, StoreError> {
    let found: Option<(Vec<u8>,)> = sqlx::query_as(
        "SELECT position FROM run WHERE feed = ? AND source = ? AND mapping = ? AND ended IS NOT NULL AND error IS NULL \
         AND length(position) > 0 ORDER BY id DESC LIMIT 1",
    )
    .bind(new.feed.0)
    .bind(source)
    .bind(new.mapping_digest.as_slice())
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("beginning a run"))?;
    Ok(found.map(|(position,)| Position(position)))
}

/// When the last run began that read everything.
async fn last_whole(tx: &mut Transaction<'_, Sqlite>, new: &NewRun, source: i64) -> Result<Option<Millis>, StoreError> {
    sqlx::query_scalar(
        "SELECT began FROM run WHERE feed = ? AND source = ? AND mapping = ? AND ended IS NOT NULL AND whole = 1 \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(new.feed.0)
    .bind(source)
    .bind(new.mapping_digest.as_slice())
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("beginning a run"))
}

/// Closes the runs of a source and feed that are under way.
pub(super) async fn interrupt(
    tx: &mut Transaction<'_, Sqlite>,
    runs: &mut HashMap<RunId, OpenRun>,
    feed: FeedId,
    source: i64,
    at: Millis,
) -> Result<(), StoreError> {
    let what = db("closing an interrupted run");
    let open: Vec<(i64,)> = sqlx::query_as("SELECT id FROM run WHERE feed = ? AND source = ? AND ended IS NULL")
        .bind(feed.0)
        .bind(source)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    for (id,) in open {
        forget(tx, RunId(id)).await?;
        sqlx::query("UPDATE run SET ended = ?, error = 'interrupted' WHERE id = ?")
            .bind(at)
            .bind(id)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        runs.remove(&RunId(id));
    }
    Ok(())
}

/// Ends a run.
pub(super) async fn finish(
    tx: &mut Transaction<'_, Sqlite>,
    feeds: &HashMap<FeedId, OpenFeed>,
    runs: &mut HashMap<RunId, OpenRun>,
    run: RunId,
    end: &RunEnd,
) -> Result<RunSummary, StoreError> {
    let what = db("ending a run");
    let open = match runs.remove(&run) {
        Some(open) => open,
        None => load(tx, run).await?,
    };
    let (mut summary, mut gone) = (RunSummary::default(), deletion::Missed::default());
    sharing::share(tx, &open, end.complete).await?;
    if end.complete {
        summary.closed = close_unseen(tx, &open, run).await?;
        unfreeze(tx, &open, run).await?;
        sqlx::query("UPDATE feeds SET read_once = 1 WHERE id = ?").bind(open.feed.0).execute(&mut **tx).await.map_err(what)?;
        let Some(feed) = feeds.get(&open.feed) else {
            return Err(inconsistent(format!("feed {} was not opened", open.feed.0)));
        };
        let indexed = feed.indexed.to_vec();
        gone = deletion::find_missing(tx, run, &open, end, &indexed).await?;
        (summary.missing, summary.deleted, summary.due) = (gone.missing, gone.buried, gone.due);
    } else {
        held::found_again(tx, &open).await?;
    }
    forget(tx, run).await?;
    let row: (i64, i64, i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "UPDATE run SET ended = ?, complete = ?, whole = ?, error = ?, columns = ?, parts = ?, doubt_zh = ?, doubt_en = ? WHERE id = ? \
         RETURNING read, changed, unchanged, duplicate, quarantined, filtered, consumed, missed",
    )
    .bind(end.at)
    .bind(end.complete)
    .bind(end.whole)
    .bind(&end.error)
    .bind(end.evidence.columns.as_ref().map(|digest| digest.as_slice()))
    .bind(end.evidence.parts)
    .bind(end.evidence.doubt.as_ref().map(|doubt| doubt.zh.as_str()))
    .bind(end.evidence.doubt.as_ref().map(|doubt| doubt.en.as_str()))
    .bind(run.0)
    .fetch_one(&mut **tx)
    .await
    .map_err(what)?;
    let (read, changed, unchanged, duplicate, quarantined, filtered, consumed, missed) = row;
    summary.landed = landed([read, changed, unchanged, duplicate, quarantined, filtered, consumed]);
    summary.missed = missed.unsigned_abs();
    summary.emptied = end.complete && came_out_empty(summary.landed.read, summary.landed.filtered, gone.had_rows);
    if end.error.is_none() {
        drop_former_position(tx, run).await?;
    }
    Ok(summary)
}

/// Drops the position that a run which ended well has taken the place of: some are thousands of bytes long.
async fn drop_former_position(tx: &mut Transaction<'_, Sqlite>, run: RunId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE run SET position = x'' WHERE id = (SELECT o.id FROM run n JOIN run o ON o.feed = n.feed AND o.source = n.source \
         AND o.id < n.id AND o.mapping = n.mapping WHERE n.id = ? AND length(n.position) > 0 AND length(o.position) > 0 \
         AND o.ended IS NOT NULL ORDER BY o.id DESC LIMIT 1)",
    )
    .bind(run.0)
    .execute(&mut **tx)
    .await
    .map_err(db("ending a run"))?;
    Ok(())
}

/// Drops what only a run under way needs.
pub(super) async fn forget(tx: &mut Transaction<'_, Sqlite>, run: RunId) -> Result<(), StoreError> {
    for sql in ["DELETE FROM seen WHERE run = ?", "DELETE FROM sighting WHERE run = ?"] {
        sqlx::query(sql).bind(run.0).execute(&mut **tx).await.map_err(db("ending a run"))?;
    }
    Ok(())
}

/// Closes quarantined rows that a complete read no longer contains.
async fn close_unseen(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun, run: RunId) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM quarantine WHERE feed = ? AND source = ? AND last_run <> ?")
        .bind(open.feed.0)
        .bind(open.source)
        .bind(run.0)
        .execute(&mut **tx)
        .await
        .map_err(db("closing quarantined rows"))?;
    Ok(done.rows_affected())
}

/// Unfreezes records whose keys a complete read has seen with one content only.
async fn unfreeze(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun, run: RunId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE head SET flags = flags & ~?1 WHERE feed = ?2 AND flags <> 0 AND flags = ?1 \
         AND rid IN (SELECT rid FROM sighting WHERE run = ?3 AND several = 0)",
    )
    .bind(FROZEN)
    .bind(open.feed.0)
    .bind(run.0)
    .execute(&mut **tx)
    .await
    .map_err(db("unfreezing records"))?;
    Ok(())
}
