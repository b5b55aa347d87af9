//! What streams write and ask.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::submits::insert_batch;
use super::{SqliteEffects, begin, rows};
use crate::brain::effects::streams::{
    HeldVersion, KeptVerdict, Opened, Opening, OwnedVersion, SchoolRow, StreamBatch, StreamEffects, StreamRow, Taken, signed,
};
use crate::brain::effects::upsert::new_writes;
use crate::brain::effects::versions::{Version, new_versions, sort_versions};
use crate::brain::error::BrainError;

#[async_trait::async_trait]
impl StreamEffects for SqliteEffects {
    async fn open_stream(&self, opening: &Opening<'_>) -> Result<Opened, BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = begin(&mut connection).await?;
        if let Some(epoch) = higher(&mut tx, opening.school, opening.epoch).await? {
            return Ok(Opened::Superseded { epoch });
        }
        sqlx::query(
            "INSERT INTO stream_school (school, instance, epoch, edition, software, opened, seen, holder)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) ON CONFLICT (school) DO UPDATE SET instance = excluded.instance,
             epoch = excluded.epoch, edition = excluded.edition, software = excluded.software,
             opened = excluded.opened, seen = excluded.seen, holder = coalesce(excluded.holder, holder)",
        )
        .bind(opening.school)
        .bind(opening.instance)
        .bind(signed(opening.epoch))
        .bind(opening.edition)
        .bind(opening.software)
        .bind(opening.at)
        .bind(opening.holder)
        .execute(&mut *tx)
        .await?;
        forget(&mut tx, opening.school, opening.oldest).await?;
        let known = known(&mut tx, opening).await?;
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT tbl, seq FROM stream_position WHERE school = ?1 ORDER BY tbl")
            .bind(opening.school)
            .fetch_all(&mut *tx)
            .await?;
        let positions = rows.into_iter().map(|(table, seq)| (table, seq.unsigned_abs())).collect();
        tx.commit().await?;
        Ok(Opened::Ready { positions, known })
    }

