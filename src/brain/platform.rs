//! What all interfaces of the platform share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{RwLock, watch};

use super::accounts::Accounts;
use super::clock::Clock;
use super::config::BrainConfig;
use super::digital_base::RsaKey;
use super::effects::Effects;
use super::faults::{Call, Script};
use super::grpc::{Demanded, Streams};
use super::judge::RowJudge;
use super::kafka::Demands;

/// The platform's state, behind one `Arc` for all calls.
pub(super) struct Platform {
    pub(super) config: BrainConfig,
    pub(super) accounts: Accounts,
    pub(super) judge: Arc<dyn RowJudge>,
    pub(super) effects: Arc<dyn Effects>,
    /// This process, among those that share a database.
    pub(super) holder: String,
    pub(super) streams: Streams,
    /// What the consumer of topics is to ask of hubs.
    pub(super) demands: Demands,
    pub(super) script: Script,
    pub(super) rsa: RsaKey,
    pub(super) calls: Calls,
    /// Held for reading by every call under way, so that the end can wait for them.
    pub(super) running: RwLock<()>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) clock_offset: AtomicI64,
}

impl Platform {
    /// The platform's time: its clock's, plus what the control endpoint has added.
    pub(super) fn now(&self) -> i64 {
        self.clock.now_ms().saturating_add(self.clock_offset.load(Ordering::SeqCst))
    }

    /// Asks something of a school's hub: on its stream, else on the return topic, where the school has an account; `false`
    /// when there is no way, or too much is asked already.
    pub(super) fn demand(&self, school: &str, what: Demanded) -> bool {
        let topic = self.config.kafka.as_ref().is_some_and(|kafka| kafka.return_topic.is_some());
        let known = || self.accounts.list().iter().any(|a| a.school() == school || a.school_code.is_empty());
        self.streams.demand(school, what.clone()) || (topic && known() && self.demands.put(school, what))
    }
}

/// How often each call came, and how often it was refused.
#[derive(Default)]
pub(super) struct Calls(Mutex<BTreeMap<Call, (u64, u64)>>);

impl Calls {
    pub(super) fn count(&self, call: Call, refused: bool) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = calls.entry(call).or_default();
        entry.0 += 1;
        entry.1 += u64::from(refused);
    }

    pub(super) fn of(&self, call: Call) -> (u64, u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&call).copied().unwrap_or_default()
    }
}
