//! Which rows are there for a table, and which of them wait for a parent.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::Upstream;
use crate::record::RecordKey;
use crate::report::ReportError;
use crate::report::batcher::texts;
use crate::store::{ExceptionFilter, FeedRow, Lane, Reason, StoreError};

/// Rows of a parent ahead of the cursor that are looked through; with more its children wait as a whole.
const PARENT_ROWS: u32 = 5_000;

/// Parent rows still to be delivered.
pub(super) enum Undelivered {
    /// More than can be listed: every child row waits a little.
    Many,
    /// These.
    Keys(HashSet<RecordKey>),
}

impl Upstream {
    /// Rows that were held for what the settings said are looked at again: unsealed ones at every start, those out of
    /// scope and not yet due when scope or calendar have changed.
    pub(super) async fn reconsider(&self) -> Result<(), ReportError> {
        let store = &self.around.store;
        let key = format!("report/scope/{}", self.name);
        let scope = format!("{:?} {:?} {:?}", self.config.scope, self.config.scopes, self.around.calendar);
        let before = store.get_meta(&key).await?;
        let same = before.as_deref() == Some(scope.as_bytes());
        let changed = before.is_some() && !same;
        let reasons: &[Reason] =
            if changed { &[Reason::Unsealed, Reason::OutOfScope, Reason::NotDue] } else { &[Reason::Unsealed] };
        for reason in reasons {
            let filter = ExceptionFilter { upstream: Some(self.id), feed: None, reason: Some(*reason), limit: 0 };
            store.release(&filter, self.now()).await?;
        }
        if !same {
            store.set_meta(&key, scope.as_bytes()).await?;
        }
        Ok(())
    }

    /// The next rows of a table, by the two lanes.
    pub(super) async fn pending(&self, at: usize) -> Result<(Lane, Vec<FeedRow>), ReportError> {
        let table = &self.tables[at];
        let limits = self.transport.limits();
        let backfill = table.cursor.backfill.is_some();
        let first = table.lanes.first(backfill, self.config.backfill_share);
        let other = if first == Lane::Live { Lane::Backfill } else { Lane::Live };
        let now = self.now();
        let rows = self.around.store.pending(self.id, table.feed, first, limits.rows, limits.bytes, now).await?;
        if !rows.is_empty() || !backfill {
            return Ok((first, rows));
        }
        let rows = self.around.store.pending(self.id, table.feed, other, limits.rows, limits.bytes, now).await?;
        // With both lanes empty the back-fill is done, and the stage that says so goes by its lane.
        Ok((if rows.is_empty() { Lane::Backfill } else { other }, rows))
    }

    /// The rows (by rid) that wait for a parent of this hub's own that is still to be delivered; `None` when all wait.
    pub(super) async fn waiting(&self, at: usize, rows: &[FeedRow]) -> Result<Option<HashSet<u64>>, ReportError> {
        let table = &self.tables[at];
        let mut waits = HashSet::new();
        if rows.is_empty() {
            return Ok(Some(waits));
        }
        let mut seen: HashMap<usize, HashSet<RecordKey>> = HashMap::new();
        for link in &table.links {
            let undelivered = match seen.entry(link.parent) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => match self.undelivered(link.parent).await? {
                    Undelivered::Many => return Ok(None),
                    Undelivered::Keys(keys) => new.insert(keys),
                },
            };
            if undelivered.is_empty() {
                continue;
            }
            let values: Vec<(u64, Option<String>)> =
                rows.iter().map(|r| (r.rid, texts(&table.plan, &r.payload, &[Some(link.field)]).pop().flatten())).collect();
            let distinct: HashSet<&str> = values.iter().filter_map(|(_, v)| v.as_deref()).collect();
            let parent = &self.tables[link.parent];
            let Some(give) = parent.plan.roles.record_key.filter(|_| !distinct.is_empty()) else { continue };
            let distinct: Vec<&str> = distinct.into_iter().collect();
            let found = match self.around.store.lookup(parent.feed, link.target, &distinct, give).await {
                Ok(found) => found,
                // The parent is not open in this process, or nobody asked for an index: it cannot be known, so nobody waits.
                Err(StoreError::Inconsistent(what)) => {
                    tracing::debug!(upstream = %self.name, table = %table.plan.name, "parents not asked for: {what}");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let late = |value: &str| {
                found
                    .get(value)
                    .is_some_and(|keys| keys.iter().any(|k| RecordKey::parse(k).is_some_and(|k| undelivered.contains(&k))))
            };
            waits.extend(values.iter().filter(|(_, v)| v.as_deref().is_some_and(late)).map(|(rid, _)| *rid));
        }
        Ok(Some(waits))
    }

    /// Rows of a table that are on their way or will soon be: ahead of the cursor, in flight, unknown, waiting in turn.
    /// What is refused, not due or held does not keep a child; nor does a table that is closed or parked.
    async fn undelivered(&self, at: usize) -> Result<Undelivered, ReportError> {
        let table = &self.tables[at];
        let now = self.now();
        let mut keys: HashSet<RecordKey> = table.open.values().flat_map(|b| b.keys.iter().copied()).collect();
        if table.closed {
            return Ok(Undelivered::Keys(keys));
        }
        for reason in [Reason::Unknown, Reason::WaitsParent, Reason::WaitsVerdict] {
            let filter = ExceptionFilter { upstream: Some(self.id), feed: Some(table.feed), reason: Some(reason), limit: 0 };
            keys.extend(self.around.store.exceptions(&filter).await?.into_iter().map(|e| e.record_key));
        }
        if table.rest_until > now {
            return Ok(Undelivered::Keys(keys));
        }
        if table.cursor.backfill.is_some() {
            return Ok(Undelivered::Many);
        }
        if table.idle {
            return Ok(Undelivered::Keys(keys));
        }
        let ahead = self.around.store.pending(self.id, table.feed, Lane::Live, PARENT_ROWS, u64::MAX >> 1, now).await?;
        if ahead.len() as u32 >= PARENT_ROWS {
            return Ok(Undelivered::Many);
        }
        keys.extend(ahead.into_iter().filter(|r| r.seq > table.cursor.seq).map(|r| r.record_key));
        Ok(Undelivered::Keys(keys))
    }
}
