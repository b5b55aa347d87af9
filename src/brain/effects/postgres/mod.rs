//! The effects of several platform processes, in one PostgreSQL database.
//!
//! A transaction that writes rows of a school's table locks its `lane` first and holds it to the commit, so that two
//! processes that write the same, as after topics have gone from one to the other, do it one after the other; batches of
//! different schools do not wait for each other. A batch of a stream locks its school's epoch before, in a way that only
//! another epoch has to wait for. Rows are written in the order of their keys. Where two schools bring one new key at the
//! same moment, the second finds it held by another one and begins anew. Rows go in and out in arrays, a statement a step,
//! never a statement a row.

mod process;
mod rows;
mod schema;
mod streams;
mod submits;
mod views;

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Postgres, Transaction};
use tokio::task::JoinHandle;

use super::fault::sqlstate;
use crate::brain::config::EffectsConfig;
use crate::brain::error::BrainError;

/// A transaction under way.
type Tx = Transaction<'static, Postgres>;

/// How often a transaction is begun anew that has met another one; each time the other has come to its end.
const ATTEMPTS: u32 = 20;

/// The database.
pub(super) struct PostgresEffects {
    pool: PgPool,
    schema: String,
    holder: String,
    telling: Mutex<Option<JoinHandle<()>>>,
}

/// Why a transaction did not come to its end.
enum Ended {
    /// It met another one; begun anew it finds what that one has left.
    Met,
    Failed(BrainError),
}

impl From<sqlx::Error> for Ended {
    fn from(error: sqlx::Error) -> Self {
        match sqlstate(&error).as_deref() {
            // Serialization, deadlock.
            Some("40001" | "40P01") => Self::Met,
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<BrainError> for Ended {
    fn from(error: BrainError) -> Self {
        Self::Failed(error)
    }
}

impl PostgresEffects {
    /// Opens the database, making its schema and tables where they do not exist.
    pub(super) async fn open(url: &str, config: &EffectsConfig, holder: &str, edition: &str) -> Result<Self, BrainError> {
        let pool = connect(url, config)?;
        schema::migrate(&pool, &config.schema).await?;
        process::enter(&pool, holder, edition).await?;
        let telling = process::tell(pool.clone(), holder.to_owned(), edition.to_owned());
        let (schema, holder) = (config.schema.clone(), holder.to_owned());
        Ok(Self { pool, schema, holder, telling: Mutex::new(Some(telling)) })
    }

    /// Connections, until the end.
    fn pool(&self) -> Result<&PgPool, BrainError> {
        if self.pool.is_closed() { Err(BrainError::Stopped) } else { Ok(&self.pool) }
    }

    async fn begin(&self) -> Result<Tx, BrainError> {
        Ok(self.pool()?.begin().await?)
    }

    /// Tells no more; `true` the first time.
    fn hush(&self) -> bool {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner).take();
        telling.map(|telling| telling.abort()).is_some()
    }
}

impl Drop for PostgresEffects {
    fn drop(&mut self) {
        self.hush();
    }
}

/// Counts how often a transaction was begun.
#[derive(Default)]
struct Attempts(u32);

impl Attempts {
    /// What came of it; nothing where it is to be begun anew.
    fn settle<T>(&mut self, ended: Result<T, Ended>) -> Result<Option<T>, BrainError> {
        self.0 += 1;
        match ended {
            Ok(done) => Ok(Some(done)),
            Err(Ended::Failed(error)) => Err(error),
            Err(Ended::Met) if self.0 >= ATTEMPTS => Err(BrainError::Busy),
            Err(Ended::Met) => Ok(None),
        }
    }
}

/// A pool whose connections are made when they are needed.
fn connect(url: &str, config: &EffectsConfig) -> Result<PgPool, BrainError> {
    // The cause of a wrong address may quote it, and with it the password.
    let wrong = |_| {
        let what = "effects.postgres cannot be read as an address; it is postgres://user:password@host:port/database";
        BrainError::Settings(what.to_owned())
    };
    let options = PgConnectOptions::from_str(url)
        .map_err(wrong)?
        // Which of them holds a lock is the first question when one hangs.
        .application_name(&format!("xiaoshu brain {}", std::process::id()))
        .options([
            ("search_path", config.schema.as_str()),
            // Statements carry arrays: a plan made for one size is wrong for another.
            ("plan_cache_mode", "force_custom_plan"),
            ("jit", "off"),
            // A process that freezes in the middle of a transaction must not keep others waiting.
            ("idle_in_transaction_session_timeout", "15s"),
            ("lock_timeout", "30s"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ])
        .disable_statement_logging();
    Ok(PgPoolOptions::new()
        .max_connections(config.connections.max(2))
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(options))
}

/// A text as the database takes it: without the one character that it cannot keep.
fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { text.into() }
}
