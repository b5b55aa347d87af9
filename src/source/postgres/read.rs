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

use super::cell::{self, Form};
use super::connect::Session;
use crate::finding::{Place, Text};
use crate::source::reader::{Courier, Handout, Proof, RowReader};
use crate::source::{Column, ReadSpec, Source, SourceError, statement};

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
    let proof = Proof::default();
    let task = Task { sql: statement.sql, count: statement.count, table: read.object.is_some(), proof: proof.clone() };
    let reader = RowReader::start(&source, object, patience, move |courier| read_rows(session, task, courier))?;
    Ok(Box::new(reader.proven_by(proof)))
}

/// What is to be read, and how it is counted.
struct Task {
    sql: String,
    count: String,
    table: bool,
    proof: Proof,
}

async fn read_rows(session: Session, task: Task, courier: Arc<Courier>) -> Result<Handout, SourceError> {
    let sql = task.sql;
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
    session.execute(&mut connection, &format!("DECLARE xiaoshu_rows NO SCROLL CURSOR FOR {sql}")).await?;
    let masked = task.table && sees_a_part(&mut connection, &task.count).await;
    courier.opened(&columns);
    let fallback = session.server.reinterpret.map(|reinterpret| reinterpret.encoding());
    let push = |row: &PgRow, batch: &mut crate::source::SourceBatchBuilder, ordinal| {
        for (index, form) in forms.iter().enumerate() {
            cell::push(row, index, *form, fallback, batch);
        }
        batch.end_row(Place::Row(ordinal));
    };
    let start = Cursor {
        connection,
        waiting: VecDeque::new(),
        next_rows: FIRST_ROWS,
        read: 0,
        count: task.count,
        masked,
        proof: task.proof,
    };
    courier.hand_out(&columns, rows(start), push, |error| session.trouble(&error)).await
}

/// Whether row-level security hides rows of the table from the account: they are there, and neither come nor count.
async fn sees_a_part(connection: &mut PgConnection, count: &str) -> bool {
    // The table as the count names it, quoted; a view or function has no such policies of its own.
    let table = count.strip_prefix("SELECT count(*) FROM ").unwrap_or_default().replace('\'', "''");
    let sql = format!("SELECT row_security_active('{table}'::regclass)");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap_or(false)
}

struct Cursor {
    connection: PgConnection,
    waiting: VecDeque<PgRow>,
    next_rows: usize,
    read: u64,
    count: String,
    masked: bool,
    proof: Proof,
}

impl Cursor {
    /// Counts once more what was read.
    async fn prove(&mut self) {
        let counted: Result<i64, _> = sqlx::query_scalar(AssertSqlSafe(self.count.clone())).fetch_one(&mut self.connection).await;
        let counted = counted.ok().map(i64::unsigned_abs);
        if self.masked && counted == Some(self.read) {
            return self.proof.whole_but(Text::new(
                "该表启用了行级安全策略，账号可能看不到全部行",
                "row-level security is active on the table: the account may not see all rows",
            ));
        }
        self.proof.counted(self.read, counted);
    }
}

type Rows = Pin<Box<dyn Stream<Item = Result<PgRow, sqlx::Error>>>>;

fn rows(start: Cursor) -> Rows {
    Box::pin(try_unfold(start, |mut cursor| async move {
        if let Some(row) = cursor.waiting.pop_front() {
            return Ok(Some((row, cursor)));
        }
        let sql = format!("FETCH FORWARD {} FROM xiaoshu_rows", cursor.next_rows);
        let fetched = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut cursor.connection).await?;
        let bytes: usize = fetched.iter().map(cell::bytes).sum();
        let average = bytes / fetched.len().max(1) + 1;
        cursor.next_rows = (FETCH_BYTES / average).clamp(1, MOST_ROWS);
        cursor.read += fetched.len() as u64;
        cursor.waiting = fetched.into();
        match cursor.waiting.pop_front() {
            Some(row) => Ok(Some((row, cursor))),
            None => {
                cursor.prove().await;
                // Nothing was written: losing the end of the transaction loses nothing.
                let _ = cursor.connection.close().await;
                Ok(None)
            }
        }
    }))
}
