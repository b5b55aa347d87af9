//! One run: one object of one source onto one table, from the first row to the end of the landing.
//!
//! Two threads work side by side with a bounded channel between them: this one reads, normalizes and validates, the
//! other lands. At most two batches are under way, whatever the input's size: one being made or handed over, one landing.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use tracing::field::Empty;

use super::answers::Answers;
use super::batch_size::BatchSize;
use super::begin::{begin, stopped, tell};
use super::drift::{self, Guard};
use super::{Job, PipelineError, Surroundings};
use crate::fault::Classified;
use crate::finding::{Findings, Locator, Severity};
use crate::normalize::{self, MappingPlan, Normalized};
use crate::record::{Record, RecordBatch, natural_key_words};
use crate::source::{Guest, Outline, Position, Source, SourceBatch};
use crate::store::{Evidence, Landed, LandingBatch, NewRun, RunEnd, RunId, RunSummary, StoreError};
use crate::telemetry;
use crate::validate::{Accepted, Rejected, judge};

/// Batches that wait between the reading and the landing thread: none, a batch goes from hand to hand.
const CHANNEL_BATCHES: usize = 0;

/// What a run did.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The run, as the store numbers it.
    pub run: RunId,
    /// Totals and what followed from completeness.
    pub summary: RunSummary,
    /// Warnings among the landed rows.
    pub warnings: u64,
    /// References that could not be checked, because no target is mapped and read: field names.
    pub unchecked: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether the source has more to give at once, to a run of its own.
    pub more: bool,
}

/// Rows ready to land, with the source batch they came from.
pub(super) struct Ready {
    pub(super) source: SourceBatch,
    pub(super) accepted: Accepted,
    pub(super) rejected: Vec<Rejected>,
    pub(super) filtered: u64,
}

/// Makes batches of one job ready to land.
pub(super) struct Preparer<'a> {
    job: &'a Job,
    around: &'a Surroundings,
    mapping: std::sync::Arc<MappingPlan>,
    object: std::sync::Arc<str>,
    overdue: bool,
    pub(super) answers: Answers<'a>,
    pub(super) warnings: u64,
}

impl<'a> Preparer<'a> {
    /// `overdue`: rows whose hold has run out, so that a missing parent is a warning.
    pub(super) fn new(
        job: &'a Job,
        around: &'a Surroundings,
        mapping: std::sync::Arc<MappingPlan>,
        object: std::sync::Arc<str>,
        overdue: bool,
    ) -> Self {
        Self { job, around, mapping, object, overdue, answers: Answers::new(around), warnings: 0 }
    }

