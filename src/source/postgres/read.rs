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
use crate::finding::{Place, Text};
use crate::source::reader::{Courier, Handout, Proof, RowReader};
use crate::source::{Column, Outline, ReadSpec, Source, SourceError, statement};

/// Rows of the first FETCH, before it is known how long they are.
const FIRST_ROWS: usize = 32;
const MOST_ROWS: usize = 4000;
/// About as much as one FETCH may bring.
const FETCH_BYTES: usize = 2 * 1024 * 1024;
/// The server ends a statement at the time-out; only a dead line is waited for longer.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Begins the transaction that a read happens in.
pub(super) const VIEW: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Opens a table or query.
pub(in crate::source) fn open(session: Session, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    let statement = statement::build(&session.source, read, '"')?;
    let (source, object) = (session.source.clone(), statement.object.clone());
    let patience = session.server.patience() + GRACE;
    // The hub's own views are its own to change.
    let path = read.object.as_deref().filter(|_| session.own.is_none()).map(|path| statement::quoted_path(path, '"'));
    let proof = Proof::default();
    let task = Task { sql: statement.sql, count: statement.count, table: read.object.is_some(), path, proof: proof.clone() };
    let reader = RowReader::start(&source, object, patience, move |courier| read_rows(session, task, courier))?;
    Ok(Box::new(reader.proven_by(proof)))
}

/// What is to be read, and how it is counted.
struct Task {
    sql: String,
    count: String,
    table: bool,
    /// The table's name as it is quoted, where somebody else may change it.
    path: Option<String>,
    proof: Proof,
}

async fn read_rows(session: Session, task: Task, courier: Arc<Courier>) -> Result<Handout, SourceError> {
    let mut connection = session.connect().await?;
    session.permit(&mut connection).await?;
    session.execute(&mut connection, VIEW).await?;
    let (columns, forms) = described(&session, &mut connection, &task.sql).await?;
    statement::must_give_columns(&session.source, &columns)?;
    // The table as the count names it, quoted; a view or function has no such policies of its own.
    let named = task.count.strip_prefix("SELECT count(*) FROM ").filter(|_| task.table);
    let masked = match named {
        Some(path) => sees_a_part(&mut connection, path).await,
        None => false,
    };
    // Preparing has locked the object to the end of the transaction: nobody changes it under the rows.
    let mut outline = Outline::of(&columns);
    if let Some(path) = &task.path {
        outline = catalogue::outline(&session, &mut connection, path, outline).await?;
    }
    declare(&session, &mut connection, &task.sql).await?;
    courier.opened_as(&columns, outline);
    let fallback = session.server.reinterpret.map(|reinterpret| reinterpret.encoding());
    let push = |row: &PgRow, batch: &mut crate::source::SourceBatchBuilder, ordinal| {
        for (index, form) in forms.iter().enumerate() {
            cell::push(row, index, *form, fallback, batch);
        }
        batch.end_row(Place::Row(ordinal));
    };
    let mut read = 0;
    let push = |row: &PgRow, batch: &mut crate::source::SourceBatchBuilder, ordinal| {
        read = ordinal;
        push(row, batch, ordinal);
    };
    let handout = courier.hand_out(&columns, rows(&mut connection), push, |error| session.trouble(&error)).await?;
    if handout == Handout::Finished {
        prove(&task, read, masked, &mut connection).await;
        // Nothing was written: losing the end of the transaction loses nothing.
        let _ = connection.close().await;
    }
    Ok(handout)
}

/// Counts once more what was read, in the same transaction.
async fn prove(task: &Task, read: u64, masked: bool, connection: &mut PgConnection) {
    let counted: Result<i64, _> = sqlx::query_scalar(AssertSqlSafe(task.count.clone())).fetch_one(connection).await;
    let counted = counted.ok().map(i64::unsigned_abs);
    if masked && counted == Some(read) {
        return task.proof.whole_but(hidden());
    }
    task.proof.counted(read, counted);
}

/// Whether row-level security hides rows of a table, as it is quoted, from the account: they are there, and neither come
/// nor count.
pub(super) async fn sees_a_part(connection: &mut PgConnection, path: &str) -> bool {
    let sql = format!("SELECT row_security_active('{}'::regclass)", path.replace('\'', "''"));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap_or(false)
}

/// What speaks against deletions where it does.
pub(super) fn hidden() -> Text {
    Text::new(
        "该表启用了行级安全策略，账号可能看不到全部行",
        "row-level security is active on the table: the account may not see all rows",
    )
}

/// The columns that a statement gives, and the forms of their cells. Preparing tells them even when there are no rows, and
/// refuses more than one statement.
pub(super) async fn described(
    session: &Session,
    connection: &mut PgConnection,
    sql: &str,
) -> Result<(Arc<[Column]>, Vec<Form>), SourceError> {
    let prepared = connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
    let prepared = prepared.map_err(|error| session.trouble(&error))?;
    let columns = prepared.columns().iter().map(|column| {
        let (kind, form) = cell::kind(column.type_info());
        (Column { name: session.column(sql, column.name().trim()).into(), kind }, form)
    });
    let (columns, forms): (Vec<Column>, Vec<Form>) = columns.unzip();
    Ok((columns.into(), forms))
}

/// Declares the cursor that [`rows`] takes the rows of a statement from.
pub(super) async fn declare(session: &Session, connection: &mut PgConnection, sql: &str) -> Result<(), SourceError> {
    session.execute(connection, &format!("DECLARE xiaoshu_rows NO SCROLL CURSOR FOR {sql}")).await
}

struct Cursor<'c> {
    connection: &'c mut PgConnection,
    waiting: VecDeque<PgRow>,
    next_rows: usize,
}

type Rows<'c> = Pin<Box<dyn Stream<Item = Result<PgRow, sqlx::Error>> + 'c>>;

/// The rows of the declared cursor, which is closed at their end.
pub(super) fn rows(connection: &mut PgConnection) -> Rows<'_> {
    let start = Cursor { connection, waiting: VecDeque::new(), next_rows: FIRST_ROWS };
    Box::pin(try_unfold(start, |mut cursor| async move {
        if let Some(row) = cursor.waiting.pop_front() {
            return Ok(Some((row, cursor)));
        }
        let sql = format!("FETCH FORWARD {} FROM xiaoshu_rows", cursor.next_rows);
        let fetched = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *cursor.connection).await?;
        let bytes: usize = fetched.iter().map(cell::bytes).sum();
        let average = bytes / fetched.len().max(1) + 1;
        cursor.next_rows = (FETCH_BYTES / average).clamp(1, MOST_ROWS);
        cursor.waiting = fetched.into();
        match cursor.waiting.pop_front() {
            Some(row) => Ok(Some((row, cursor))),
            None => {
                sqlx::raw_sql("CLOSE xiaoshu_rows").execute(&mut *cursor.connection).await?;
                Ok(None)
            }
        }
    }))
}
