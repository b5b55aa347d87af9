//! Landing: records, quarantine, counters, checkpoint and seen set in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Approved, Evidence, Millis, StoreError};
use crate::finding::Text;
use crate::source::Position;
use crate::standard::{FieldIdx, TablePlan};
use crate::validate::{Accepted, Rejected};

/// The feed of one (edition, table), as the store numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId(pub u32);

/// A run: one read of one object of one source onto one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

/// A feed to open.
#[derive(Debug, Clone)]
pub struct FeedSpec {
    /// The table.
    pub plan: Arc<TablePlan>,
    /// Fields whose values other tables refer to or are looked up by; the store indexes them.
    pub indexed: Vec<FieldIdx>,
    /// Digest of the natural key's definition. Another one than the stored parks the table (see [`Landing::open_feed`]).
    pub key_digest: [u8; 16],
}

/// A run to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The source's name.
    pub source: Arc<str>,
    /// The feed.
    pub feed: FeedId,
    /// Digest of the mapping; a changed one means a full re-read.
    pub mapping_digest: [u8; 16],
    /// Now.
    pub at: Millis,
}

/// A run begun, or an interrupted one taken up again.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The run.
    pub run: RunId,
    /// Where to go on: the position of the last landing of an interrupted run of the same mapping. Empty positions
    /// (the source cannot resume) are never returned; the interrupted run is closed and a new one begun.
    pub resume: Option<Position>,
    /// For a new run: the position of the last landing of the last run of the same mapping that ended well and landed
    /// something. Only sources that go on where the last run ended read from there.
    pub after: Option<Position>,
    /// When the last run of the same mapping began that read everything, be it in several views of the object.
    pub whole_at: Option<Millis>,
}

/// What one landing holds.
pub struct LandingBatch<'a> {
    /// Rows that the source gave, counted where they were read and not from what follows: else a row lost on the way
    /// would be missing on both sides of the run equation.
    pub read: u64,
    /// Rows that may be landed.
    pub accepted: &'a Accepted,
    /// Rows that wait, with every fault.
    pub rejected: &'a [Rejected],
    /// Rows that the mapping's filter left out.
    pub filtered: u64,
    /// Rows that went into a derivation.
    pub consumed: u64,
    /// The source holds these rows to be as they were at the last run: a change among them is one that reading what
    /// changed has missed.
    pub settled: bool,
    /// The source's position behind these rows.
    pub position: &'a Position,
    /// For accepted row `i` (parallel to `accepted.rows()`), its raw row as in [`Rejected::raw`] and its place; asked
    /// only for rows that turn out to be in conflict, to quarantine them.
    pub raw: &'a (dyn Fn(u32) -> (String, crate::finding::Locator) + Sync),
    /// A natural key's bytes in words; `None` when a part of it must not be shown. Asked only for rows in conflict.
    pub name: &'a (dyn Fn(&[u8]) -> Option<String> + Sync),
    /// Now.
    pub at: Millis,
}

/// What became of the rows of one landing, or of a whole run. `read` is counted at the source and must be the sum of the
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Landed {
    /// Rows read.
    pub read: u64,
    /// New and changed records.
    pub changed: u64,
    /// Records as they were.
    pub unchanged: u64,
    /// Rows equal to one already seen in this run.
    pub duplicate: u64,
    /// Rows in quarantine, conflicts included.
    pub quarantined: u64,
    /// Rows left out by the filter.
    pub filtered: u64,
    /// Rows that went into a derivation.
    pub consumed: u64,
}

impl Landed {
    /// Whether the run equation holds.
    pub fn balances(&self) -> bool {
        self.read == self.changed + self.unchanged + self.duplicate + self.quarantined + self.filtered + self.consumed
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Everything was read in one consistent view, without error: rows not seen are known to be gone.
    pub complete: bool,
    /// Everything was read, though perhaps not in one view; so it is whenever the run is complete.
    pub whole: bool,
    /// What stopped it, without values.
    pub error: Option<String>,
    /// Now.
    pub at: Millis,
    /// What speaks for and against deleting what it did not see.
    pub evidence: Evidence,
}

impl RunEnd {
    /// An end at which nothing more is known than whether it was complete.
    pub fn new(complete: bool, at: Millis) -> Self {
        Self { complete, whole: complete, error: None, at, evidence: Evidence::default() }
    }

