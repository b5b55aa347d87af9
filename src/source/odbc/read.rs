//! Rows of one SELECT.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use odbc_api::buffers::{CharColumn, ColumnarBuffer, WCharColumn};
use odbc_api::{BlockCursor, Connection, Cursor, Error, Prepared, ResultSetMetadata, RowSetBuffer};

use super::cell::{self, Buffers, Form};
use super::connect::Session;
use super::faults::Stage;
use super::settings::Fetch;
use crate::finding::Place;
use crate::source::outline::Said;
use crate::source::reader::{Courier, Handout, Proof, RowReader};
use crate::source::select::is_one_select;
use crate::source::{Column, Outline, Position, ReadSpec, Source, SourceBatch, SourceBatchBuilder, SourceError, statement};

/// A batch of long cells ends early.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Rows of a block, and bytes of its buffers.
const BLOCK_ROWS: usize = 1000;
const BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// A column whose longest value is not known gets this many characters in a block.
const UNKNOWN_LENGTH: usize = 4000;

/// Opens a table or query.
pub(super) fn open(session: Session, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    // The quote of names is the driver's; what is wrong with the settings shows before there is one.
    let object = statement::build(&session.source, read, '"')?.object;
    let (source, read) = (session.source.clone(), read.clone());
    let patience = Duration::from_secs(session.settings.statement_timeout);
    let proof = Proof::default();
    let shared = proof.clone();
    let reader =
        RowReader::start(&source, object, patience, move |courier| async move { run(&session, &read, &courier, &shared).await })?;
    Ok(Box::new(reader.proven_by(proof)))
}

async fn run(session: &Session, read: &ReadSpec, courier: &Courier, proof: &Proof) -> Result<Handout, SourceError> {
    let before = |error: Error| session.trouble(Stage::Before, &error);
    let connection = session.connect()?;
    let product = session.product(&connection)?;
    let writes = session.writes(&connection, &product)?.unwrap_or(false);
    session.settings.guest.permit(&session.source, &session.settings.user, writes)?;
    let quote = connection.identifier_quote_char().ok().flatten().unwrap_or('"');
    let statement::Statement { sql, count, .. } = statement::build(&session.source, read, quote)?;
    if !is_one_select(&sql) {
        return Err(SourceError::Settings {
            source_name: session.source.clone(),
            what: "`query` is more than one statement, or does more than read".into(),
            remedy: "write one SELECT".into(),
        });
    }
    let mut prepared = connection.prepare(&sql).map_err(before)?;
    // Some drivers know no limit.
    let _ = prepared.set_query_timeout_sec(usize::try_from(session.settings.statement_timeout).unwrap_or(0));
    // A product whose CHAR(n) is only a name for a text does not fill it up.
    let (columns, forms, outline) = described(&mut prepared, product != "SQLite").map_err(before)?;
    statement::must_give_columns(&session.source, &columns)?;
    let (handout, read) = rows(session, &mut prepared, (columns, forms, outline), courier).await?;
    drop(prepared);
    let consistent = session.settings.consistent.unwrap_or(!product.contains("SQL Server"));
    if consistent && handout == Handout::Finished {
        proof.counted(read, counted(&connection, &count, session.settings.statement_timeout));
    }
    end(connection);
    Ok(handout)
}

/// Counts what was read once more, in the same transaction.
fn counted(connection: &Connection<'_>, count: &str, timeout: u64) -> Option<u64> {
    let mut cursor = connection.execute(count, (), usize::try_from(timeout).ok()).ok()??;
    let mut row = cursor.next_row().ok()??;
    let mut text = Vec::new();
    row.get_text(1, &mut text).ok()?.then(|| String::from_utf8(text).ok()?.trim().parse().ok()).flatten()
}

/// Nothing was written: losing the end of the transaction loses nothing.
fn end(connection: Connection<'_>) {
    let _ = connection.rollback();
}

type Described = (Arc<[Column]>, Vec<Form>, Outline);

fn described<S: odbc_api::handles::AsStatementRef>(prepared: &mut Prepared<S>, pads: bool) -> Result<Described, Error> {
    let count = u16::try_from(prepared.num_result_cols()?).unwrap_or(0);
    let (mut columns, mut forms, mut said) = (Vec::new(), Vec::new(), HashMap::new());
    for number in 1..=count {
        let own = prepared.col_data_type(number)?;
        let (kind, form) = cell::kind(&own, pads);
        let name: Arc<str> = prepared.col_name(number)?.trim().into();
        said.insert(name.to_string(), Said { declared: cell::declared(&own), ..Said::default() });
        columns.push(Column { name, kind });
        forms.push(form);
    }
    let outline = Outline::of(&columns).with(said, None);
    Ok((columns.into(), forms, outline))
}

