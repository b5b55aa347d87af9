//! Submits of the Ministry's interface and their results: what is needed of a database.

use serde::Serialize;

use super::upsert::Outcome;
use crate::brain::error::BrainError;
use crate::brain::judge::Judged;

/// The rows of a submit, judged.
#[derive(Clone, Copy)]
pub(in crate::brain) struct Intake<'a> {
    pub(in crate::brain) school: &'a str,
    pub(in crate::brain) table: &'a str,
    pub(in crate::brain) rows: &'a [Judged],
    /// Places of rows that vanish unnamed.
    pub(in crate::brain) lost: &'a [usize],
    pub(in crate::brain) revive: bool,
}

/// When a batch came, and when its verdict shows.
#[derive(Debug, Clone, Copy)]
pub(in crate::brain) struct Times {
    pub(in crate::brain) received: i64,
    pub(in crate::brain) visible: i64,
    /// Result queries that still pass it over.
    pub(in crate::brain) hidden_for: u32,
}

/// A batch to be kept.
#[derive(Clone)]
pub(in crate::brain) struct NewBatch {
    pub(in crate::brain) batch_id: String,
    pub(in crate::brain) school: String,
    pub(in crate::brain) username: String,
    pub(in crate::brain) system_name: String,
    pub(in crate::brain) kind: String,
    pub(in crate::brain) table: String,
    pub(in crate::brain) times: Times,
    pub(in crate::brain) collect_num: i64,
    pub(in crate::brain) storage_num: i64,
    pub(in crate::brain) remark: Option<String>,
    pub(in crate::brain) state: Option<String>,
    pub(in crate::brain) state_info: Option<String>,
}

/// A batch with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedBatch {
    /// Running number.
    pub id: i64,
    /// The platform's own id of the batch, never told in the submit reply.
    pub batch_id: String,
    /// User name of the account; empty for what came through the portal.
    pub username: String,
    /// The reporting system's name.
    pub system_name: String,
    /// `RPC` for submits.
    pub kind: String,
    /// The table.
    pub table: String,
    /// When it came, in whole seconds, as UTC milliseconds.
    pub received: i64,
    /// Rows received, as the verdict says.
    pub collect_num: i64,
    /// Rows stored, as the verdict says.
    pub storage_num: i64,
    /// The named errors.
    pub remark: Option<String>,
    /// The state.
    pub state: Option<String>,
    /// The state in words.
    pub state_info: Option<String>,
}

/// Which results are asked for.
pub(in crate::brain) struct BatchQuery<'a> {
    pub(in crate::brain) school: &'a str,
    pub(in crate::brain) from: i64,
    pub(in crate::brain) to: i64,
    /// Part of the table's name; empty means all.
    pub(in crate::brain) table: &'a str,
    pub(in crate::brain) now: i64,
    pub(in crate::brain) newest_first: bool,
    pub(in crate::brain) offset: i64,
    pub(in crate::brain) limit: i64,
}

/// The verdict that a submit's outcome gets. It may be asked more than once: a transaction that has met another one is
/// begun anew.
pub(in crate::brain) type VerdictOf<'a> = dyn Fn(&Outcome) -> NewBatch + Send + Sync + 'a;

/// What the Ministry's interface needs of a database.
#[async_trait::async_trait]
pub(in crate::brain) trait Submits: Send + Sync {
    /// Holds the good rows and keeps the verdict that `verdict` makes of the outcome, in one transaction. Two submits of
    /// one school and table come one after the other, whichever platform process takes them.
    async fn take_in(&self, intake: Intake<'_>, verdict: &VerdictOf<'_>) -> Result<(), BrainError>;

    /// Keeps a batch that did not come through a submit.
    async fn add_batch(&self, batch: &NewBatch) -> Result<(), BrainError>;

    /// One page of results, and how many there are in all. Batches hidden for some queries more come one query nearer.
    async fn results(&self, query: &BatchQuery<'_>) -> Result<(Vec<ReportedBatch>, i64), BrainError>;
}
