//! The store: a keyed change feed, quarantine, checkpoints, delivery state, run history.
//!
//! It is not a queue: per (edition, table) there is `head` (natural key → newest seq, hash, source) and `feed`
//! (seq → key, operation, payload); a change appends and deletes the old seq, so a year-long outage costs what one
//! row a key costs. Per (upstream, table) there are a cursor over seq, in-flight batches and exceptions. Invariant:
//! by its newest seq every live key is, for each upstream, in exactly one of *ahead of the cursor*, *in flight*,
//! *exception*, *stored*; counters kept in the same transactions must agree ([`ReadModels::audit`]).

mod bound;
mod chunks;
mod clash;
mod commit;
mod delivery;
mod entry;
mod flight;
mod gone;
mod held;
mod holder;
mod landing;
mod lease;
mod moves;
mod numbered;
mod open_run;
mod place;
pub mod postgres;
mod proof;
mod pushes;
mod quarantine;
mod read;
mod records;
mod recount;
mod rival;
mod shapes;
mod sharing;
mod sort;
pub mod sqlite;
mod standing;
mod verdicts;
mod want;

pub use commit::{CommitFault, CommitHook};
pub use delivery::{
    Again, BatchId, BatchInfo, BatchPhase, Cursor, DeliveryStore, ExceptionFilter, ExceptionRow, FeedRow, Lane, MemberRow,
    MemberVerdict, NewException, Op, Outcome, RampState, RampStep, Reason, Receipt, Stage, StagedRow,
};
pub use gone::{Gone, GoneRow};
pub use held::{Held, Taken};
pub use landing::{FeedId, FeedSpec, Keys, Landed, Landing, LandingBatch, NewRun, RunEnd, RunId, RunStart, RunSummary};
pub use lease::{Grant, Lease, LeaseRow, LeaseTerms, Leased, Leases};
pub use proof::{Approved, Evidence};
pub use pushes::{OpenSnapshot, PushMark, PushState, Pushes};
pub use quarantine::{Cause, Quarantine, QuarantineFilter, QuarantinedRow};
pub use read::{Imbalance, MissingRow, PendingDeletion, ReadModels, RunRow, Stock, StockRow, TableRow};
pub use records::{RecordRow, Records};
pub use shapes::{KnownShape, NotedRow, PausedRow, Seen, Shapes};
pub use sharing::{Difference, Orphaned, Sharing, Takeover};
pub use standing::{Compared, Comparison, ComparisonRow, Notice, NoticeKind, Standing};

use crate::fault::{Classified, FaultClass};

/// Milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// An upstream as the store numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub u32);

/// Everything a store does. Parts ask for the narrow trait they need.
pub trait Store:
    Landing + Shapes + Pushes + Keys + Quarantine + Sharing + DeliveryStore + Standing + Gone + ReadModels + Records + Meta + Leases
{
}

impl<T> Store for T where
    T: Landing
        + Shapes
        + Pushes
        + Keys
        + Quarantine
        + Sharing
        + DeliveryStore
        + Standing
        + Gone
        + ReadModels
        + Records
        + Meta
        + Leases
{
}

/// Small facts about the installation: key namespace, school secret, generation.
#[async_trait::async_trait]
pub trait Meta: Send + Sync {
    /// A fact, if it was set.
    async fn get_meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets a fact unless it is set; returns what holds afterwards.
    async fn init_meta(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError>;

    /// Sets a fact.
    async fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;

    /// The generation: the upper 16 bits of every seq.
    async fn generation(&self) -> Result<u16, StoreError>;

    /// Raises the generation: after a restore, or when a platform names a position ahead of ours.
    async fn raise_generation(&self) -> Result<u16, StoreError>;
}

/// What keeps the store from doing its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error(
        "the store {path} is in use by another process (lock file {lock}); stop that process, or name another data directory"
    )]
    Locked {
        /// The store.
        path: String,
        /// The lock file.
        lock: String,
    },
    /// There is no such store, or nothing in it yet.
    #[error("there is nothing at {0} yet")]
    Absent(String),
    /// A writing call on a store that is open for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// An older version wrote the store, and reading alone does not bring it up to date.
    #[error("the store has format {found}, this version writes {known}; start the service once, which brings it up to date")]
    Older {
        /// Format found.
        found: i64,
        /// Format that this version writes.
        known: i64,
    },
    /// The store was written by a newer version.
    #[error("the store has format {found}, this version knows {known}; use the version that wrote it, or newer")]
    Newer {
        /// Format found.
        found: i64,
        /// Newest format known.
        known: i64,
    },
    /// Another hub has the lease, or none was taken; nothing was changed.
    #[error("the lease on {0} is not this hub's: another hub has taken it over; nothing was changed")]
    Fenced(String),
    /// The address of the database, or what it lets us do there, is wrong.
    #[error("store: {0}")]
    Settings(String),
    /// The database failed.
    #[error("store: {what}")]
    Database {
        /// What was being done.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        /// Its class.
        class: FaultClass,
    },
    /// The store contradicts itself; nothing was changed.
    #[error("store: {0}")]
    Inconsistent(String),
}

impl Classified for StoreError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Locked { .. } | Self::Absent(_) | Self::Older { .. } | Self::Newer { .. } | Self::Settings(_) => {
                FaultClass::Configuration
            }
            Self::Fenced(_) => FaultClass::Transient,
            Self::Database { class, .. } => *class,
            Self::ReadOnly | Self::Inconsistent(_) => FaultClass::Bug,
        }
    }
}
