//! Delivery state: upstreams, cursors, pending rows, exceptions, ramp.

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use super::batches::Step;
use super::fault::db;
use super::lease::Row as LeaseRow;
use super::lock::{lock, lock_all};
use super::place::count;
use super::{PostgresStore, flight, inconsistent, signed, stage};
use crate::record::RecordKey;
use crate::store::open_run::hash_of;
use crate::store::place::{AGAIN, CursorColumns, Delta, Place, cursor_of, reason_code};
use crate::store::want::Want;
use crate::store::{
    Again, BatchId, BatchInfo, Cursor, DeliveryStore, ExceptionFilter, ExceptionRow, FeedId, FeedRow, Lane, MemberRow,
    MemberVerdict, Millis, Op, RampState, RampStep, Reason, Receipt, Stage, StoreError, UpstreamId,
};

fn feed_row(row: &PgRow) -> Result<FeedRow, sqlx::Error> {
    Ok(FeedRow {
        seq: row.try_get::<i64, _>(0)? as u64,
        rid: row.try_get::<i64, _>(1)? as u64,
        op: if row.try_get::<i32, _>(2)? == 0 { Op::Upsert } else { Op::Delete },
        record_key: RecordKey::parse(row.try_get(3)?).unwrap_or_default(),
        natural_key: row.try_get(4)?,
        hash: hash_of(row.try_get(5)?),
        at: row.try_get(6)?,
        payload: row.try_get::<String, _>(7)?.into_bytes(),
        split: row.try_get::<i64, _>(8)? as u32,
    })
}

/// Exceptions that are due, then (`again`) stored rows that are to be sent again.
const DUE: &str = "SELECT f.seq, f.rid, f.op, f.key, f.nk, f.hash, f.at, f.payload, e.split FROM exception e \
                   JOIN feed f ON f.feed = e.feed AND f.seq = e.seq WHERE e.upstream = $1 AND e.feed = $2 AND e.due <= $3 AND e.reason <> 8 \
                   ORDER BY e.due, e.seq LIMIT $4";
const RESENT: &str = "SELECT f.seq, f.rid, f.op, f.key, f.nk, f.hash, f.at, f.payload, e.split FROM exception e \
                      JOIN feed f ON f.feed = e.feed AND f.seq = e.seq WHERE e.upstream = $1 AND e.feed = $2 AND e.due <= $3 AND e.reason = 8 \
                      ORDER BY e.due, e.seq LIMIT $4";
const AHEAD: &str = "SELECT seq, rid, op, key, nk, hash, at, payload, 0::bigint FROM feed \
                     WHERE feed = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const BEHIND: &str = "SELECT seq, rid, op, key, nk, hash, at, payload, 0::bigint FROM feed \
                      WHERE feed = $1 AND seq > $2 AND seq <= $3 ORDER BY seq DESC LIMIT $4";

impl PostgresStore {
    async fn read_cursor(&self, upstream: UpstreamId, feed: FeedId) -> Result<Cursor, StoreError> {
        let columns: Option<CursorColumns> =
            sqlx::query_as("SELECT cursor, backfill_from, backfill_to FROM stock WHERE feed = $1 AND upstream = $2")
                .bind(feed.0 as i32)
                .bind(upstream.0 as i32)
                .fetch_optional(self.readers()?)
                .await
                .map_err(db("reading the cursor"))?;
        columns.map(cursor_of).ok_or_else(|| inconsistent(format!("feed {} is not attached to upstream {}", feed.0, upstream.0)))
    }

    async fn take_pending(&self, sql: &'static str, ids: &[i32], numbers: &[i64], want: &mut Want) -> Result<(), StoreError> {
        if !want.open() {
            return Ok(());
        }
        let mut query = sqlx::query(sql);
        for id in ids {
            query = query.bind(*id);
        }
        for number in numbers {
            query = query.bind(*number);
        }
        let mut rows = query.bind(i64::from(want.left)).fetch(self.readers()?);
        while want.open() {
            match rows.try_next().await.map_err(db("reading pending rows"))? {
                None => break,
                Some(row) => want.take(feed_row(&row).map_err(db("reading pending rows"))?),
            }
        }
        Ok(())
    }

    async fn attach_pair(&self, upstream: UpstreamId, feed: FeedId, step: RampStep) -> Result<(), StoreError> {
        let mut tx = self.begin("attaching an upstream").await?;
        lock(&mut tx, feed).await?;
        sqlx::query(
            "INSERT INTO stock (feed, upstream, step, waiting) SELECT id, $1, $2::bigint, live FROM feeds WHERE id = $3 \
             ON CONFLICT (feed, upstream) DO NOTHING",
        )
        .bind(upstream.0 as i32)
        .bind(step.code())
        .bind(feed.0 as i32)
        .execute(&mut *tx)
        .await
        .map_err(db("attaching an upstream"))?;
        self.commit(tx, "attaching an upstream").await
    }

