//! Staging: rows into a batch and into exceptions, and the cursor past them, in one transaction.

use std::collections::HashMap;

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::place::{CursorColumns, cursor_of, ranges, reason_code};
use super::{SqliteStore, Writer, begin, flight, inconsistent, number_list};
use crate::store::moves::{Excepted, Known, LOW, Moves, Tally, doubtful};
use crate::store::{BatchId, Cursor, FeedId, Stage, StoreError, UpstreamId};

/// The rows that one stage speaks of, for one upstream and feed.
struct Staging<'a> {
    upstream: UpstreamId,
    feed: FeedId,
    stage: &'a Stage,
    old: Cursor,
}

impl SqliteStore {
    pub(super) async fn stage_rows(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        stage: &Stage,
    ) -> Result<Option<BatchId>, StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "staging").await?;
        let old = cursor(&mut tx, upstream, feed).await?;
        let staging = Staging { upstream, feed, stage, old };
        let known = staging.known(&mut tx).await?;
        let moves = Moves::new(stage, &known)?;
        let batch = if stage.members.is_empty() { None } else { Some(staging.insert_batch(&mut tx, &moves).await?) };
        staging.insert_exceptions(&mut tx).await?;
        staging.set_cursor(&mut tx).await?;
        moves.delta.apply(&mut tx, feed, upstream).await?;
        self.commit(tx, "staging").await?;
        Ok(batch)
    }
}

/// The cursor of an attached upstream.
pub(super) async fn cursor(tx: &mut Transaction<'_, Sqlite>, upstream: UpstreamId, feed: FeedId) -> Result<Cursor, StoreError> {
    let columns: Option<CursorColumns> =
        sqlx::query_as("SELECT cursor, backfill_from, backfill_to FROM stock WHERE feed = ? AND upstream = ?")
            .bind(feed.0)
            .bind(upstream.0)
            .fetch_optional(&mut **tx)
            .await
            .map_err(db("reading the cursor"))?;
    columns.map(cursor_of).ok_or_else(|| inconsistent(format!("feed {} is not attached to upstream {}", feed.0, upstream.0)))
}

