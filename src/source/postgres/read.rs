//! Rows through a cursor: each FETCH is a statement of its own, so the statement time-out holds for each, however long
//! the whole read takes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::try_unfold;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Column as _, Connection, Executor, SqlSafeStr, Statement as _};

use super::catalogue;
use super::cell::{self, Form};
use super::connect::Session;
use crate::finding::Place;
use crate::source::reader::{Courier, Handout, RowReader};
use crate::source::{Column, Outline, ReadSpec, Source, SourceError, statement};

/// Rows of the first FETCH, before it is known how long they are.
const FIRST_ROWS: usize = 32;
const MOST_ROWS: usize = 4000;
/// About as much as one FETCH may bring.
const FETCH_BYTES: usize = 2 * 1024 * 1024;
/// The server ends a statement at the time-out; only a dead line is waited for longer.
const GRACE: Duration = Duration::from_secs(10);

/// Opens a table or query.
pub(in crate::source) fn open(session: Session, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    let statement = statement::build(&session.source, read, '"')?;
    let (source, object) = (session.source.clone(), statement.object.clone());
    let patience = session.server.patience() + GRACE;
    // The hub's own views are its own to change.
    let path = read.object.as_deref().filter(|_| session.own.is_none()).map(|path| statement::quoted_path(path, '"'));
    let reader = RowReader::start(&source, object, patience, move |courier| read_rows(session, statement.sql, path, courier))?;
    Ok(Box::new(reader))
}

async fn read_rows(session: Session, sql: String, path: Option<String>, courier: Arc<Courier>) -> Result<Handout, SourceError> {
    let mut connection = session.connect().await?;
    session.permit(&mut connection).await?;
    session.execute(&mut connection, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    // Preparing tells the columns even when there are no rows, and refuses more than one statement.
    let prepared =
        connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await.map_err(|error| session.trouble(&error))?;
    let described = prepared.columns().iter();
    let (columns, forms): (Vec<Column>, Vec<Form>) = described
        .map(|column| {
            let (kind, form) = cell::kind(column.type_info());
            (Column { name: session.column(&sql, column.name().trim()).into(), kind }, form)
        })
        .unzip();
    let columns: Arc<[Column]> = columns.into();
    drop(prepared);
    statement::must_give_columns(&session.source, &columns)?;
    // Preparing has locked the object to the end of the transaction: nobody changes it under the rows.
    let mut outline = Outline::of(&columns);
    if let Some(path) = path {
        outline = catalogue::outline(&session, &mut connection, &path, outline).await?;
    }
    session.execute(&mut connection, &format!("DECLARE xiaoshu_rows NO SCROLL CURSOR FOR {sql}")).await?;
    courier.opened_as(&columns, outline);
    let fallback = session.server.reinterpret.map(|reinterpret| reinterpret.encoding());
    let push = |row: &PgRow, batch: &mut crate::source::SourceBatchBuilder, ordinal| {
        for (index, form) in forms.iter().enumerate() {
            cell::push(row, index, *form, fallback, batch);
        }
        batch.end_row(Place::Row(ordinal));
    };
    courier.hand_out(&columns, rows(connection), push, |error| session.trouble(&error)).await
}

struct Cursor {
    connection: PgConnection,
    waiting: VecDeque<PgRow>,
    next_rows: usize,
}

type Rows = Pin<Box<dyn Stream<Item = Result<PgRow, sqlx::Error>>>>;

fn rows(connection: PgConnection) -> Rows {
    let start = Cursor { connection, waiting: VecDeque::new(), next_rows: FIRST_ROWS };
    Box::pin(try_unfold(start, |mut cursor| async move {
        if let Some(row) = cursor.waiting.pop_front() {
            return Ok(Some((row, cursor)));
        }
        let sql = format!("FETCH FORWARD {} FROM xiaoshu_rows", cursor.next_rows);
        let fetched = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut cursor.connection).await?;
        let bytes: usize = fetched.iter().map(cell::bytes).sum();
        let average = bytes / fetched.len().max(1) + 1;
        cursor.next_rows = (FETCH_BYTES / average).clamp(1, MOST_ROWS);
        cursor.waiting = fetched.into();
        match cursor.waiting.pop_front() {
            Some(row) => Ok(Some((row, cursor))),
            None => {
                // Nothing was written: losing the end of the transaction loses nothing.
                let _ = cursor.connection.close().await;
                Ok(None)
            }
        }
    }))
}
