//! Staging: rows into a batch and into exceptions, and the cursor past them, in one transaction.

use super::fault::db;
use super::lease::Row;
use super::lock::lock;
use super::place::count;
use super::{PostgresStore, Tx, inconsistent, signed};
use crate::store::place::{CursorColumns, Delta, Place, cursor_of, reason_code};
use crate::store::{BatchId, Cursor, FeedId, Reason, Stage, StoreError, UpstreamId};

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
        let mut delta = Delta::default();
        let members = signed(stage.members.iter().map(|(_, seq, _)| *seq));
        let mut ahead = staging.leave(&mut tx, &members, Place::InFlight, &mut delta).await?;
        for reason in Reason::ALL {
            let seqs = signed(stage.exceptions.iter().filter(|e| e.reason == reason).map(|e| e.seq));
            if !seqs.is_empty() {
                let place = Place::of_reason(reason_code(reason));
                ahead += staging.leave(&mut tx, &seqs, place, &mut delta).await?;
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
        count(&mut tx, feed, upstream, &delta).await?;
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
    /// Counts where the newest live versions among these seqs are, and moves them to `to`. Seqs that are not the
    /// newest any more are passed over: the newer version has a place of its own. Returns how many were ahead.
    async fn leave(&self, tx: &mut Tx, seqs: &[i64], to: Place, delta: &mut Delta) -> Result<u64, StoreError> {
        let (from, upto) = self.old.backfill.unwrap_or((0, 0));
        let places: Vec<(Option<i64>, bool, i64)> = sqlx::query_as(
            "SELECT e.reason, f.seq > $1 OR (f.seq > $2 AND f.seq <= $3), count(*) FROM feed f \
             LEFT JOIN exception e ON e.upstream = $6 AND e.feed = $5 AND e.rid = f.rid \
             WHERE f.feed = $5 AND f.seq = ANY($4) AND f.op = 0 GROUP BY 1, 2",
        )
        .bind(self.old.seq as i64)
        .bind(from as i64)
        .bind(upto as i64)
        .bind(seqs)
        .bind(self.feed.0 as i32)
        .bind(self.upstream.0 as i32)
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
    async fn passed(&self, tx: &mut Tx) -> Result<u64, StoreError> {
        let new = self.stage.cursor;
        let mut passed = 0;
        for (from, to) in crate::store::place::ranges(&self.old, &new)? {
            let n: i64 = sqlx::query_scalar("SELECT count(*) FROM feed WHERE feed = $1 AND seq > $2 AND seq <= $3 AND op = 0")
                .bind(self.feed.0 as i32)
                .bind(from as i64)
                .bind(to as i64)
                .fetch_one(&mut **tx)
                .await
                .map_err(db("counting passed rows"))?;
            passed += n.unsigned_abs();
        }
        Ok(passed)
    }

    async fn insert_batch(&self, tx: &mut Tx, seqs: &[i64]) -> Result<BatchId, StoreError> {
        let what = db("writing a batch");
        let (upstream, feed, stage) = (self.upstream.0 as i32, self.feed.0 as i32, self.stage);
        let rows = stage.members.len();
        let batch: i64 = sqlx::query_scalar(
            "INSERT INTO batch (upstream, feed, phase, rows, staged, not_after) VALUES ($1, $2, 0, $3, $4, $5) RETURNING id",
        )
        .bind(upstream)
        .bind(feed)
        .bind(rows as i64)
        .bind(stage.at)
        .bind(stage.not_after)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
        let done = sqlx::query(
            "INSERT INTO member (batch, ordinal, upstream, feed, rid, seq, hash, key, op, refusals, split) \
             SELECT $1, j.o - 1, $2, $3, f.rid, f.seq, f.hash, f.key, f.op, coalesce(e.refusals, 0), coalesce(e.split, 0) \
             FROM unnest($4::bigint[]) WITH ORDINALITY j(seq, o) JOIN feed f ON f.seq = j.seq AND f.feed = $3 \
             LEFT JOIN exception e ON e.upstream = $2 AND e.feed = $3 AND e.rid = f.rid",
        )
        .bind(batch)
        .bind(upstream)
        .bind(feed)
        .bind(seqs)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
        if done.rows_affected() < rows as u64 {
            self.insert_overtaken(tx, batch, rows as u64 - done.rows_affected()).await?;
        }
        // Only exceptions about these very versions go; one about a newer version stays.
        sqlx::query(
            "DELETE FROM exception e USING member m WHERE m.batch = $3 AND e.upstream = $1 AND e.feed = $2 \
             AND e.rid = m.rid AND e.seq = m.seq",
        )
        .bind(upstream)
        .bind(feed)
        .bind(batch)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
        sqlx::query("UPDATE stock SET used = used + $1 WHERE feed = $2 AND upstream = $3")
            .bind(rows as i64)
            .bind(feed)
            .bind(upstream)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        Ok(BatchId(batch))
    }

    /// Members whose row changed after it was read: the old version goes out all the same, the newer one is ahead.
    async fn insert_overtaken(&self, tx: &mut Tx, batch: i64, want: u64) -> Result<(), StoreError> {
        let members = &self.stage.members;
        let done = sqlx::query(
            "INSERT INTO member (batch, ordinal, upstream, feed, rid, seq, hash, key, op, refusals, split) \
             SELECT $1, j.o - 1, $2, $3, j.rid, j.seq, j.hash, f.key, 0, 0, 0 \
             FROM unnest($4::bigint[], $5::bigint[], $6::bytea[]) WITH ORDINALITY j(rid, seq, hash, o) \
             JOIN head h ON h.feed = $3 AND h.rid = j.rid JOIN feed f ON f.feed = $3 AND f.seq = h.seq \
             WHERE NOT EXISTS (SELECT 1 FROM member m WHERE m.batch = $1 AND m.ordinal = j.o - 1)",
        )
        .bind(batch)
        .bind(self.upstream.0 as i32)
        .bind(self.feed.0 as i32)
        .bind(signed(members.iter().map(|(rid, ..)| *rid)))
        .bind(signed(members.iter().map(|(_, seq, _)| *seq)))
        .bind(members.iter().map(|(.., hash)| hash.0.as_slice()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await
        .map_err(db("writing a batch"))?;
        if done.rows_affected() == want { Ok(()) } else { Err(inconsistent("a batch names rows that the feed does not have")) }
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
