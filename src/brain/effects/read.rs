//! Reading what is held and what was written.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{Effects, Operation};
use crate::brain::error::BrainError;
use crate::brain::grpc::SchoolTable;

/// One write, with or without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Running number over all writes.
    pub seq: i64,
    /// The batch that it came in, as [`super::ReportedBatch::id`].
    pub batch: i64,
    /// Its place in the submit, counted from 0.
    pub place: i64,
    /// The table.
    pub table: String,
    /// The row's record key.
    pub key: String,
    /// What it did.
    pub operation: Operation,
    /// Hash of the content, 32 hexadecimal digits; record key and collected-at are left out of it.
    pub digest: String,
}

/// Numbers of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The table.
    pub table: String,
    /// Rows held and not deleted.
    pub held: i64,
    /// Accepted rows.
    pub writes: i64,
    /// Writes that changed what is held.
    pub effects: i64,
}

/// A row held.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// Its record key.
    pub key: String,
    /// Its school's code.
    pub school: String,
    /// Canonical JSON; it may hold personal data.
    pub body: String,
}

impl fmt::Debug for HeldRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldRow").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Effects {
    /// Writes in the order they came; of one table or of all, with effect or all.
    pub(in crate::brain) async fn writes(&self, table: Option<&str>, only_effects: bool) -> Result<Vec<Effect>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query(
            "SELECT seq, batch, place, tbl, key, op, digest FROM write
             WHERE (?1 IS NULL OR tbl = ?1) AND NOT (?2 AND op = 'same') ORDER BY seq",
        )
        .bind(table)
        .bind(only_effects)
        .fetch_all(&mut *connection)
        .await?;
        let effect = |row: &sqlx::sqlite::SqliteRow| -> Result<Effect, sqlx::Error> {
            Ok(Effect {
                seq: row.try_get(0)?,
                batch: row.try_get(1)?,
                place: row.try_get(2)?,
                table: row.try_get(3)?,
                key: row.try_get(4)?,
                operation: Operation::parse(row.try_get(5)?),
                digest: row.try_get(6)?,
            })
        };
        Ok(rows.iter().map(effect).collect::<Result<_, _>>()?)
    }

    /// Numbers by table, of all tables ever written to, by name.
    pub(in crate::brain) async fn counts(&self) -> Result<Vec<Counts>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query(
            "SELECT w.tbl, (SELECT count(*) FROM held h WHERE h.tbl = w.tbl AND h.deleted = 0), w.writes, w.effects
             FROM (SELECT tbl, count(*) AS writes, count(*) FILTER (WHERE op <> 'same') AS effects FROM write GROUP BY tbl) w
             ORDER BY w.tbl",
        )
        .fetch_all(&mut *connection)
        .await?;
        let counts = |row: &sqlx::sqlite::SqliteRow| -> Result<Counts, sqlx::Error> {
            Ok(Counts { table: row.try_get(0)?, held: row.try_get(1)?, writes: row.try_get(2)?, effects: row.try_get(3)? })
        };
        Ok(rows.iter().map(counts).collect::<Result<_, _>>()?)
    }

    /// Rows received and accepted and the last time, by school and table.
    pub(in crate::brain) async fn received(&self) -> Result<Vec<(String, SchoolTable)>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query(
            "SELECT school, tbl, sum(collect_num), sum(storage_num), max(received) FROM batch GROUP BY school, tbl ORDER BY school, tbl",
        )
        .fetch_all(&mut *connection)
        .await?;
        let table = |row: &sqlx::sqlite::SqliteRow| {
            let (received, accepted) = (row.try_get(2)?, row.try_get(3)?);
            Ok((row.try_get(0)?, SchoolTable { table: row.try_get(1)?, received, accepted, last: row.try_get(4)? }))
        };
        Ok(rows.iter().map(table).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The rows of one table, by key; deleted ones are left out.
    pub(in crate::brain) async fn held(&self, table: &str) -> Result<Vec<HeldRow>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query("SELECT key, school, body FROM held WHERE tbl = ?1 AND deleted = 0 ORDER BY key")
            .bind(table)
            .fetch_all(&mut *connection)
            .await?;
        let held = |row: &sqlx::sqlite::SqliteRow| -> Result<HeldRow, sqlx::Error> {
            Ok(HeldRow { key: row.try_get(0)?, school: row.try_get(1)?, body: row.try_get(2)? })
        };
        Ok(rows.iter().map(held).collect::<Result<_, _>>()?)
    }

    /// SHA-256 over table, school, key and content of every row held, sorted, in hexadecimal. Two runs that end in the
    /// same state have the same digest; when rows were collected makes no difference.
    pub(in crate::brain) async fn digest(&self) -> Result<String, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query("SELECT tbl, key, school, digest FROM held WHERE deleted = 0 ORDER BY tbl, key")
            .fetch_all(&mut *connection)
            .await?;
        let mut hasher = Sha256::new();
        for row in &rows {
            for at in 0..4usize {
                let part: &str = row.try_get(at)?;
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        Ok(hex::encode(hasher.finalize()))
    }
}
