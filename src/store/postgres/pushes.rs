//! Pushed rows: positions of producers, snapshots, landings outside a run.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fault::db;
use super::lease::Row;
use super::lock::lock;
use super::runs;
use super::{PostgresStore, Tx, held, inconsistent, sharing};
use crate::store::open_run::OpenRun;
use crate::store::{
    FeedId, Landed, LandingBatch, Millis, OpenSnapshot, PushMark, PushState, Pushes, RunEnd, RunId, RunSummary, StoreError,
};

/// What the position of a run of pushed rows says: that it is one.
const PUSHED: &[u8] = b"pushed";
/// Pushes that began within this time are counted in one run.
const ONE_RUN: Millis = 24 * 3_600_000;

#[async_trait::async_trait]
impl Pushes for PostgresStore {
    async fn push_state(&self, feed: FeedId, source: &str, producer: &str) -> Result<PushState, StoreError> {
        let what = db("reading where a producer stands");
        let position: Option<i64> = sqlx::query_scalar(
            "SELECT p.position FROM pushed p JOIN source s ON s.id = p.source WHERE p.feed = $1 AND s.name = $2 AND p.producer = $3",
        )
        .bind(feed.0 as i32)
        .bind(source)
        .bind(producer)
        .fetch_optional(self.readers()?)
        .await
        .map_err(what)?;
        let open: Option<(i64, String, Vec<u8>)> = sqlx::query_as(
            "SELECT r.id, p.producer, r.mapping FROM pushed p JOIN source s ON s.id = p.source JOIN run r ON r.id = p.snapshot \
             WHERE p.feed = $1 AND s.name = $2 AND r.ended IS NULL ORDER BY r.id DESC LIMIT 1",
        )
        .bind(feed.0 as i32)
        .bind(source)
        .fetch_optional(self.readers()?)
        .await
        .map_err(what)?;
        Ok(PushState {
            position: position.map_or(0, i64::unsigned_abs),
            snapshot: open.map(|(run, producer, mapping)| OpenSnapshot {
                run: RunId(run),
                producer,
                mapping_digest: mapping.try_into().unwrap_or_default(),
            }),
        })
    }

