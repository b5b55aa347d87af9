//! How a run begins, and what becomes of one that something stopped.

use super::drift::Guard;
use super::{Job, PipelineError, Surroundings};
use crate::fault::{Classified, FaultClass};
use crate::source::Begin;
use crate::store::{Millis, RunEnd, RunId, RunStart, RunSummary};

/// How the run begins: an interrupted one goes on; else what changed is read, where the source can tell and everything
/// has been read not too long ago; else everything.
pub(super) fn begin<'a>(job: &Job, start: &'a RunStart, now: Millis) -> Begin<'a> {
    if let Some(position) = &start.resume {
        return Begin::Resume(position);
    }
    let before = start.after.as_ref().filter(|_| job.continues());
    let every = job.document.read().changes.as_ref().map(|changes| changes.compare_every.millis());
    let fresh = every.is_none_or(|every| start.whole_at.is_some_and(|at| now.saturating_sub(at) < every));
    match before {
        Some(before) if fresh => Begin::Since(before),
        before => Begin::Whole { before },
    }
}

/// Closes a run that something stopped as incomplete. It stays open, to be gone on with by the next collection, when the
/// line broke or the source asked for less, and the source goes on exactly behind the last landing.
///
/// `guard`: what it had seen of its source by then.
pub(super) fn stopped(
    job: &Job,
    around: &Surroundings,
    run: RunId,
    (guard, error): (Option<&Guard<'_>>, PipelineError),
) -> PipelineError {
    let of_source = matches!(error, PipelineError::Source(_));
    let passing = of_source && matches!(error.fault_class(), FaultClass::Transient | FaultClass::Throttled);
    if passing && job.resumes() {
        match around.wait(around.store.hold_run(run, &error.to_string())) {
            Ok(true) => return error,
            Ok(false) => {}
            Err(second) => {
                tracing::error!(error = %second, "what stopped the run could not be noted; it is taken up at the next start");
                return error;
            }
        }
    }
    let end = RunEnd::broken(error.to_string(), (around.clock)());
    let closed = match guard.map(|guard| guard.seen(Some(&error))) {
        Some(seen) => around.wait(around.store.finish_run_seen(run, &end, &seen)),
        None => around.wait(around.store.finish_run(run, &end)),
    };
    match closed {
        Ok(_) => error,
        Err(second) => {
            tracing::error!(error = %second, "the broken run could not be closed; it is taken up at the next start");
            error
        }
    }
}

/// Says what a run that ended well means beyond its counts.
pub(super) fn tell(job: &Job, summary: &RunSummary, end: &RunEnd) {
    if end.whole && !end.complete {
        tracing::info!(
            source = %job.source, table = %job.plan.name,
            "everything was read, but not in one go: what is gone at the source is seen by the next read that is not interrupted"
        );
    }
    let Some(changes) = job.document.read().changes.as_ref().filter(|_| summary.missed > 0) else { return };
    tracing::warn!(
        source = %job.source, table = %job.plan.name, missed = summary.missed, columns = changes.columns.join(", "),
        "rows had changed, and reading what changed had not seen it: these columns are not reliable; give a longer `overlap` or a \
         shorter `compare_every` in [read.changes], or other columns"
    );
}
