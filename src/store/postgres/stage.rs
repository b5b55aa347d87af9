//! Staging: rows into a batch and into exceptions, and the cursor past them, in one transaction.

use std::collections::HashMap;

use super::fault::db;
use super::lease::Row;
use super::lock::lock;
use super::place::count;
use super::{PostgresStore, Tx, flight, inconsistent, signed};
use crate::store::moves::{Excepted, Known, LOW, Moves, Tally, doubtful};
use crate::store::place::{CursorColumns, cursor_of, ranges, reason_code};
use crate::store::{BatchId, Cursor, FeedId, Stage, StoreError, UpstreamId};

/// The rows that one stage speaks of, for one upstream and feed.
struct Staging<'a> {
    upstream: UpstreamId,
    feed: FeedId,
    stage: &'a Stage,
    old: Cursor,
}

impl PostgresStore {
    pub(super) async fn stage_rows(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        stage: &Stage,
    ) -> Result<Option<BatchId>, StoreError> {
        let mut tx = self.begin("staging").await?;
        self.fence(&mut tx, Row::Upstream(upstream.0 as i32)).await?;
        lock(&mut tx, feed).await?;
        let old = cursor(&mut tx, upstream, feed).await?;
        let staging = Staging { upstream, feed, stage, old };
        let known = staging.known(&mut tx).await?;
        let moves = Moves::new(stage, &known)?;
        let batch = if stage.members.is_empty() { None } else { Some(staging.insert_batch(&mut tx, &moves).await?) };
        staging.insert_exceptions(&mut tx).await?;
        staging.set_cursor(&mut tx).await?;
        count(&mut tx, feed, upstream, &moves.delta).await?;
        self.commit(tx, "staging").await?;
        Ok(batch)
    }
}

/// The cursor of an attached upstream.
pub(super) async fn cursor(tx: &mut Tx, upstream: UpstreamId, feed: FeedId) -> Result<Cursor, StoreError> {
    let columns: Option<CursorColumns> =
        sqlx::query_as("SELECT cursor, backfill_from, backfill_to FROM stock WHERE feed = $1 AND upstream = $2")
            .bind(feed.0 as i32)
            .bind(upstream.0 as i32)
            .fetch_optional(&mut **tx)
            .await
            .map_err(db("reading the cursor"))?;
    columns.map(cursor_of).ok_or_else(|| inconsistent(format!("feed {} is not attached to upstream {}", feed.0, upstream.0)))
}

