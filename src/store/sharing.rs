//! Several sources that feed one table: who holds what, takeovers, records that are nobody's.

use super::{FeedId, Millis, StoreError};
use crate::finding::Text;

/// What goes over, or would go over, when one source takes a table over from another.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Takeover {
    /// Live records of the source that gives up.
    pub held: u64,
    /// Of these, records that the other source gives as well, as its runs have shown: they go over.
    pub given: u64,
    /// Of these, records that it gives with another content, which lands once they have gone over.
    pub differing: u64,
    /// In which fields they differ: name and records.
    pub fields: Vec<(String, u64)>,
}

/// What is left of a source that no mapping reads onto a table any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphaned {
    /// The feed.
    pub feed: FeedId,
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// How many.
    pub live: u64,
    /// Rows of the source that wait because other sources hold their records.
    pub waiting: u64,
    /// The source that took the table over from it.
    pub taken_by: Option<String>,
}

/// Rows that wait because another source holds their records with another content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The field that differs.
    pub field: String,
    /// The source that holds the records.
    pub holder: String,
    /// The source whose rows wait.
    pub source: String,
    /// How many.
    pub rows: u64,
}

/// Tables that several sources feed. A live record belongs to the source that landed it. What another source gives with the same
/// content is unchanged; with another content it waits under rule `other_source`, until both agree or the holder gives the record up:
/// by missing it, or because the other source took the table over.
#[async_trait::async_trait]
pub trait Sharing: Send + Sync {
    /// What a takeover of a table would move; changes nothing. Sources that never fed the table hold and give nothing.
    async fn weigh_takeover(&self, feed: FeedId, from: &str, to: &str) -> Result<Takeover, StoreError>;

    /// From now on `to` holds every record that it gives and that `from` held, at once those that it is known to give. The others
    /// stay with `from`. Takes back an earlier takeover the other way round.
    async fn take_over(&self, feed: FeedId, from: &str, to: &str, at: Millis) -> Result<Takeover, StoreError>;

    /// What is left of sources that fed a table and are not among these (table, source), in these editions; sources of which
    /// nothing is left are left out. Reads the heads of a table only where there is such a source.
    async fn orphaned(&self, editions: &[&str], mapped: &[(&str, &str)]) -> Result<Vec<Orphaned>, StoreError>;

    /// Closes the rows of a source that wait for other sources, and, where a reason is given, holds all its live records in the
    /// table for approval of their deletion; returns how many records are held.
    async fn settle_orphaned(&self, feed: FeedId, source: &str, why: Option<&Text>, at: Millis) -> Result<u64, StoreError>;

    /// Rows that differ from the records that other sources hold, by table, field and pair of sources. A row counts under each field.
    async fn differences(&self) -> Result<Vec<Difference>, StoreError>;
}
