//! Which sources and upstreams are this hub's, where several hubs share a store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use super::hub::Hub;
use super::plan::Plan;
use crate::finding::Text;
use crate::store::{Held, LeaseTerms, Leased, Taken};

/// How long leases hold, by the settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// On a source.
    pub(super) stream: LeaseTerms,
    /// On an upstream. What is signed keeps clear of its end by as much as a taking over waits behind it.
    pub(super) upstream: LeaseTerms,
}

impl Terms {
    /// From the settings.
    pub(super) fn of(plan: &Plan) -> Self {
        let leases = &plan.loaded.settings.data.leases;
        let seconds = |n: u32| Duration::from_secs(u64::from(n));
        Self {
            stream: LeaseTerms { ttl: seconds(leases.source_seconds), grace: Duration::ZERO },
            upstream: LeaseTerms { ttl: seconds(leases.upstream_seconds), grace: seconds(leases.margin_seconds) },
        }
    }
}

/// The leases on the sources that the hub reads.
pub(super) struct Streams<'a> {
    hub: &'a Hub,
    terms: Terms,
    wanted: BTreeSet<Arc<str>>,
    held: HashMap<Arc<str>, Held>,
    others: HashMap<Arc<str>, String>,
}

impl<'a> Streams<'a> {
    /// Of all jobs; none is taken yet.
    pub(super) fn of(hub: &'a Hub) -> Self {
        let wanted = hub.pipeline.jobs().iter().map(|job| Arc::clone(&job.source)).collect();
        Self { hub, terms: Terms::of(&hub.plan), wanted, held: HashMap::new(), others: HashMap::new() }
    }

    /// Those of the given sources only.
    pub(super) fn only(mut self, sources: &BTreeSet<Arc<str>>) -> Self {
        self.wanted.retain(|source| sources.contains(source));
        self
    }

    /// Takes what is free; returns what was not ours before.
    pub(super) fn take(&mut self) -> BTreeSet<Arc<str>> {
        self.held.retain(|_, held| held.stands());
        let mut new = BTreeSet::new();
        let free: Vec<_> = self.wanted.iter().filter(|source| !self.held.contains_key(*source)).cloned().collect();
        for source in &free {
            let on = Leased::Stream(Arc::clone(source));
            match self.hub.runtime.block_on(Held::take(&self.hub.store, on, self.terms.stream)) {
                Ok(Taken::Ours(held)) => {
                    self.others.remove(source);
                    self.held.insert(Arc::clone(source), held);
                    new.insert(Arc::clone(source));
                }
                Ok(Taken::By(holder)) => {
                    if self.others.insert(Arc::clone(source), holder.clone()).as_ref() != Some(&holder) {
                        tracing::info!(%source, %holder, "another hub reads this source");
                    }
                }
                Err(error) => tracing::error!(%source, %error, "the lease on a source could not be taken"),
            }
        }
        new
    }

    /// Whether a source is ours to read.
    pub(super) fn has(&self, source: &str) -> bool {
        self.held.get(source).is_some_and(Held::stands)
    }

    /// Whether all are ours.
    pub(super) fn whole(&self) -> bool {
        self.held.len() == self.wanted.len()
    }

    /// How long to wait before looking again whether another hub has left.
    pub(super) fn pause(&self) -> Duration {
        self.terms.stream.ttl / 3
    }

    /// Fails when another hub has one.
    pub(super) fn must_be_whole(&self) -> Result<(), Failure> {
        match self.others.iter().next() {
            None => Ok(()),
            Some((source, holder)) => Err(Failure::Busy(Text::new(
                format!("数据源 {source} 正由另一个枢纽进程 {holder} 读取。请等它读完或停止后再试"),
                format!("the source {source} is being read by another hub, {holder}; try again when it has stopped"),
            ))),
        }
    }

    /// Gives all back.
    pub(super) fn give_back(&mut self) {
        for (_, held) in self.held.drain() {
            self.hub.runtime.block_on(held.give_back());
        }
    }
}

impl Drop for Streams<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
