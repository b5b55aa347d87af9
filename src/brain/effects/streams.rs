//! What streams write: versions of records, each with its seq, so that nothing has an effect twice.
//!
//! [`StreamEffects`] is all that the interfaces of streams know of the database. [`Effects`] implements it over SQLite;
//! another database implements it beside this file.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::batches::insert_batch;
use super::upsert::Outcome;
use super::versions::{Version, sort_versions};
use super::{Effects, NewBatch};
use crate::brain::error::BrainError;
use crate::brain::judge::Judged;

/// A stream begins.
#[derive(Debug)]
pub(in crate::brain) struct Opening<'a> {
    pub(in crate::brain) school: &'a str,
    pub(in crate::brain) instance: &'a str,
    pub(in crate::brain) epoch: u64,
    pub(in crate::brain) edition: &'a str,
    pub(in crate::brain) software: &'a str,
    /// Batches asked for: id and digest.
    pub(in crate::brain) unsettled: &'a [(u64, Vec<u8>)],
    /// Verdicts on batches below are wanted no more.
    pub(in crate::brain) oldest: u64,
    pub(in crate::brain) at: i64,
}

/// What is told at the beginning of a stream.
#[derive(Debug)]
pub(in crate::brain) enum Opened {
    /// A hub with a higher epoch has the school.
    Superseded { epoch: u64 },
    /// The highest seq of each table, and the batches asked for that did arrive.
    Ready { positions: Vec<(String, u64)>, known: Vec<KeptVerdict> },
}

/// The verdict on a batch, as it is kept.
#[derive(Debug, Clone)]
pub(in crate::brain) struct KeptVerdict {
    pub(in crate::brain) id: u64,
    /// When it shows.
    pub(in crate::brain) visible: i64,
    pub(in crate::brain) said: Said,
}

/// What is said of a batch's rows: stored unless named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::brain) struct Said {
    pub(in crate::brain) rows: u32,
    pub(in crate::brain) refused: Vec<(u32, String)>,
    /// Rows of which nothing is said.
    pub(in crate::brain) silent: Vec<u32>,
}

/// One version of a record, judged.
#[derive(Debug)]
pub(in crate::brain) struct StreamRow {
    pub(in crate::brain) judged: Judged,
    pub(in crate::brain) seq: u64,
}

/// A batch of a stream.
pub(in crate::brain) struct StreamBatch<'a> {
    pub(in crate::brain) instance: &'a str,
    pub(in crate::brain) epoch: u64,
    /// Its id, and what it consists of; `None` where it must not be found again.
    pub(in crate::brain) name: Option<(u64, [u8; 16])>,
    pub(in crate::brain) rows: &'a [StreamRow],
    /// Places of rows that vanish unnamed.
    pub(in crate::brain) lost: &'a [usize],
    /// Places of rows of which nothing is said.
    pub(in crate::brain) silent: &'a [usize],
    /// How it is shown among all batches; counts and remark are filled in.
    pub(in crate::brain) shown: NewBatch,
}

/// What came of a batch.
#[derive(Debug)]
pub(in crate::brain) enum Taken {
    /// A hub with a higher epoch has the school: nothing was written.
    Superseded { epoch: u64 },
    /// Written, in one transaction with its verdict.
    Written(Said),
}

/// A range of keys: count and XOR of the records' digests, and the records themselves.
#[derive(Debug, Default, Clone)]
pub(in crate::brain) struct HeldVersion {
    pub(in crate::brain) key: String,
    pub(in crate::brain) seq: u64,
    pub(in crate::brain) comparable: Vec<u8>,
}

/// What is known of a school.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in crate::brain) struct SchoolRow {
    pub(in crate::brain) school: String,
    pub(in crate::brain) epoch: u64,
    pub(in crate::brain) edition: String,
    pub(in crate::brain) software: String,
    pub(in crate::brain) seen: i64,
    pub(in crate::brain) health: Option<String>,
}

