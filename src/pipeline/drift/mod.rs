//! Drift: a source that changes under the hub.
//!
//! Before a row is normalized, a run compares what the source shows with what the last good run of the same mapping saw, column
//! by column: names, types, encodings, the text of a view, and the forms of the values in the first rows. A difference is
//! *harmless*, or it *affects the mapping*, or it *affects reporting*. What is harmless is noted and the run goes on. What affects
//! a mapping pauses it, whole: a mapping lands whole records, so going on without a column would send nothing in its place. Records
//! stand as they are. A pause ends by itself when the old shape is back or the mapping is another, or somebody accepts what is
//! there now.

mod ahead;
mod change;
mod form;
mod judge;
mod retyped;
mod shape;
mod successor;
mod uses;
mod words;

pub use change::{Change, ChangeKind, Class, Drift};
pub use successor::Likeness;

use std::sync::Arc;

use ahead::Ahead;
use shape::Shape;

use super::{Job, PipelineError, Surroundings};
use crate::finding::Text;
use crate::source::{Source, SourceBatch};
use crate::store::{KnownShape, Seen};

/// A table that pauses for a source.
#[derive(Debug, thiserror::Error)]
#[error("{table} pauses for {source_name}: {}", drift.text().en)]
pub struct Paused {
    /// The table.
    pub table: Arc<str>,
    /// The source.
    pub source_name: Arc<str>,
    /// Why.
    pub drift: Drift,
    /// Whether the pause begins now.
    pub news: bool,
}

/// What a run has seen of its source before it reads on.
pub(super) struct Guard<'a> {
    job: &'a Job,
    around: &'a Surroundings,
    known: KnownShape,
    shape: Shape,
    drift: Drift,
    /// Digest of what the source shows.
    digest: [u8; 16],
    /// What the rows at hand came from.
    object: Option<Arc<str>>,
}

/// Looks at a source that was opened, at its first rows, and at what is known of it. The rows come again with the source
/// returned.
pub(super) fn look<'a>(
    job: &'a Job,
    around: &'a Surroundings,
    source: Box<dyn Source>,
) -> Result<(Box<dyn Source>, Guard<'a>), PipelineError> {
    let known = around.wait(around.store.shape(job.feed, &job.source, job.document.digest()))?;
    let ahead = Ahead::new(source, job.guest().pace().rows(ahead::FIRST))?;
    let shape = Shape::of(ahead.outline(), ahead.first());
    let object = ahead.first().and_then(|batch| batch.object().cloned());
    // What cannot be read is not known. Parts were looked at when they were read; together they show what the authority takes.
    let known_body = known.body.as_deref().filter(|_| job.merged_of.is_empty());
    let before = known_body.and_then(|body| serde_json::from_str::<Shape>(body).ok());
    let digest = shape.outline.digest();
    let mut guard = Guard { job, around, known, shape, drift: Drift::default(), digest, object };
    if let Some(before) = before {
        guard.drift = guard.judge(&before, &guard.shape);
        guard.shape = guard.shape.remembering(&before);
    }
    Ok((Box::new(ahead), guard))
}

impl Guard<'_> {
    fn judge(&self, before: &Shape, now: &Shape) -> Drift {
        judge::judge(before, now, &uses::uses(&self.job.document, &self.job.plan), &*self.around.likeness)
    }

    /// Whether the run may go on with what it found first.
    ///
    /// # Errors
    /// That the table pauses.
    pub(super) fn pass(&self) -> Result<(), PipelineError> {
        self.let_pass(&self.drift)
    }

    /// Whether the run may go on with a batch. Where an object is made of several files, each is looked at: it has the
    /// columns of the first by name, but columns without names could stand in another order.
    ///
    /// # Errors
    /// That the table pauses.
    pub(super) fn pass_batch(&mut self, batch: &SourceBatch) -> Result<(), PipelineError> {
        if batch.object() == self.object.as_ref() {
            return Ok(());
        }
        self.object = batch.object().cloned();
        let now = Shape::of(self.shape.outline.clone(), Some(batch));
        self.let_pass(&self.judge(&self.shape, &now))
    }

    fn let_pass(&self, drift: &Drift) -> Result<(), PipelineError> {
        let accepted = self.known.accepted == Some(self.digest) && drift.is_acceptable();
        if !drift.pauses() || accepted {
            return Ok(());
        }
        Err(PipelineError::Paused(Box::new(Paused {
            table: self.job.plan.name.clone(),
            source_name: self.job.source.clone(),
            drift: drift.clone(),
            news: self.known.pause.is_none(),
        })))
    }

    /// What the store is to keep of a run that ended so.
    pub(super) fn seen(&self, error: Option<&PipelineError>) -> Seen {
        let pause = match error {
            Some(PipelineError::Paused(paused)) => Some(paused.drift.written()),
            _ => None,
        };
        Seen {
            digest: self.digest,
            body: serde_json::to_string(&self.shape).unwrap_or_default(),
            noted: self.drift.noted(),
            pause,
        }
    }

    /// Says what has changed and pauses nothing.
    pub(super) fn tell(&self) {
        if let Some(Text { en, .. }) = self.drift.noted() {
            let (source, table) = (&self.job.source, &self.job.plan.name);
            tracing::info!(%source, %table, what = %en, "the source has changed; nothing that is used is affected");
        }
    }
}
