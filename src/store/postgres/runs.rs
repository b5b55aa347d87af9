//! Runs: begin, take up again, end.

use super::fault::db;
use super::lease::Row;
use super::lock::{Locked, lock};
use super::{PostgresStore, Tx, deletion, held, inconsistent, sharing};
use crate::source::Position;
use crate::store::open_run::{OpenRun, bitmap, hash_of, landed};
use crate::store::proof::came_out_empty;
use crate::store::sort::{FROZEN, Sighting};
use crate::store::{FeedId, Millis, NewRun, RunEnd, RunId, RunStart, RunSummary, Seen, StoreError};

/// Source and feed of a run.
pub(super) async fn place(tx: &mut Tx, run: RunId) -> Result<(i32, FeedId), StoreError> {
    let known: Option<(i32, i32)> = sqlx::query_as("SELECT source, feed FROM run WHERE id = $1")
        .bind(run.0)
        .fetch_optional(&mut **tx)
        .await
        .map_err(db("reading a run"))?;
    let (source, feed) = known.ok_or_else(|| inconsistent(format!("there is no run {}", run.0)))?;
    Ok((source, FeedId(feed as u32)))
}

/// Reads a run that goes on back from the database.
pub(super) async fn load(tx: &mut Tx, run: RunId) -> Result<OpenRun, StoreError> {
    let what = db("reading a run");
    let known: Option<(i32, i32, Option<i64>, i64)> =
        sqlx::query_as("SELECT source, feed, ended, landings FROM run WHERE id = $1")
            .bind(run.0)
            .fetch_optional(&mut **tx)
            .await
            .map_err(what)?;
    let Some((source, feed, None, landings)) = known else {
        return Err(inconsistent(format!("run {} is not under way", run.0)));
    };
    let seen: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT chunk, rids FROM seen WHERE run = $1").bind(run.0).fetch_all(&mut **tx).await.map_err(what)?;
    let sightings: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as("SELECT rid, hash, several FROM sighting WHERE run = $1")
        .bind(run.0)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let conflicts: Vec<(Vec<u8>,)> = sqlx::query_as(
        "SELECT q.nk FROM quarantine q WHERE q.feed = $1 AND q.source = $2 AND q.last_run = $3 AND q.conflict = 1 \
         AND q.nk IS NOT NULL AND NOT EXISTS (SELECT 1 FROM head h WHERE h.feed = q.feed AND h.nk = short_key(q.nk) AND h.flags <> 1)",
    )
    .bind(feed)
    .bind(source)
    .bind(run.0)
    .fetch_all(&mut **tx)
    .await
    .map_err(what)?;
    let seen = seen.into_iter().map(|(chunk, bytes)| Ok((chunk as u32, bitmap(&bytes)?))).collect::<Result<_, StoreError>>()?;
    let sightings =
        sightings.into_iter().map(|(rid, hash, several)| (rid as u32, Sighting { hash: hash_of(&hash), several })).collect();
    let conflicts = conflicts.into_iter().map(|(nk,)| nk).collect();
    Ok(OpenRun { feed: FeedId(feed as u32), source: i64::from(source), landings, seen, sightings, conflicts, walks: true })
}

/// The number of a source, by its name.
pub(super) async fn source_id(tx: &mut Tx, name: &str) -> Result<i32, StoreError> {
    let what = db("naming a source");
    // Mostly it is there, and its row, which is its lease too, is not to be locked for nothing.
    let known: Option<i32> =
        sqlx::query_scalar("SELECT id FROM source WHERE name = $1").bind(name).fetch_optional(&mut **tx).await.map_err(what)?;
    match known {
        Some(id) => Ok(id),
        None => sqlx::query_scalar(
            "INSERT INTO source (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(name)
        .fetch_one(&mut **tx)
        .await
        .map_err(what),
    }
}

/// Where the last run that ended well had come to.
async fn last_position(tx: &mut Tx, new: &NewRun, source: i32) -> Result<Option<Position>, StoreError> {
    let found: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT position FROM run WHERE feed = $1 AND source = $2 AND mapping = $3 AND ended IS NOT NULL AND error IS NULL \
         AND octet_length(position) > 0 ORDER BY id DESC LIMIT 1",
    )
    .bind(new.feed.0 as i32)
    .bind(source)
    .bind(new.mapping_digest.as_slice())
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("beginning a run"))?;
    Ok(found.map(Position))
}

