//! Reading what is held and what was written.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::submits::batch;
use super::{PostgresEffects, process};
use crate::brain::effects::views::{Counts, Effect, HeldRow, Sum, Views};
use crate::brain::effects::{Operation, ReportedBatch};
use crate::brain::error::BrainError;
use crate::brain::grpc::SchoolTable;

#[async_trait::async_trait]
impl Views for PostgresEffects {
    async fn writes(&self, table: Option<&str>, only_effects: bool) -> Result<Vec<Effect>, BrainError> {
        let rows = sqlx::query(
            "SELECT seq, batch, place, tbl, key, op, digest FROM write
             WHERE ($1::text IS NULL OR tbl = $1) AND NOT ($2 AND op = 'same') ORDER BY seq",
        )
        .bind(table)
        .bind(only_effects)
        .fetch_all(self.pool()?)
        .await?;
        let effect = |row: &PgRow| -> Result<Effect, sqlx::Error> {
            Ok(Effect {
                seq: row.try_get(0)?,
                batch: row.try_get(1)?,
                place: row.try_get(2)?,
                table: row.try_get(3)?,
                key: row.try_get(4)?,
                operation: Operation::parse(row.try_get(5)?),
                digest: hex::encode(row.try_get::<&[u8], _>(6)?),
            })
        };
        Ok(rows.iter().map(effect).collect::<Result<_, _>>()?)
    }

    async fn counts(&self) -> Result<Vec<Counts>, BrainError> {
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT w.tbl, coalesce(h.held, 0), w.writes, w.effects
             FROM (SELECT tbl, count(*) AS writes, count(*) FILTER (WHERE op <> 'same') AS effects FROM write GROUP BY tbl) w
             LEFT JOIN (SELECT tbl, count(*) AS held FROM held WHERE NOT deleted GROUP BY tbl) h ON h.tbl = w.tbl
             ORDER BY w.tbl",
        )
        .fetch_all(self.pool()?)
        .await?;
        Ok(rows.into_iter().map(|(table, held, writes, effects)| Counts { table, held, writes, effects }).collect())
    }

    async fn received(&self) -> Result<Vec<(String, SchoolTable)>, BrainError> {
        let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
            "SELECT school, tbl, received, accepted, last FROM lane ORDER BY school COLLATE \"C\", tbl COLLATE \"C\"",
        )
        .fetch_all(self.pool()?)
        .await?;
        let entry = |(school, table, received, accepted, last)| (school, SchoolTable { table, received, accepted, last });
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn held(&self, table: &str) -> Result<Vec<HeldRow>, BrainError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT key, school, body FROM held WHERE tbl = $1 AND NOT deleted ORDER BY key")
                .bind(table)
                .fetch_all(self.pool()?)
                .await?;
        Ok(rows.into_iter().map(|(key, school, body)| HeldRow { key, school, body }).collect())
    }

    async fn digest(&self) -> Result<String, BrainError> {
        let mut rows =
            sqlx::query("SELECT tbl, key, school, digest FROM held WHERE NOT deleted ORDER BY tbl, key").fetch(self.pool()?);
        let mut sum = Sum::default();
        while let Some(row) = rows.try_next().await? {
            sum.add(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, &hex::encode(row.try_get::<&[u8], _>(3)?));
        }
        Ok(sum.finish())
    }

    async fn batches(&self) -> Result<Vec<ReportedBatch>, BrainError> {
        let rows = sqlx::query("SELECT * FROM batch ORDER BY id").fetch_all(self.pool()?).await?;
        Ok(rows.iter().map(batch).collect::<Result<_, _>>()?)
    }

    async fn close(&self) -> Result<(), BrainError> {
        let left = if self.hush() { process::leave(&self.pool, &self.holder).await } else { Ok(()) };
        self.pool.close().await;
        left
    }
}