/// What streams need of a database.
#[async_trait::async_trait]
pub(in crate::brain) trait StreamEffects: Send + Sync {
    /// Notes a stream, unless a higher epoch is known, and finds what it asks for.
    async fn open_stream(&self, opening: &Opening<'_>) -> Result<Opened, BrainError>;

    /// Writes a batch: of two versions of a key the one with the higher seq stands, whatever their order; a lower or
    /// equal seq changes nothing. Rows, writes, verdict and positions in one transaction, which a lower epoch ends.
    async fn take_batch(&self, batch: &StreamBatch<'_>) -> Result<Taken, BrainError>;

    /// A sign of life; verdicts on batches below `oldest` are wanted no more.
    async fn note_sign(&self, school: &str, at: i64, oldest: u64, health: Option<&str>) -> Result<(), BrainError>;

    /// Every version of a table that a school holds, deleted ones left out, and the table's highest seq.
    async fn versions(&self, school: &str, table: &str) -> Result<(Vec<HeldVersion>, u64), BrainError>;

    /// All schools that ever opened a stream.
    async fn school_rows(&self) -> Result<Vec<SchoolRow>, BrainError>;
}

#[async_trait::async_trait]
impl StreamEffects for Effects {
    async fn open_stream(&self, opening: &Opening<'_>) -> Result<Opened, BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = connection.begin().await?;
        if let Some(epoch) = higher(&mut tx, opening.school, opening.epoch).await? {
            return Ok(Opened::Superseded { epoch });
        }
        sqlx::query(
            "INSERT INTO stream_school (school, instance, epoch, edition, software, opened, seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (school) DO UPDATE SET instance = excluded.instance,
             epoch = excluded.epoch, edition = excluded.edition, software = excluded.software,
             opened = excluded.opened, seen = excluded.seen",
        )
        .bind(opening.school)
        .bind(opening.instance)
        .bind(signed(opening.epoch))
        .bind(opening.edition)
        .bind(opening.software)
        .bind(opening.at)
        .execute(&mut *tx)
        .await?;
        forget(&mut tx, opening.school, opening.oldest).await?;
        let known = known(&mut tx, opening).await?;
        let rows = sqlx::query("SELECT tbl, seq FROM stream_position WHERE school = ?1 ORDER BY tbl")
            .bind(opening.school)
            .fetch_all(&mut *tx)
            .await?;
        let position = |row: &sqlx::sqlite::SqliteRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()));
        let positions = rows.iter().map(position).collect::<Result<_, sqlx::Error>>()?;
        tx.commit().await?;
        Ok(Opened::Ready { positions, known })
    }

    async fn take_batch(&self, batch: &StreamBatch<'_>) -> Result<Taken, BrainError> {
        let (school, table) = (batch.shown.school.as_str(), batch.shown.table.as_str());
        let mut connection = self.lock().await?;
        let mut tx = connection.begin().await?;
        if let Some(epoch) = higher(&mut tx, school, batch.epoch).await? {
            return Ok(Taken::Superseded { epoch });
        }
        let before = held(&mut tx, table, batch.rows).await?;
        let mut known: HashMap<&str, Version<'_>> =
            before.iter().map(|(key, version)| (key.as_str(), version.as_version())).collect();
        let outcome = sort_versions(batch.rows, batch.lost, school, &mut known);
        let said = said(batch, &outcome);
        let mut shown = batch.shown.clone();
        shown.storage_num = i64::try_from(outcome.writes.len()).unwrap_or(i64::MAX);
        shown.collect_num = i64::from(said.rows);
        let number = insert_batch(&mut tx, &shown).await?;
        write(&mut tx, batch, &outcome, number, &known).await?;
        if let Some((id, digest)) = batch.name {
            sqlx::query("INSERT OR REPLACE INTO stream_batch (school, instance, id, digest, visible, verdict) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .bind(school)
                .bind(batch.instance)
                .bind(signed(id))
                .bind(digest.as_slice())
                .bind(shown.times.visible)
                .bind(json!(said).to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(Taken::Written(said))
    }

    async fn note_sign(&self, school: &str, at: i64, oldest: u64, health: Option<&str>) -> Result<(), BrainError> {
        let mut connection = self.lock().await?;
        let mut tx = connection.begin().await?;
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
        let rows = sqlx::query("SELECT key, seq, comparable FROM held WHERE tbl = ?1 AND school = ?2 AND deleted = 0")
            .bind(table)
            .bind(school)
            .fetch_all(&mut *connection)
            .await?;
        let version = |row: &sqlx::sqlite::SqliteRow| {
            Ok(HeldVersion { key: row.try_get(0)?, seq: row.try_get::<i64, _>(1)?.unsigned_abs(), comparable: row.try_get(2)? })
        };
        let versions = rows.iter().map(version).collect::<Result<_, sqlx::Error>>()?;
        let position: Option<(i64,)> = sqlx::query_as("SELECT seq FROM stream_position WHERE school = ?1 AND tbl = ?2")
            .bind(school)
            .bind(table)
            .fetch_optional(&mut *connection)
            .await?;
        Ok((versions, position.map_or(0, |(seq,)| seq.unsigned_abs())))
    }

    async fn school_rows(&self) -> Result<Vec<SchoolRow>, BrainError> {
        let mut connection = self.lock().await?;
        let rows = sqlx::query("SELECT school, epoch, edition, software, seen, health FROM stream_school ORDER BY school")
            .fetch_all(&mut *connection)
            .await?;
        let school = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SchoolRow {
                school: row.try_get(0)?,
                epoch: row.try_get::<i64, _>(1)?.unsigned_abs(),
                edition: row.try_get(2)?,
                software: row.try_get(3)?,
                seen: row.try_get(4)?,
                health: row.try_get(5)?,
            })
        };
        Ok(rows.iter().map(school).collect::<Result<_, sqlx::Error>>()?)
    }
}

/// The database's whole numbers are signed; the top bit of a seq or an id is never set.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
        let Some((visible, said)) = kept else { continue };
        let said = serde_json::from_str(&said).map_err(|error| BrainError::Internal(error.to_string()))?;
        known.push(KeptVerdict { id: *id, visible, said });
    }
    Ok(known)
}

