//! What reporting is doing, for whoever looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::delivery::ResultItem;
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::store::Millis;

/// A trouble, as status shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its class.
    pub class: FaultClass,
    /// What happened and what to do.
    pub text: Text,
    /// When.
    pub at: Millis,
    /// When it is tried again.
    pub until: Option<Millis>,
}

/// A result that matches nothing this hub sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignResult {
    /// Its table.
    pub table: String,
    /// The platform's time.
    pub mark: String,
    /// Rows received.
    pub received: Option<u64>,
    /// Rows stored.
    pub stored: Option<u64>,
}

/// One table of one upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableStatus {
    /// The last trouble, until something went well again.
    pub trouble: Option<Trouble>,
    /// Why nothing is sent although rows wait: closed by the ramp, a batch whose answer was lost, outside its period.
    pub stopped: Option<Text>,
    /// Unsettled batches.
    pub batches: u32,
    /// When a verdict is asked for next.
    pub next_ask: Option<Millis>,
    /// Optional values left out because no sealing method is set, since start.
    pub unsealed_values: u64,
    /// By when changes must have been reported.
    pub due_by: Option<Millis>,
    /// Batches settled since start.
    pub settled: u64,
    /// Rows stored, refused and unknown in them.
    pub outcomes: (u64, u64, u64),
    /// When it was last compared with what the platform holds, and how many records differed.
    pub compared: Option<(Millis, u64)>,
}

/// One upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpstreamStatus {
    /// The last trouble, until something went well again.
    pub trouble: Option<Trouble>,
    /// What should be looked at although everything goes well: a newer edition at the platform.
    pub warnings: Vec<Text>,
    /// By how much the platform's clock is ahead of ours.
    pub clock_offset: Option<Millis>,
    /// The longest time from sending to verdict seen since start.
    pub longest_verdict: Millis,
    /// Tables by name.
    pub tables: BTreeMap<String, TableStatus>,
    /// Results that match nothing this hub sent, newest last, at most 100.
    pub foreign: Vec<ForeignResult>,
}

const FOREIGN_KEPT: usize = 100;

impl UpstreamStatus {
    /// The status of a table.
    pub(super) fn table(&mut self, name: &str) -> &mut TableStatus {
        self.tables.entry(name.to_owned()).or_default()
    }

    pub(super) fn note_foreign(&mut self, item: &ResultItem) {
        let mark = item.marks.first().cloned().unwrap_or_default();
        let new = ForeignResult { table: item.table.clone(), mark, received: item.received, stored: item.stored };
        if self.foreign.contains(&new) {
            return;
        }
        if self.foreign.len() >= FOREIGN_KEPT {
            self.foreign.remove(0);
        }
        self.foreign.push(new);
    }
}

/// A look at a running reporter, and a way to wake it.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    status: Arc<Mutex<BTreeMap<String, UpstreamStatus>>>,
    wake: Arc<Notify>,
}

impl Handle {
    /// All upstreams by name.
    pub fn status(&self) -> BTreeMap<String, UpstreamStatus> {
        self.lock().clone()
    }

    /// Something landed, was released or approved: look at once.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    pub(super) fn notify(&self) -> &Notify {
        &self.wake
    }

    pub(super) fn update(&self, upstream: &str, with: impl FnOnce(&mut UpstreamStatus)) {
        with(self.lock().entry(upstream.to_owned()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, UpstreamStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
