//! One message of a producer: mapped, judged and landed in each table that its object is mapped onto.
//!
//! Each table keeps the producer's position with its own landing, so a message that was cut off between two tables is
//! finished by sending it again: tables that have it pass it over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::handle::{Push, PushAct, PushError, PushPosition, Pushed, PushedTable, RefusedPush};
use super::pushrows::{Landing, cuts, source_rows};
use super::run::Preparer;
use super::{Job, Pipeline, PipelineError};
use crate::finding::Text;
use crate::normalize::MappingPlan;
use crate::source::Column;
use crate::store::{Landed, PushMark, PushState, RunEnd, RunSummary};
use crate::telemetry;

/// A job whose rows are pushed, ready to take them.
pub(super) struct Taker<'a> {
    pub(super) job: &'a Job,
    pub(super) columns: Arc<[Column]>,
    mapping: Arc<MappingPlan>,
}

impl Pipeline {
    /// Lands a message. The caller holds the source's gate.
    pub(super) fn push(&self, push: &Push) -> Result<Pushed, PushError> {
        let takers = self.takers(&push.source, &push.object)?;
        let mut done = Pushed { already_landed: true, tables: Vec::new() };
        for taker in &takers {
            let state = self.around().wait(self.push_state(taker.job, &push.producer)).map_err(PipelineError::from)?;
            if push.position <= state.position {
                continue;
            }
            let began = Instant::now();
            let table = self.take(taker, push, &state)?;
            if let PushAct::Rows(_) = push.act {
                tell(taker.job, &table, began);
            }
            done.already_landed = false;
            done.tables.push(table);
        }
        Ok(done)
    }

    /// Where a producer stands.
    pub(super) async fn positions(&self, source: &str, producer: &str) -> Result<Vec<PushPosition>, PushError> {
        let mut found: Vec<PushPosition> = Vec::new();
        for job in self.pushed_jobs(source) {
            let state = self.push_state(job, producer).await.map_err(PipelineError::from)?;
            let snapshot = state.snapshot.is_some_and(|open| open.producer == producer);
            match found.iter_mut().find(|known| known.object == job.object) {
                Some(known) => {
                    known.position = known.position.min(state.position);
                    known.snapshot |= snapshot;
                }
                None => found.push(PushPosition {
                    object: Arc::clone(&job.object),
                    position: state.position,
                    snapshot,
                    columns: columns(job)?.iter().map(|column| Arc::clone(&column.name)).collect(),
                }),
            }
        }
        Ok(found)
    }

    async fn push_state(&self, job: &Job, producer: &str) -> Result<PushState, crate::store::StoreError> {
        self.around().store.push_state(job.feed, &job.source, producer).await
    }