    async fn split_backlog(&self, upstream: UpstreamId, feed: FeedId, keep: u64) -> Result<Cursor, StoreError> {
        let what = db("opening the back-fill range");
        let mut tx = self.begin("opening the back-fill range").await?;
        self.fence(&mut tx, LeaseRow::Upstream(upstream.0 as i32)).await?;
        lock(&mut tx, feed).await?;
        let old = stage::cursor(&mut tx, upstream, feed).await?;
        // A back-fill under way goes on: its range and the rows since then do not lie side by side.
        if old.backfill.is_some() {
            return Ok(old);
        }
        let top: Option<(i64,)> =
            sqlx::query_as("SELECT seq FROM feed WHERE feed = $1 AND seq > $2 ORDER BY seq DESC LIMIT 1 OFFSET $3")
                .bind(feed.0 as i32)
                .bind(old.seq as i64)
                .bind(i64::try_from(keep).unwrap_or(i64::MAX))
                .fetch_optional(&mut *tx)
                .await
                .map_err(what)?;
        let Some((top,)) = top else { return Ok(old) };
        let new = Cursor { seq: top as u64, backfill: Some((old.seq, top as u64)) };
        sqlx::query("UPDATE stock SET cursor = $1, backfill_from = $2, backfill_to = $1 WHERE feed = $3 AND upstream = $4")
            .bind(top)
            .bind(old.seq as i64)
            .bind(feed.0 as i32)
            .bind(upstream.0 as i32)
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        self.commit(tx, "opening the back-fill range").await?;
        Ok(new)
    }

    async fn send_again(&self, upstream: UpstreamId, feed: FeedId, which: Again<'_>, at: Millis) -> Result<u64, StoreError> {
        let mut tx = self.begin("sending again").await?;
        let (having, keys) = which.bounds();
        self.fence_if_held(&mut tx, upstream).await?;
        lock(&mut tx, feed).await?;
        let cursor = stage::cursor(&mut tx, upstream, feed).await?;
        let (from, to) = cursor.backfill.unwrap_or((0, 0));
        let flying = flight::flying(&mut *tx, upstream, feed).await?;
        // What the cursor has passed and is neither in flight nor an exception is stored.
        let done = sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due) \
             SELECT $3, $4, f.rid, f.seq, $1::bigint, $2::bigint, $2 FROM feed f \
             WHERE f.feed = $4 AND f.op = 0 AND f.seq <= $5 AND NOT (f.seq > $6 AND f.seq <= $7) \
             AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.upstream = $3 AND e.feed = $4 AND e.rid = f.rid) \
             AND NOT EXISTS (SELECT 1 FROM unnest($10::bigint[]) m(rid) WHERE m.rid = f.rid) \
             AND ($8::text[] IS NULL OR EXISTS (SELECT 1 FROM unnest($8::text[]) n(name) WHERE f.payload::json ->> n.name IS NOT NULL)) \
             AND ($9::text[] IS NULL OR f.key = ANY($9::text[]))",
        )
        .bind(AGAIN)
        .bind(at)
        .bind(upstream.0 as i32)
        .bind(feed.0 as i32)
        .bind(cursor.seq as i64)
        .bind(from as i64)
        .bind(to as i64)
        .bind(having)
        .bind(keys)
        .bind(signed(flying.rids.iter().map(u64::from)))
        .execute(&mut *tx)
        .await
        .map_err(db("sending again"))?;
        let mut delta = Delta::default();
        delta.add(Place::Stored, -(done.rows_affected() as i64));
        delta.add(Place::Waiting, done.rows_affected() as i64);
        count(&mut tx, feed, upstream, &delta).await?;
        self.commit(tx, "sending again").await?;
        Ok(done.rows_affected())
    }

    async fn release_exceptions(&self, filter: &ExceptionFilter, at: Millis) -> Result<u64, StoreError> {
        let mut tx = self.begin("releasing rows").await?;
        if let Some(upstream) = filter.upstream {
            self.fence_if_held(&mut tx, upstream).await?;
        }
        let mut touched = QueryBuilder::<Postgres>::new("SELECT DISTINCT e.feed FROM exception e");
        narrow(&mut touched, filter);
        let touched: Vec<i32> =
            touched.build_query_scalar().persistent(false).fetch_all(&mut *tx).await.map_err(db("releasing rows"))?;
        lock_all(&mut tx, &touched).await?;
        let mut sql = QueryBuilder::<Postgres>::new("UPDATE exception SET due = ");
        sql.push_bind(at);
        sql.push(" WHERE (upstream, feed, rid) IN (SELECT e.upstream, e.feed, e.rid FROM exception e");
        narrow(&mut sql, filter);
        sql.push(" AND e.feed = ANY(").push_bind(touched).push(")");
        sql.push(" AND (e.due IS NULL OR e.due > ").push_bind(at).push(") ORDER BY e.since, e.seq");
        if filter.limit > 0 {
            sql.push(" LIMIT ").push_bind(i64::from(filter.limit));
        }
        sql.push(")");
        let done = sql.build().persistent(false).execute(&mut *tx).await.map_err(db("releasing rows"))?;
        self.commit(tx, "releasing rows").await?;
        Ok(done.rows_affected())
    }

    async fn move_ramp(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        step: RampStep,
        why: Option<&str>,
        at: Millis,
    ) -> Result<(), StoreError> {
        let what = db("setting the ramp");
        let mut tx = self.begin("setting the ramp").await?;
        self.fence_if_held(&mut tx, upstream).await?;
        lock(&mut tx, feed).await?;
        let done = sqlx::query("UPDATE stock SET step = $1, used = 0, why = $2 WHERE feed = $3 AND upstream = $4")
            .bind(step.code())
            .bind(why)
            .bind(feed.0 as i32)
            .bind(upstream.0 as i32)
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        if done.rows_affected() == 0 {
            return Err(inconsistent(format!("feed {} is not attached to upstream {}", feed.0, upstream.0)));
        }
        sqlx::query("UPDATE exception SET due = $1 WHERE upstream = $2 AND feed = $3 AND reason = $4")
            .bind(at)
            .bind(upstream.0 as i32)
            .bind(feed.0 as i32)
            .bind(reason_code(Reason::Closed))
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        self.commit(tx, "setting the ramp").await
    }
}

