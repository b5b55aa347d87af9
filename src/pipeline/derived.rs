//! A source whose rows are made of another's: what a mapping's derivation gives is read like any other rows.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::finding::{Place, Text};
use crate::normalize::{Aside, Derivation, DerivedRow, Refused};
use crate::source::{Column, Position, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// Rows of the inner source taken at a time.
pub(super) const TAKEN: usize = 2000;

/// Why rows are not taken, as an error of their source.
pub(super) fn refusal(source: &Arc<str>, object: &Arc<str>, Refused(text): Refused) -> SourceError {
    let what = format!("{} / {}", text.zh, text.en);
    SourceError::Content { source_name: source.clone(), object: object.to_string(), what }
}

pub(super) struct Derived {
    inner: Box<dyn Source>,
    how: Derivation,
    source: Arc<str>,
    ready: VecDeque<DerivedRow>,
    aside: VecDeque<Aside>,
    ordinal: u64,
    ended: bool,
    position: Position,
}

impl Derived {
    pub(super) fn new(inner: Box<dyn Source>, how: Derivation, source: Arc<str>) -> Self {
        Self {
            inner,
            how,
            source,
            ready: VecDeque::new(),
            aside: VecDeque::new(),
            ordinal: 0,
            ended: false,
            position: Position(Vec::new()),
        }
    }

    fn refused(&self, why: Refused) -> SourceError {
        refusal(&self.source, self.inner.object(), why)
    }

    fn fill(&mut self, rows: usize) -> Result<(), SourceError> {
        while self.ready.len() < rows && !self.ended {
            let done = match self.inner.next_batch(TAKEN)? {
                Some(batch) => {
                    self.position = batch.position().clone();
                    self.how.take(&batch, &mut self.ready)
                }
                None => {
                    self.ended = true;
                    let done = self.how.end(&mut self.ready);
                    self.aside = self.how.aside().into();
                    let withheld = self.how.withheld();
                    if withheld > 0 {
                        tracing::info!(source = %self.source, cases = withheld, "cases were withheld: too few to be told of as a group");
                    }
                    done
                }
            };
            done.map_err(|refused| self.refused(refused))?;
        }
        Ok(())
    }
}

impl Source for Derived {
    fn columns(&self) -> &Arc<[Column]> {
        self.how.columns()
    }

    fn object(&self) -> &Arc<str> {
        self.inner.object()
    }

    fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        let rows = max_rows.max(1);
        self.fill(rows)?;
        if self.ready.is_empty() && self.aside.is_empty() {
            return Ok(None);
        }
        let mut batch = SourceBatchBuilder::new(Arc::clone(self.how.columns()), rows.min(TAKEN));
        let good = rows.min(self.ready.len());
        let bad = (rows - good).min(self.aside.len());
        for row in self.ready.drain(..good) {
            self.ordinal += 1;
            row.iter().for_each(|cell| batch.push(cell.as_deref()));
            batch.end_row(Place::Row(self.ordinal));
        }
        for Aside { cells, rule, what } in self.aside.drain(..bad) {
            self.ordinal += 1;
            cells.iter().for_each(|cell| batch.push(cell.as_deref()));
            batch.refuse(rule, what);
            batch.end_row(Place::Row(self.ordinal));
        }
        Ok(Some(batch.finish(self.position.clone())))
    }

    fn committed(&mut self, position: &Position) -> Result<(), SourceError> {
        self.inner.committed(position)
    }

    fn is_complete(&self) -> bool {
        self.inner.is_complete()
    }

    fn doubt(&self) -> Option<Text> {
        self.inner.doubt()
    }

    fn parts(&self) -> u32 {
        self.inner.parts()
    }

    fn is_whole(&self) -> bool {
        self.inner.is_whole()
    }
}
