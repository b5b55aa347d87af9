//! The store in one SQLite file: the embedded default.
//!
//! One connection writes, behind a mutex and the lock file; a few read, and other processes may read beside them. Statements that carry many rows keep to a few shapes, so that
//! they stay prepared; whatever can be derived from rows already in the database is derived there, because a value
//! bound costs more than a value copied.

mod audit;
mod batches;
mod chunks;
mod convert;
mod deletion;
mod delivery;
mod fault;
mod feeds;
mod flight;
mod gone;
mod held;
mod holder;
mod keys;
mod landing;
mod lease;
mod lock;
mod meta;
mod page;
mod place;
mod pushes;
mod quarantine;
mod read;
mod records;
mod rival;
mod runs;
mod schema;
mod settle;
mod shape;
mod shapes;
mod sharing;
mod stage;
mod standing;
mod takeover;
mod tombstone;
mod views;
mod walk;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use self::fault::db;
use super::commit::Commits;
pub use super::commit::{CommitFault, CommitHook};
use super::{FeedId, RunId, StoreError};

/// How to open a store.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Page cache of the writing connection, MiB.
    pub cache_mib: u32,
    /// Reading connections.
    pub readers: u32,
    /// Simulated crashes.
    pub hook: Option<CommitHook>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { cache_mib: 64, readers: 3, hook: None }
    }
}

/// The store in one SQLite file.
pub struct SqliteStore {
    /// `None` in a store that is open for reading only.
    writer: Option<Mutex<Writer>>,
    readers: SqlitePool,
    /// Feeds found by a store that is open for reading only.
    looked: std::sync::Mutex<HashMap<FeedId, feeds::OpenFeed>>,
    path: PathBuf,
    commits: Commits,
    // Last, so that the lock outlives the connections.
    _lock: Option<lock::StoreLock>,
}

/// The database's name in the store's directory.
const FILE: &str = "xiaoshu.db";

/// The writing connection and what it remembers between landings. All of it can be read again from the database.
struct Writer {
    conn: SqliteConnection,
    feeds: HashMap<FeedId, feeds::OpenFeed>,
    runs: HashMap<RunId, runs::OpenRun>,
    shapes: shape::Shapes,
}

impl SqliteStore {
    /// Opens the store in a directory, creating both where they do not exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open, [`StoreError::Newer`] when a newer version wrote it.
    pub async fn open(dir: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|e| db("creating its directory")(sqlx::Error::Io(e)))?;
        let lock = lock::StoreLock::take(dir)?;
        let path = dir.join(FILE);
        let writing = base(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("cache_size", format!("-{}", u64::from(options.cache_mib) * 1024))
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", "3000");
        let mut conn = SqliteConnection::connect_with(&writing).await.map_err(db("opening it"))?;
        schema::migrate(&mut conn).await?;
        let readers = readers(base(&path), &options);
        let writer = Writer { conn, feeds: HashMap::new(), runs: HashMap::new(), shapes: shape::Shapes::new() };
        Ok(Self::assemble(Some((writer, lock)), readers, path, options.hook))
    }

    /// Opens the store in a directory beside the process that writes it, or without one: takes no lock, changes nothing.
    /// Calls that would write give [`StoreError::ReadOnly`]; `open_feed` finds feeds that exist.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no store, [`StoreError::Older`] and [`StoreError::Newer`] when another version
    /// wrote it.
    pub async fn open_read_only(dir: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(StoreError::Absent(path.display().to_string()));
        }
        let readers = readers(base(&path).read_only(true), &options);
        schema::check(&readers, &path).await?;
        Ok(Self::assemble(None, readers, path, options.hook))
    }

    fn assemble(
        writing: Option<(Writer, lock::StoreLock)>,
        readers: SqlitePool,
        path: PathBuf,
        hook: Option<CommitHook>,
    ) -> Self {
        let (writer, lock) = writing.unzip();
        let looked = std::sync::Mutex::default();
        Self { writer: writer.map(Mutex::new), readers, looked, path, commits: Commits::new(hook), _lock: lock }
    }

    /// Closes all connections and gives the lock back.
    ///
    /// # Errors
    /// When the last checkpoint fails; nothing committed is lost by that.
    pub async fn close(self) -> Result<(), StoreError> {
        self.readers.close().await;
        match self.writer {
            None => Ok(()),
            Some(writer) => writer.into_inner().conn.close().await.map_err(db("closing it")),
        }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        let guard = self.writer.as_ref().ok_or(StoreError::ReadOnly)?.lock().await;
        self.commits.alive()?;
        Ok(guard)
    }

    fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.commits.alive()?;
        Ok(&self.readers)
    }

    /// Commits, unless a test wants the process dead at this point.
    async fn commit(&self, tx: Transaction<'_, Sqlite>, what: &'static str) -> Result<(), StoreError> {
        self.commits.commit(async { tx.commit().await.map_err(db(what)) }).await
    }
}

/// What all connections have in common.
fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(16384)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(30))
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

/// Reading connections; none is made before it is needed.
fn readers(base: SqliteConnectOptions, options: &SqliteOptions) -> SqlitePool {
    let reading = base.pragma("query_only", "ON").pragma("cache_size", "-8192");
    SqlitePoolOptions::new().max_connections(options.readers.max(1)).connect_lazy_with(reading)
}

/// Begins a writing transaction.
async fn begin<'a>(conn: &'a mut SqliteConnection, what: &'static str) -> Result<Transaction<'a, Sqlite>, StoreError> {
    conn.begin_with("BEGIN IMMEDIATE").await.map_err(db(what))
}

/// A list of numbers as `json_each` takes it: one parameter instead of many.
fn number_list(numbers: impl IntoIterator<Item = i64>) -> String {
    let mut list = String::from("[");
    for number in numbers {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&number.to_string());
    }
    list.push(']');
    list
}

fn inconsistent(what: impl Into<String>) -> StoreError {
    StoreError::Inconsistent(what.into())
}
