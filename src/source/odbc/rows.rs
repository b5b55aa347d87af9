//! The rows of a statement that runs, handed out.

use std::collections::HashMap;
use std::sync::Arc;

use odbc_api::buffers::{CharColumn, ColumnarBuffer, WCharColumn};
use odbc_api::{BlockCursor, Cursor, Error, ResultSetMetadata, RowSetBuffer};

use super::cell::{self, Buffers, Form};
use super::connect::Session;
use super::faults::Stage;
use super::settings::Fetch;
use crate::finding::Place;
use crate::source::outline::Said;
use crate::source::reader::{Courier, Handout};
use crate::source::{Column, Outline, Position, SourceBatch, SourceBatchBuilder, SourceError};

/// A batch of long cells ends early.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Rows of a block, and bytes of its buffers.
const BLOCK_ROWS: usize = 1000;
const BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// A column whose longest value is not known gets this many characters in a block.
const UNKNOWN_LENGTH: usize = 4000;

/// What a statement gives.
pub(super) struct Shape {
    pub columns: Arc<[Column]>,
    pub forms: Vec<Form>,
    pub outline: Outline,
}

impl Shape {
    /// Of a statement that is prepared or runs. `pads`: whether CHAR(n) of this product is filled up.
    pub fn of(statement: &mut impl ResultSetMetadata, pads: bool) -> Result<Self, Error> {
        let count = u16::try_from(statement.num_result_cols()?).unwrap_or(0);
        let (mut columns, mut forms, mut said) = (Vec::new(), Vec::new(), HashMap::new());
        for number in 1..=count {
            let own = statement.col_data_type(number)?;
            let (kind, form) = cell::kind(&own, pads);
            let name: Arc<str> = statement.col_name(number)?.trim().into();
            said.insert(name.to_string(), Said { declared: cell::declared(&own), ..Said::default() });
            columns.push(Column { name, kind });
            forms.push(form);
        }
        let outline = Outline::of(&columns).with(said, None);
        Ok(Self { columns: columns.into(), forms, outline })
    }
}

/// Rows on their way.
pub(super) struct Rows<'a> {
    pub session: &'a Session,
    pub columns: &'a Arc<[Column]>,
    pub forms: &'a [Form],
    pub courier: &'a Courier,
    /// Rows given so far, of the statements before, too.
    pub given: &'a mut u64,
    /// Sees each batch before it is given.
    pub seal: &'a mut dyn FnMut(SourceBatch) -> SourceBatch,
}

