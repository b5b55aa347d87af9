//! Reporting to each upstream under its lease: a reporter an upstream, made anew whenever the lease is taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Failure;
use super::hub::Hub;
use super::leases::Terms;
use super::upstreams::{identity, report_config};
use crate::finding::Text;
use crate::report::{self, ReportError, ReportedTable, Reporter};
use crate::store::{Held, Leased, Store, StoreError, Taken};

/// What every upstream's reporter is made of.
pub(super) struct Reporting {
    store: Arc<dyn Store>,
    tables: Vec<ReportedTable>,
    base: std::path::PathBuf,
    identity: report::Identity,
    clock: Arc<dyn report::Clock>,
    config: report::Config,
    terms: Terms,
    handle: report::Handle,
}

/// What opening an upstream came to.
enum Opened {
    Here(Box<Reporter>, Arc<Held>),
    Elsewhere(String),
}

impl Reporting {
    /// Over the hub's tables.
    pub(super) fn new(hub: &Hub, clock: Arc<dyn report::Clock>) -> Result<Self, Failure> {
        let around = hub.pipeline.around();
        let tables = around
            .feeds
            .iter()
            .map(|(table, feed)| ReportedTable { feed: *feed, plan: Arc::clone(hub.plan.table(*table)) })
            .filter(|table| table.plan.part.is_none());
        Ok(Self {
            store: Arc::clone(&hub.store),
            tables: tables.collect(),
            base: hub.plan.loaded.base.clone(),
            identity: hub.runtime.block_on(identity(hub)).map_err(|e| Failure::part(&e))?,
            clock,
            config: report_config(&hub.plan)?,
            terms: Terms::of(&hub.plan),
            handle: report::Handle::default(),
        })
    }

    /// A look at all of it from elsewhere.
    pub(super) fn handle(&self) -> report::Handle {
        self.handle.clone()
    }

    /// The upstreams of the settings.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.config.upstreams.keys()
    }

    async fn open(&self, name: &str) -> Result<Opened, ReportError> {
        let held = match Held::take(&self.store, Leased::Upstream(name.into()), self.terms.upstream).await? {
            Taken::By(holder) => return Ok(Opened::Elsewhere(holder)),
            Taken::Ours(held) => Arc::new(held),
        };
        let only = self.config.upstreams.iter().filter(|(own, _)| *own == name);
        let upstreams: BTreeMap<_, _> = only.map(|(name, upstream)| (name.clone(), upstream.clone())).collect();
        let config = report::Config { upstreams: upstreams.into_iter().collect(), ..self.config.clone() };
        let identity = Arc::new(report::Identity { epoch: held.epoch(), ..self.identity.clone() });
        let mut parts = report::Parts::new(Arc::clone(&self.store), self.tables.clone(), self.base.clone(), identity);
        parts.clock = Arc::clone(&self.clock);
        parts.handle = self.handle.clone();
        parts.lease = Some(Arc::clone(&held));
        match Reporter::open(&config, parts).await {
            Ok(reporter) => Ok(Opened::Here(Box::new(reporter), held)),
            Err(error) => {
                held.give_back().await;
                Err(error)
            }
        }
    }

    /// Works until nothing more can be done now at any upstream.
    pub(super) async fn drain(&self) -> Result<Vec<report::DrainedUpstream>, ReportError> {
        let works = self.names().map(|name| async move {
            match self.open(name).await? {
                Opened::Elsewhere(holder) => Ok(vec![elsewhere(name, &holder)]),
                Opened::Here(mut reporter, held) => {
                    let drained = reporter.drain().await;
                    drop(reporter);
                    held.give_back().await;
                    Ok(drained?.upstreams)
                }
            }
        });
        let drained: Vec<Result<_, ReportError>> = futures_util::future::join_all(works).await;
        Ok(drained.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Reports to all upstreams until told to stop. What is wrong with the settings is found before this comes back.
    pub(super) async fn start(self: &Arc<Self>, stop: watch::Receiver<bool>) -> Result<tokio::task::JoinSet<()>, ReportError> {
        let mut first = Vec::new();
        for name in self.names() {
            first.push((name.clone(), self.open(name).await?));
        }
        let mut tasks = tokio::task::JoinSet::new();
        for (name, opened) in first {
            tasks.spawn(Arc::clone(self).supervise(name, opened, stop.clone()));
        }
        Ok(tasks)
    }

    async fn supervise(self: Arc<Self>, name: String, first: Opened, mut stop: watch::Receiver<bool>) {
        let mut opened = Ok(first);
        let mut known = String::new();
        loop {
            match opened {
                Ok(Opened::Here(reporter, held)) => {
                    tracing::info!(upstream = %name, epoch = held.epoch(), "reporting");
                    known.clear();
                    reporter.run(stopped(&mut stop, Some(&held))).await;
                    held.give_back().await;
                }
                Ok(Opened::Elsewhere(holder)) if holder != known => {
                    tracing::info!(upstream = %name, %holder, "another hub reports to this upstream");
                    known = holder;
                }
                Ok(Opened::Elsewhere(_)) => {}
                Err(ReportError::Store(StoreError::Fenced(_))) => {}
                Err(error) => tracing::error!(upstream = %name, %error, "reporting could not be taken up"),
            }
            let pause = (self.terms.upstream.ttl / 6).max(Duration::from_millis(100));
            if tokio::time::timeout(pause, stopped(&mut stop, None)).await.is_ok() {
                return;
            }
            opened = self.open(&name).await;
        }
    }
}

/// Comes back when the service stops, or the lease is lost.
async fn stopped(stop: &mut watch::Receiver<bool>, held: Option<&Held>) {
    tokio::select! {
        // An error means that the sender is gone: time to stop all the same.
        _ = stop.wait_for(|stop| *stop) => {}
        () = async {
            match held {
                Some(held) => held.lost().await,
                None => std::future::pending().await,
            }
        } => {}
    }
}

fn elsewhere(name: &str, holder: &str) -> report::DrainedUpstream {
    report::DrainedUpstream {
        name: name.into(),
        tables: Vec::new(),
        stopped: Some(Text::new(
            format!("由另一个枢纽进程 {holder} 上报，本进程不处理"),
            format!("another hub, {holder}, reports there; this one leaves it alone"),
        )),
        parked: Vec::new(),
    }
}
