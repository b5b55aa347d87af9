//! What sources showed when they were last read well, and the tables that pause because they now show something else.

use super::{FeedId, Millis, RunEnd, RunId, RunSummary, StoreError};
use crate::finding::Text;

/// What a run saw of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Digest of what the source shows.
    pub digest: [u8; 16],
    /// What it shows, for the next run; opaque to the store.
    pub body: String,
    /// What has changed since the last good run and pauses nothing.
    pub noted: Option<Text>,
    /// What has changed and pauses the table, for this source; opaque to the store.
    pub pause: Option<String>,
}

/// What is known of a source for one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownShape {
    /// What the last good run of the same mapping saw.
    pub body: Option<String>,
    /// What pauses this mapping.
    pub pause: Option<String>,
    /// The digest that somebody accepted, for this mapping.
    pub accepted: Option<[u8; 16]>,
}

/// A table that pauses for one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedRow {
    /// The feed.
    pub feed: FeedId,
    /// The table's name.
    pub table: String,
    /// The source's name.
    pub source: String,
    /// The mapping that pauses. Another one is no longer paused.
    pub mapping_digest: [u8; 16],
    /// Why, as the run wrote it.
    pub body: String,
    /// Live records of this source, counted when the pause began: they stand as they were last read.
    pub records: u64,
    /// Since when.
    pub since: Millis,
    /// Whether somebody accepted it, so that the next run goes on.
    pub accepted: bool,
}

/// A change that paused nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedRow {
    /// The table's name.
    pub table: String,
    /// The source's name.
    pub source: String,
    /// What has changed.
    pub text: Text,
    /// When it was seen.
    pub at: Millis,
}

/// Shapes of sources, by table.
#[async_trait::async_trait]
pub trait Shapes: Send + Sync {
    /// What is known of a source for a table, as far as this mapping goes.
    async fn shape(&self, feed: FeedId, source: &str, mapping_digest: [u8; 16]) -> Result<KnownShape, StoreError>;

    /// Ends a run as [`super::Landing::finish_run`] does and, in the same transaction, notes what it saw: on the run's row
    /// always; as what is known from now on when it ended without error, which also ends a pause; as a pause when there is
    /// one. A pause of the same mapping keeps its beginning.
    async fn finish_run_seen(&self, run: RunId, end: &RunEnd, seen: &Seen) -> Result<RunSummary, StoreError>;

    /// The tables that pause, oldest first.
    async fn paused(&self) -> Result<Vec<PausedRow>, StoreError>;

    /// The newest change of each table and source that paused nothing, newest first.
    async fn noted(&self) -> Result<Vec<NotedRow>, StoreError>;

    /// Accepts what a source shows now, as the run saw it that paused; false when nothing pauses there.
    async fn accept_shape(&self, feed: FeedId, source: &str) -> Result<bool, StoreError>;

    /// The digest of what a run saw; `None` when it saw nothing or ended without looking.
    async fn shape_of_run(&self, run: RunId) -> Result<Option<[u8; 16]>, StoreError>;
}

/// A digest from its bytes.
pub(super) fn digest_of(bytes: &[u8]) -> Result<[u8; 16], StoreError> {
    <[u8; 16]>::try_from(bytes).map_err(|_| StoreError::Inconsistent("a digest has not 16 bytes".into()))
}
