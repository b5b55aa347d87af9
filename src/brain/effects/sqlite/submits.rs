//! One submit, one transaction; batches and their verdicts.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{SqliteEffects, begin, rows};
use crate::brain::effects::submits::{BatchQuery, Intake, NewBatch, ReportedBatch, Submits, VerdictOf};
use crate::brain::effects::upsert::{Held, new_rows, new_writes, sort_rows};
use crate::brain::error::BrainError;

#[async_trait::async_trait]
impl Submits for SqliteEffects {
    async fn take_in(&self, intake: Intake<'_>, verdict: &VerdictOf<'_>) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = begin(&mut connection).await?;
        let before = held(&mut tx, &intake).await?;
        let mut known: HashMap<&str, Held<'_>> = HashMap::with_capacity(before.len());
        for (key, school, deleted, body) in &before {
            known.insert(key, Held { school, deleted: *deleted, body });
        }
        let outcome = sort_rows(intake.rows, intake.lost, intake.school, intake.revive, &mut known);
        let batch = insert_batch(&mut tx, &verdict(&outcome)).await?;
        let standing = new_rows(intake.rows, &outcome, &known);
        rows::hold(&mut tx, intake.table, intake.school, &standing, false).await?;
        rows::note(&mut tx, batch, intake.table, &new_writes(&outcome, |place| intake.rows.get(place))).await?;
        Ok(tx.commit().await?)
    }

    async fn add_batch(&self, batch: &NewBatch) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        insert_batch(&mut connection, batch).await.map(|_| ())
    }

    async fn results(&self, query: &BatchQuery<'_>) -> Result<(Vec<ReportedBatch>, i64), BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = begin(&mut connection).await?;
        let rows = sqlx::query(
            "SELECT *, count(*) OVER () AS total FROM batch
             WHERE school = ?1 AND received BETWEEN ?2 AND ?3 AND instr(tbl, ?4) > 0 AND visible <= ?5 AND hidden_for = 0
             ORDER BY CASE WHEN ?6 THEN -id ELSE id END LIMIT ?7 OFFSET ?8",
        )
        .bind(query.school)
        .bind(query.from)
        .bind(query.to)
        .bind(query.table)
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
             WHERE school = ?1 AND received BETWEEN ?2 AND ?3 AND instr(tbl, ?4) > 0 AND visible <= ?5 AND hidden_for > 0",
        )
        .bind(query.school)
        .bind(query.from)
        .bind(query.to)
        .bind(query.table)
        .bind(query.now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((rows.iter().map(batch).collect::<Result<_, _>>()?, total))
    }
}

async fn held(tx: &mut SqliteConnection, intake: &Intake<'_>) -> Result<Vec<(String, String, bool, String)>, BrainError> {
    let keys = intake.rows.iter().filter(|r| r.error.is_none()).filter_map(|r| r.key.as_deref());
    let found = sqlx::query_as(
        "SELECT h.key, h.school, h.deleted, h.body FROM json_each(?2) j CROSS JOIN held h ON h.tbl = ?1 AND h.key = j.value",
    )
    .bind(intake.table)
    .bind(rows::key_list(keys))
    .fetch_all(tx)
    .await?;
    Ok(found)
}

pub(super) async fn insert_batch(tx: &mut SqliteConnection, batch: &NewBatch) -> Result<i64, BrainError> {
    let done = sqlx::query(
        "INSERT INTO batch (batch_id, school, username, system_name, kind, tbl, received, visible, hidden_for,
                            collect_num, storage_num, remark, state, state_info)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )
    .bind(&batch.batch_id)
    .bind(&batch.school)
    .bind(&batch.username)
    .bind(&batch.system_name)
    .bind(&batch.kind)
    .bind(&batch.table)
    .bind(batch.times.received)
    .bind(batch.times.visible)
    .bind(batch.times.hidden_for)
    .bind(batch.collect_num)
    .bind(batch.storage_num)
    .bind(&batch.remark)
    .bind(&batch.state)
    .bind(&batch.state_info)
    .execute(tx)
    .await?;
    Ok(done.last_insert_rowid())
}

async fn count(tx: &mut SqliteConnection, query: &BatchQuery<'_>) -> Result<i64, BrainError> {
    let (total,) = sqlx::query_as(
        "SELECT count(*) FROM batch
         WHERE school = ?1 AND received BETWEEN ?2 AND ?3 AND instr(tbl, ?4) > 0 AND visible <= ?5 AND hidden_for = 0",
    )
    .bind(query.school)
    .bind(query.from)
    .bind(query.to)
    .bind(query.table)
    .bind(query.now)
    .fetch_one(tx)
    .await?;
    Ok(total)
}

pub(super) fn batch(row: &SqliteRow) -> Result<ReportedBatch, sqlx::Error> {
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
