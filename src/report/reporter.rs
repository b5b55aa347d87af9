//! The reporter: one task an upstream.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ReportedTable;
use super::clock::{Clock, Dice, SystemClock, SystemDice};
use super::config::Config;
use super::delivery::jittered;
use super::dispatcher::{Surroundings, Upstream};
use super::status::Handle;
use super::transport::{Identity, SettingsError, Transport, TransportContext, kind, kinds};
use super::window::Calendar;
use crate::fault::{Classified, FaultClass};
use crate::finding::Text;
use crate::store::{Held, Millis, Stock, Store, StoreError};

/// What keeps reporting from starting, or stopped it.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A setting is wrong.
    #[error("upstream {upstream}: {}", text.en)]
    Settings {
        /// The upstream.
        upstream: Arc<str>,
        /// What is wrong, and the remedy.
        text: Text,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SettingsError> for ReportError {
    fn from(error: SettingsError) -> Self {
        Self::Settings { upstream: error.upstream, text: error.text }
    }
}

impl Classified for ReportError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Settings { .. } => FaultClass::Configuration,
            Self::Store(error) => error.fault_class(),
        }
    }
}

/// What a reporter is made with, apart from its settings.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The tables that there are.
    pub tables: Vec<ReportedTable>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
    /// The folder that relative paths of the settings start from.
    pub base: PathBuf,
    /// Who reports.
    pub identity: Arc<Identity>,
    /// What is going on, for whoever looks.
    pub handle: Handle,
    /// The lease on the upstream, where several hubs share a store.
    pub lease: Option<Arc<Held>>,
}

impl Parts {
    /// With the machine's own time and chance.
    pub fn new(store: Arc<dyn Store>, tables: Vec<ReportedTable>, base: PathBuf, identity: Arc<Identity>) -> Self {
        let (clock, dice) = (Arc::new(SystemClock), Arc::new(SystemDice));
        Self { store, tables, clock, dice, base, identity, handle: Handle::default(), lease: None }
    }
}

/// What a drain came to.
#[derive(Debug, Clone, Default)]
pub struct DrainReport {
    /// Upstreams by name.
    pub upstreams: Vec<DrainedUpstream>,
}

/// What a drain of one upstream came to.
#[derive(Debug, Clone)]
pub struct DrainedUpstream {
    /// Its name.
    pub name: Arc<str>,
    /// Stock by table, afterwards.
    pub tables: Vec<(String, Stock)>,
    /// Why the upstream was left, when it was.
    pub stopped: Option<Text>,
    /// Tables left for a trouble of their own.
    pub parked: Vec<(Arc<str>, Text)>,
}

impl DrainReport {
    /// Whether every row is stored, refused or held for a reason: nothing waits, nothing is in flight, nothing is unknown.
    pub fn is_settled(&self) -> bool {
        self.upstreams
            .iter()
            .all(|u| u.stopped.is_none() && u.tables.iter().all(|(_, s)| s.waiting == 0 && s.in_flight == 0 && s.unknown == 0))
    }
}

/// Takes rows from the store to the upstreams, and verdicts back.
pub struct Reporter {
    upstreams: Vec<Upstream>,
    handle: Handle,
    clock: Arc<dyn Clock>,
    dice: Arc<dyn Dice>,
    poll: Vec<Millis>,
}

impl Reporter {
    /// Makes the transports, attaches the tables, and takes up what an earlier process left. Calls no upstream.
    ///
    /// # Errors
    /// Wrong settings, or the store.
    pub async fn open(config: &Config, parts: Parts) -> Result<Self, ReportError> {
        let mut transports = Vec::new();
        for (name, upstream) in &config.upstreams {
            let name: Arc<str> = name.as_str().into();
            let kind = kind(&upstream.kind).ok_or_else(|| unknown_kind(&name, &upstream.kind))?;
            let context = TransportContext {
                name: Arc::clone(&name),
                clock: Arc::clone(&parts.clock),
                dice: Arc::clone(&parts.dice),
                base: parts.base.clone(),
                identity: Arc::clone(&parts.identity),
                lease: parts.lease.clone(),
            };
            transports.push((name, kind.open(&serde_json::Value::Object(upstream.settings.clone()), context)?));
        }
        Self::with_transports(config, parts, transports).await
    }

    /// The same with transports made elsewhere, by upstream name; each must have its settings of delivery.
    ///
    /// # Errors
    /// Wrong settings, or the store.
    pub async fn with_transports(
        config: &Config,
        parts: Parts,
        transports: Vec<(Arc<str>, Arc<dyn Transport>)>,
    ) -> Result<Self, ReportError> {
        let settings = |text| ReportError::Settings { upstream: "calendar".into(), text };
        let calendar = Arc::new(Calendar::new(&config.calendar).map_err(settings)?);
        let handle = parts.handle;
        let (mut upstreams, mut poll) = (Vec::new(), Vec::new());
        for (name, transport) in transports {
            let delivery = config.upstreams.get(&*name).map(|u| u.delivery.clone()).unwrap_or_default();
            poll.push(delivery.poll.millis().max(10));
            let around = Surroundings {
                store: Arc::clone(&parts.store),
                clock: Arc::clone(&parts.clock),
                dice: Arc::clone(&parts.dice),
                calendar: Arc::clone(&calendar),
                handle: handle.clone(),
                lease: parts.lease.clone(),
            };
            upstreams.push(Upstream::open(name, transport, delivery, &parts.tables, around).await?);
        }
        Ok(Self { upstreams, handle, clock: parts.clock, dice: parts.dice, poll })
    }

