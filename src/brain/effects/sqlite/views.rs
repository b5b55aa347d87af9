//! Reading what is held and what was written.

use futures_util::TryStreamExt;
use sqlx::{Connection, Row};

use super::SqliteEffects;
use super::submits::batch;
use crate::brain::effects::views::{Counts, Effect, HeldRow, Sum, Views};
use crate::brain::effects::{Operation, ReportedBatch};
use crate::brain::error::BrainError;
use crate::brain::grpc::SchoolTable;

#[async_trait::async_trait]
impl Views for SqliteEffects {
    async fn writes(&self, table: Option<&str>, only_effects: bool) -> Result<Vec<Effect>, BrainError> {
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

    async fn counts(&self) -> Result<Vec<Counts>, BrainError> {
        let mut connection = self.lock().await?;
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT w.tbl, (SELECT count(*) FROM held h WHERE h.tbl = w.tbl AND h.deleted = 0), w.writes, w.effects
             FROM (SELECT tbl, count(*) AS writes, count(*) FILTER (WHERE op <> 'same') AS effects FROM write GROUP BY tbl) w
             ORDER BY w.tbl",
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(rows.into_iter().map(|(table, held, writes, effects)| Counts { table, held, writes, effects }).collect())
    }

    async fn received(&self) -> Result<Vec<(String, SchoolTable)>, BrainError> {
        let mut connection = self.lock().await?;
        let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
            "SELECT school, tbl, sum(collect_num), sum(storage_num), max(received) FROM batch GROUP BY school, tbl ORDER BY school, tbl",
        )
        .fetch_all(&mut *connection)
        .await?;
        let entry = |(school, table, received, accepted, last)| (school, SchoolTable { table, received, accepted, last });
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn held(&self, table: &str) -> Result<Vec<HeldRow>, BrainError> {
        let mut connection = self.lock().await?;
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT key, school, body FROM held WHERE tbl = ?1 AND deleted = 0 ORDER BY key")
                .bind(table)
                .fetch_all(&mut *connection)
                .await?;
        Ok(rows.into_iter().map(|(key, school, body)| HeldRow { key, school, body }).collect())
    }

    async fn digest(&self) -> Result<String, BrainError> {
        let mut connection = self.lock().await?;
        let mut rows =
            sqlx::query("SELECT tbl, key, school, digest FROM held WHERE deleted = 0 ORDER BY tbl, key").fetch(&mut *connection);
        let mut sum = Sum::default();
        while let Some(row) = rows.try_next().await? {
            sum.add(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        }
        Ok(sum.finish())
    }

    async fn batches(&self) -> Result<Vec<ReportedBatch>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query("SELECT * FROM batch ORDER BY id").fetch_all(&mut *connection).await?;
        Ok(rows.iter().map(batch).collect::<Result<_, _>>()?)
    }

    async fn close(&self) -> Result<(), BrainError> {
        match self.connection.lock().await.take() {
            None => Ok(()),
            Some(connection) => Ok(connection.close().await?),
        }
    }
}