/// When the last run began that read everything.
async fn last_whole(tx: &mut Tx, new: &NewRun, source: i32) -> Result<Option<Millis>, StoreError> {
    sqlx::query_scalar(
        "SELECT began FROM run WHERE feed = $1 AND source = $2 AND mapping = $3 AND ended IS NOT NULL AND whole \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(new.feed.0 as i32)
    .bind(source)
    .bind(new.mapping_digest.as_slice())
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("beginning a run"))
}

impl PostgresStore {
    pub(super) async fn begin_run_row(&self, new: &NewRun) -> Result<RunStart, StoreError> {
        let what = db("beginning a run");
        let mut tx = self.begin("beginning a run").await?;
        let source = source_id(&mut tx, &new.source).await?;
        self.fence(&mut tx, Row::Source(source)).await?;
        lock(&mut tx, new.feed).await?;
        let open: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT id, mapping, position FROM run WHERE feed = $1 AND source = $2 AND ended IS NULL ORDER BY id DESC",
        )
        .bind(new.feed.0 as i32)
        .bind(source)
        .fetch_all(&mut *tx)
        .await
        .map_err(what)?;
        // Another hub may have gone on with them since.
        self.runs().retain(|run, _| !open.iter().any(|(id, ..)| *id == run.0));
        if let Some((id, _, position)) =
            open.first().filter(|(_, mapping, position)| mapping.as_slice() == new.mapping_digest && !position.is_empty())
        {
            let start = RunStart { run: RunId(*id), resume: Some(Position(position.clone())), after: None, whole_at: None };
            // What stopped it is over.
            sqlx::query("UPDATE run SET error = NULL WHERE id = $1").bind(id).execute(&mut *tx).await.map_err(what)?;
            self.commit(tx, "taking a run up").await?;
            return Ok(start);
        }
        for (id, ..) in &open {
            interrupt(&mut tx, RunId(*id), new.at).await?;
        }
        let after = last_position(&mut tx, new, source).await?;
        let whole_at = last_whole(&mut tx, new, source).await?;
        let run: i64 = sqlx::query_scalar("INSERT INTO run (source, feed, mapping, began) VALUES ($1, $2, $3, $4) RETURNING id")
            .bind(source)
            .bind(new.feed.0 as i32)
            .bind(new.mapping_digest.as_slice())
            .bind(new.at)
            .fetch_one(&mut *tx)
            .await
            .map_err(what)?;
        self.commit(tx, "beginning a run").await?;
        Ok(RunStart { run: RunId(run), resume: None, after, whole_at })
    }

    pub(super) async fn hold_run_row(&self, run: RunId, error: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin("leaving a run open").await?;
        let (source, _) = place(&mut tx, run).await?;
        self.fence(&mut tx, Row::Source(source)).await?;
        let sql = "UPDATE run SET error = $2 WHERE id = $1 AND ended IS NULL AND octet_length(position) > 0";
        let done = sqlx::query(sql).bind(run.0).bind(error).execute(&mut *tx).await.map_err(db("leaving a run open"))?;
        self.commit(tx, "leaving a run open").await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn finish_run_with(&self, run: RunId, end: &RunEnd, seen: Option<&Seen>) -> Result<RunSummary, StoreError> {
        let mut tx = self.begin("ending a run").await?;
        let known = self.runs().remove(&run);
        let (source, feed) = match &known {
            Some(open) => (open.source as i32, open.feed),
            None => place(&mut tx, run).await?,
        };
        self.fence(&mut tx, Row::Source(source)).await?;
        let locked = lock(&mut tx, feed).await?;
        let open = match known {
            Some(open) => open,
            None => load(&mut tx, run).await?,
        };
        let summary = finish(&mut tx, &locked, run, &open, end).await?;
        if let Some(seen) = seen {
            super::shapes::note(&mut tx, (run, source, feed), end, seen).await?;
        }
        self.commit(tx, "ending a run").await?;
        Ok(summary)
    }
}

/// Closes a run that stays as it is.
pub(super) async fn interrupt(tx: &mut Tx, run: RunId, at: Millis) -> Result<(), StoreError> {
    forget(tx, run).await?;
    let sql = "UPDATE run SET ended = $2, error = 'interrupted' WHERE id = $1";
    sqlx::query(sql).bind(run.0).bind(at).execute(&mut **tx).await.map_err(db("closing an interrupted run"))?;
    Ok(())
}

/// Totals of a run, and what was missed.
type Sums = (i64, i64, i64, i64, i64, i64, i64, i64);