    /// The jobs that an object's rows go to, parents first.
    fn takers(&self, source: &str, object: &str) -> Result<Vec<Taker<'_>>, PushError> {
        let mut takers = Vec::new();
        for job in self.pushed_jobs(source).filter(|job| &*job.object == object) {
            let columns = columns(job)?;
            let mapping = job.compile(self.around(), &columns)?;
            takers.push(Taker { job, columns, mapping: Arc::new(mapping) });
        }
        if takers.is_empty() {
            return Err(PushError::Unknown(Text::new(
                format!("来源 {source} 中没有已映射的对象 {object}"),
                format!("source {source} has no mapped object {object}"),
            )));
        }
        Ok(takers)
    }

    fn take(&self, taker: &Taker<'_>, push: &Push, state: &PushState) -> Result<PushedTable, PushError> {
        let mark = PushMark {
            feed: taker.job.feed,
            source: Arc::clone(&taker.job.source),
            producer: push.producer.as_str().into(),
            position: Some(push.position),
        };
        match &push.act {
            PushAct::Begin => {
                let at = (self.around().clock)();
                let begun = self.around().store.begin_snapshot(&mark, taker.job.document.digest(), at);
                self.around().wait(begun).map_err(PipelineError::from)?;
                Ok(empty(taker))
            }
            PushAct::End => self.end(taker, &mark, state, true),
            PushAct::Abandon => self.end(taker, &mark, state, false),
            PushAct::Rows(rows) => self.rows(taker, mark, state, rows),
        }
    }

    fn end(&self, taker: &Taker<'_>, mark: &PushMark, state: &PushState, complete: bool) -> Result<PushedTable, PushError> {
        match &state.snapshot {
            Some(open) if *open.producer == *mark.producer => {
                if complete && open.mapping_digest != taker.job.document.digest() {
                    return Err(mapping_changed());
                }
            }
            _ => return Err(no_snapshot(taker)),
        }
        let end = RunEnd::new(complete, (self.around().clock)());
        let summary = self.around().wait(self.around().store.end_snapshot(mark, &end)).map_err(PipelineError::from)?;
        let RunSummary { landed, missing, deleted, .. } = summary;
        Ok(PushedTable { landed, missing, deleted, ends_snapshot: true, ..empty(taker) })
    }

    fn rows(
        &self,
        taker: &Taker<'_>,
        mark: PushMark,
        state: &PushState,
        rows: &[HashMap<String, String>],
    ) -> Result<PushedTable, PushError> {
        if let Some(open) = &state.snapshot {
            if *open.producer != *mark.producer {
                return Err(foreign_snapshot(taker, &open.producer));
            }
            if open.mapping_digest != taker.job.document.digest() {
                return Err(mapping_changed());
            }
        }
        let mapping = Arc::clone(&taker.mapping);
        let mut preparer = Preparer::new(taker.job, self.around(), mapping, Arc::clone(&taker.job.object), false);
        let whole = preparer.prepare(source_rows(taker, rows, 0)?)?;
        let cuts = if state.snapshot.is_some() { Vec::new() } else { cuts(&whole.accepted, rows.len()) };
        let mut done = empty(taker);
        let mut land = |ready, from: usize, last: bool| {
            let mark = PushMark { position: mark.position.filter(|_| last), ..mark.clone() };
            let landing = Landing { job: taker.job, around: self.around(), mark: &mark };
            let (landed, refused) = landing.land(&ready)?;
            add(&mut done.landed, &landed);
            done.refused.extend(refused.into_iter().map(|row| RefusedPush { row: row.row + from, ..row }));
            Ok::<(), PushError>(())
        };
        if cuts.is_empty() {
            land(whole, 0, true)?;
            return Ok(done);
        }
        // Several versions of one key are changes one after the other: each version lands by itself.
        let ends = cuts.iter().copied().chain([rows.len()]);
        let mut from = 0;
        for end in ends {
            let piece = source_rows(taker, rows.get(from..end).unwrap_or_default(), from)?;
            land(preparer.prepare(piece)?, from, end == rows.len())?;
            from = end;
        }
        Ok(done)
    }
}

/// The columns that a job's object may hold.
fn columns(job: &Job) -> Result<Arc<[Column]>, PipelineError> {
    Ok(job.object_columns()?)
}

fn empty(taker: &Taker<'_>) -> PushedTable {
    let table = Arc::clone(&taker.job.plan.name);
    PushedTable { table, landed: Landed::default(), ends_snapshot: false, missing: 0, deleted: 0, refused: Vec::new() }
}

fn add(sum: &mut Landed, more: &Landed) {
    sum.read += more.read;
    sum.changed += more.changed;
    sum.unchanged += more.unchanged;
    sum.duplicate += more.duplicate;
    sum.quarantined += more.quarantined;
    sum.filtered += more.filtered;
    sum.consumed += more.consumed;
}

fn tell(job: &Job, done: &PushedTable, began: Instant) {
    let Landed { changed, unchanged, duplicate, quarantined, filtered, .. } = done.landed;
    let outcomes = [
        ("changed", changed),
        ("unchanged", unchanged),
        ("duplicate", duplicate),
        ("quarantined", quarantined),
        ("filtered", filtered),
    ];
    telemetry::run_ended(&job.source, &job.plan.name, &outcomes, began.elapsed().as_millis() as u64);
}

fn no_snapshot(taker: &Taker<'_>) -> PushError {
    PushError::Unfit(Text::new(
        format!("对象 {} 没有由该 producer 开始的快照；请重新 BeginSnapshot", taker.job.object),
        format!("no snapshot of {} by this producer is under way; begin one again", taker.job.object),
    ))
}

fn foreign_snapshot(taker: &Taker<'_>, producer: &str) -> PushError {
    PushError::Unfit(Text::new(
        format!("对象 {} 正由 {producer} 推送完整快照；等它结束后再发送", taker.job.object),
        format!("{producer} has a snapshot of {} under way; send again when it has ended", taker.job.object),
    ))
}

fn mapping_changed() -> PushError {
    PushError::Unfit(Text::new(
        "映射在快照开始之后改变了；请重新 BeginSnapshot",
        "the mapping has changed since the snapshot began; begin it again",
    ))
}