/// Adds the conditions of a filter; rows to be sent again are no exceptions to anyone outside.
fn narrow(sql: &mut QueryBuilder<Postgres>, filter: &ExceptionFilter) {
    sql.push(" WHERE e.reason <> 8");
    if let Some(upstream) = filter.upstream {
        sql.push(" AND e.upstream = ").push_bind(upstream.0 as i32);
    }
    if let Some(feed) = filter.feed {
        sql.push(" AND e.feed = ").push_bind(feed.0 as i32);
    }
    if let Some(reason) = filter.reason {
        sql.push(" AND e.reason = ").push_bind(reason_code(reason));
    }
}

fn exception_row(row: &PgRow) -> Result<ExceptionRow, sqlx::Error> {
    let reason = usize::try_from(row.try_get::<i64, _>(5)?).ok().and_then(|at| Reason::ALL.get(at).copied());
    Ok(ExceptionRow {
        natural_key: row.try_get(11)?,
        upstream: UpstreamId(row.try_get::<i32, _>(0)? as u32),
        feed: FeedId(row.try_get::<i32, _>(1)? as u32),
        rid: row.try_get::<i64, _>(2)? as u64,
        record_key: RecordKey::parse(row.try_get(3)?).unwrap_or_default(),
        seq: row.try_get::<i64, _>(4)? as u64,
        reason: reason.unwrap_or(Reason::Unknown),
        since: row.try_get(6)?,
        due: row.try_get(7)?,
        text: row.try_get(8)?,
        field: row.try_get(9)?,
        refusals: row.try_get::<i64, _>(10)? as u32,
    })
}

