//! One submit, one transaction; results.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Attempts, Ended, PostgresEffects, Tx, rows, text};
use crate::brain::effects::submits::{BatchQuery, Intake, NewBatch, ReportedBatch, Submits, VerdictOf};
use crate::brain::effects::upsert::{Held, new_rows, new_writes, sort_rows};
use crate::brain::error::BrainError;

#[async_trait::async_trait]
impl Submits for PostgresEffects {
    async fn take_in(&self, intake: Intake<'_>, verdict: &VerdictOf<'_>) -> Result<(), BrainError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(done) = attempts.settle(self.submit(&intake, verdict).await)? {
                return Ok(done);
            }
        }
    }

    async fn add_batch(&self, batch: &NewBatch) -> Result<(), BrainError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(done) = attempts.settle(self.keep(batch).await)? {
                return Ok(done);
            }
        }
    }

    async fn results(&self, query: &BatchQuery<'_>) -> Result<(Vec<ReportedBatch>, i64), BrainError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(done) = attempts.settle(self.page(query).await)? {
                return Ok(done);
            }
        }
    }
}

impl PostgresEffects {
    async fn submit(&self, intake: &Intake<'_>, verdict: &VerdictOf<'_>) -> Result<(), Ended> {
        let mut tx = self.begin().await?;
        rows::lock(&mut tx, intake.school, intake.table).await?;
        let before = held(&mut tx, intake).await?;
        let mut known: HashMap<&str, Held<'_>> = HashMap::with_capacity(before.len());
        for (key, school, deleted, body) in &before {
            known.insert(key, Held { school, deleted: *deleted, body });
        }
        let outcome = sort_rows(intake.rows, intake.lost, intake.school, intake.revive, &mut known);
        let batch = rows::keep(&mut tx, &verdict(&outcome), None).await?;
        rows::hold(&mut tx, intake.table, intake.school, &new_rows(intake.rows, &outcome, &known), false).await?;
        rows::note(&mut tx, batch, intake.table, &new_writes(&outcome, |place| intake.rows.get(place))).await?;
        Ok(tx.commit().await?)
    }

    async fn keep(&self, batch: &NewBatch) -> Result<(), Ended> {
        let mut tx = self.begin().await?;
        rows::keep(&mut tx, batch, None).await?;
        Ok(tx.commit().await?)
    }

    async fn page(&self, query: &BatchQuery<'_>) -> Result<(Vec<ReportedBatch>, i64), Ended> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "SELECT *, count(*) OVER () AS total FROM batch
             WHERE school = $1 AND received BETWEEN $2 AND $3 AND strpos(tbl, $4) > 0 AND visible <= $5 AND hidden_for = 0
             ORDER BY CASE WHEN $6 THEN -id ELSE id END LIMIT $7 OFFSET $8",
        )
        .bind(text(query.school))
        .bind(query.from)
        .bind(query.to)
        .bind(text(query.table))
        .bind(query.now)
        .bind(query.newest_first)
        .bind(query.limit)
        .bind(query.offset)
        .fetch_all(&mut *tx)
        .await?;
        let total = match rows.first() {
            Some(row) => row.try_get("total")?,
            None if query.offset > 0 => count(&mut tx, query).await?,
            None => 0,
        };
        sqlx::query(
            "UPDATE batch SET hidden_for = hidden_for - 1
             WHERE school = $1 AND received BETWEEN $2 AND $3 AND strpos(tbl, $4) > 0 AND visible <= $5 AND hidden_for > 0",
        )
        .bind(text(query.school))
        .bind(query.from)
        .bind(query.to)
        .bind(text(query.table))
        .bind(query.now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((rows.iter().map(batch).collect::<Result<_, _>>()?, total))
    }
}

async fn held(tx: &mut Tx, intake: &Intake<'_>) -> Result<Vec<(String, String, bool, String)>, sqlx::Error> {
    let keys = intake.rows.iter().filter(|r| r.error.is_none()).filter_map(|r| r.key.as_deref());
    sqlx::query_as("SELECT key, school, deleted, body FROM held WHERE tbl = $1 AND key = ANY($2)")
        .bind(intake.table)
        .bind(keys.filter(|key| !key.contains('\0')).collect::<Vec<_>>())
        .fetch_all(&mut **tx)
        .await
}

async fn count(tx: &mut Tx, query: &BatchQuery<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM batch
         WHERE school = $1 AND received BETWEEN $2 AND $3 AND strpos(tbl, $4) > 0 AND visible <= $5 AND hidden_for = 0",
    )
    .bind(text(query.school))
    .bind(query.from)
    .bind(query.to)
    .bind(text(query.table))
    .bind(query.now)
    .fetch_one(&mut **tx)
    .await
}

pub(super) fn batch(row: &PgRow) -> Result<ReportedBatch, sqlx::Error> {
    Ok(ReportedBatch {
        id: row.try_get("id")?,
        batch_id: row.try_get("batch_id")?,
        username: row.try_get("username")?,
        system_name: row.try_get("system_name")?,
        kind: row.try_get("kind")?,
        table: row.try_get("tbl")?,
        received: row.try_get("received")?,
        collect_num: row.try_get("collect_num")?,
        storage_num: row.try_get("storage_num")?,
        remark: row.try_get("remark")?,
        state: row.try_get("state")?,
        state_info: row.try_get("state_info")?,
    })
}
