//! Batches in flight and their members.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::fault::db;
use super::lease::Row;
use super::{PostgresStore, inconsistent};
use crate::store::flight::{shown, unpack};
use crate::store::{BatchId, BatchInfo, BatchPhase, FeedId, MemberRow, Millis, Receipt, StoreError, UpstreamId};

/// A change of an unsettled batch.
pub(super) enum Step<'a> {
    Sent(Millis),
    Accepted(&'a Receipt, Millis),
    Asked(Millis),
    Absent(Millis),
}

impl PostgresStore {
    pub(super) async fn step_batch(&self, batch: BatchId, step: Step<'_>) -> Result<(), StoreError> {
        let what = db("noting a batch");
        let none = || inconsistent(format!("batch {} is not in flight", batch.0));
        let mut tx = self.begin("noting a batch").await?;
        let upstream: Option<i32> = sqlx::query_scalar("SELECT upstream FROM batch WHERE id = $1")
            .bind(batch.0)
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
        self.fence(&mut tx, Row::Upstream(upstream.ok_or_else(none)?)).await?;
        let query = match step {
            Step::Sent(at) => {
                sqlx::query("UPDATE batch SET phase = greatest(phase, 1), sent = $2 WHERE id = $1 AND settled IS NULL")
                    .bind(batch.0)
                    .bind(at)
            }
            Step::Accepted(receipt, ask_at) => {
                sqlx::query("UPDATE batch SET phase = 2, mark = $2, mark_at = $3, ask_at = $4 WHERE id = $1 AND settled IS NULL")
                    .bind(batch.0)
                    .bind(&receipt.mark)
                    .bind(receipt.at)
                    .bind(ask_at)
            }
            Step::Asked(ask_at) => {
                sqlx::query("UPDATE batch SET asked = asked + 1, ask_at = $2 WHERE id = $1 AND settled IS NULL")
                    .bind(batch.0)
                    .bind(ask_at)
            }
            Step::Absent(at) => sqlx::query(
                "UPDATE batch SET absences = absences + 1, absent_first = coalesce(absent_first, $2) \
                 WHERE id = $1 AND settled IS NULL",
            )
            .bind(batch.0)
            .bind(at),
        };
        let done = query.execute(&mut *tx).await.map_err(what)?;
        if done.rows_affected() == 0 {
            return Err(none());
        }
        self.commit(tx, "noting a batch").await
    }

    pub(super) async fn open_batches(&self, upstream: UpstreamId, feed: Option<FeedId>) -> Result<Vec<BatchInfo>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, upstream, feed, phase, rows, staged, sent, not_after, mark, mark_at, absences, absent_first, asked, \
             ask_at FROM batch WHERE upstream = $1 AND ($2::integer IS NULL OR feed = $2) AND settled IS NULL ORDER BY id",
        )
        .bind(upstream.0 as i32)
        .bind(feed.map(|f| f.0 as i32))
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading batches"))?;
        rows.iter().map(batch_info).collect::<Result<_, _>>().map_err(db("reading batches"))
    }

    pub(super) async fn batch_members(&self, batch: BatchId) -> Result<Vec<MemberRow>, StoreError> {
        let members: Option<Vec<u8>> = sqlx::query_scalar("SELECT members FROM flight WHERE batch = $1")
            .bind(batch.0)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading batch members"))?;
        members.map_or(Ok(Vec::new()), |bytes| Ok(shown(unpack(&bytes)?)))
    }
}

fn batch_info(row: &PgRow) -> Result<BatchInfo, sqlx::Error> {
    let mark: Option<String> = row.try_get(8)?;
    let mark_at: Option<Millis> = row.try_get(9)?;
    Ok(BatchInfo {
        id: BatchId(row.try_get(0)?),
        upstream: UpstreamId(row.try_get::<i32, _>(1)? as u32),
        feed: FeedId(row.try_get::<i32, _>(2)? as u32),
        phase: match row.try_get::<i64, _>(3)? {
            0 => BatchPhase::Staged,
            1 => BatchPhase::Sent,
            _ => BatchPhase::Accepted,
        },
        rows: row.try_get::<i64, _>(4)? as u32,
        staged: row.try_get(5)?,
        sent: row.try_get(6)?,
        not_after: row.try_get(7)?,
        receipt: mark.zip(mark_at).map(|(mark, at)| Receipt { mark, at }),
        absences: (row.try_get::<i64, _>(10)? as u32, row.try_get(11)?),
        asked: row.try_get::<i64, _>(12)? as u32,
        ask_at: row.try_get(13)?,
    })
}