impl Staging<'_> {
    /// What the database has about the rows named.
    async fn known(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<Known, StoreError> {
        let passed = self.passed(tx).await?;
        let doubtful = doubtful(self.stage, &self.old, passed != Tally::of(self.stage, &self.old));
        let gone = if doubtful.is_empty() {
            Vec::new()
        } else {
            sqlx::query_scalar::<_, i64>(
                "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM feed f WHERE f.seq = value AND f.feed = ?)",
            )
            .bind(number_list(doubtful.into_iter().map(|seq| seq as i64)))
            .bind(self.feed.0)
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
    async fn excepted(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<HashMap<u32, Excepted>, StoreError> {
        let what = db("looking staged rows up");
        let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM exception WHERE upstream = ? AND feed = ?)")
            .bind(self.upstream.0)
            .bind(self.feed.0)
            .fetch_one(&mut **tx)
            .await
            .map_err(what)?;
        if !any {
            return Ok(HashMap::new());
        }
        let rids = self.stage.members.iter().map(|m| m.rid).chain(self.stage.exceptions.iter().map(|e| e.rid));
        let rows: Vec<(u32, i64, i64, u32, u32)> = sqlx::query_as(
            "SELECT e.rid, e.seq, e.reason, e.refusals, e.split FROM json_each(?) j CROSS JOIN exception e \
             ON e.upstream = ? AND e.feed = ? AND e.rid = j.value",
        )
        .bind(number_list(rids.map(|rid| rid as i64)))
        .bind(self.upstream.0)
        .bind(self.feed.0)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
        let one = |(rid, seq, reason, refusals, split): (u32, i64, i64, u32, u32)| {
            (rid, Excepted { seq: seq as u64, reason, refusals, split })
        };
        Ok(rows.into_iter().map(one).collect())
    }

    /// The live rows that the cursor would pass: all rows less the deletions, counted by the indexes alone.
    async fn passed(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<Tally, StoreError> {
        let mut passed = Tally::default();
        for (from, to) in ranges(&self.old, &self.stage.cursor)? {
            let (rows, sum, gone, gone_sum): (i64, i64, i64, i64) = sqlx::query_as(
                "SELECT a.n, a.s, g.n, g.s FROM (SELECT count(*) AS n, coalesce(sum(seq & ?4), 0) AS s \
                 FROM feed INDEXED BY feed_order WHERE feed = ?1 AND seq > ?2 AND seq <= ?3) a, \
                 (SELECT count(*) AS n, coalesce(sum(seq & ?4), 0) AS s \
                 FROM feed INDEXED BY feed_gone WHERE feed = ?1 AND seq > ?2 AND seq <= ?3 AND op = 1) g",
            )
            .bind(self.feed.0)
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

    async fn insert_batch(&self, tx: &mut Transaction<'_, Sqlite>, moves: &Moves) -> Result<BatchId, StoreError> {
        let what = db("writing a batch");
        let (upstream, feed, stage) = (self.upstream, self.feed, self.stage);
        let rows = stage.members.len() as i64;
        let (batch,): (i64,) = sqlx::query_as(
            "INSERT INTO batch (upstream, feed, phase, rows, staged, not_after) VALUES (?, ?, 0, ?, ?, ?) RETURNING id",
        )
        .bind(upstream.0)
        .bind(feed.0)
        .bind(rows)
        .bind(stage.at)
        .bind(stage.not_after)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
        flight::insert(tx, batch, upstream, feed, moves).await?;
        if !moves.lifted.is_empty() {
            sqlx::query("DELETE FROM exception WHERE upstream = ? AND feed = ? AND rid IN (SELECT value FROM json_each(?))")
                .bind(upstream.0)
                .bind(feed.0)
                .bind(number_list(moves.lifted.iter().map(|rid| i64::from(*rid))))
                .execute(&mut **tx)
                .await
                .map_err(what)?;
        }
        sqlx::query("UPDATE stock SET used = used + ? WHERE feed = ? AND upstream = ?")
            .bind(rows)
            .bind(feed.0)
            .bind(upstream.0)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        Ok(BatchId(batch))
    }

    async fn insert_exceptions(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
        if self.stage.exceptions.is_empty() {
            return Ok(());
        }
        let list: Vec<serde_json::Value> =
            self.stage.exceptions.iter().map(|e| serde_json::json!([e.seq, reason_code(e.reason), e.due])).collect();
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due) \
             SELECT ?1, ?2, f.rid, f.seq, j.value ->> 1, ?3, j.value ->> 2 FROM json_each(?4) j \
             CROSS JOIN feed f ON f.seq = j.value ->> 0 AND f.feed = ?2 WHERE true \
             ON CONFLICT (upstream, feed, rid) DO UPDATE SET due = excluded.due, reason = excluded.reason, \
             since = CASE WHEN reason = excluded.reason THEN since ELSE excluded.since END",
        )
        .bind(self.upstream.0)
        .bind(self.feed.0)
        .bind(self.stage.at)
        .bind(serde_json::Value::Array(list).to_string())
        .execute(&mut **tx)
        .await
        .map_err(db("writing exceptions"))?;
        Ok(())
    }

    async fn set_cursor(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
        let Cursor { seq, backfill } = self.stage.cursor;
        let backfill = backfill.filter(|(from, to)| from < to);
        sqlx::query("UPDATE stock SET cursor = ?, backfill_from = ?, backfill_to = ? WHERE feed = ? AND upstream = ?")
            .bind(seq as i64)
            .bind(backfill.map(|(from, _)| from as i64))
            .bind(backfill.map(|(_, to)| to as i64))
            .bind(self.feed.0)
            .bind(self.upstream.0)
            .execute(&mut **tx)
            .await
            .map_err(db("moving the cursor"))?;
        Ok(())
    }
}