    async fn begin_snapshot(&self, mark: &PushMark, mapping_digest: [u8; 16], at: Millis) -> Result<RunId, StoreError> {
        let what = "beginning a snapshot";
        let (mut tx, source) = self.begin_pushing(mark, what).await?;
        lock(&mut tx, mark.feed).await?;
        let open: Vec<i64> = sqlx::query_scalar("SELECT id FROM run WHERE feed = $1 AND source = $2 AND ended IS NULL")
            .bind(mark.feed.0 as i32)
            .bind(source)
            .fetch_all(&mut *tx)
            .await
            .map_err(db(what))?;
        for run in open {
            runs::interrupt(&mut tx, RunId(run), at).await?;
            self.runs().remove(&RunId(run));
        }
        no_snapshot(&mut tx, mark, source).await?;
        let run: i64 = sqlx::query_scalar(
            "INSERT INTO run (source, feed, mapping, began, position) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(source)
        .bind(mark.feed.0 as i32)
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
        let (mut tx, source) = self.begin_pushing(mark, "landing").await?;
        let locked = lock(&mut tx, mark.feed).await?;
        let snapshot = snapshot_of(&mut tx, mark, source).await?;
        let (run, mut open) = match snapshot {
            Some(run) => {
                let known = self.runs().remove(&run);
                let open = match known {
                    Some(open) => open,
                    None => runs::load(&mut tx, run).await?,
                };
                (run, open)
            }
            None => {
                let (run, landings) = pushed_run(&mut tx, mark.feed, source, mapping_digest, batch.at).await?;
                (run, fresh(mark.feed, source, landings))
            }
        };
        let landed = self.land_in(&mut tx, &locked, run, &mut open, batch, snapshot.is_none()).await?;
        if snapshot.is_none() {
            sharing::share(&mut tx, &open, false).await?;
            held::found_again(&mut tx, &open).await?;
            runs::forget(&mut tx, run).await?;
            sqlx::query("UPDATE run SET position = $1, ended = $2 WHERE id = $3")
                .bind(PUSHED)
                .bind(batch.at)
                .bind(run.0)
                .execute(&mut *tx)
                .await
                .map_err(db("landing"))?;
        }
        note(&mut tx, mark, source, None).await?;
        self.commit(tx, "landing").await?;
        if snapshot.is_some() {
            self.runs().insert(run, open);
        }
        Ok(landed)
    }

    async fn end_snapshot(&self, mark: &PushMark, end: &RunEnd) -> Result<RunSummary, StoreError> {
        let what = "ending a snapshot";
        let (mut tx, source) = self.begin_pushing(mark, what).await?;
        let locked = lock(&mut tx, mark.feed).await?;
        let Some(run) = snapshot_of(&mut tx, mark, source).await? else {
            return Err(inconsistent(format!("no snapshot of {} is under way in feed {}", mark.source, mark.feed.0)));
        };
        let known = self.runs().remove(&run);
        let open = match known {
            Some(open) => open,
            None => runs::load(&mut tx, run).await?,
        };
        let summary = runs::finish(&mut tx, &locked, run, &open, end).await?;
        no_snapshot(&mut tx, mark, source).await?;
        note(&mut tx, mark, source, None).await?;
        self.commit(tx, what).await?;
        Ok(summary)
    }
}

impl PostgresStore {
    /// A transaction that has the lease on the source.
    async fn begin_pushing(&self, mark: &PushMark, what: &'static str) -> Result<(Tx, i32), StoreError> {
        let mut tx = self.begin(what).await?;
        let source = runs::source_id(&mut tx, &mark.source).await?;
        self.fence(&mut tx, Row::Source(source)).await?;
        Ok((tx, source))
    }
}

/// A run that has seen nothing.
fn fresh(feed: FeedId, source: i32, landings: i64) -> OpenRun {
    OpenRun {
        feed,
        source: i64::from(source),
        landings,
        seen: BTreeMap::new(),
        sightings: HashMap::new(),
        conflicts: HashSet::new(),
        walks: true,
    }
}

/// No snapshot of the source is under way any more.
async fn no_snapshot(tx: &mut Tx, mark: &PushMark, source: i32) -> Result<(), StoreError> {
    sqlx::query("UPDATE pushed SET snapshot = NULL WHERE feed = $1 AND source = $2")
        .bind(mark.feed.0 as i32)
        .bind(source)
        .execute(&mut **tx)
        .await
        .map_err(db("closing a snapshot"))?;
    Ok(())
}

/// The producer's own snapshot under way.
async fn snapshot_of(tx: &mut Tx, mark: &PushMark, source: i32) -> Result<Option<RunId>, StoreError> {
    let run: Option<i64> = sqlx::query_scalar(
        "SELECT r.id FROM pushed p JOIN run r ON r.id = p.snapshot \
         WHERE p.feed = $1 AND p.source = $2 AND p.producer = $3 AND r.ended IS NULL",
    )
    .bind(mark.feed.0 as i32)
    .bind(source)
    .bind(&*mark.producer)
    .fetch_optional(&mut **tx)
    .await
    .map_err(db("looking for a snapshot"))?;
    Ok(run.map(RunId))
}

/// The run that a landing outside a snapshot is counted in, and its landings so far: the last one, where it is of today and
/// of the same mapping.
async fn pushed_run(tx: &mut Tx, feed: FeedId, source: i32, mapping: [u8; 16], at: Millis) -> Result<(RunId, i64), StoreError> {
    let what = db("beginning a run");
    let last: Option<(i64, bool, i64)> = sqlx::query_as(
        "SELECT id, ended IS NOT NULL AND NOT complete AND error IS NULL AND position = $1 AND mapping = $2 AND began > $3, \
         landings FROM run WHERE feed = $4 AND source = $5 ORDER BY id DESC LIMIT 1",
    )
    .bind(PUSHED)
    .bind(mapping.as_slice())
    .bind(at - ONE_RUN)
    .bind(feed.0 as i32)
    .bind(source)
    .fetch_optional(&mut **tx)
    .await
    .map_err(what)?;
    if let Some((run, true, landings)) = last {
        return Ok((RunId(run), landings));
    }
    let run: i64 =
        sqlx::query_scalar("INSERT INTO run (source, feed, mapping, began, ended) VALUES ($1, $2, $3, $4, $4) RETURNING id")
            .bind(source)
            .bind(feed.0 as i32)
            .bind(mapping.as_slice())
            .bind(at)
            .fetch_one(&mut **tx)
            .await
            .map_err(what)?;
    Ok((RunId(run), 0))
}

/// Notes where the producer stands.
async fn note(tx: &mut Tx, mark: &PushMark, source: i32, snapshot: Option<i64>) -> Result<(), StoreError> {
    let position = mark.position.map(i64::try_from).transpose().map_err(|_| inconsistent("a position is out of range"))?;
    sqlx::query(
        "INSERT INTO pushed AS p (feed, source, producer, position, snapshot) VALUES ($1, $2, $3, coalesce($4::bigint, 0), $5::bigint) \
         ON CONFLICT (feed, source, producer) DO UPDATE SET position = coalesce($4::bigint, p.position), \
         snapshot = coalesce($5::bigint, p.snapshot)",
    )
    .bind(mark.feed.0 as i32)
    .bind(source)
    .bind(&*mark.producer)
    .bind(position)
    .bind(snapshot)
    .execute(&mut **tx)
    .await
    .map_err(db("noting where a producer stands"))?;
    Ok(())
}