#[async_trait::async_trait]
impl DeliveryStore for PostgresStore {
    async fn open_upstream(&self, name: &str) -> Result<UpstreamId, StoreError> {
        let mut tx = self.begin("naming an upstream").await?;
        let (id,): (i32,) = sqlx::query_as(
            "INSERT INTO upstream (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind(name)
        .fetch_one(&mut *tx)
        .await
        .map_err(db("naming an upstream"))?;
        self.commit(tx, "naming an upstream").await?;
        Ok(UpstreamId(id as u32))
    }

    async fn attach(&self, upstream: UpstreamId, feed: FeedId, step: RampStep) -> Result<(), StoreError> {
        self.attach_pair(upstream, feed, step).await
    }

    async fn cursor(&self, upstream: UpstreamId, feed: FeedId) -> Result<Cursor, StoreError> {
        self.read_cursor(upstream, feed).await
    }

    async fn open_backfill(&self, upstream: UpstreamId, feed: FeedId, keep: u64) -> Result<Cursor, StoreError> {
        self.split_backlog(upstream, feed, keep).await
    }

    async fn pending(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        lane: Lane,
        limit: u32,
        bytes: u64,
        at: Millis,
    ) -> Result<Vec<FeedRow>, StoreError> {
        let cursor = self.read_cursor(upstream, feed).await?;
        let mut want = Want { rows: Vec::new(), left: limit, bytes };
        let (up, id) = (upstream.0 as i32, feed.0 as i32);
        match lane {
            Lane::Live => {
                self.take_pending(DUE, &[up, id], &[at], &mut want).await?;
                self.take_pending(AHEAD, &[id], &[cursor.seq as i64], &mut want).await?;
                self.take_pending(RESENT, &[up, id], &[at], &mut want).await?;
            }
            Lane::Backfill => {
                if let Some((from, to)) = cursor.backfill {
                    self.take_pending(BEHIND, &[id], &[from as i64, to as i64], &mut want).await?;
                }
            }
        }
        Ok(want.rows)
    }

    async fn in_flight(&self, upstream: UpstreamId, feed: FeedId, rids: &[u64]) -> Result<Vec<u64>, StoreError> {
        let flying = flight::flying(self.readers()?, upstream, feed).await?;
        Ok(rids.iter().copied().filter(|rid| u32::try_from(*rid).is_ok_and(|rid| flying.rids.contains(rid))).collect())
    }

    async fn stage(&self, upstream: UpstreamId, feed: FeedId, stage: &Stage) -> Result<Option<BatchId>, StoreError> {
        self.stage_rows(upstream, feed, stage).await
    }

    async fn mark_sent(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        self.step_batch(batch, Step::Sent(at)).await
    }

    async fn receipt(&self, batch: BatchId, receipt: &Receipt, ask_at: Millis) -> Result<(), StoreError> {
        self.step_batch(batch, Step::Accepted(receipt, ask_at)).await
    }

    async fn asked(&self, batch: BatchId, ask_at: Millis) -> Result<(), StoreError> {
        self.step_batch(batch, Step::Asked(ask_at)).await
    }

    async fn absent(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        self.step_batch(batch, Step::Absent(at)).await
    }

    async fn settle(
        &self,
        batch: BatchId,
        verdicts: &[MemberVerdict],
        reoffer_at: Option<Millis>,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.settle_batch(batch, verdicts, reoffer_at, at).await
    }

    async fn give_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        self.give_batch_up(batch, at).await
    }

    async fn batches(&self, upstream: UpstreamId, feed: Option<FeedId>) -> Result<Vec<BatchInfo>, StoreError> {
        self.open_batches(upstream, feed).await
    }

    async fn members(&self, batch: BatchId) -> Result<Vec<MemberRow>, StoreError> {
        self.batch_members(batch).await
    }

    async fn marks(&self, upstream: UpstreamId, feed: FeedId, since: Millis) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT mark FROM batch WHERE upstream = $1 AND feed = $2 AND mark_at >= $3 AND mark IS NOT NULL \
             ORDER BY mark_at DESC, id DESC",
        )
        .bind(upstream.0 as i32)
        .bind(feed.0 as i32)
        .bind(since)
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading marks"))?;
        Ok(rows.into_iter().map(|(mark,)| mark).collect())
    }

    async fn exceptions(&self, filter: &ExceptionFilter) -> Result<Vec<ExceptionRow>, StoreError> {
        let mut sql = QueryBuilder::<Postgres>::new(
            "SELECT e.upstream, e.feed, e.rid, f.key, e.seq, e.reason, e.since, e.due, e.text, e.field, e.refusals, f.nk \
             FROM exception e JOIN feed f ON f.feed = e.feed AND f.seq = e.seq",
        );
        narrow(&mut sql, filter);
        sql.push(" ORDER BY e.since, e.seq");
        if filter.limit > 0 {
            sql.push(" LIMIT ").push_bind(i64::from(filter.limit));
        }
        let rows = sql.build().persistent(false).fetch_all(self.readers()?).await.map_err(db("reading exceptions"))?;
        rows.iter().map(exception_row).collect::<Result<_, _>>().map_err(db("reading exceptions"))
    }

    async fn release(&self, filter: &ExceptionFilter, at: Millis) -> Result<u64, StoreError> {
        self.release_exceptions(filter, at).await
    }

    async fn resend(&self, upstream: UpstreamId, feed: FeedId, which: Again<'_>, at: Millis) -> Result<u64, StoreError> {
        self.send_again(upstream, feed, which, at).await
    }

    async fn ramp(&self, upstream: UpstreamId, feed: FeedId) -> Result<RampState, StoreError> {
        let row: Option<(i64, i64, Option<String>)> =
            sqlx::query_as("SELECT step, used, why FROM stock WHERE feed = $1 AND upstream = $2")
                .bind(feed.0 as i32)
                .bind(upstream.0 as i32)
                .fetch_optional(self.readers()?)
                .await
                .map_err(db("reading the ramp"))?;
        let Some((step, used, why)) = row else {
            return Err(inconsistent(format!("feed {} is not attached to upstream {}", feed.0, upstream.0)));
        };
        Ok(RampState { step: RampStep::of_code(step), used: used.unsigned_abs(), why })
    }

    async fn set_ramp(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        step: RampStep,
        why: Option<&str>,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.move_ramp(upstream, feed, step, why, at).await
    }
}
