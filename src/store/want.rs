//! The bounds of one read of pending rows: pure, no database.

use super::FeedRow;

/// Rows still wanted by a call of `pending`.
pub(super) struct Want {
    pub(super) rows: Vec<FeedRow>,
    pub(super) left: u32,
    pub(super) bytes: u64,
}

impl Want {
    /// Whether one more is wanted.
    pub(super) fn open(&self) -> bool {
        self.left > 0 && (self.bytes > 0 || self.rows.is_empty())
    }

    /// Takes one.
    pub(super) fn take(&mut self, row: FeedRow) {
        self.left -= 1;
        self.bytes = self.bytes.saturating_sub(row.payload.len() as u64);
        self.rows.push(row);
    }
}