    pub(super) fn prepare(&mut self, source: SourceBatch) -> Result<Ready, PipelineError> {
        let (batch, findings, filtered) = self.judge_rows(&source)?;
        let found = findings.rows().iter().flat_map(|row| &row.violations);
        self.warnings += found.filter(|v| v.severity == Severity::Warning).count() as u64;
        let (accepted, rejected) = judge(batch, &findings, &|record: &Record<'_>| self.raw(&source, record.origin()));
        Ok(Ready { accepted, rejected, filtered, source })
    }

    /// Records and findings of a batch, before they are parted.
    pub(super) fn examine(&mut self, source: &SourceBatch) -> Result<(RecordBatch, Findings), PipelineError> {
        self.judge_rows(source).map(|(batch, findings, _)| (batch, findings))
    }

    fn judge_rows(&mut self, source: &SourceBatch) -> Result<(RecordBatch, Findings, u64), PipelineError> {
        let now = (self.around.clock)();
        let lookups = self.answers.lookups(&self.mapping.lookups(source))?;
        let Normalized { batch, mut findings, filtered } = self.mapping.apply(source, &super::time::collected_at(now), &lookups);
        let keys = self.answers.keys(&self.job.checks.questions(&batch), self.overdue)?;
        self.job.checks.run(&batch, &keys, &super::time::today(now), &mut findings);
        Ok((batch, findings, filtered.len() as u64))
    }

    fn raw(&self, source: &SourceBatch, row: usize) -> (String, Locator) {
        (normalize::raw_json(source, row), self.job.locator(&self.object, source, row))
    }
}

/// Runs one job to its end. Bad rows are quarantined and stop nothing.
///
/// # Errors
/// When the source, the mapping or the store keeps the run from going on; the run is closed as incomplete first.
pub fn run_job(job: &Job, around: &Surroundings) -> Result<RunOutcome, PipelineError> {
    let span = tracing::info_span!(
        target: telemetry::SPANS, "collect", source = %job.source, table = %job.plan.name, read = Empty, changed = Empty,
        quarantined = Empty, fault = Empty, otel.status_code = Empty
    );
    let outcome = span.in_scope(|| run(job, around));
    match &outcome {
        Ok(RunOutcome { summary, took_ms, .. }) => {
            let Landed { read, changed, unchanged, duplicate, quarantined, filtered, consumed, .. } = summary.landed;
            span.record("read", read).record("changed", changed).record("quarantined", quarantined);
            let outcomes = [
                ("changed", changed),
                ("unchanged", unchanged),
                ("duplicate", duplicate),
                ("quarantined", quarantined),
                ("filtered", filtered),
                ("consumed", consumed),
            ];
            telemetry::run_ended(&job.source, &job.plan.name, &outcomes, *took_ms);
        }
        Err(error) => {
            span.record("fault", error.fault_class().name()).record("otel.status_code", "ERROR");
        }
    }
    outcome
}

fn run(job: &Job, around: &Surroundings) -> Result<RunOutcome, PipelineError> {
    let began = Instant::now();
    let at = (around.clock)();
    let new = NewRun { source: job.source.clone(), feed: job.feed, mapping_digest: job.document.digest(), at };
    let start = around.wait(around.store.begin_run(&new))?;
    let opened = job.open(around, begin(job, &start, at));
    let (mut source, mut guard) = match opened.and_then(|source| drift::look(job, around, source)) {
        Ok(opened) => opened,
        Err(error) => return Err(stopped(job, around, start.run, (None, error))),
    };
    let mapping = match guard.pass().and_then(|()| job.compile(around, source.columns())) {
        Ok(mapping) => mapping,
        Err(error) => return Err(stopped(job, around, start.run, (Some(&guard), error))),
    };
    let mut preparer = Preparer::new(job, around, mapping.into(), source.object().clone(), false);
    if let Err(error) = pump(job, around, start.run, source.as_mut(), (&mut preparer, &mut guard)) {
        return Err(stopped(job, around, start.run, (Some(&guard), error)));
    }
    // What is older than the days read is not gone.
    let window = job.document.read().is_window();
    let (complete, whole) = (source.is_complete() && !window, source.is_whole() && !window);
    let end = RunEnd { whole, evidence: evidence(source.as_ref()), ..RunEnd::new(complete, (around.clock)()) };
    let summary = around.wait(around.store.finish_run_seen(start.run, &end, &guard.seen(None)))?;
    tell(job, &summary, &end);
    guard.tell();
    Ok(RunOutcome {
        run: start.run,
        summary,
        warnings: preparer.warnings,
        unchecked: preparer.answers.unchecked().iter().map(|i| job.plan.fields[usize::from(*i)].name.to_string()).collect(),
        took_ms: began.elapsed().as_millis() as u64,
        more: source.has_more(),
    })
}

/// What a source that was read says for and against deletions; what may go waits for its other tables.
fn evidence(source: &dyn Source) -> Evidence {
    let columns = Outline::of(source.columns()).names_and_kinds();
    Evidence { columns: Some(columns), parts: source.parts(), doubt: source.doubt(), later: true }
}

fn pump(
    job: &Job,
    around: &Surroundings,
    run: RunId,
    source: &mut dyn Source,
    (preparer, guard): (&mut Preparer<'_>, &mut Guard<'_>),
) -> Result<(), PipelineError> {
    std::thread::scope(|scope| {
        let (to_writer, ready) = sync_channel::<Ready>(CHANNEL_BATCHES);
        let (landed, from_writer) = channel::<Position>();
        let writer = scope.spawn(move || write(job, around, run, &ready, &landed));
        let size = BatchSize::new(&around.room, source.columns().len());
        let read = read(source, size, (preparer, guard), to_writer, &from_writer);
        let wrote = writer.join().unwrap_or_else(|_| Err(PipelineError::Bug("the landing thread panicked")));
        for position in from_writer.try_iter() {
            source.committed(&position)?;
        }
        // The writer's error is the cause when both failed: a closed channel is what the reader then sees.
        wrote.and(read)
    })
}

fn read(
    source: &mut dyn Source,
    mut size: BatchSize<'_>,
    (preparer, drift): (&mut Preparer<'_>, &mut Guard<'_>),
    to: SyncSender<Ready>,
    back: &Receiver<Position>,
) -> Result<(), PipelineError> {
    let began = Instant::now();
    let guest = preparer.job.guest();
    let mut pace = guest.pace();
    loop {
        let asked = began.elapsed().as_millis() as i64;
        let Some(batch) = source.next_batch(pace.rows(size.rows()))? else { break };
        let came = began.elapsed().as_millis() as i64;
        let rest = pace.batch(asked, came, batch.len());
        size.read(batch.len());
        drift.pass_batch(&batch)?;
        let ready = preparer.prepare(batch)?;
        if to.send(ready).is_err() {
            return Ok(());
        }
        for position in back.try_iter() {
            source.committed(&position)?;
        }
        // Preparing and landing took their time already.
        let since = Duration::from_millis((began.elapsed().as_millis() as i64 - came).max(0).unsigned_abs());
        std::thread::sleep(rest.saturating_sub(since));
        if let Some(wait) = guest.closed_for((preparer.around.clock)()) {
            return Err(Guest::closed(&preparer.job.source, wait).into());
        }
    }
    Ok(())
}

fn write(
    job: &Job,
    around: &Surroundings,
    run: RunId,
    from: &Receiver<Ready>,
    back: &Sender<Position>,
) -> Result<(), PipelineError> {
    let mut told = 0;
    for ready in from {
        let landed = land(job, around, run, &ready)?;
        around.observer.landed(job, &landed);
        if let Some(progress) = job.progress(ready.source.position()).filter(|progress| progress.percent() / 10 > told) {
            told = progress.percent() / 10;
            around.observer.reached(job, progress);
        }
        // The reader may have stopped on an error of its own; what has landed stays landed.
        let _ = back.send(ready.source.position().clone());
    }
    Ok(())
}

/// Lands one prepared batch.
pub(super) fn land(job: &Job, around: &Surroundings, run: RunId, ready: &Ready) -> Result<Landed, PipelineError> {
    with_landing_batch(job, around, ready, &|_| {}, |batch| around.wait(around.store.land(run, batch)))
}

/// Makes a prepared batch into one that can be landed. `asked` is told the source row of every accepted row whose raw form
/// the store asks for.
pub(super) fn with_landing_batch(
    job: &Job,
    around: &Surroundings,
    ready: &Ready,
    asked: &(dyn Fn(usize) + Sync),
    land: impl FnOnce(&LandingBatch<'_>) -> Result<Landed, StoreError>,
) -> Result<Landed, PipelineError> {
    let object = &job.object;
    let natural_key = job.document.natural_key(&job.plan);
    let raw = |accepted: u32| {
        let row = ready.accepted.rows().get(accepted as usize).copied().unwrap_or_default();
        let origin = ready.accepted.batch().row(row as usize).origin();
        asked(origin);
        (normalize::raw_json(&ready.source, origin), job.locator(object, &ready.source, origin))
    };
    let batch = LandingBatch {
        read: ready.source.len() as u64,
        accepted: &ready.accepted,
        rejected: &ready.rejected,
        filtered: ready.filtered,
        consumed: 0,
        settled: ready.source.is_settled(),
        position: ready.source.position(),
        raw: &raw,
        name: &|key: &[u8]| natural_key_words(&job.plan, &natural_key, key),
        at: (around.clock)(),
    };
    Ok(land(&batch)?)
}
