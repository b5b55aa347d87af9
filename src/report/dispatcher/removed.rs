//! Deletions go the other way round: children before parents, so that nothing upstream ever refers to what is not there.

use super::Upstream;
use crate::report::ReportError;
use crate::store::{FeedRow, Lane, Op};

/// Rows of a child ahead of the cursor that are looked through; with more its parents' deletions wait.
const CHILD_ROWS: u32 = 5_000;

impl Upstream {
    /// Deletions among these rows that wait, because a child table has deletions of its own still to be delivered.
    pub(super) async fn waiting_for_children(&mut self, at: usize, rows: &[FeedRow]) -> Result<Vec<u64>, ReportError> {
        let deletions: Vec<u64> = rows.iter().filter(|row| row.op == Op::Delete).map(|row| row.rid).collect();
        if deletions.is_empty() {
            return Ok(deletions);
        }
        for child in 0..self.tables.len() {
            let refers = child != at && self.tables[child].links.iter().any(|link| link.parent == at);
            if refers && self.has_deletions(child).await? {
                self.tables[at].awaits_children = true;
                return Ok(deletions);
            }
        }
        Ok(Vec::new())
    }

    /// Whether deletions of a table are in flight or ahead of the cursor. What is closed or parked keeps nobody.
    async fn has_deletions(&self, at: usize) -> Result<bool, ReportError> {
        let table = &self.tables[at];
        if table.plan.roles.data_state.is_none() && !self.transport.style().deletions {
            return Ok(false);
        }
        if table.open.values().any(|batch| batch.deletes) {
            return Ok(true);
        }
        if table.closed || table.idle || table.rest_until > self.now() {
            return Ok(false);
        }
        let ahead = self.around.store.pending(self.id, table.feed, Lane::Live, CHILD_ROWS, u64::MAX >> 1, self.now()).await?;
        Ok(ahead.len() as u32 >= CHILD_ROWS || ahead.iter().any(|row| row.op == Op::Delete))
    }

    /// With nothing of a table in flight any more, deletions of its parents that waited for it are looked at again.
    pub(super) async fn release_parents(&mut self, at: usize) -> Result<(), ReportError> {
        let parents: Vec<usize> = self.tables[at].links.iter().map(|link| link.parent).collect();
        for parent in parents {
            if std::mem::take(&mut self.tables[parent].awaits_children) {
                self.release_parents_of(parent).await?;
            }
        }
        Ok(())
    }
}
