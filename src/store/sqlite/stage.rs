//! Staging: rows into a batch and into exceptions, and the cursor past them, in one transaction.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::place::{CursorColumns, Delta, Place, cursor_of, ranges, reason_code};
use super::{SqliteStore, Writer, begin, inconsistent, number_list};
use crate::store::{BatchId, Cursor, FeedId, Reason, Stage, StoreError, UpstreamId};

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
        let mut delta = Delta::default();
        let members = number_list(stage.members.iter().map(|(_, seq, _)| *seq as i64));
        let mut ahead = staging.leave(&mut tx, &members, Place::InFlight, &mut delta).await?;
        for reason in Reason::ALL {
            let rows = || stage.exceptions.iter().filter(move |e| e.reason == reason);
            if rows().next().is_some() {
                let list = number_list(rows().map(|e| e.seq as i64));
                let place = Place::of_reason(reason_code(reason));
                ahead += staging.leave(&mut tx, &list, place, &mut delta).await?;
            }
        }
        let passed = staging.passed(&mut tx).await?;
        if passed != ahead {
            return Err(inconsistent(format!(
                "the cursor of feed {} would pass {passed} rows, of which {ahead} are in the batch or an exception",
                feed.0
            )));
        }
        let batch = if stage.members.is_empty() { None } else { Some(staging.insert_batch(&mut tx, &members).await?) };
        staging.insert_exceptions(&mut tx).await?;
        staging.set_cursor(&mut tx).await?;
        delta.apply(&mut tx, feed, upstream).await?;
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
    /// Counts where the newest live versions among these seqs are, and moves them to `to`. Seqs that are not the
    /// newest any more are passed over: the newer version has a place of its own. Returns how many were ahead.
    async fn leave(&self, tx: &mut Transaction<'_, Sqlite>, seqs: &str, to: Place, delta: &mut Delta) -> Result<u64, StoreError> {
        let (from, upto) = self.old.backfill.unwrap_or((0, 0));
        let places: Vec<(Option<i64>, bool, i64)> = sqlx::query_as(
            "SELECT e.reason, f.seq > ?1 OR (f.seq > ?2 AND f.seq <= ?3) AS ahead, count(*) FROM json_each(?4) j \
             CROSS JOIN feed f ON f.seq = j.value AND f.feed = ?5 AND f.op = 0 \
             LEFT JOIN exception e ON e.upstream = ?6 AND e.feed = ?5 AND e.rid = f.rid GROUP BY 1, 2",
        )
        .bind(self.old.seq as i64)
        .bind(from as i64)
        .bind(upto as i64)
        .bind(seqs)
        .bind(self.feed.0)
        .bind(self.upstream.0)
        .fetch_all(&mut **tx)
        .await
        .map_err(db("looking staged rows up"))?;
        let mut ahead = 0;
        for (reason, is_ahead, n) in places {
            let place = match (reason, is_ahead) {
                (Some(reason), false) => Place::of_reason(reason),
                (None, true) => {
                    ahead += n.unsigned_abs();
                    Place::Waiting
                }
                (None, false) => return Err(inconsistent("a staged row is neither ahead of the cursor nor an exception")),
                (Some(_), true) => return Err(inconsistent("a row is both ahead of the cursor and an exception")),
            };
            delta.add(place, -n);
            delta.add(to, n);
        }
        Ok(ahead)
    }

    /// How many live rows the cursor would pass.
    async fn passed(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<u64, StoreError> {
        let new = self.stage.cursor;
        let mut passed = 0;
        for (from, to) in ranges(&self.old, &new)? {
            let (n,): (i64,) = sqlx::query_as(
                "SELECT count(*) FROM feed INDEXED BY feed_order WHERE feed = ? AND seq > ? AND seq <= ? AND op = 0",
            )
            .bind(self.feed.0)
            .bind(from as i64)
            .bind(to as i64)
            .fetch_one(&mut **tx)
            .await
            .map_err(db("counting passed rows"))?;
            passed += n.unsigned_abs();
        }
        Ok(passed)
    }

    async fn insert_batch(&self, tx: &mut Transaction<'_, Sqlite>, seqs: &str) -> Result<BatchId, StoreError> {
        let what = db("writing a batch");
        let (upstream, feed, stage) = (self.upstream, self.feed, self.stage);
        let rows = stage.members.len();
        let (batch,): (i64,) = sqlx::query_as(
            "INSERT INTO batch (upstream, feed, phase, rows, staged, not_after) VALUES (?, ?, 0, ?, ?, ?) RETURNING id",
        )
        .bind(upstream.0)
        .bind(feed.0)
        .bind(rows as i64)
        .bind(stage.at)
        .bind(stage.not_after)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
        let done = sqlx::query(
            "INSERT INTO member (batch, ordinal, upstream, feed, rid, seq, hash, key, op, refusals, split) \
             SELECT ?1, j.key, ?2, ?3, f.rid, f.seq, f.hash, f.key, f.op, coalesce(e.refusals, 0), coalesce(e.split, 0) \
             FROM json_each(?4) j CROSS JOIN feed f ON f.seq = j.value AND f.feed = ?3 \
             LEFT JOIN exception e ON e.upstream = ?2 AND e.feed = ?3 AND e.rid = f.rid",
        )
        .bind(batch)
        .bind(upstream.0)
        .bind(feed.0)
        .bind(seqs)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
        if done.rows_affected() < rows as u64 {
            self.insert_overtaken(tx, batch, rows as u64 - done.rows_affected()).await?;
        }
        // Only exceptions about these very versions go; one about a newer version stays.
        sqlx::query(
            "DELETE FROM exception WHERE upstream = ?1 AND feed = ?2 AND (rid, seq) IN (SELECT rid, seq FROM member WHERE batch = ?3)",
        )
        .bind(upstream.0)
        .bind(feed.0)
        .bind(batch)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
        sqlx::query("UPDATE stock SET used = used + ? WHERE feed = ? AND upstream = ?")
            .bind(rows as i64)
            .bind(feed.0)
            .bind(upstream.0)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        Ok(BatchId(batch))
    }

    /// Members whose row changed after it was read: the old version goes out all the same, the newer one is ahead.
    async fn insert_overtaken(&self, tx: &mut Transaction<'_, Sqlite>, batch: i64, want: u64) -> Result<(), StoreError> {
        let mut found = 0;
        let present: Vec<(u32,)> = sqlx::query_as("SELECT ordinal FROM member WHERE batch = ?")
            .bind(batch)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("writing a batch"))?;
        let present: std::collections::HashSet<u32> = present.into_iter().map(|(o,)| o).collect();
        let members = (0u32..).zip(&self.stage.members).filter(|(ordinal, _)| !present.contains(ordinal));
        for (ordinal, (rid, seq, hash)) in members {
            let done = sqlx::query(
                "INSERT INTO member (batch, ordinal, upstream, feed, rid, seq, hash, key, op, refusals, split) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, f.key, 0, 0, 0 FROM head h JOIN feed f ON f.seq = h.seq \
                 WHERE h.feed = ?4 AND h.rid = ?5 LIMIT 1",
            )
            .bind(batch)
            .bind(ordinal)
            .bind(self.upstream.0)
            .bind(self.feed.0)
            .bind(*rid as i64)
            .bind(*seq as i64)
            .bind(hash.0.to_vec())
            .execute(&mut **tx)
            .await
            .map_err(db("writing a batch"))?;
            found += done.rows_affected();
        }
        if found == want { Ok(()) } else { Err(inconsistent("a batch names rows that the feed does not have")) }
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