/// A version as the database has it.
struct OwnedVersion {
    school: String,
    deleted: bool,
    body: String,
    seq: u64,
}

impl OwnedVersion {
    fn as_version(&self) -> Version<'_> {
        Version { school: &self.school, deleted: self.deleted, body: &self.body, seq: self.seq, row: None }
    }
}

async fn held(tx: &mut SqliteConnection, table: &str, rows: &[StreamRow]) -> Result<Vec<(String, OwnedVersion)>, BrainError> {
    let keys: Vec<&str> = rows.iter().filter_map(|r| r.judged.key.as_deref()).collect();
    let rows = sqlx::query(
        "SELECT h.key, h.school, h.deleted, h.body, h.seq FROM json_each(?2) j CROSS JOIN held h ON h.tbl = ?1 AND h.key = j.value",
    )
    .bind(table)
    .bind(json!(keys).to_string())
    .fetch_all(tx)
    .await?;
    let version = |row: &sqlx::sqlite::SqliteRow| {
        let seq = row.try_get::<i64, _>(4)?.unsigned_abs();
        Ok((row.try_get(0)?, OwnedVersion { school: row.try_get(1)?, deleted: row.try_get(2)?, body: row.try_get(3)?, seq }))
    };
    rows.iter().map(version).collect::<Result<_, sqlx::Error>>().map_err(Into::into)
}

fn said(batch: &StreamBatch<'_>, outcome: &Outcome) -> Said {
    let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let silent = batch.lost.iter().chain(batch.silent).filter(|at| **at < batch.rows.len());
    let mut silent: Vec<u32> = silent.map(|at| place(*at)).collect();
    silent.sort_unstable();
    silent.dedup();
    let refused = outcome.refused.iter().map(|(at, error)| (place(*at), error.clone()));
    Said { rows: place(batch.rows.len()), refused: refused.filter(|(at, _)| !silent.contains(at)).collect(), silent }
}

/// Rows and writes go as one JSON text a statement: thousands of rows, three statements.
async fn write(
    tx: &mut SqliteConnection,
    batch: &StreamBatch<'_>,
    outcome: &Outcome,
    number: i64,
    after: &HashMap<&str, Version<'_>>,
) -> Result<(), BrainError> {
    let (school, table) = (batch.shown.school.as_str(), batch.shown.table.as_str());
    let mut rows = Vec::new();
    for (key, version) in after {
        let Some(row) = version.row.and_then(|place| batch.rows.get(place)) else { continue };
        let (digest, comparable) = (hex::encode(row.judged.digest), hex::encode(row.judged.comparable));
        rows.push(json!([key, version.deleted, digest, version.body, version.seq, comparable]));
    }
    sqlx::query(
        "INSERT INTO held (tbl, key, school, deleted, digest, body, seq, comparable)
         SELECT ?1, value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5)
         FROM json_each(?3) WHERE true ON CONFLICT (tbl, key) DO UPDATE SET deleted = excluded.deleted,
         digest = excluded.digest, body = excluded.body, seq = excluded.seq, comparable = excluded.comparable",
    )
    .bind(table)
    .bind(school)
    .bind(json!(rows).to_string())
    .execute(&mut *tx)
    .await?;
    let write = |write: &super::upsert::Write| {
        let row = &batch.rows[write.place];
        json!([write.place, row.judged.key, write.operation.name(), hex::encode(row.judged.digest)])
    };
    let writes: Vec<serde_json::Value> = outcome.writes.iter().map(write).collect();
    sqlx::query(
        "INSERT INTO write (batch, place, tbl, key, op, digest)
         SELECT ?1, value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?3)",
    )
    .bind(number)
    .bind(table)
    .bind(json!(writes).to_string())
    .execute(&mut *tx)
    .await?;
    let highest = outcome.writes.iter().filter_map(|w| batch.rows.get(w.place)).map(|r| r.seq).max();
    if let Some(seq) = highest {
        sqlx::query(
            "INSERT INTO stream_position (school, tbl, seq) VALUES (?1, ?2, ?3)
             ON CONFLICT (school, tbl) DO UPDATE SET seq = max(seq, excluded.seq)",
        )
        .bind(school)
        .bind(table)
        .bind(signed(seq))
        .execute(tx)
        .await?;
    }
    Ok(())
}
