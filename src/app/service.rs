//! `run`: collects and reports, once or until stopped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::hub::Hub;
use super::leases::Streams;
use super::plan::Plan;
use super::reporting::Reporting;
use super::serving;
use super::{Context, Failure, LeftLine, Part, Progress, RunAnswer, RunRequest, view};
use crate::finding::Text;
use crate::pipeline::{Job, Observer, PipelineError, RunOutcome};
use crate::report;
use crate::source;
use crate::store::{Landed, Millis, ReadModels, Store};
use crate::telemetry;

/// Passes landings on to the log, and jobs done to the progress: what a service shows.
pub(super) struct Logging(pub(super) Arc<dyn Progress>);

impl Observer for Logging {
    fn landed(&self, job: &Job, landed: &Landed) {
        tracing::debug!(source = %job.source, table = %job.plan.name, read = landed.read, changed = landed.changed, quarantined = landed.quarantined, "landed");
    }

    fn reached(&self, job: &Job, progress: source::Progress) {
        let (table, source, percent) = (&job.plan.name, &job.source, progress.percent());
        let source::Progress { done, total } = progress;
        self.0.note(Text::new(
            format!("{table}（{source}）：已读 {percent}%（{done}/{total} 行）"),
            format!("{table} ({source}): {percent}% read ({done} of {total} rows)"),
        ));
    }

    fn ended(&self, job: &Job, outcome: &Result<RunOutcome, PipelineError>) {
        self.0.advance(1);
        if let Ok(outcome) = outcome {
            let landed = &outcome.summary.landed;
            tracing::info!(
                source = %job.source, table = %job.plan.name, read = landed.read, changed = landed.changed,
                quarantined = landed.quarantined, took_ms = outcome.took_ms, "read"
            );
        }
    }
}

/// Puts something around a store.
pub type AroundStore = dyn Fn(Arc<dyn Store>) -> Arc<dyn Store>;

/// What the hub stands on, for tests that move time or cut the power.
pub struct Fittings {
    /// Time, for reading and reporting alike.
    pub clock: Arc<dyn report::Clock>,
    /// Put around the store once it is open.
    pub around_store: Box<AroundStore>,
}

impl Default for Fittings {
    fn default() -> Self {
        Self { clock: Arc::new(report::SystemClock), around_store: Box::new(|store| store) }
    }
}

/// Where spans and metrics go, if anywhere.
fn exporter(plan: &Plan) -> Result<Option<telemetry::Exporter>, Failure> {
    let opened = telemetry::Exporter::open(&plan.loaded.settings.telemetry);
    opened.map_err(|error| Failure::Part { class: crate::fault::FaultClass::Configuration, message: error.to_string() })
}

/// Runs as asked.
pub(super) fn run(context: &Context<'_>, request: &RunRequest, fittings: &Fittings) -> Result<RunAnswer, Failure> {
    if request.once && request.only.contains(&Part::Serve) {
        return Err(Failure::Unknown(Text::new(
            "--once 做完一轮即结束，serve 则一直监听，二者不能同用。解决办法：去掉其中一个",
            "--once ends after one round, and serve listens until it is stopped; fix: leave one of them out",
        )));
    }
    let plan = Plan::load(context)?;
    let unfilled = super::unfilled::school(&plan);
    if !unfilled.is_empty() {
        return Err(Failure::Settings(unfilled));
    }
    let progress = context.progress.share();
    let shared = Arc::clone(&progress);
    let exporter = exporter(&plan)?;
    telemetry::start(plan.loaded.settings.log, Arc::new(move |line| shared.log(line)), exporter.as_ref());
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    let store = (fittings.around_store)(super::opening::open_store(context, &plan, &runtime)?);
    let clock = Arc::clone(&fittings.clock);
    let (observer, news) = serving::observed(Arc::new(Logging(progress)));
    let hub = Hub::with_store(plan, runtime, store, Arc::new(move || clock.now()), observer)?;
    if request.restored {
        hub.runtime.block_on(report::note_restored(hub.store.as_ref())).map_err(|e| Failure::part(&e))?;
    }
    let does = |part: Part| request.only.is_empty() || request.only.contains(&part);
    if request.once {
        return once(context, &hub, &fittings.clock, does(Part::Collect), does(Part::Report));
    }
    let began = (hub.clock)();
    let news = Some(news).filter(|_| does(Part::Serve));
    let streams = streams_of(&hub, does(Part::Collect), news.is_some());
    if request.restored && does(Part::Collect) {
        // What changed since the backup is read before anything of the backup's is sent again.
        let report = hub.pipeline.collect_of(&|source| streams.has(source), &|| false);
        log_problems(&report.map_err(super::hub::pipeline_failure)?);
    }
    serve(&hub, &fittings.clock, streams, (does(Part::Collect), does(Part::Report)), news)?;
    answer(&hub, began)
}

