//! What streams write and ask.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Attempts, Ended, PostgresEffects, Tx, rows, text};
use crate::brain::effects::streams::{
    HeldVersion, KeptVerdict, Opened, Opening, OwnedVersion, SchoolRow, StreamBatch, StreamEffects, StreamRow, Taken, signed,
};
use crate::brain::effects::upsert::new_writes;
use crate::brain::effects::versions::{Version, new_versions, sort_versions};
use crate::brain::error::BrainError;

#[async_trait::async_trait]
impl StreamEffects for PostgresEffects {
    async fn open_stream(&self, opening: &Opening<'_>) -> Result<Opened, BrainError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(done) = attempts.settle(self.greet(opening).await)? {
                return Ok(done);
            }
        }
    }

    async fn take_batch(&self, batch: &StreamBatch<'_>) -> Result<Taken, BrainError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(done) = attempts.settle(self.take(batch).await)? {
                return Ok(done);
            }
        }
    }

    async fn close_stream(&self, school: &str, holder: &str) -> Result<(), BrainError> {
        sqlx::query("UPDATE stream_school SET holder = NULL WHERE school = $1 AND holder = $2")
            .bind(text(school))
            .bind(holder)
            .execute(self.pool()?)
            .await?;
        Ok(())
    }

    async fn note_sign(&self, school: &str, at: i64, oldest: u64, health: Option<&str>) -> Result<(), BrainError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(done) = attempts.settle(self.sign(school, at, oldest, health).await)? {
                return Ok(done);
            }
        }
    }

    async fn versions(&self, school: &str, table: &str) -> Result<(Vec<HeldVersion>, u64), BrainError> {
        let mut tx = self.begin().await?;
        // Both of one moment.
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *tx).await?;
        let rows: Vec<(String, i64, Vec<u8>)> =
            sqlx::query_as("SELECT key, seq, comparable FROM held WHERE tbl = $1 AND school = $2 AND NOT deleted")
                .bind(text(table))
                .bind(text(school))
                .fetch_all(&mut *tx)
                .await?;
        let version = |(key, seq, comparable): (_, i64, _)| HeldVersion { key, seq: seq.unsigned_abs(), comparable };
        let position: Option<i64> = sqlx::query_scalar("SELECT seq FROM lane WHERE school = $1 AND tbl = $2")
            .bind(text(school))
            .bind(text(table))
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok((rows.into_iter().map(version).collect(), position.map_or(0, i64::unsigned_abs)))
    }

    async fn school_rows(&self) -> Result<Vec<SchoolRow>, BrainError> {
        let rows = sqlx::query(
            "SELECT school, epoch, edition, software, seen, health, holder FROM stream_school ORDER BY school COLLATE \"C\"",
        )
        .fetch_all(self.pool()?)
        .await?;
        let school = |row: &PgRow| {
            Ok(SchoolRow {
                school: row.try_get(0)?,
                epoch: row.try_get::<i64, _>(1)?.unsigned_abs(),
                edition: row.try_get(2)?,
                software: row.try_get(3)?,
                seen: row.try_get(4)?,
                health: row.try_get(5)?,
                holder: row.try_get(6)?,
            })
        };
        Ok(rows.iter().map(school).collect::<Result<_, sqlx::Error>>()?)
    }
}