async fn rows<S: odbc_api::handles::AsStatementRef>(
    session: &Session,
    prepared: &mut Prepared<S>,
    (columns, forms, outline): Described,
    courier: &Courier,
) -> Result<(Handout, u64), SourceError> {
    let failed = |error: Error| session.trouble(Stage::Rows, &error);
    let encoding = session.settings.encoding();
    let lengths = match session.settings.fetch {
        Fetch::Blocks => lengths(prepared, forms.len()).map_err(failed)?,
        Fetch::Rows => Vec::new(),
    };
    let Some(mut cursor) = prepared.execute(()).map_err(failed)? else {
        return Err(SourceError::Settings {
            source_name: session.source.clone(),
            what: "the statement gives no rows at all".into(),
            remedy: "write one SELECT".into(),
        });
    };
    courier.opened_as(&columns, outline);
    match (session.settings.fetch, encoding) {
        (Fetch::Rows, _) => {
            let mut buffers = Buffers::default();
            let mut ordinal = 0;
            let handout = courier
                .hand_out_batches(async |max_rows| {
                    let mut batch = SourceBatchBuilder::new(columns.clone(), max_rows.min(4096));
                    while batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
                        let Some(mut row) = cursor.next_row().map_err(failed)? else { break };
                        for (at, form) in forms.iter().enumerate() {
                            buffers.push(&mut row, at, *form, encoding, &mut batch).map_err(failed)?;
                        }
                        ordinal += 1;
                        batch.end_row(Place::Row(ordinal));
                    }
                    Ok(finished(batch))
                })
                .await?;
            Ok((handout, ordinal))
        }
        (Fetch::Blocks, None) => {
            let cursor = cursor.bind_buffer(ColumnarBuffer::new(bound(&lengths, 2, WCharColumn::new))).map_err(failed)?;
            let mut text = String::new();
            let push = |rows: &ColumnarBuffer<WCharColumn>, row: usize, batch: &mut SourceBatchBuilder| {
                for (at, form) in forms.iter().enumerate() {
                    cell::wide(rows.column(at).get(row), at, *form, &mut text, batch);
                }
            };
            blocks(courier, &columns, cursor, ColumnarBuffer::num_rows, push).map_err(failed)
        }
        (Fetch::Blocks, Some(encoding)) => {
            let cursor = cursor.bind_buffer(ColumnarBuffer::new(bound(&lengths, 4, CharColumn::new))).map_err(failed)?;
            let mut text = String::new();
            let push = |rows: &ColumnarBuffer<CharColumn>, row: usize, batch: &mut SourceBatchBuilder| {
                for (at, form) in forms.iter().enumerate() {
                    cell::narrow(rows.column(at).get(row), at, *form, encoding, &mut text, batch);
                }
            };
            blocks(courier, &columns, cursor, ColumnarBuffer::num_rows, push).map_err(failed)
        }
    }
}

/// Hands out what comes block by block.
fn blocks<C: Cursor, B: RowSetBuffer>(
    courier: &Courier,
    columns: &Arc<[Column]>,
    mut cursor: BlockCursor<C, B>,
    count: impl Fn(&B) -> usize,
    mut push: impl FnMut(&B, usize, &mut SourceBatchBuilder),
) -> Result<(Handout, u64), Error> {
    let start = |rows: usize| SourceBatchBuilder::new(columns.clone(), rows.min(4096));
    let Some(mut wanted) = courier.asked() else { return Ok((Handout::Abandoned, 0)) };
    let (mut batch, mut ordinal) = (start(wanted), 0);
    while let Some(block) = cursor.fetch_with_truncation_check(true)? {
        for row in 0..count(block) {
            ordinal += 1;
            push(block, row, &mut batch);
            batch.end_row(Place::Row(ordinal));
            if batch.len() < wanted && batch.bytes() < BATCH_BYTES {
                continue;
            }
            let full = std::mem::replace(&mut batch, start(wanted));
            match courier.give(full.finish(Position(Vec::new()))).then(|| courier.asked()).flatten() {
                Some(next) => wanted = next,
                None => return Ok((Handout::Abandoned, ordinal)),
            }
        }
    }
    // The last rows are one answer, the end is the next.
    let heard = batch.is_empty() || courier.give(batch.finish(Position(Vec::new()))) && courier.asked().is_some();
    Ok((if heard { Handout::Finished } else { Handout::Abandoned }, ordinal))
}

fn finished(batch: SourceBatchBuilder) -> Option<SourceBatch> {
    (!batch.is_empty()).then(|| batch.finish(Position(Vec::new())))
}

/// The longest value of each column in characters, as the driver says.
fn lengths<S: odbc_api::handles::AsStatementRef>(prepared: &mut Prepared<S>, columns: usize) -> Result<Vec<usize>, Error> {
    let numbers = 1..=u16::try_from(columns).unwrap_or(u16::MAX);
    numbers.map(|number| Ok(prepared.col_display_size(number)?.map_or(UNKNOWN_LENGTH, usize::from))).collect()
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
