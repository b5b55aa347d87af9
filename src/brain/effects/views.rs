//! Looking at what is held and what was written: what is needed of a database.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Operation, ReportedBatch};
use crate::brain::error::BrainError;
use crate::brain::grpc::SchoolTable;

/// One write, with or without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Running number over all writes.
    pub seq: i64,
    /// The batch that it came in, as [`ReportedBatch::id`].
    pub batch: i64,
    /// Its place in the submit, counted from 0.
    pub place: i64,
    /// The table.
    pub table: String,
    /// The row's record key.
    pub key: String,
    /// What it did.
    pub operation: Operation,
    /// Hash of the content, 32 hexadecimal digits; record key and collected-at are left out of it.
    pub digest: String,
}

/// Numbers of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The table.
    pub table: String,
    /// Rows held and not deleted.
    pub held: i64,
    /// Accepted rows.
    pub writes: i64,
    /// Writes that changed what is held.
    pub effects: i64,
}

/// A row held.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// Its record key.
    pub key: String,
    /// Its school's code.
    pub school: String,
    /// Canonical JSON; it may hold personal data.
    pub body: String,
}

impl fmt::Debug for HeldRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldRow").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What looks at the database.
#[async_trait::async_trait]
pub(in crate::brain) trait Views: Send + Sync {
    /// Writes in the order they came; of one table or of all, with effect or all.
    async fn writes(&self, table: Option<&str>, only_effects: bool) -> Result<Vec<Effect>, BrainError>;

    /// Numbers by table, of all tables ever written to, by name.
    async fn counts(&self) -> Result<Vec<Counts>, BrainError>;

    /// Rows received and accepted and the last time, by school and table, in this order.
    async fn received(&self) -> Result<Vec<(String, SchoolTable)>, BrainError>;

    /// The rows of one table, by key; deleted ones are left out.
    async fn held(&self, table: &str) -> Result<Vec<HeldRow>, BrainError>;

    /// SHA-256 over table, school, key and content of every row held, sorted, in hexadecimal ([`Sum`]). Two runs that
    /// end in the same state have the same digest, in whichever database; when rows were collected makes no difference.
    async fn digest(&self) -> Result<String, BrainError>;

    /// Every batch, visible or not, in the order they came.
    async fn batches(&self) -> Result<Vec<ReportedBatch>, BrainError>;

    /// Ends all use; what is under way is finished first.
    async fn close(&self) -> Result<(), BrainError>;
}

/// The digest over all rows held, fed row by row in the order of table and key, by their bytes.
#[derive(Default)]
pub(super) struct Sum(Sha256);

impl Sum {
    pub(super) fn add(&mut self, table: &str, key: &str, school: &str, digest: &str) {
        for part in [table, key, school, digest] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
    }

    pub(super) fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}