    /// An end by an error.
    pub fn broken(error: String, at: Millis) -> Self {
        Self { error: Some(error), ..Self::new(false, at) }
    }
}

/// A run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunSummary {
    /// Its totals.
    pub landed: Landed,
    /// Live records of this source that a complete run did not see (state tables): deleted or held for approval.
    pub missing: u64,
    /// Of these, how many were deleted at once (below the thresholds).
    pub deleted: u64,
    /// Of these, how many go when the collection has ended well ([`Evidence::later`]).
    pub due: u64,
    /// A complete run gave no row, or its filter left none, where the source had some before.
    pub emptied: bool,
    /// Quarantined rows that a complete run no longer contains, closed.
    pub closed: u64,
    /// Changed records among the rows that the source held to be as they were ([`LandingBatch::settled`]).
    pub missed: u64,
}

/// Landing of one run's rows.
#[async_trait::async_trait]
pub trait Landing: Send + Sync {
    /// Opens (and creates, the first time) the feed of a table. A store that is open for reading only finds it, and answers
    /// questions about its indexed fields and, slowly, about others.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when records landed under another definition of the natural key: the table is
    /// parked until `rekey` is approved (see [`super::ReadModels::table_rows`], `parked`). [`StoreError::Absent`] when a store
    /// that is open for reading only does not have it.
    async fn open_feed(&self, spec: &FeedSpec) -> Result<FeedId, StoreError>;

    /// Begins a run, or takes up the interrupted one of the same source, feed and mapping.
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart, StoreError>;

    /// Lands a batch in one transaction: changed records, quarantine, counters, checkpoint, seen set. Rows in conflict
    /// (one key, different content, in one run) are quarantined with rule `duplicate_key`: both, when they come in one
    /// landing; else the later one, and the record landed before is frozen as it stands.
    ///
    /// A record belongs to the source that landed it. A row of another source under its key is unchanged when it says the same, else
    /// it is quarantined with rule `other_source`, which names both sources and the fields that differ, and the record stands
    /// (see [`super::Sharing`]).
    ///
    /// A record key belongs to one natural key, live or deleted: a row whose record key another one holds is quarantined
    /// with rule `key_collision`, and the first holder stands (of one landing the first row). A record keeps the key it has
    /// when its row brings no adopted one; with another adopted one it moves to that only while no upstream may hold it
    /// under the old one, else the row is quarantined with rule `key_changed`.
    async fn land(&self, run: RunId, batch: &LandingBatch<'_>) -> Result<Landed, StoreError>;

    /// Leaves a run that was stopped open, with what stopped it, so that the next [`Landing::begin_run`] takes it up; false
    /// when nothing has landed that it could go on behind, and nothing is changed then.
    async fn hold_run(&self, run: RunId, error: &str) -> Result<bool, StoreError>;

    /// Ends a run. Totals are the sums of its landings.
    async fn finish_run(&self, run: RunId, end: &RunEnd) -> Result<RunSummary, StoreError>;

    /// Lets the deletions go that a run of [`Evidence::later`] left due, or holds them for what is said against them; returns how many
    /// went. Nothing is done where they are not due any more.
    async fn settle_deletions(&self, run: RunId, doubt: Option<&Text>, at: Millis) -> Result<u64, StoreError>;

    /// Deletes the records that complete runs found missing and that are held, as they were shown under a code
    /// ([`super::PendingDeletion::code`]); `None` when the list is another one by now, and nothing was done.
    async fn approve_deletions(&self, feed: FeedId, code: &str, at: Millis) -> Result<Option<Approved>, StoreError>;

    /// Lets a parked table go on under its new key definition: old records are closed (never deleted upstream), the
    /// key digest is replaced, checkpoints are dropped. Returns how many records are orphaned upstream.
    async fn rekey(&self, spec: &FeedSpec, at: Millis) -> Result<u64, StoreError>;
}

/// Questions about landed values.
#[async_trait::async_trait]
pub trait Keys: Send + Sync {
    /// Which of the values exist in an indexed field among live records.
    async fn existing(&self, feed: FeedId, field: FieldIdx, values: &[&str]) -> Result<HashSet<String>, StoreError>;

    /// For each value of an indexed field the values that `give` has in the live records that match: one, or several.
    async fn lookup(
        &self,
        feed: FeedId,
        field: FieldIdx,
        values: &[&str],
        give: FieldIdx,
    ) -> Result<HashMap<String, Vec<String>>, StoreError>;

    /// Whether the table has been read completely at least once.
    async fn read_once(&self, feed: FeedId) -> Result<bool, StoreError>;
}
