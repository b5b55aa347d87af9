//! Read models: what status, console and tests look at.

use std::collections::BTreeMap;

use super::{FeedId, Landed, Millis, RunId, StoreError, UpstreamId};
use crate::finding::Text;
use crate::source::Position;

/// Where the live keys of a feed are, for one upstream. `live` is the sum of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Stock {
    /// Live keys.
    pub live: u64,
    /// Stored upstream in their newest version.
    pub stored: u64,
    /// In an unsettled batch in their newest version.
    pub in_flight: u64,
    /// Ahead of the cursor.
    pub waiting: u64,
    /// Refused by the platform.
    pub refused: u64,
    /// Fate unknown.
    pub unknown: u64,
    /// Held, by reason's name.
    pub held: BTreeMap<String, u64>,
}

impl Stock {
    /// Whether the stock equation holds.
    pub fn balances(&self) -> bool {
        self.live == self.stored + self.in_flight + self.waiting + self.refused + self.unknown + self.held.values().sum::<u64>()
    }
}

/// Stock of one (upstream, feed).
#[derive(Debug, Clone)]
pub struct StockRow {
    /// The upstream.
    pub upstream: UpstreamId,
    /// The upstream's name.
    pub upstream_name: String,
    /// The feed.
    pub feed: FeedId,
    /// The table's name.
    pub table: String,
    /// The counts, from the counters.
    pub stock: Stock,
    /// When the last batch was settled with something stored.
    pub last_stored: Option<Millis>,
    /// Records that are gone at the source and still stand upstream, those withdrawn by hand left out.
    pub gone_upstream: u64,
}

/// One feed.
#[derive(Debug, Clone)]
pub struct TableRow {
    /// The feed.
    pub feed: FeedId,
    /// Edition.
    pub edition: String,
    /// Table.
    pub table: String,
    /// Live keys.
    pub live: u64,
    /// Open quarantined rows.
    pub quarantined: u64,
    /// Of these, rows whose record key belongs to another natural key.
    pub collisions: u64,
    /// Records frozen by a conflict or standing while a bad newer version waits.
    pub stale: u64,
    /// Why it is parked.
    pub parked: Option<String>,
    /// The newest seq.
    pub seq: u64,
}

/// One run.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// The source.
    pub source: String,
    /// The feed.
    pub feed: FeedId,
    /// The table.
    pub table: String,
    /// Begun.
    pub began: Millis,
    /// Ended; `None` while it runs or when it was cut off.
    pub ended: Option<Millis>,
    /// Whether it was complete.
    pub complete: bool,
    /// Whether everything was read, be it in several views of the object.
    pub whole: bool,
    /// What stopped it.
    pub error: Option<String>,
    /// What the source has against taking for gone what did not come; of an incomplete run, why it was not complete.
    pub doubt: Option<Text>,
    /// Totals.
    pub landed: Landed,
    /// Changes that reading what changed had missed before.
    pub missed: u64,
    /// While it is under way: the source's position behind the last landing.
    pub reached: Option<Position>,
    /// When it ended well: where the source's position was then, unless a later run of the same mapping has ended well.
    pub after: Option<Position>,
}

/// Deletions held for approval.
#[derive(Debug, Clone)]
pub struct PendingDeletion {
    /// The feed.
    pub feed: FeedId,
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// How many records.
    pub count: u64,
    /// Up to ten of them.
    pub samples: Vec<MissingRow>,
    /// Why they are held.
    pub why: Text,
    /// Since when.
    pub since: Millis,
    /// The code of the table's list as it stands, all its sources together: what an approval names.
    pub code: String,
}

/// A record that a complete run did not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRow {
    /// Its key.
    pub record_key: String,
    /// The natural key's bytes. They may hold sensitive values: never to be shown as they are.
    pub natural_key: Vec<u8>,
    /// The end of the last complete run that may have seen it; 0 where that is not known.
    pub seen: Millis,
}

/// A counter that does not agree with what the store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imbalance {
    /// What was compared.
    pub what: String,
    /// By the counter.
    pub counted: i64,
    /// By recount.
    pub found: i64,
}

/// Reading.
#[async_trait::async_trait]
pub trait ReadModels: Send + Sync {
    /// All feeds.
    async fn table_rows(&self) -> Result<Vec<TableRow>, StoreError>;

    /// Stock by upstream and feed.
    async fn stock(&self) -> Result<Vec<StockRow>, StoreError>;

    /// The newest runs first, at most `limit` a (source, feed) and the last that read everything; 0 for all.
    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError>;

    /// Deletions held for approval.
    async fn pending_deletions(&self) -> Result<Vec<PendingDeletion>, StoreError>;

    /// Recounts everything and checks both equations; empty when all agree.
    async fn audit(&self) -> Result<Vec<Imbalance>, StoreError>;

    /// SQL that creates a read-only view a feed (`"ODS_KCJBSJ"`, one column a field, live records only) and views of the
    /// ledger (`hub_runs`, `hub_stock`, `hub_sources`), for the connector `hub`, with the connection's address. A table
    /// without a feed has a view without rows.
    async fn views(
        &self,
        plans: &[(Option<FeedId>, std::sync::Arc<crate::standard::TablePlan>)],
    ) -> Result<(String, Vec<String>), StoreError>;
}
