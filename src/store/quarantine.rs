//! Rows that wait, with raw input, every fault, origin and what they wait for.

use std::sync::Arc;

use super::{FeedId, Millis, RunId, StoreError};

/// Which rows are meant.
#[derive(Debug, Clone, Default)]
pub struct QuarantineFilter {
    /// One feed only.
    pub feed: Option<FeedId>,
    /// One source only.
    pub source: Option<Arc<str>>,
    /// Rows with this rule among their faults.
    pub rule: Option<String>,
    /// At most so many; 0 for all.
    pub limit: u32,
}

/// A quarantined row.
#[derive(Debug, Clone)]
pub struct QuarantinedRow {
    /// Its number.
    pub id: i64,
    /// The feed it was meant for.
    pub feed: FeedId,
    /// The source's name.
    pub source: Arc<str>,
    /// The natural key's bytes, where it could be read.
    pub natural_key: Option<Vec<u8>>,
    /// Where it came from, as [`crate::finding::Locator`] prints it.
    pub origin: String,
    /// The raw row, JSON.
    pub raw: String,
    /// Its violations: a JSON array of `{rule, severity, field, label, zh, en}`, never a sensitive value.
    pub violations: String,
    /// What it waits for: a JSON array of `{table, field, value}`; empty array where it waits for a correction.
    pub waits_for: String,
    /// Since when.
    pub since: Millis,
    /// The run that saw it last.
    pub last_run: RunId,
}

/// Quarantine counted by cause.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cause {
    /// The table's name.
    pub table: String,
    /// The source.
    pub source: String,
    /// The rule broken.
    pub rule: String,
    /// The field, empty when the row as a whole is meant.
    pub field: String,
    /// How many rows.
    pub rows: u64,
}

/// Reading and releasing of quarantined rows. A row closes when its key lands or a complete read no longer contains it.
#[async_trait::async_trait]
pub trait Quarantine: Send + Sync {
    /// Open rows, oldest first.
    async fn quarantined(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantinedRow>, StoreError>;

    /// One row.
    async fn quarantined_row(&self, id: i64) -> Result<Option<QuarantinedRow>, StoreError>;

    /// Open rows by table, source, rule and field. A row with several faults counts under each.
    async fn causes(&self) -> Result<Vec<Cause>, StoreError>;

    /// Open rows of a feed and source whose parents have all arrived, or that have waited since before `held_since`, and those that
    /// waited for another source to give the record up, which it has.
    async fn ready(&self, feed: FeedId, source: &str, held_since: Millis, limit: u32) -> Result<Vec<QuarantinedRow>, StoreError>;

    /// Closes rows because they were re-run; what landed or was rejected again has its own entry by then.
    async fn close(&self, ids: &[i64], at: Millis) -> Result<(), StoreError>;
}