/// The leases on what this service reads, taken before anybody can push: all sources, or only the pushed ones where
/// nobody collects.
fn streams_of(hub: &Hub, collect: bool, serve: bool) -> Streams<'_> {
    let pushed =
        || hub.pipeline.jobs().iter().filter(|job| job.connector.is_pushed()).map(|job| Arc::clone(&job.source)).collect();
    let mut streams = if collect { Streams::of(hub) } else { Streams::of(hub).only(&pushed()) };
    if collect || serve {
        streams.take();
    }
    streams
}

/// One round: read everything, report until nothing more can be done now.
fn once(
    context: &Context<'_>,
    hub: &Hub,
    clock: &Arc<dyn report::Clock>,
    collect: bool,
    report: bool,
) -> Result<RunAnswer, Failure> {
    let began = (hub.clock)();
    let mut left = Vec::new();
    if collect {
        context.progress.begin(Text::new("读取数据源", "reading the sources"), Some(hub.pipeline.jobs().len() as u64));
        let mut streams = Streams::of(hub);
        streams.take();
        let report = hub.pipeline.collect_of(&|source| streams.has(source), &|| false);
        let report = report.map_err(super::hub::pipeline_failure)?;
        context.progress.end();
        log_problems(&report);
    }
    if report {
        context.progress.begin(Text::new("上报并等待结果", "reporting, waiting for verdicts"), None);
        let reporting = Reporting::new(hub, Arc::clone(clock))?;
        let drained = hub.runtime.block_on(reporting.drain()).map_err(|e| Failure::part(&e))?;
        context.progress.end();
        left = drained.iter().flat_map(left_lines).collect();
    }
    Ok(RunAnswer { left, ..answer(hub, began)? })
}

fn left_lines(upstream: &report::DrainedUpstream) -> Vec<LeftLine> {
    let line = |table: Option<&str>, why: &Text| LeftLine {
        upstream: upstream.name.to_string(),
        table: table.map(str::to_owned),
        why: why.clone(),
    };
    let whole = upstream.stopped.iter().map(|why| line(None, why));
    whole.chain(upstream.parked.iter().map(|(table, why)| line(Some(&**table), why))).collect()
}

fn log_problems(report: &crate::pipeline::CollectReport) {
    if let Some(worst) = report.worst() {
        tracing::warn!(class = worst.name(), "some tables could not be read; see `xiaoshu status`");
    }
}

fn answer(hub: &Hub, since: Millis) -> Result<RunAnswer, Failure> {
    let read = async {
        let runs: Vec<_> = hub.store.runs(0).await?.into_iter().filter(|run| run.began >= since).collect();
        let stock = hub.store.stock().await?;
        let tables = hub.store.table_rows().await?;
        Ok::<_, crate::store::StoreError>(RunAnswer {
            runs: runs.iter().rev().map(view::run_line).collect(),
            domains: view::domains(&hub.plan.standard, &runs, &stock, &tables),
            left: Vec::new(),
            imbalances: view::imbalances(ReadModels::audit(hub.store.as_ref()).await?),
        })
    };
    hub.runtime.block_on(read).map_err(|e| Failure::part(&e))
}

