//! Pushed rows: positions of producers, snapshots, landings outside a run.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::runs::{self, OpenRun};
use super::{SqliteStore, Writer, begin, held, inconsistent, landing, sharing};
use crate::store::{
    FeedId, Landed, LandingBatch, Millis, OpenSnapshot, PushMark, PushState, Pushes, RunEnd, RunId, RunSummary, StoreError,
};

/// What the position of a run of pushed rows says: that it is one.
const PUSHED: &[u8] = b"pushed";
/// Pushes that began within this time are counted in one run.
const ONE_RUN: Millis = 24 * 3_600_000;

#[async_trait::async_trait]
impl Pushes for SqliteStore {
    async fn push_state(&self, feed: FeedId, source: &str, producer: &str) -> Result<PushState, StoreError> {
        let what = db("reading where a producer stands");
        let position: Option<(i64,)> = sqlx::query_as(
            "SELECT p.position FROM pushed p JOIN source s ON s.id = p.source WHERE p.feed = ? AND s.name = ? AND p.producer = ?",
        )
        .bind(feed.0)
        .bind(source)
        .bind(producer)
        .fetch_optional(self.readers()?)
        .await
        .map_err(what)?;
        let open: Option<(i64, String, Vec<u8>)> = sqlx::query_as(
            "SELECT r.id, p.producer, r.mapping FROM pushed p JOIN source s ON s.id = p.source JOIN run r ON r.id = p.snapshot \
             WHERE p.feed = ? AND s.name = ? AND r.ended IS NULL ORDER BY r.id DESC LIMIT 1",
        )
        .bind(feed.0)
        .bind(source)
        .fetch_optional(self.readers()?)
        .await
        .map_err(what)?;
        Ok(PushState {
            position: position.map_or(0, |(position,)| position.unsigned_abs()),
            snapshot: open.map(|(run, producer, mapping)| OpenSnapshot {
                run: RunId(run),
                producer,
                mapping_digest: mapping.try_into().unwrap_or_default(),
            }),
        })
    }

    async fn begin_snapshot(&self, mark: &PushMark, mapping_digest: [u8; 16], at: Millis) -> Result<RunId, StoreError> {
        let what = "beginning a snapshot";
        let mut guard = self.writer().await?;
        let Writer { conn, runs, .. } = &mut *guard;
        let mut tx = begin(conn, what).await?;
        let source = runs::source_id(&mut tx, &mark.source).await?;
        runs::interrupt(&mut tx, runs, mark.feed, source, at).await?;
        sqlx::query("UPDATE pushed SET snapshot = NULL WHERE feed = ? AND source = ?")
            .bind(mark.feed.0)
            .bind(source)
            .execute(&mut *tx)
            .await
            .map_err(db(what))?;
        let (run,): (i64,) =
            sqlx::query_as("INSERT INTO run (source, feed, mapping, began, position) VALUES (?, ?, ?, ?, ?) RETURNING id")
                .bind(source)
                .bind(mark.feed.0)
                .bind(mapping_digest.as_slice())
                .bind(at)
                .bind(PUSHED)
                .fetch_one(&mut *tx)
                .await
                .map_err(db(what))?;
        note(&mut tx, mark, source, Some(run)).await?;
        self.commit(tx, what).await?;
        Ok(RunId(run))
    }