/// Ends a run.
pub(super) async fn finish(
    tx: &mut Tx,
    locked: &Locked,
    run: RunId,
    open: &OpenRun,
    end: &RunEnd,
) -> Result<RunSummary, StoreError> {
    let what = db("ending a run");
    let (mut summary, mut gone) = (RunSummary::default(), deletion::Missed::default());
    sharing::share(tx, open, end.complete).await?;
    if end.complete {
        summary.closed = close_unseen(tx, open, run).await?;
        unfreeze(tx, open, run).await?;
        let sql = "UPDATE feeds SET read_once = true WHERE id = $1";
        sqlx::query(sql).bind(open.feed.0 as i32).execute(&mut **tx).await.map_err(what)?;
        gone = deletion::find_missing(tx, locked, run, open, end).await?;
        (summary.missing, summary.deleted, summary.due) = (gone.missing, gone.buried, gone.due);
    } else {
        held::found_again(tx, open).await?;
    }
    forget(tx, run).await?;
    let totals: Option<Sums> = sqlx::query_as(
        "UPDATE run SET ended = $1, complete = $2, error = $3, whole = $6, columns = $7, parts = $8, doubt_zh = $9, doubt_en = $10 \
         WHERE id = $4 AND ended IS NULL AND landings = $5 RETURNING read, changed, unchanged, duplicate, quarantined, filtered, consumed, missed",
    )
    .bind(end.at)
    .bind(end.complete)
    .bind(&end.error)
    .bind(run.0)
    .bind(open.landings)
    .bind(end.whole)
    .bind(end.evidence.columns.as_ref().map(|digest| digest.as_slice()))
    .bind(i64::from(end.evidence.parts))
    .bind(end.evidence.doubt.as_ref().map(|doubt| doubt.zh.as_str()))
    .bind(end.evidence.doubt.as_ref().map(|doubt| doubt.en.as_str()))
    .fetch_optional(&mut **tx)
    .await
    .map_err(what)?;
    let (read, changed, unchanged, duplicate, quarantined, filtered, consumed, missed) =
        totals.ok_or_else(|| inconsistent(format!("run {} was gone on with elsewhere", run.0)))?;
    summary.landed = landed([read, changed, unchanged, duplicate, quarantined, filtered, consumed]);
    summary.missed = missed.unsigned_abs();
    summary.emptied = end.complete && came_out_empty(summary.landed.read, summary.landed.filtered, gone.had_rows);
    if end.error.is_none() {
        drop_former_position(tx, run).await?;
    }
    Ok(summary)
}

/// Drops the position that a run which ended well has taken the place of: some are thousands of bytes long.
async fn drop_former_position(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE run SET position = '' WHERE id = (SELECT o.id FROM run n JOIN run o ON o.feed = n.feed AND o.source = n.source \
         AND o.id < n.id AND o.mapping = n.mapping WHERE n.id = $1 AND octet_length(n.position) > 0 AND octet_length(o.position) > 0 \
         AND o.ended IS NOT NULL ORDER BY o.id DESC LIMIT 1)",
    )
    .bind(run.0)
    .execute(&mut **tx)
    .await
    .map_err(db("ending a run"))?;
    Ok(())
}

/// Drops what only a run under way needs.
pub(super) async fn forget(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    for sql in ["DELETE FROM seen WHERE run = $1", "DELETE FROM sighting WHERE run = $1"] {
        sqlx::query(sql).bind(run.0).execute(&mut **tx).await.map_err(db("ending a run"))?;
    }
    Ok(())
}

/// Closes quarantined rows that a complete read no longer contains.
async fn close_unseen(tx: &mut Tx, open: &OpenRun, run: RunId) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM quarantine WHERE feed = $1 AND source = $2 AND last_run <> $3")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .bind(run.0)
        .execute(&mut **tx)
        .await
        .map_err(db("closing quarantined rows"))?;
    Ok(done.rows_affected())
}

/// Unfreezes records whose keys a complete read has seen with one content only.
async fn unfreeze(tx: &mut Tx, open: &OpenRun, run: RunId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE head SET flags = flags & ~$1::integer WHERE feed = $2 AND flags <> 0 AND flags = $1 \
         AND rid IN (SELECT rid FROM sighting WHERE run = $3 AND NOT several)",
    )
    .bind(FROZEN as i32)
    .bind(open.feed.0 as i32)
    .bind(run.0)
    .execute(&mut **tx)
    .await
    .map_err(db("unfreezing records"))?;
    Ok(())
}
