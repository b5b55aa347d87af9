//! Rows that waited are re-run by themselves when what they waited for has arrived, or their time is up.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::OwnedMutexGuard;

use super::run::{Preparer, land};
use super::{Job, Pipeline, PipelineError, Surroundings};
use crate::finding::{RuleId, Severity};
use crate::normalize;
use crate::source::{Column, ColumnKind};
use crate::store::{Millis, NewRun, QuarantinedRow, RunEnd};

/// Waiting rows looked at together: looking goes over all that wait, so it should find many at once.
const READY_ROWS: u32 = 10_000;
/// How long a row waits for a missing parent before it is offered with a warning, in milliseconds.
const HOLD: Millis = 7 * 24 * 3_600_000;

/// What became of quarantined rows that were to be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retried {
    /// Rows run again.
    pub tried: u64,
    /// Of these, rows that landed.
    pub landed: u64,
    /// Rows left as they are: the source could not be read whole there, so only another read of it can mend them.
    pub unread: u64,
}

/// Re-runs every quarantined row whose parents have arrived, or that has been held too long, until no more wake up.
/// Returns how many were re-run and how many of them landed.
pub(super) fn retry_ready(pipeline: &Pipeline, ours: &(dyn Fn(&str) -> bool + Sync)) -> Result<(u64, u64), PipelineError> {
    let around = pipeline.around();
    let mut total = (0, 0);
    for job in pipeline.jobs().iter().filter(|job| ours(&job.source)) {
        let Some(_turn) = turn(pipeline, job)? else { continue };
        loop {
            let now = (around.clock)();
            let rows = around.wait(around.store.ready(job.feed, &job.source, now - HOLD, READY_ROWS))?;
            if rows.is_empty() {
                break;
            }
            let (ready, overdue): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.since > now - HOLD);
            let mut landed = 0;
            for (rows, overdue) in [(ready, false), (overdue, true)] {
                let retried = rerun(job, around, rows, overdue)?;
                total.0 += retried.tried;
                landed += retried.landed;
            }
            total.1 += landed;
            if landed == 0 {
                break;
            }
        }
    }
    Ok(total)
}

/// The right to land rows of a job, for as long as it is kept; `None` while a producer has a snapshot under way, which a
/// row from before it must not get into.
pub(super) fn turn(pipeline: &Pipeline, job: &Job) -> Result<Option<Option<OwnedMutexGuard<()>>>, PipelineError> {
    let Some(gate) = pipeline.gate(&job.source) else { return Ok(Some(None)) };
    let around = pipeline.around();
    let guard = around.wait(gate.lock_owned());
    let state = around.wait(around.store.push_state(job.feed, &job.source, ""))?;
    Ok(state.snapshot.is_none().then_some(Some(guard)))
}

/// Re-runs quarantined rows of one job. Rows that fail again keep their entry and since. A row that the source could not
/// give whole is left out: its raw text holds what could be saved, which must not pass for what the source says.
///
/// # Errors
/// When mapping or store fail.
pub(super) fn rerun(
    job: &Job,
    around: &Surroundings,
    rows: Vec<QuarantinedRow>,
    overdue: bool,
) -> Result<Retried, PipelineError> {
    let (torn, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| is_torn(&row.violations));
    let mut retried = Retried { tried: rows.len() as u64, landed: 0, unread: torn.len() as u64 };
    let mut from = 0;
    while from < rows.len() {
        let columns = columns_of(&rows[from].raw);
        let alike = rows[from..].iter().take_while(|row| columns_of(&row.raw) == columns).count();
        retried.landed += rerun_alike(job, around, &columns, &rows[from..from + alike], overdue)?;
        from += alike;
    }
    Ok(retried)
}

/// Whether characters or cells of a row were lost before it came to us, or the source has it no more. Violations that cannot
/// be read count as such.
fn is_torn(violations: &str) -> bool {
    let Ok(violations) = serde_json::from_str::<Vec<Map<String, Value>>>(violations) else { return true };
    let says = |violation: &Map<String, Value>, key: &str, what: &str| violation.get(key).and_then(Value::as_str) == Some(what);
    let lost = |v: &Map<String, Value>| [RuleId::ENCODING, RuleId::WITHDRAWN].iter().any(|rule| says(v, "rule", rule.as_str()));
    violations.iter().any(|v| lost(v) && says(v, "severity", Severity::Error.name()))
}

fn rerun_alike(
    job: &Job,
    around: &Surroundings,
    columns: &Arc<[Column]>,
    rows: &[QuarantinedRow],
    overdue: bool,
) -> Result<u64, PipelineError> {
    let raws: Vec<&str> = rows.iter().map(|row| row.raw.as_str()).collect();
    let mapping = job.compile(around, columns)?;
    let mut preparer = Preparer::new(job, around, mapping.into(), job.object.clone(), overdue);
    let ready = preparer.prepare(normalize::from_raw(columns, &raws))?;
    let at = (around.clock)();
    let new = NewRun { source: job.source.clone(), feed: job.feed, mapping_digest: job.document.digest(), at };
    let run = around.wait(around.store.begin_run(&new))?.run;
    let landed = land(job, around, run, &ready)?;
    let end = RunEnd::new(false, (around.clock)());
    around.wait(around.store.finish_run(run, &end))?;
    let mut over = Vec::new();
    for row in rows {
        let now = around.wait(around.store.quarantined_row(row.id))?;
        if now.is_some_and(|now| now.last_run != run) {
            over.push(row.id);
        }
    }
    around.wait(around.store.close(&over, at))?;
    Ok(landed.changed + landed.unchanged + landed.duplicate)
}

fn columns_of(raw: &str) -> Arc<[Column]> {
    let row: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    row.keys().map(|name| Column { name: name.as_str().into(), kind: ColumnKind::Unknown }).collect()
}

#[cfg(test)]
mod tests {
    use super::is_torn;

    #[test]
    fn a_row_is_torn_when_the_source_could_not_give_it_whole() {
        for (violations, torn) in [
            ("[]", false),
            (r#"[{"rule":"reference","severity":"error"}]"#, false),
            (r#"[{"rule":"encoding","severity":"warning"}]"#, false),
            (r#"[{"rule":"encoding","severity":"warning"},{"rule":"required","severity":"error"}]"#, false),
            (r#"[{"rule":"required","severity":"error"},{"rule":"encoding","severity":"error"}]"#, true),
            ("damaged", true),
        ] {
            assert_eq!(is_torn(violations), torn, "{violations}");
        }
    }
}