    async fn land_pushed(
        &self,
        mark: &PushMark,
        mapping_digest: [u8; 16],
        batch: &LandingBatch<'_>,
    ) -> Result<Landed, StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, runs, shapes } = &mut *guard;
        let mut tx = begin(conn, "landing").await?;
        let source = runs::source_id(&mut tx, &mark.source).await?;
        let snapshot = snapshot_of(&mut tx, mark, source).await?;
        let (run, mut open) = match snapshot {
            Some(run) => {
                let open = match runs.remove(&run) {
                    Some(open) => open,
                    None => runs::load(&mut tx, run).await?,
                };
                (run, open)
            }
            None => (pushed_run(&mut tx, mark.feed, source, mapping_digest, batch.at).await?, fresh(mark.feed, source)),
        };
        let done = landing::land_in(&mut tx, feeds, shapes, run, &mut open, batch).await?;
        if snapshot.is_none() {
            sharing::share(&mut tx, &open, false).await?;
            held::found_again(&mut tx, &open).await?;
            runs::forget(&mut tx, run).await?;
            sqlx::query("UPDATE run SET position = ?, ended = ? WHERE id = ?")
                .bind(PUSHED)
                .bind(batch.at)
                .bind(run.0)
                .execute(&mut *tx)
                .await
                .map_err(db("landing"))?;
        }
        note(&mut tx, mark, source, None).await?;
        self.commit(tx, "landing").await?;
        done.remember(feeds, mark.feed);
        if snapshot.is_some() {
            runs.insert(run, open);
        }
        Ok(done.landed)
    }

    async fn end_snapshot(&self, mark: &PushMark, end: &RunEnd) -> Result<RunSummary, StoreError> {
        let what = "ending a snapshot";
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, runs, .. } = &mut *guard;
        let mut tx = begin(conn, what).await?;
        let source = runs::source_id(&mut tx, &mark.source).await?;
        let Some(run) = snapshot_of(&mut tx, mark, source).await? else {
            return Err(inconsistent(format!("no snapshot of {} is under way in feed {}", mark.source, mark.feed.0)));
        };
        let summary = runs::finish(&mut tx, feeds, runs, run, end).await?;
        sqlx::query("UPDATE pushed SET snapshot = NULL WHERE feed = ? AND source = ?")
            .bind(mark.feed.0)
            .bind(source)
            .execute(&mut *tx)
            .await
            .map_err(db(what))?;
        note(&mut tx, mark, source, None).await?;
        self.commit(tx, what).await?;
        Ok(summary)
    }
}

/// A run that has seen nothing.
fn fresh(feed: FeedId, source: i64) -> OpenRun {
    OpenRun {
        feed,
        source,
        landings: 0,
        seen: BTreeMap::new(),
        sightings: HashMap::new(),
        conflicts: HashSet::new(),
        walks: true,
    }
}

/// The producer's own snapshot under way.
async fn snapshot_of(tx: &mut Transaction<'_, Sqlite>, mark: &PushMark, source: i64) -> Result<Option<RunId>, StoreError> {
    let run: Option<(i64,)> = sqlx::query_as(
        "SELECT r.id FROM pushed p JOIN run r ON r.id = p.snapshot \
         WHERE p.feed = ? AND p.source = ? AND p.producer = ? AND r.ended IS NULL",
    )
    .bind(mark.feed.0)
    .bind(source)
    .bind(&*mark.producer)
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("looking for a snapshot"))?;
    Ok(run.map(|(run,)| RunId(run)))
}

/// The run that a landing outside a snapshot is counted in: the last one, where it is of today and of the same mapping.
async fn pushed_run(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    source: i64,
    mapping: [u8; 16],
    at: Millis,
) -> Result<RunId, StoreError> {
    let what = db("beginning a run");
    let last: Option<(i64, bool)> = sqlx::query_as(
        "SELECT id, ended IS NOT NULL AND complete = 0 AND error IS NULL AND position = ? AND mapping = ? AND began > ? \
         FROM run WHERE feed = ? AND source = ? ORDER BY id DESC LIMIT 1",
    )
    .bind(PUSHED)
    .bind(mapping.as_slice())
    .bind(at - ONE_RUN)
    .bind(feed.0)
    .bind(source)
    .fetch_optional(&mut **tx)
    .await
    .map_err(what)?;
    if let Some((run, true)) = last {
        return Ok(RunId(run));
    }
    let (run,): (i64,) =
        sqlx::query_as("INSERT INTO run (source, feed, mapping, began, ended) VALUES (?, ?, ?, ?, ?) RETURNING id")
            .bind(source)
            .bind(feed.0)
            .bind(mapping.as_slice())
            .bind(at)
            .bind(at)
            .fetch_one(&mut **tx)
            .await
            .map_err(what)?;
    Ok(RunId(run))
}

/// Notes where the producer stands.
async fn note(tx: &mut Transaction<'_, Sqlite>, mark: &PushMark, source: i64, snapshot: Option<i64>) -> Result<(), StoreError> {
    let position = mark.position.map(i64::try_from).transpose().map_err(|_| inconsistent("a position is out of range"))?;
    sqlx::query(
        "INSERT INTO pushed (feed, source, producer, position, snapshot) VALUES (?1, ?2, ?3, coalesce(?4, 0), ?5) \
         ON CONFLICT (feed, source, producer) DO UPDATE SET position = coalesce(?4, position), snapshot = coalesce(?5, snapshot)",
    )
    .bind(mark.feed.0)
    .bind(source)
    .bind(&*mark.producer)
    .bind(position)
    .bind(snapshot)
    .execute(&mut **tx)
    .await
    .map_err(db("noting where a producer stands"))?;
    Ok(())
}
