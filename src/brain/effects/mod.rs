//! What the platform holds: rows by key, every write, and which of them had an effect.
//!
//! A *write* is an accepted row. An *effect* is a write that changes what is held. Writes of one submit, its verdict
//! and the rows go in one transaction. SQLite, in a directory that survives a restart or in memory.

mod apply;
mod batches;
mod read;
mod streams;
mod upsert;
mod versions;

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

pub(super) use apply::{Intake, Times};
pub use batches::ReportedBatch;
pub(super) use batches::{BatchQuery, NewBatch};
pub use read::{Counts, Effect, HeldRow};
pub(super) use streams::{HeldVersion, KeptVerdict, Opened, Opening, Said, StreamBatch, StreamEffects, StreamRow, Taken};
pub use upsert::Operation;
pub(super) use upsert::Outcome;

use super::error::BrainError;
use super::error::database::Database;

/// The database: one connection, since writes are one after another anyway.
pub(super) struct Effects {
    connection: Mutex<Option<SqliteConnection>>,
}

impl From<sqlx::Error> for BrainError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Database(Box::new(error)))
    }
}

impl Effects {
    /// Opens the database in `directory`, or one in memory.
    pub(super) async fn open(directory: Option<&Path>) -> Result<Self, BrainError> {
        let options = match directory {
            None => SqliteConnectOptions::new().in_memory(true),
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|source| BrainError::Directory { path: path.to_owned(), source })?;
                SqliteConnectOptions::new()
                    .filename(path.join("brain.sqlite"))
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
            }
        };
        let mut connection = options.connect().await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&mut connection).await?;
        // Rows of older files have no seq: any version that a stream brings is newer.
        let (known,): (i64,) = sqlx::query_as("SELECT count(*) FROM pragma_table_info('held') WHERE name = 'seq'")
            .fetch_one(&mut connection)
            .await?;
        if known == 0 {
            sqlx::raw_sql(
                "ALTER TABLE held ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
                 ALTER TABLE held ADD COLUMN comparable BLOB NOT NULL DEFAULT x'';",
            )
            .execute(&mut connection)
            .await?;
        }
        sqlx::raw_sql(include_str!("schema_streams.sql")).execute(&mut connection).await?;
        Ok(Self { connection: Mutex::new(Some(connection)) })
    }

    async fn lock(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, BrainError> {
        MutexGuard::try_map(self.connection.lock().await, Option::as_mut).map_err(|_| BrainError::Stopped)
    }

    /// Ends all use; what is under way is finished first.
    pub(super) async fn close(&self) -> Result<(), BrainError> {
        match self.connection.lock().await.take() {
            None => Ok(()),
            Some(connection) => Ok(connection.close().await?),
        }
    }
}
