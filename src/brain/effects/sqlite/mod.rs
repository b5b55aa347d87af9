//! The effects of one platform process, in an SQLite file or in memory.

mod lock;
mod rows;
mod shape;
mod streams;
mod submits;
mod views;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::brain::error::BrainError;

/// The database: one connection, since writes are one after another anyway.
pub(super) struct SqliteEffects {
    connection: Mutex<Option<SqliteConnection>>,
    // Last, so that the lock outlives the connection.
    _lock: Option<lock::DirectoryLock>,
}

impl SqliteEffects {
    /// Opens the database in `directory`, or one in memory.
    pub(super) async fn open(directory: Option<&Path>) -> Result<Self, BrainError> {
        let (options, lock) = match directory {
            None => (SqliteConnectOptions::new().in_memory(true), None),
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|source| BrainError::Directory { path: path.to_owned(), source })?;
                let options = SqliteConnectOptions::new()
                    .filename(path.join("brain.sqlite"))
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal);
                (options, Some(lock::DirectoryLock::take(path).await?))
            }
        };
        let options = options
            .busy_timeout(Duration::from_secs(30))
            // Kibibytes: entries of the index over keys are touched in no order.
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "MEMORY")
            // Pages: what several batches change is copied into the file once.
            .pragma("wal_autocheckpoint", "8000")
            .statement_cache_capacity(128)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        migrate(&mut connection).await?;
        Ok(Self { connection: Mutex::new(Some(connection)), _lock: lock })
    }

    async fn lock(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, BrainError> {
        MutexGuard::try_map(self.connection.lock().await, Option::as_mut).map_err(|_| BrainError::Stopped)
    }
}

/// Makes tables that are not there, and what older files lack.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), BrainError> {
    sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *connection).await?;
    // Rows of older files have no seq: any version that a stream brings is newer.
    let streams = "ALTER TABLE held ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
                   ALTER TABLE held ADD COLUMN comparable BLOB NOT NULL DEFAULT x'';";
    lacking(connection, "held", "seq", streams).await?;
    sqlx::raw_sql(include_str!("schema_streams.sql")).execute(&mut *connection).await?;
    lacking(connection, "stream_school", "holder", "ALTER TABLE stream_school ADD COLUMN holder TEXT").await?;
    // Whoever held a stream has ended.
    sqlx::query("UPDATE stream_school SET holder = NULL").execute(connection).await?;
    Ok(())
}

async fn lacking(connection: &mut SqliteConnection, table: &str, column: &str, script: &'static str) -> Result<(), BrainError> {
    let (known,): (i64,) = sqlx::query_as("SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2")
        .bind(table)
        .bind(column)
        .fetch_one(&mut *connection)
        .await?;
    if known == 0 {
        sqlx::raw_sql(script).execute(connection).await?;
    }
    Ok(())
}

/// Begins a writing transaction.
async fn begin(connection: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, BrainError> {
    Ok(connection.begin_with("BEGIN IMMEDIATE").await?)
}
