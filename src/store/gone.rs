//! Records that are gone at the source and still stand upstream.

use super::{FeedId, Millis, StoreError, UpstreamId};
use crate::record::RecordKey;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneRow {
    /// The upstream that still holds it.
    pub upstream: UpstreamId,
    /// The upstream's name.
    pub upstream_name: String,
    /// The feed.
    pub feed: FeedId,
    /// The table.
    pub table: String,
    /// The source that it was last read from.
    pub source: String,
    /// Its key, as the upstream has it.
    pub record_key: RecordKey,
    /// The natural key's bytes. They may hold sensitive values: never to be shown as they are.
    pub natural_key: Vec<u8>,
    /// When it was taken for gone.
    pub since: Millis,
}

/// The list of records that are gone at the source and still stand upstream. An entry leaves it when the record comes back,
/// when its deletion is stored upstream, or when somebody has marked it as withdrawn there.
#[async_trait::async_trait]
pub trait Gone: Send + Sync {
    /// The entries of a feed, or of all, by upstream, table and key.
    async fn gone(&self, feed: Option<FeedId>) -> Result<Vec<GoneRow>, StoreError>;

    /// Marks entries as withdrawn by somebody, who says in a note how; returns how many were. Records that are not on the list
    /// are passed over. A record that comes back and goes again is on the list again.
    async fn mark_withdrawn(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        keys: &[RecordKey],
        note: &str,
        at: Millis,
    ) -> Result<u64, StoreError>;
}