impl Staging<'_> {
    /// What the database has about the rows named.
    async fn known(&self, tx: &mut Tx) -> Result<Known, StoreError> {
        let passed = self.passed(tx).await?;
        let doubtful = doubtful(self.stage, &self.old, passed != Tally::of(self.stage, &self.old));
        let gone = if doubtful.is_empty() {
            Vec::new()
        } else {
            sqlx::query_scalar::<_, i64>(
                "SELECT j.seq FROM unnest($1::bigint[]) j(seq) WHERE NOT EXISTS (SELECT 1 FROM feed f WHERE f.feed = $2 AND f.seq = j.seq)",
            )
            .bind(signed(doubtful))
            .bind(self.feed.0 as i32)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("looking staged rows up"))?
        };
        Ok(Known {
            old: self.old,
            passed: passed.rows,
            gone: gone.into_iter().map(|seq| seq as u64).collect(),
            excepted: self.excepted(tx).await?,
            flying: flight::flying(&mut **tx, self.upstream, self.feed).await?.rids,
        })
    }

    /// Exceptions about the keys named.
    async fn excepted(&self, tx: &mut Tx) -> Result<HashMap<u32, Excepted>, StoreError> {
        let what = db("looking staged rows up");
        let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM exception WHERE upstream = $1 AND feed = $2)")
            .bind(self.upstream.0 as i32)
            .bind(self.feed.0 as i32)
            .fetch_one(&mut **tx)
            .await
            .map_err(what)?;
        if !any {
            return Ok(HashMap::new());
        }
        let rids = self.stage.members.iter().map(|m| m.rid).chain(self.stage.exceptions.iter().map(|e| e.rid));
        let rows: Vec<(i64, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT rid, seq, reason, refusals, split FROM exception WHERE upstream = $2 AND feed = $3 AND rid = ANY($1)",
        )
        .bind(signed(rids))
        .bind(self.upstream.0 as i32)
        .bind(self.feed.0 as i32)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
        let one = |(rid, seq, reason, refusals, split): (i64, i64, i64, i64, i64)| {
            (rid as u32, Excepted { seq: seq as u64, reason, refusals: refusals as u32, split: split as u32 })
        };
        Ok(rows.into_iter().map(one).collect())
    }

    /// The live rows that the cursor would pass: all rows less the deletions, counted by the indexes alone.
    async fn passed(&self, tx: &mut Tx) -> Result<Tally, StoreError> {
        let mut passed = Tally::default();
        for (from, to) in ranges(&self.old, &self.stage.cursor)? {
            let (rows, sum, gone, gone_sum): (i64, i64, i64, i64) = sqlx::query_as(
                "SELECT a.n, a.s, g.n, g.s FROM (SELECT count(*) AS n, coalesce(sum(seq & $4), 0)::bigint AS s \
                 FROM feed WHERE feed = $1 AND seq > $2 AND seq <= $3) a, \
                 (SELECT count(*) AS n, coalesce(sum(seq & $4), 0)::bigint AS s \
                 FROM feed WHERE feed = $1 AND seq > $2 AND seq <= $3 AND op = 1) g",
            )
            .bind(self.feed.0 as i32)
            .bind(from as i64)
            .bind(to as i64)
            .bind(LOW as i64)
            .fetch_one(&mut **tx)
            .await
            .map_err(db("counting passed rows"))?;
            passed.add(rows as u64, sum as u64);
            passed.less(gone as u64, gone_sum as u64);
        }
        Ok(passed)
    }

    async fn insert_batch(&self, tx: &mut Tx, moves: &Moves) -> Result<BatchId, StoreError> {
        let what = db("writing a batch");
        let (upstream, feed, stage) = (self.upstream, self.feed, self.stage);
        let rows = stage.members.len() as i64;
        let (batch,): (i64,) = sqlx::query_as(
            "INSERT INTO batch (upstream, feed, phase, rows, staged, not_after) VALUES ($1, $2, 0, $3, $4, $5) RETURNING id",
        )
        .bind(upstream.0 as i32)
        .bind(feed.0 as i32)
        .bind(rows)
        .bind(stage.at)
        .bind(stage.not_after)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
        flight::insert(tx, batch, upstream, feed, moves).await?;
        if !moves.lifted.is_empty() {
            sqlx::query("DELETE FROM exception WHERE upstream = $1 AND feed = $2 AND rid = ANY($3)")
                .bind(upstream.0 as i32)
                .bind(feed.0 as i32)
                .bind(signed(moves.lifted.iter().map(|rid| u64::from(*rid))))
                .execute(&mut **tx)
                .await
                .map_err(what)?;
        }
        sqlx::query("UPDATE stock SET used = used + $1 WHERE feed = $2 AND upstream = $3")
            .bind(rows)
            .bind(feed.0 as i32)
            .bind(upstream.0 as i32)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        Ok(BatchId(batch))
    }

    async fn insert_exceptions(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let exceptions = &self.stage.exceptions;
        if exceptions.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO exception AS x (upstream, feed, rid, seq, reason, since, due) \
             SELECT $1, $2, f.rid, f.seq, j.reason, $3, j.due FROM unnest($4::bigint[], $5::bigint[], $6::bigint[]) j(seq, reason, due) \
             JOIN feed f ON f.seq = j.seq AND f.feed = $2 \
             ON CONFLICT (upstream, feed, rid) DO UPDATE SET due = excluded.due, reason = excluded.reason, \
             since = CASE WHEN x.reason = excluded.reason THEN x.since ELSE excluded.since END",
        )
        .bind(self.upstream.0 as i32)
        .bind(self.feed.0 as i32)
        .bind(self.stage.at)
        .bind(signed(exceptions.iter().map(|e| e.seq)))
        .bind(exceptions.iter().map(|e| reason_code(e.reason)).collect::<Vec<_>>())
        .bind(exceptions.iter().map(|e| e.due).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await
        .map_err(db("writing exceptions"))?;
        Ok(())
    }

    async fn set_cursor(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let Cursor { seq, backfill } = self.stage.cursor;
        let backfill = backfill.filter(|(from, to)| from < to);
        sqlx::query("UPDATE stock SET cursor = $1, backfill_from = $2, backfill_to = $3 WHERE feed = $4 AND upstream = $5")
            .bind(seq as i64)
            .bind(backfill.map(|(from, _)| from as i64))
            .bind(backfill.map(|(_, to)| to as i64))
            .bind(self.feed.0 as i32)
            .bind(self.upstream.0 as i32)
            .execute(&mut **tx)
            .await
            .map_err(db("moving the cursor"))?;
        Ok(())
    }
}