impl PostgresEffects {
    async fn sign(&self, school: &str, at: i64, oldest: u64, health: Option<&str>) -> Result<(), Ended> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE stream_school SET seen = $2, health = coalesce($3, health) WHERE school = $1")
            .bind(text(school))
            .bind(at)
            .bind(health.map(text))
            .execute(&mut *tx)
            .await?;
        forget(&mut tx, school, oldest).await?;
        Ok(tx.commit().await?)
    }

    async fn greet(&self, opening: &Opening<'_>) -> Result<Opened, Ended> {
        let mut tx = self.begin().await?;
        let lock = lock_of(&self.schema, opening.school);
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(lock).execute(&mut *tx).await?;
        let done = sqlx::query(
            "INSERT INTO stream_school AS known (school, instance, epoch, edition, software, opened, seen, holder)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (school) DO UPDATE SET instance = excluded.instance,
             epoch = excluded.epoch, edition = excluded.edition, software = excluded.software, opened = excluded.opened,
             seen = greatest(known.seen, excluded.seen), holder = coalesce(excluded.holder, known.holder)
             WHERE known.epoch <= excluded.epoch",
        )
        .bind(text(opening.school))
        .bind(text(opening.instance))
        .bind(signed(opening.epoch))
        .bind(text(opening.edition))
        .bind(text(opening.software))
        .bind(opening.at)
        .bind(opening.holder)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            let known = sqlx::query_scalar::<_, i64>("SELECT epoch FROM stream_school WHERE school = $1")
                .bind(text(opening.school))
                .fetch_one(&mut *tx)
                .await?;
            return Ok(Opened::Superseded { epoch: known.unsigned_abs() });
        }
        forget(&mut tx, opening.school, opening.oldest).await?;
        let known = known(&mut tx, opening).await?;
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT tbl, seq FROM lane WHERE school = $1 AND streamed ORDER BY tbl COLLATE \"C\"")
                .bind(text(opening.school))
                .fetch_all(&mut *tx)
                .await?;
        let positions = rows.into_iter().map(|(table, seq)| (table, seq.unsigned_abs())).collect();
        tx.commit().await?;
        Ok(Opened::Ready { positions, known })
    }

    async fn take(&self, batch: &StreamBatch<'_>) -> Result<Taken, Ended> {
        let (school, table) = (batch.shown.school.as_str(), batch.shown.table.as_str());
        let mut tx = self.begin().await?;
        if let Some(epoch) = higher(&mut tx, &self.schema, school, batch.epoch).await? {
            return Ok(Taken::Superseded { epoch });
        }
        rows::lock(&mut tx, school, table).await?;
        let before = held(&mut tx, table, batch.rows).await?;
        let mut known: HashMap<&str, Version<'_>> =
            before.iter().map(|(key, version)| (key.as_str(), version.as_version())).collect();
        let outcome = sort_versions(batch.rows, batch.lost, school, &mut known);
        let said = batch.said(&outcome);
        let shown = batch.shown(&outcome);
        let number = rows::keep(&mut tx, &shown, batch.highest(&outcome)).await?;
        rows::hold(&mut tx, table, school, &new_versions(batch.rows, &known), true).await?;
        let writes = new_writes(&outcome, |place| batch.rows.get(place).map(|row| &row.judged));
        rows::note(&mut tx, number, table, &writes).await?;
        if let Some((id, digest)) = batch.name {
            let verdict = serde_json::to_string(&said).map_err(|error| BrainError::Internal(error.to_string()))?;
            sqlx::query(
                "INSERT INTO stream_batch (school, instance, id, digest, visible, verdict) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (school, instance, id) DO UPDATE SET digest = excluded.digest, visible = excluded.visible,
                 verdict = excluded.verdict",
            )
            .bind(text(school))
            .bind(text(batch.instance))
            .bind(signed(id))
            .bind(digest.as_slice())
            .bind(shown.times.visible)
            .bind(verdict)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Taken::Written(said))
    }
}

/// The number of the lock on a school's epoch, among all of the database. Two that share one by chance only wait for each
/// other.
fn lock_of(schema: &str, school: &str) -> i64 {
    let digest = Sha256::new().chain_update(schema).chain_update([0]).chain_update(school).finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// The school's epoch where it is higher; else it stays what it is to the end of this transaction. The lock is one of
/// those that are waited for in a queue: batches that come one after another hold up another epoch no longer than the
/// first of them takes.
async fn higher(tx: &mut Tx, schema: &str, school: &str, epoch: u64) -> Result<Option<u64>, sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)").bind(lock_of(schema, school)).execute(&mut **tx).await?;
    let known: Option<i64> = sqlx::query_scalar("SELECT epoch FROM stream_school WHERE school = $1")
        .bind(text(school))
        .fetch_optional(&mut **tx)
        .await?;
    Ok(known.map(i64::unsigned_abs).filter(|known| *known > epoch))
}

async fn forget(tx: &mut Tx, school: &str, oldest: u64) -> Result<(), sqlx::Error> {
    if oldest > 0 {
        sqlx::query(
            "DELETE FROM stream_batch WHERE school = $1 AND id < $2
             AND instance = (SELECT instance FROM stream_school WHERE school = $1)",
        )
        .bind(text(school))
        .bind(signed(oldest))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn known(tx: &mut Tx, opening: &Opening<'_>) -> Result<Vec<KeptVerdict>, Ended> {
    let (ids, digests): (Vec<i64>, Vec<&[u8]>) =
        opening.unsettled.iter().map(|(id, digest)| (signed(*id), digest.as_slice())).unzip();
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT b.id, b.visible, b.verdict FROM unnest($3::bigint[], $4::bytea[]) WITH ORDINALITY u(id, digest, nth)
         JOIN stream_batch b ON b.school = $1 AND b.instance = $2 AND b.id = u.id AND b.digest = u.digest ORDER BY u.nth",
    )
    .bind(text(opening.school))
    .bind(text(opening.instance))
    .bind(ids)
    .bind(digests)
    .fetch_all(&mut **tx)
    .await?;
    let verdict = |(id, visible, said): (i64, i64, String)| KeptVerdict::read(id.unsigned_abs(), visible, &said);
    Ok(rows.into_iter().map(verdict).collect::<Result<_, _>>()?)
}

async fn held(tx: &mut Tx, table: &str, rows: &[StreamRow]) -> Result<Vec<(String, OwnedVersion)>, sqlx::Error> {
    let keys = rows.iter().filter_map(|r| r.judged.key.as_deref()).filter(|key| !key.contains('\0'));
    let found: Vec<(String, String, bool, String, i64)> =
        sqlx::query_as("SELECT key, school, deleted, body, seq FROM held WHERE tbl = $1 AND key = ANY($2)")
            .bind(table)
            .bind(keys.collect::<Vec<_>>())
            .fetch_all(&mut **tx)
            .await?;
    let version = |(key, school, deleted, body, seq): (_, _, _, _, i64)| {
        (key, OwnedVersion { school, deleted, body, seq: seq.unsigned_abs() })
    };
    Ok(found.into_iter().map(version).collect())
}
