//! Commits, and what a test lets happen at them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::StoreError;
use crate::fault::FaultClass;

/// What a test lets happen at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing.
    None,
    /// The process dies before it.
    Before,
    /// The process dies behind it: everything is written, nobody hears of it.
    After,
}

/// Asked at each commit, which are counted from 1 since the store was opened.
pub type CommitHook = Arc<dyn Fn(u64) -> CommitFault + Send + Sync>;

/// Counts the commits of an open store, and keeps it dead once a test wants it dead.
pub(super) struct Commits {
    hook: Option<CommitHook>,
    count: AtomicU64,
    dead: AtomicBool,
}

impl Commits {
    pub(super) fn new(hook: Option<CommitHook>) -> Self {
        Self { hook, count: AtomicU64::new(0), dead: AtomicBool::new(false) }
    }

    /// Fails once the store has died.
    pub(super) fn alive(&self) -> Result<(), StoreError> {
        if self.dead.load(Ordering::Acquire) { Err(crashed()) } else { Ok(()) }
    }

    /// Commits, unless a test wants the process dead at this point.
    pub(super) async fn commit(&self, commit: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
        let count = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        let fault = self.hook.as_ref().map_or(CommitFault::None, |hook| hook(count));
        if fault == CommitFault::Before {
            self.dead.store(true, Ordering::Release);
            return Err(crashed());
        }
        commit.await?;
        if fault == CommitFault::After {
            self.dead.store(true, Ordering::Release);
            return Err(crashed());
        }
        Ok(())
    }
}

/// The error of a store that a simulated crash has taken down.
fn crashed() -> StoreError {
    StoreError::Database { what: "the connection is gone", source: "the store was cut off".into(), class: FaultClass::Transient }
}
