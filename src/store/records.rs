//! Landed records, read by key, by page and by position: what the school's own applications read.

use super::{FeedId, Millis, Op, StoreError};
use crate::record::RecordKey;

/// The newest version of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Its key.
    pub record_key: RecordKey,
    /// The natural key's bytes. They may hold sensitive values: never to be shown.
    pub natural_key: Vec<u8>,
    /// generation ‖ counter of this version.
    pub seq: u64,
    /// [`Op::Delete`]: the record is gone, and the payload is the last one that stood.
    pub op: Op,
    /// When this version landed.
    pub at: Millis,
    /// Canonical JSON.
    pub payload: Vec<u8>,
}

/// Reading of landed records, beside the writer.
#[async_trait::async_trait]
pub trait Records: Send + Sync {
    /// The newest version of one record, live or gone.
    async fn record(&self, feed: FeedId, key: &RecordKey) -> Result<Option<RecordRow>, StoreError>;

    /// Live records in ascending order of their natural keys' bytes, those behind `after` (which need not exist), at most
    /// `limit`.
    async fn page(&self, feed: FeedId, after: Option<&[u8]>, limit: u32) -> Result<Vec<RecordRow>, StoreError>;

    /// Newest versions with a seq above `after`, tombstones among them, ascending by seq, at most `limit`. A version that
    /// becomes visible has a higher seq than all that were visible before it, so that nobody who goes on from the last
    /// seq he has seen misses one.
    async fn changes(&self, feed: FeedId, after: u64, limit: u32) -> Result<Vec<RecordRow>, StoreError>;

    /// The newest seq of a feed; 0 when nothing has landed.
    async fn newest_seq(&self, feed: FeedId) -> Result<u64, StoreError>;
}
