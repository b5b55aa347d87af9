//! Batches and their verdicts.

use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::Effects;
use super::apply::Times;
use crate::brain::error::BrainError;

/// A batch to be kept.
#[derive(Clone)]
pub(in crate::brain) struct NewBatch {
    pub(in crate::brain) batch_id: String,
    pub(in crate::brain) school: String,
    pub(in crate::brain) username: String,
    pub(in crate::brain) system_name: String,
    pub(in crate::brain) kind: String,
    pub(in crate::brain) table: String,
    pub(in crate::brain) times: Times,
    pub(in crate::brain) collect_num: i64,
    pub(in crate::brain) storage_num: i64,
    pub(in crate::brain) remark: Option<String>,
    pub(in crate::brain) state: Option<String>,
    pub(in crate::brain) state_info: Option<String>,
}

/// A batch with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedBatch {
    /// Running number.
    pub id: i64,
    /// The platform's own id of the batch, never told in the submit reply.
    pub batch_id: String,
    /// User name of the account; empty for what came through the portal.
    pub username: String,
    /// The reporting system's name.
    pub system_name: String,
    /// `RPC` for submits.
    pub kind: String,
    /// The table.
    pub table: String,
    /// When it came, in whole seconds, as UTC milliseconds.
    pub received: i64,
    /// Rows received, as the verdict says.
    pub collect_num: i64,
    /// Rows stored, as the verdict says.
    pub storage_num: i64,
    /// The named errors.
    pub remark: Option<String>,
    /// The state.
    pub state: Option<String>,
    /// The state in words.
    pub state_info: Option<String>,
}

/// Which results are asked for.
pub(in crate::brain) struct BatchQuery<'a> {
    pub(in crate::brain) school: &'a str,
    pub(in crate::brain) from: i64,
    pub(in crate::brain) to: i64,
    /// Part of the table's name; empty means all.
    pub(in crate::brain) table: &'a str,
    pub(in crate::brain) now: i64,
    pub(in crate::brain) newest_first: bool,
    pub(in crate::brain) offset: i64,
    pub(in crate::brain) limit: i64,
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

impl Effects {
    /// Keeps a batch that did not come through a submit.
    pub(in crate::brain) async fn add_batch(&self, batch: &NewBatch) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        insert_batch(&mut connection, batch).await.map(|_| ())
    }

    /// One page of results, and how many there are in all. Batches hidden for some queries more come one query nearer.
    pub(in crate::brain) async fn results(&self, query: &BatchQuery<'_>) -> Result<(Vec<ReportedBatch>, i64), BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = connection.begin().await?;
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

    /// Every batch, visible or not, in the order they came.
    pub(in crate::brain) async fn batches(&self) -> Result<Vec<ReportedBatch>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query("SELECT * FROM batch ORDER BY id").fetch_all(&mut *connection).await?;
        Ok(rows.iter().map(batch).collect::<Result<_, _>>()?)
    }
}

async fn count(tx: &mut SqliteConnection, query: &BatchQuery<'_>) -> Result<i64, BrainError> {
    let row = sqlx::query(
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
    Ok(row.try_get(0)?)
}

fn batch(row: &SqliteRow) -> Result<ReportedBatch, sqlx::Error> {
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
