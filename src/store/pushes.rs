//! Rows that a producer pushes by itself: where it stands, and landing that moves its position in the same transaction.

use std::sync::Arc;

use super::{FeedId, Landed, LandingBatch, Millis, RunEnd, RunId, RunSummary, StoreError};

/// Whose rows they are, and the producer's position behind them.
#[derive(Debug, Clone)]
pub struct PushMark {
    /// The feed.
    pub feed: FeedId,
    /// The source's name.
    pub source: Arc<str>,
    /// The producer's name, its own choice.
    pub producer: Arc<str>,
    /// Noted with the landing; at most `i64::MAX`. `None`: more of the same position is to come, so the position stays.
    pub position: Option<u64>,
}

/// A complete snapshot under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSnapshot {
    /// Its run.
    pub run: RunId,
    /// The producer that began it.
    pub producer: String,
    /// Digest of the mapping that it began with.
    pub mapping_digest: [u8; 16],
}

/// Where a producer stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushState {
    /// Its last position that landed; 0 before the first.
    pub position: u64,
    /// The snapshot of this source and feed that is under way, whoever began it.
    pub snapshot: Option<OpenSnapshot>,
}

/// Landing of pushed rows. Callers serialise the calls of one (source, feed).
///
/// Rows outside a snapshot are a run of their own, begun and ended with their landing; runs of one mapping that began on
/// the same day are counted together, so that a stream of small pushes does not fill the ledger. A snapshot is a run like
/// a complete read: what it did not see is gone.
#[async_trait::async_trait]
pub trait Pushes: Send + Sync {
    /// Where a producer stands.
    async fn push_state(&self, feed: FeedId, source: &str, producer: &str) -> Result<PushState, StoreError>;

    /// Begins a complete snapshot; one under way is ended as incomplete.
    async fn begin_snapshot(&self, mark: &PushMark, mapping_digest: [u8; 16], at: Millis) -> Result<RunId, StoreError>;

    /// Lands rows and moves the producer's position in one transaction: into the run of the producer's own snapshot where
    /// one is under way, else into a run of their own, in which nothing seen earlier makes a conflict.
    async fn land_pushed(
        &self,
        mark: &PushMark,
        mapping_digest: [u8; 16],
        batch: &LandingBatch<'_>,
    ) -> Result<Landed, StoreError>;

    /// Ends the producer's snapshot, complete or not, and moves its position in the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when no snapshot of the producer is under way.
    async fn end_snapshot(&self, mark: &PushMark, end: &RunEnd) -> Result<RunSummary, StoreError>;
}