/// The service: reads every so often, reports all the time, until it is told to stop.
fn serve(
    hub: &Hub,
    clock: &Arc<dyn report::Clock>,
    streams: Streams<'_>,
    (collect, report): (bool, bool),
    serve: Option<serving::News>,
) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let (told, tell) = tokio::sync::watch::channel(false);
    let reporting = match report {
        true => {
            let reporting = Arc::new(Reporting::new(hub, Arc::clone(clock))?);
            let tasks = hub.runtime.block_on(reporting.start(tell.clone())).map_err(|e| Failure::part(&e))?;
            Some((tasks, reporting.handle()))
        }
        false => None,
    };
    let handle = reporting.as_ref().map(|(_, handle)| handle.clone());
    let serving = serve.map(|news| serving::start(hub, handle.clone(), news, tell.clone())).transpose()?.flatten();
    // Goes with the collecting thread: one that broke down must not leave a service behind that only seems to work.
    let (collecting_on, collecting_over) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let collecting = Arc::clone(&stop);
        let wakes = tell.clone();
        let mut on = Some(collecting_on);
        if collect {
            let on = on.take();
            scope.spawn(move || {
                let _on = on;
                collect_forever(hub, streams, &collecting, wakes, handle.as_ref());
            });
        } else if serving.is_some() {
            scope.spawn(move || hold_pushed(hub, streams, &collecting, wakes));
        }
        hub.runtime.block_on(async {
            tokio::select! {
                () = asked_to_stop() => tracing::info!("stopping: batches under way are finished first"),
                _ = collecting_over => tracing::error!("collecting broke down; the service stops, so that it is started anew"),
            }
        });
        stop.store(true, Ordering::Release);
        // Fails only when nobody listens any more.
        let _ = told.send(true);
    });
    if let Some(serving) = serving {
        hub.runtime.block_on(serving.ended());
    }
    if let Some((mut tasks, handle)) = reporting {
        handle.wake();
        let ended = hub.runtime.block_on(async {
            while let Some(ended) = tasks.join_next().await {
                ended?;
            }
            Ok(())
        });
        ended.map_err(|e: tokio::task::JoinError| Failure::io("reporting", &std::io::Error::other(e)))?;
    }
    Ok(())
}

fn collect_forever(
    hub: &Hub,
    mut streams: Streams<'_>,
    stop: &AtomicBool,
    mut told: tokio::sync::watch::Receiver<bool>,
    handle: Option<&report::Handle>,
) {
    let every = Duration::from_secs(u64::from(hub.plan.loaded.settings.collect.every_minutes.max(1)) * 60);
    let stopping = || stop.load(Ordering::Acquire);
    let mut round = Instant::now();
    let mut new = None;
    while !stopping() {
        // Between the rounds only what another hub has left.
        let ours = |source: &str| streams.has(source) && new.as_ref().is_none_or(|new: &BTreeSet<_>| new.contains(source));
        match hub.pipeline.collect_of(&ours, &stopping) {
            Ok(report) => log_problems(&report),
            Err(error) => tracing::error!(%error, "a collection was stopped; the next one goes on from what has landed"),
        }
        if let Some(handle) = handle {
            handle.wake();
        }
        new = loop {
            let left = every.saturating_sub(round.elapsed());
            let pause = if streams.whole() { left.min(streams.pause().max(MOST_PAUSE)) } else { left.min(streams.pause()) };
            // Made within the runtime, whose clock it needs.
            let over = hub.runtime.block_on(async { tokio::time::timeout(pause, told.wait_for(|stop| *stop)).await });
            if over.is_ok() || stopping() {
                return;
            }
            let taken = streams.take();
            if round.elapsed() >= every {
                round = Instant::now();
                break None;
            }
            if !taken.is_empty() {
                break Some(taken);
            }
        };
    }
}

/// Holds the sources that are pushed, where nobody collects: what lands on a shared store needs a lease.
fn hold_pushed(hub: &Hub, mut streams: Streams<'_>, stop: &AtomicBool, mut told: tokio::sync::watch::Receiver<bool>) {
    while !stop.load(Ordering::Acquire) {
        let pause = streams.pause().min(MOST_PAUSE);
        // Made within the runtime, whose clock it needs.
        if hub.runtime.block_on(async { tokio::time::timeout(pause, told.wait_for(|stop| *stop)).await }).is_ok() {
            return;
        }
        streams.take();
    }
}

/// How long the service rests at most before it looks whether its leases are still its own.
const MOST_PAUSE: Duration = Duration::from_secs(60);

pub(super) async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let mut terminated = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for; stop with SIGINT");
                let _ = interrupted.await;
                return;
            }
        };
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupted.await;
    }
}
