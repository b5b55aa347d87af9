//! The store in PostgreSQL: for production, and for several hubs on one database.
//!
//! Every transaction that changes a feed locks its row in `feeds` first and holds it to the commit: that puts the seqs of
//! a feed in the order of commits, and no two transactions ever wait for each other in a circle. Before that it makes sure
//! that its lease still stands, by a lock on the lease's row that a taking over has to wait for. Rows go in and out in
//! arrays, a statement a step, never a statement a row. What is remembered between landings can be read again from the
//! database, and is, when another hub has written since.

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
mod place;
mod process;
mod pushes;
mod quarantine;
mod read;
mod records;
mod rival;
mod runs;
mod schema;
mod settle;
mod shapes;
mod sharing;
mod stage;
mod standing;
mod takeover;
mod tombstone;
mod views;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Postgres, Transaction};

use self::fault::db;
use super::commit::{CommitHook, Commits};
use super::open_run::OpenRun;
use super::{FeedId, RunId, StoreError};

/// A transaction under way.
type Tx = Transaction<'static, Postgres>;

/// How to open a store.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?sslmode=…`.
    pub url: String,
    /// The schema that the tables are in; made where it does not exist.
    pub schema: String,
    /// Most connections.
    pub connections: u32,
    /// The name under which leases are held; made up when there is none. Two hubs must never have the same.
    pub holder: Option<String>,
    /// Simulated crashes.
    pub hook: Option<CommitHook>,
}

impl PostgresOptions {
    /// With the usual schema and connections.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), schema: "xiaoshu".to_owned(), connections: 8, holder: None, hook: None }
    }
}

/// Without the address, which holds a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The store in a PostgreSQL database.
pub struct PostgresStore {
    pool: PgPool,
    url: String,
    schema: String,
    /// Whether it is open for reading only.
    read_only: bool,
    /// Who holds our leases.
    holder: String,
    feeds: Mutex<HashMap<FeedId, feeds::OpenFeed>>,
    runs: Mutex<HashMap<RunId, OpenRun>>,
    leases: Mutex<HashMap<lease::Row, i64>>,
    commits: Commits,
}

impl PostgresStore {
    /// Opens the store, creating its schema and tables where they do not exist.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer version has taken something away that this one needs.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let pool = connect(&options, false)?;
        schema::migrate(&pool, &options.schema).await?;
        Ok(Self::assemble(pool, options, false))
    }

    /// Opens the store to look at it: changes nothing. Calls that would write give [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no store, [`StoreError::Older`] and [`StoreError::Newer`] when another version
    /// wrote it.
    pub async fn open_read_only(options: PostgresOptions) -> Result<Self, StoreError> {
        let pool = connect(&options, true)?;
        schema::check(&pool, &options.schema).await?;
        Ok(Self::assemble(pool, options, true))
    }

    /// Reaches the database and changes nothing: the server's version, and whether the account may write there.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn look(options: &PostgresOptions) -> Result<(String, bool), StoreError> {
        let what = db("reaching the database");
        let pool = connect(options, true)?;
        let found: (String, bool) = sqlx::query_as(
            "SELECT current_setting('server_version'), CASE WHEN to_regnamespace($1) IS NULL \
             THEN has_database_privilege(current_database(), 'CREATE') ELSE has_schema_privilege($1, 'CREATE') END",
        )
        .bind(&options.schema)
        .fetch_one(&pool)
        .await
        .map_err(what)?;
        pool.close().await;
        Ok(found)
    }

    fn assemble(pool: PgPool, options: PostgresOptions, read_only: bool) -> Self {
        Self {
            pool,
            url: options.url,
            schema: options.schema,
            read_only,
            holder: options.holder.unwrap_or_else(process::own_name),
            feeds: Mutex::default(),
            runs: Mutex::default(),
            leases: Mutex::default(),
            commits: Commits::new(options.hook),
        }
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// The name under which this store holds leases.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Begins a writing transaction.
    async fn begin(&self, what: &'static str) -> Result<Tx, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        self.commits.alive()?;
        self.pool.begin().await.map_err(db(what))
    }

    /// Connections to read with.
    fn readers(&self) -> Result<&PgPool, StoreError> {
        self.commits.alive()?;
        Ok(&self.pool)
    }

    /// Commits, unless a test wants the process dead at this point.
    async fn commit(&self, tx: Tx, what: &'static str) -> Result<(), StoreError> {
        self.commits.commit(async { tx.commit().await.map_err(db(what)) }).await
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<FeedId, feeds::OpenFeed>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, OpenRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool whose connections are made when they are needed.
fn connect(options: &PostgresOptions, read_only: bool) -> Result<PgPool, StoreError> {
    // The cause of a wrong address may quote it, and with it the password.
    let wrong = |_| {
        StoreError::Settings("the database's address cannot be read; it is postgres://user:password@host:port/database".into())
    };
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(wrong)?
        .application_name("xiaoshu")
        .statement_cache_capacity(256)
        .options([
            ("search_path", options.schema.as_str()),
            // Statements carry arrays: a plan made for one size is wrong for another.
            ("plan_cache_mode", "force_custom_plan"),
            ("jit", "off"),
            // A hub that freezes in the middle of a transaction must not keep others waiting.
            ("idle_in_transaction_session_timeout", "15s"),
            ("lock_timeout", "30s"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
            ("default_transaction_read_only", if read_only { "on" } else { "off" }),
        ])
        .disable_statement_logging();
    Ok(PgPoolOptions::new()
        .max_connections(options.connections.max(2))
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(connect))
}

/// Seqs and rids as the database's whole numbers, which are signed.
fn signed(numbers: impl IntoIterator<Item = u64>) -> Vec<i64> {
    numbers.into_iter().map(|n| n as i64).collect()
}

/// A key as indexes take it; the database's function of the same name does the same.
fn short_key(natural_key: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    use sha2::Digest as _;
    if natural_key.len() <= 1024 {
        return natural_key.into();
    }
    let mut short = natural_key[..1000].to_vec();
    short.extend_from_slice(&sha2::Sha256::digest(natural_key));
    short.into()
}

fn inconsistent(what: impl Into<String>) -> StoreError {
    StoreError::Inconsistent(what.into())
}