impl Rows<'_> {
    /// Hands out all that a cursor gives. Another statement may follow.
    pub async fn hand_out<C: Cursor>(mut self, cursor: C) -> Result<Handout, SourceError> {
        let (forms, session) = (self.forms, self.session);
        let failed = |error: Error| session.trouble(Stage::Rows, &error);
        let mut text = String::new();
        match (session.settings.fetch, session.settings.encoding()) {
            (Fetch::Rows, _) => self.one_by_one(cursor).await,
            (Fetch::Blocks, None) => {
                let (lengths, cursor) = lengths(cursor, forms.len()).map_err(failed)?;
                let cursor = cursor.bind_buffer(ColumnarBuffer::new(bound(&lengths, 2, WCharColumn::new))).map_err(failed)?;
                let push = |rows: &ColumnarBuffer<WCharColumn>, row: usize, batch: &mut SourceBatchBuilder| {
                    for (at, form) in forms.iter().enumerate() {
                        cell::wide(rows.column(at).get(row), at, *form, &mut text, batch);
                    }
                };
                self.blocks(cursor, ColumnarBuffer::num_rows, push).map_err(failed)
            }
            (Fetch::Blocks, Some(encoding)) => {
                let (lengths, cursor) = lengths(cursor, forms.len()).map_err(failed)?;
                let cursor = cursor.bind_buffer(ColumnarBuffer::new(bound(&lengths, 4, CharColumn::new))).map_err(failed)?;
                let push = |rows: &ColumnarBuffer<CharColumn>, row: usize, batch: &mut SourceBatchBuilder| {
                    for (at, form) in forms.iter().enumerate() {
                        cell::narrow(rows.column(at).get(row), at, *form, encoding, &mut text, batch);
                    }
                };
                self.blocks(cursor, ColumnarBuffer::num_rows, push).map_err(failed)
            }
        }
    }

    async fn one_by_one<C: Cursor>(&mut self, mut cursor: C) -> Result<Handout, SourceError> {
        let (session, encoding) = (self.session, self.session.settings.encoding());
        let failed = |error: Error| session.trouble(Stage::Rows, &error);
        let (mut buffers, mut ended) = (Buffers::default(), false);
        let (columns, forms) = (self.columns, self.forms);
        let (given, seal) = (&mut *self.given, &mut *self.seal);
        let next = async |max_rows: usize| {
            let mut batch = SourceBatchBuilder::new(columns.clone(), max_rows.min(4096));
            while !ended && batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
                let Some(mut row) = cursor.next_row().map_err(failed)? else {
                    ended = true;
                    break;
                };
                for (at, form) in forms.iter().enumerate() {
                    buffers.push(&mut row, at, *form, encoding, &mut batch).map_err(failed)?;
                }
                *given += 1;
                batch.end_row(Place::Row(*given));
            }
            Ok((!batch.is_empty()).then(|| seal(batch.finish(Position(Vec::new())))))
        };
        self.courier.hand_out_batches(next).await
    }

    /// Hands out what comes block by block.
    fn blocks<C: Cursor, B: RowSetBuffer>(
        &mut self,
        mut cursor: BlockCursor<C, B>,
        count: impl Fn(&B) -> usize,
        mut push: impl FnMut(&B, usize, &mut SourceBatchBuilder),
    ) -> Result<Handout, Error> {
        let columns = self.columns;
        let start = |rows: usize| SourceBatchBuilder::new(columns.clone(), rows.min(4096));
        let Some(mut wanted) = self.courier.asked() else { return Ok(Handout::Abandoned) };
        let mut batch = start(wanted);
        while let Some(block) = cursor.fetch_with_truncation_check(true)? {
            for row in 0..count(block) {
                *self.given += 1;
                push(block, row, &mut batch);
                batch.end_row(Place::Row(*self.given));
                if batch.len() < wanted && batch.bytes() < BATCH_BYTES {
                    continue;
                }
                let full = std::mem::replace(&mut batch, start(wanted));
                match self.give(full).then(|| self.courier.asked()).flatten() {
                    Some(next) => wanted = next,
                    None => return Ok(Handout::Abandoned),
                }
            }
        }
        if batch.is_empty() {
            self.courier.owe(wanted);
            return Ok(Handout::Finished);
        }
        Ok(if self.give(batch) { Handout::Finished } else { Handout::Abandoned })
    }

    fn give(&mut self, batch: SourceBatchBuilder) -> bool {
        let batch = (self.seal)(batch.finish(Position(Vec::new())));
        self.courier.give(batch)
    }
}

/// The longest value of each column in characters, as the driver says.
fn lengths<C: Cursor>(mut cursor: C, columns: usize) -> Result<(Vec<usize>, C), Error> {
    let numbers = 1..=u16::try_from(columns).unwrap_or(u16::MAX);
    let lengths = numbers.map(|number| Ok(cursor.col_display_size(number)?.map_or(UNKNOWN_LENGTH, usize::from)));
    Ok((lengths.collect::<Result<_, Error>>()?, cursor))
}

/// Bound columns for as many rows as memory allows.
fn bound<C>(lengths: &[usize], bytes: usize, new: impl Fn(usize, usize) -> C) -> Vec<(u16, C)> {
    let width: usize = lengths.iter().map(|length| (length + 1) * bytes).sum();
    let rows = (BLOCK_BYTES / width.max(1)).clamp(1, BLOCK_ROWS);
    let per_character = if bytes == 2 { 1 } else { bytes };
    lengths
        .iter()
        .enumerate()
        .map(|(at, length)| (u16::try_from(at + 1).unwrap_or(u16::MAX), new(rows, length * per_character)))
        .collect()
}
