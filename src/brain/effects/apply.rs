//! One submit, one transaction.

use std::collections::HashMap;

use serde_json::json;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::batches::insert_batch;
use super::upsert::{Held, Operation, Outcome, sort_rows};
use super::{Effects, NewBatch};
use crate::brain::error::BrainError;
use crate::brain::judge::Judged;

/// The rows of a submit, judged.
pub(in crate::brain) struct Intake<'a> {
    pub(in crate::brain) school: &'a str,
    pub(in crate::brain) table: &'a str,
    pub(in crate::brain) rows: &'a [Judged],
    /// Places of rows that vanish unnamed.
    pub(in crate::brain) lost: &'a [usize],
    pub(in crate::brain) revive: bool,
}

/// When a batch came, and when its verdict shows.
#[derive(Debug, Clone, Copy)]
pub(in crate::brain) struct Times {
    pub(in crate::brain) received: i64,
    pub(in crate::brain) visible: i64,
    /// Result queries that still pass it over.
    pub(in crate::brain) hidden_for: u32,
}

impl Effects {
    /// Holds the good rows and keeps the verdict that `verdict` makes of the outcome.
    pub(in crate::brain) async fn take_in<'a>(
        &self,
        intake: Intake<'a>,
        verdict: impl FnOnce(&Outcome) -> NewBatch,
    ) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = connection.begin().await?;
        let before = held(&mut tx, &intake).await?;
        let mut known: HashMap<&str, Held<'_>> = HashMap::with_capacity(before.len());
        for (key, school, deleted, body) in &before {
            known.insert(key, Held { school, deleted: *deleted, body });
        }
        let outcome = sort_rows(intake.rows, intake.lost, intake.school, intake.revive, &mut known);
        let batch = insert_batch(&mut tx, &verdict(&outcome)).await?;
        write_rows(&mut tx, &intake, &outcome, batch, &known).await?;
        Ok(tx.commit().await?)
    }
}

async fn held(tx: &mut SqliteConnection, intake: &Intake<'_>) -> Result<Vec<(String, String, bool, String)>, BrainError> {
    let keys: Vec<&str> = intake.rows.iter().filter(|r| r.error.is_none()).filter_map(|r| r.key.as_deref()).collect();
    let rows =
        sqlx::query("SELECT key, school, deleted, body FROM held WHERE tbl = ?1 AND key IN (SELECT value FROM json_each(?2))")
            .bind(intake.table)
            .bind(json!(keys).to_string())
            .fetch_all(tx)
            .await?;
    rows.iter()
        .map(|r| Ok((r.try_get(0)?, r.try_get(1)?, r.try_get(2)?, r.try_get(3)?)))
        .collect::<Result<_, sqlx::Error>>()
        .map_err(Into::into)
}

/// Rows and writes go as one JSON text a statement: thousands of rows, two statements.
async fn write_rows(
    tx: &mut SqliteConnection,
    intake: &Intake<'_>,
    outcome: &Outcome,
    batch: i64,
    after: &HashMap<&str, Held<'_>>,
) -> Result<(), BrainError> {
    let mut writes = Vec::with_capacity(outcome.writes.len());
    let mut rows = HashMap::with_capacity(outcome.writes.len());
    for write in &outcome.writes {
        let row = &intake.rows[write.place];
        let key = row.key.as_deref().unwrap_or_default();
        let digest = hex::encode(row.digest);
        // A write without effect may still set the mark of a key deleted before it was ever held.
        let marks = row.deletes && write.operation == Operation::Same;
        if write.operation != Operation::Same || marks {
            let deleted = after.get(key).is_some_and(|h| h.deleted);
            rows.insert(key, json!([key, deleted, digest, row.body]));
        }
        writes.push(json!([write.place, key, write.operation.name(), digest]));
    }
    sqlx::query(
        "INSERT INTO held (tbl, key, school, deleted, digest, body)
         SELECT ?1, value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?3) WHERE true
         ON CONFLICT (tbl, key) DO UPDATE SET deleted = excluded.deleted, digest = excluded.digest, body = excluded.body",
    )
    .bind(intake.table)
    .bind(intake.school)
    .bind(json!(rows.into_values().collect::<Vec<_>>()).to_string())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO write (batch, place, tbl, key, op, digest)
         SELECT ?1, value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?3)",
    )
    .bind(batch)
    .bind(intake.table)
    .bind(json!(writes).to_string())
    .execute(tx)
    .await?;
    Ok(())
}
