//! How a run begins, and how far it has come.

use super::Position;

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin<'a> {
    /// Everything is read. What the last run that ended well remembered may be used, but no row be left out.
    Whole {
        /// Where the last run of the same mapping that ended well had come to.
        before: Option<&'a Position>,
    },
    /// An interrupted run goes on behind its last landing.
    Resume(&'a Position),
    /// What changed since the last run that ended well. The source may read everything all the same.
    Since(&'a Position),
}

impl<'a> Begin<'a> {
    /// Everything, nothing known before.
    pub const AFRESH: Begin<'static> = Begin::Whole { before: None };

    /// Where to go on, for sources that make no difference between a run that was interrupted and the last one.
    pub fn position(self) -> Option<&'a Position> {
        match self {
            Self::Whole { .. } => None,
            Self::Resume(position) | Self::Since(position) => Some(position),
        }
    }
}

/// How far a read of everything has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows read.
    pub done: u64,
    /// Rows that there were when the reading began.
    pub total: u64,
}

impl Progress {
    /// Whole percent, never more than 100.
    pub fn percent(self) -> u64 {
        self.done.saturating_mul(100).checked_div(self.total).map_or(100, |percent| percent.min(100))
    }
}