    /// A look at it from elsewhere.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Reports until `shutdown` comes; calls under way are ended in order, receipts kept.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let stop = Arc::new(AtomicBool::new(false));
        let handle = self.handle.clone();
        let mut tasks = tokio::task::JoinSet::new();
        for (upstream, poll) in self.upstreams.into_iter().zip(self.poll) {
            let (stop, handle) = (Arc::clone(&stop), handle.clone());
            let (clock, dice) = (Arc::clone(&self.clock), Arc::clone(&self.dice));
            tasks.spawn(serve(upstream, poll, stop, handle, clock, dice));
        }
        shutdown.await;
        stop.store(true, Ordering::Release);
        handle.wake();
        while tasks.join_next().await.is_some() {}
    }

    /// Works until nothing is pending or in flight that can make progress.
    ///
    /// # Errors
    /// The store.
    pub async fn drain(&mut self) -> Result<DrainReport, ReportError> {
        self.drain_until(None).await
    }

    /// The same, but not beyond a point of time.
    ///
    /// # Errors
    /// The store.
    pub async fn drain_until(&mut self, deadline: Option<Millis>) -> Result<DrainReport, ReportError> {
        for upstream in &mut self.upstreams {
            upstream.look_again();
        }
        let clock = Arc::clone(&self.clock);
        let works = self.upstreams.iter_mut().map(|upstream| drain_one(upstream, clock.as_ref(), deadline));
        let upstreams = futures_util::future::join_all(works).await.into_iter().collect::<Result<_, _>>()?;
        Ok(DrainReport { upstreams })
    }
}

fn unknown_kind(upstream: &Arc<str>, kind: &str) -> ReportError {
    let known: Vec<&str> = kinds().iter().map(|k| k.kind()).collect();
    let known = known.join(", ");
    ReportError::Settings {
        upstream: Arc::clone(upstream),
        text: Text::new(
            format!("没有名为 {kind} 的上报通道；可用：{known}"),
            format!("there is no kind {kind} of upstream; there are: {known}"),
        ),
    }
}

async fn serve(
    mut upstream: Upstream,
    poll: Millis,
    stop: Arc<AtomicBool>,
    handle: Handle,
    clock: Arc<dyn Clock>,
    dice: Arc<dyn Dice>,
) {
    let stopping = || stop.load(Ordering::Acquire);
    upstream.keep_up();
    let (mut failures, mut looked) = (0u32, clock.now());
    loop {
        // Listened for before `stop` is looked at, so that neither a stop nor a wake is missed.
        let woken = handle.notify().notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        if stopping() {
            break;
        }
        let (wait, rested) = match upstream.turn(&stopping).await {
            Ok(turn) => {
                failures = 0;
                let now = clock.now();
                let next = if turn.progressed { now } else { turn.next.unwrap_or(now + poll).min(now + poll) };
                (next, !turn.progressed)
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                upstream.doubt(&error);
                tracing::error!(upstream = %upstream.name, class = error.fault_class().name(), "{error}");
                let wait = 500_i64.saturating_mul(1 << failures.min(7));
                (clock.now() + jittered(wait, dice.roll()), true)
            }
        };
        // News of a stream says nothing of what may have landed.
        let only_news = tokio::select! {
            () = clock.sleep_until(wait) => false,
            () = &mut woken => false,
            () = upstream.news() => true,
        };
        // Also in the midst of a long backlog: what lands now goes first.
        if (rested && !only_news) || clock.now() >= looked + poll {
            looked = clock.now();
            upstream.look_again();
        }
    }
}

async fn drain_one(upstream: &mut Upstream, clock: &dyn Clock, deadline: Option<Millis>) -> Result<DrainedUpstream, ReportError> {
    let (mut stopped, mut released) = (None, false);
    loop {
        let turn = upstream.turn(&|| false).await?;
        if let Some(text) = upstream.given_up() {
            stopped = Some(text);
            break;
        }
        if turn.progressed {
            released = false;
            continue;
        }
        match turn.next {
            Some(next) if deadline.is_none_or(|d| next <= d) => tokio::select! {
                () = upstream.news() => {}
                () = clock.sleep_until(next) => {}
            },
            Some(_) if upstream.awaits_news() => tokio::select! {
                () = upstream.news() => {}
                () = clock.sleep_until(deadline.unwrap_or_default()) => break,
            },
            Some(_) => break,
            // Rows that still wait for a parent, with nothing left that could let them go: once more, then they stay.
            None if !released && upstream.release_waiting().await? => released = true,
            None => break,
        }
    }
    let stock = upstream.store().stock().await?;
    let own = stock.into_iter().filter(|s| s.upstream == upstream.id());
    Ok(DrainedUpstream {
        name: Arc::clone(&upstream.name),
        tables: own.map(|s| (s.table, s.stock)).collect(),
        stopped,
        parked: upstream.parked(),
    })
}
