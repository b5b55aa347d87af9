//! How an upstream stands: what comparisons with it found, and what somebody should know of it. The service writes it down,
//! so that whoever looks at the store beside it, or after it, knows as much.

use super::{FeedId, Millis, StoreError, UpstreamId};
use crate::finding::Text;
use crate::record::RecordKey;

/// What a comparison with the platform came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// Both hold the same.
    Equal,
    /// So many records differed at two looks; they go again.
    Differing(u64),
    /// It could not be made, and why.
    Impossible(Text),
}

/// One comparison of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// When it was made.
    pub at: Millis,
    /// The newest seq that went into it, as the platform sees it; 0 when none did.
    pub position: u64,
    /// Our records that went into it.
    pub records: u64,
    /// Records that the platform holds and this hub does not. They are told, never touched.
    pub foreign: u64,
    /// What it came to.
    pub outcome: Compared,
}

/// The newest comparison of an (upstream, feed), and what came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonRow {
    /// The upstream.
    pub upstream: UpstreamId,
    /// The feed.
    pub feed: FeedId,
    /// The newest.
    pub last: Comparison,
    /// When both were last found to hold the same.
    pub equal_at: Option<Millis>,
    /// When records were last found to differ, and how many.
    pub differed: Option<(Millis, u64)>,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something fails; it is tried again by itself.
    Trouble,
    /// Nothing is sent, for a reason.
    Stopped,
    /// Everything goes well, and something should be looked at.
    Warning,
}

impl NoticeKind {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Stopped => "stopped",
            Self::Warning => "warning",
        }
    }

    /// How it is written in a database.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Trouble => 0,
            Self::Stopped => 1,
            Self::Warning => 2,
        }
    }

    /// From its code.
    pub(super) fn of_code(code: i32) -> Self {
        match code {
            0 => Self::Trouble,
            1 => Self::Stopped,
            _ => Self::Warning,
        }
    }
}

/// What somebody should know of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The table it is about; `None` for the whole upstream.
    pub feed: Option<FeedId>,
    /// What is the matter, and the remedy. Never a value of a record, never a secret.
    pub text: Text,
    /// Since when.
    pub since: Millis,
    /// When it is tried again.
    pub until: Option<Millis>,
}

/// How a comparison's outcome is written: its code, how many differed, why it was impossible.
pub(super) fn outcome_columns(outcome: &Compared) -> (i32, u64, Option<&Text>) {
    match outcome {
        Compared::Equal => (0, 0, None),
        Compared::Differing(records) => (1, *records, None),
        Compared::Impossible(why) => (2, 0, Some(why)),
    }
}

/// An outcome from its columns.
pub(super) fn outcome_of(code: i32, differ: u64, why: Text) -> Compared {
    match code {
        0 => Compared::Equal,
        1 => Compared::Differing(differ),
        _ => Compared::Impossible(why),
    }
}

/// What is kept of how upstreams stand.
#[async_trait::async_trait]
pub trait Standing: Send + Sync {
    /// Notes what a comparison came to and, in the same transaction, puts the records that differ ahead again. Returns how many
    /// of them were stored and now wait.
    async fn compared(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        comparison: &Comparison,
        again: &[RecordKey],
    ) -> Result<u64, StoreError>;

    /// The newest comparisons, by upstream and feed.
    async fn comparisons(&self) -> Result<Vec<ComparisonRow>, StoreError>;

    /// Replaces what is noted of an upstream.
    async fn note(&self, upstream: UpstreamId, notices: &[Notice]) -> Result<(), StoreError>;

    /// What is noted, with the upstreams' names, in the order in which it was noted.
    async fn notices(&self) -> Result<Vec<(UpstreamId, String, Notice)>, StoreError>;
}