    async fn take_batch(&self, batch: &StreamBatch<'_>) -> Result<Taken, BrainError> {
        let (school, table) = (batch.shown.school.as_str(), batch.shown.table.as_str());
        let mut connection = self.lock().await?;
        let mut tx = begin(&mut connection).await?;
        if let Some(epoch) = higher(&mut tx, school, batch.epoch).await? {
            return Ok(Taken::Superseded { epoch });
        }
        let before = held(&mut tx, table, batch.rows).await?;
        let mut known: HashMap<&str, Version<'_>> =
            before.iter().map(|(key, version)| (key.as_str(), version.as_version())).collect();
        let outcome = sort_versions(batch.rows, batch.lost, school, &mut known);
        let said = batch.said(&outcome);
        let shown = batch.shown(&outcome);
        let number = insert_batch(&mut tx, &shown).await?;
        rows::hold(&mut tx, table, school, &new_versions(batch.rows, &known), true).await?;
        let writes = new_writes(&outcome, |place| batch.rows.get(place).map(|row| &row.judged));
        rows::note(&mut tx, number, table, &writes).await?;
        if let Some(seq) = batch.highest(&outcome) {
            move_on(&mut tx, school, table, seq).await?;
        }
        if let Some((id, digest)) = batch.name {
            let verdict = serde_json::to_string(&said).map_err(|error| BrainError::Internal(error.to_string()))?;
            sqlx::query("INSERT OR REPLACE INTO stream_batch (school, instance, id, digest, visible, verdict) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .bind(school)
                .bind(batch.instance)
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

    async fn close_stream(&self, school: &str, holder: &str) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        sqlx::query("UPDATE stream_school SET holder = NULL WHERE school = ?1 AND holder = ?2")
            .bind(school)
            .bind(holder)
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    async fn note_sign(&self, school: &str, at: i64, oldest: u64, health: Option<&str>) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = begin(&mut connection).await?;
        sqlx::query("UPDATE stream_school SET seen = ?2, health = coalesce(?3, health) WHERE school = ?1")
            .bind(school)
            .bind(at)
            .bind(health)
            .execute(&mut *tx)
            .await?;
        forget(&mut tx, school, oldest).await?;
        Ok(tx.commit().await?)
    }

    async fn versions(&self, school: &str, table: &str) -> Result<(Vec<HeldVersion>, u64), BrainError> {
        let mut connection = self.lock().await?;
        let rows: Vec<(String, i64, Vec<u8>)> =
            sqlx::query_as("SELECT key, seq, comparable FROM held WHERE tbl = ?1 AND school = ?2 AND deleted = 0")
                .bind(table)
                .bind(school)
                .fetch_all(&mut *connection)
                .await?;
        let version = |(key, seq, comparable): (_, i64, _)| HeldVersion { key, seq: seq.unsigned_abs(), comparable };
        let position: Option<(i64,)> = sqlx::query_as("SELECT seq FROM stream_position WHERE school = ?1 AND tbl = ?2")
            .bind(school)
            .bind(table)
            .fetch_optional(&mut *connection)
            .await?;
        Ok((rows.into_iter().map(version).collect(), position.map_or(0, |(seq,)| seq.unsigned_abs())))
    }

    async fn school_rows(&self) -> Result<Vec<SchoolRow>, BrainError> {
        let mut connection = self.lock().await?;
        let rows =
            sqlx::query("SELECT school, epoch, edition, software, seen, health, holder FROM stream_school ORDER BY school")
                .fetch_all(&mut *connection)
                .await?;
        let school = |row: &SqliteRow| {
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

async fn higher(tx: &mut SqliteConnection, school: &str, epoch: u64) -> Result<Option<u64>, BrainError> {
    let known: Option<(i64,)> =
        sqlx::query_as("SELECT epoch FROM stream_school WHERE school = ?1").bind(school).fetch_optional(tx).await?;
    Ok(known.map(|(known,)| known.unsigned_abs()).filter(|known| *known > epoch))
}

async fn forget(tx: &mut SqliteConnection, school: &str, oldest: u64) -> Result<(), BrainError> {
    if oldest > 0 {
        sqlx::query(
            "DELETE FROM stream_batch WHERE school = ?1 AND id < ?2
             AND instance = (SELECT instance FROM stream_school WHERE school = ?1)",
        )
        .bind(school)
        .bind(signed(oldest))
        .execute(tx)
        .await?;
    }
    Ok(())
}

async fn known(tx: &mut SqliteConnection, opening: &Opening<'_>) -> Result<Vec<KeptVerdict>, BrainError> {
    let mut known = Vec::new();
    for (id, digest) in opening.unsettled {
        let kept: Option<(i64, String)> = sqlx::query_as(
            "SELECT visible, verdict FROM stream_batch WHERE school = ?1 AND instance = ?2 AND id = ?3 AND digest = ?4",
        )
        .bind(opening.school)
        .bind(opening.instance)
        .bind(signed(*id))
        .bind(digest.as_slice())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some((visible, said)) = kept {
            known.push(KeptVerdict::read(*id, visible, &said)?);
        }
    }
    Ok(known)
}

async fn held(tx: &mut SqliteConnection, table: &str, rows: &[StreamRow]) -> Result<Vec<(String, OwnedVersion)>, BrainError> {
    let keys = rows.iter().filter_map(|r| r.judged.key.as_deref());
    let found: Vec<(String, String, bool, String, i64)> = sqlx::query_as(
        "SELECT h.key, h.school, h.deleted, h.body, h.seq FROM json_each(?2) j CROSS JOIN held h ON h.tbl = ?1 AND h.key = j.value",
    )
    .bind(table)
    .bind(rows::key_list(keys))
    .fetch_all(tx)
    .await?;
    let version = |(key, school, deleted, body, seq): (_, _, _, _, i64)| {
        (key, OwnedVersion { school, deleted, body, seq: seq.unsigned_abs() })
    };
    Ok(found.into_iter().map(version).collect())
}

/// The highest seq of a table never falls.
async fn move_on(tx: &mut SqliteConnection, school: &str, table: &str, seq: u64) -> Result<(), BrainError> {
    sqlx::query(
        "INSERT INTO stream_position (school, tbl, seq) VALUES (?1, ?2, ?3)
         ON CONFLICT (school, tbl) DO UPDATE SET seq = max(seq, excluded.seq)",
    )
    .bind(school)
    .bind(table)
    .bind(signed(seq))
    .execute(tx)
    .await?;
    Ok(())
}
