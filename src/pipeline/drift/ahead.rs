//! A source whose first rows have been looked at, and come all the same.

use std::sync::Arc;

use crate::finding::Text;
use crate::source::{Column, Outline, Position, Source, SourceBatch, SourceError};

/// Rows looked at.
pub(super) const FIRST: usize = 1_000;

/// A source, one batch ahead.
pub(super) struct Ahead {
    source: Box<dyn Source>,
    first: Option<SourceBatch>,
}

impl Ahead {
    /// Reads the first batch, of at most so many rows.
    ///
    /// # Errors
    /// As the source gives them.
    pub fn new(mut source: Box<dyn Source>, rows: usize) -> Result<Self, SourceError> {
        let first = source.next_batch(rows.min(FIRST))?;
        Ok(Self { source, first })
    }

    /// The first batch, until it is given out; `None` too when there are no rows.
    pub fn first(&self) -> Option<&SourceBatch> {
        self.first.as_ref()
    }
}

impl Source for Ahead {
    fn columns(&self) -> &Arc<[Column]> {
        self.source.columns()
    }

    fn object(&self) -> &Arc<str> {
        self.source.object()
    }

    fn outline(&self) -> Outline {
        self.source.outline()
    }

    fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.source.next_batch(max_rows),
        }
    }

    fn committed(&mut self, position: &Position) -> Result<(), SourceError> {
        self.source.committed(position)
    }

    fn is_complete(&self) -> bool {
        self.source.is_complete()
    }

    fn doubt(&self) -> Option<Text> {
        self.source.doubt()
    }

    fn parts(&self) -> u32 {
        self.source.parts()
    }

    fn is_whole(&self) -> bool {
        self.source.is_whole()
    }

    fn has_more(&self) -> bool {
        self.source.has_more()
    }
}
