//! Rows as the server sends them: it sends no faster than they are taken.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Connection, Executor, Row, SqlSafeStr, Statement as _, TypeInfo as _};

use super::catalogue;
use super::cell::{self, Form};
use super::connect::Session;
use crate::finding::Place;
use crate::source::reader::{Courier, Handout, Proof, RowReader};
use crate::source::server::ZeroDates;
use crate::source::{Column, Outline, ReadSpec, Source, SourceBatchBuilder, SourceError, statement};

/// How long a kill may take.
pub(super) const KILL: Duration = Duration::from_secs(5);

/// Opens a table or query.
pub(super) fn open(session: Session, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    let statement = statement::build(&session.source, read, '`')?;
    let table = read.object.clone();
    let (source, object, patience) = (session.source.clone(), statement.object.clone(), session.server.patience());
    let proof = Proof::default();
    let task = Task { sql: statement.sql, count: statement.count, table, proof: proof.clone() };
    let reader = RowReader::start(&source, object, patience, move |courier| read_rows(session, task, courier))?;
    Ok(Box::new(reader.proven_by(proof)))
}

/// What is to be read, and how it is counted.
struct Task {
    sql: String,
    count: String,
    table: Option<String>,
    proof: Proof,
}

async fn read_rows(session: Session, task: Task, courier: Arc<Courier>) -> Result<Handout, SourceError> {
    let Task { sql, count, table, proof } = task;
    let mut connection = session.connect().await?;
    session.permit(&mut connection).await?;
    let id = session.id(&mut connection).await?;
    session.begin(&mut connection).await?;
    let Described { columns, forms, .. } = described(&session, &mut connection, &sql, table.as_deref()).await?;
    let mut outline = Outline::of(&columns);
    if let Some(table) = &table {
        outline = catalogue::outline(&session, &mut connection, table, outline).await?;
    }
    courier.opened_as(&columns, outline);
    let mut read = 0;
    let handout = {
        // What was prepared is locked no longer: the rows could come of a table that was changed since.
        let (names, mut first) = (columns.clone(), true);
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut connection).map(move |row| match row {
            Ok(row) if std::mem::take(&mut first) && !has_columns(&row, &names) => Err(changed()),
            other => other,
        });
        let push = |row: &MySqlRow, batch: &mut SourceBatchBuilder, ordinal| {
            read = ordinal;
            for (index, form) in forms.iter().enumerate() {
                cell::push(row, index, *form, batch);
            }
            batch.end_row(Place::Row(ordinal));
        };
        courier.hand_out(&columns, rows, push, |error| session.trouble(&error)).await?
    };
    match handout {
        Handout::Finished => {
            proof.counted(read, counted(&session, &mut connection, count).await);
            // Nothing was written: losing the end of the transaction loses nothing.
            let _ = connection.close().await;
        }
        // The rest of the result is not waited for.
        Handout::Abandoned => drop(connection),
        Handout::TimedOut => {
            let _ = tokio::time::timeout(KILL, session.kill(&id)).await;
        }
    }
    Ok(handout)
}

fn has_columns(row: &MySqlRow, columns: &[Column]) -> bool {
    row.len() == columns.len() && row.columns().iter().zip(columns).all(|(own, column)| own.name().trim() == &*column.name)
}

fn changed() -> sqlx::Error {
    sqlx::Error::Protocol("the columns changed while the rows were being asked for; they will be read again".into())
}

/// Counts what was read once more, in the same transaction. Tables of engines without transactions may have changed meanwhile.
async fn counted(session: &Session, connection: &mut MySqlConnection, count: String) -> Option<u64> {
    let counting = sqlx::raw_sql(AssertSqlSafe(count)).fetch_one(connection);
    let row = tokio::time::timeout(session.server.patience(), counting).await.ok()?.ok()?;
    row.try_get::<i64, _>(0).ok().map(i64::unsigned_abs)
}

/// What a statement gives.
pub(super) struct Described {
    pub columns: Arc<[Column]>,
    pub forms: Vec<Form>,
    /// Columns whose texts do not compare as their values do: places in a list, sets, inexact numbers.
    pub unordered: Vec<usize>,
}

/// The columns that a statement gives, and the forms of their cells. Preparing tells them even when there are no rows, and
/// refuses more than one statement.
pub(super) async fn described(
    session: &Session,
    connection: &mut MySqlConnection,
    sql: &str,
    table: Option<&str>,
) -> Result<Described, SourceError> {
    let prepared = connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
    let prepared = prepared.map_err(|error| session.trouble(&error))?;
    let missing_zeros = session.server.zero_dates != Some(ZeroDates::Text);
    let odd = |name: &str| matches!(name, "ENUM" | "SET" | "FLOAT" | "DOUBLE" | "JSON" | "TIME");
    let (mut columns, mut forms, mut unordered) = (Vec::new(), Vec::new(), Vec::new());
    for (at, column) in prepared.columns().iter().enumerate() {
        let (kind, form) = cell::kind(column.type_info(), missing_zeros);
        columns.push(Column { name: column.name().trim().into(), kind });
        forms.push(form);
        unordered.extend(odd(column.type_info().name()).then_some(at));
    }
    drop(prepared);
    // A DROP ends the read-only transaction by itself and would be carried out.
    statement::must_give_columns(&session.source, &columns)?;
    if let Some(reinterpret) = session.server.reinterpret {
        let latin1 = match table {
            Some(table) => Some(latin1_columns(session, connection, table).await?),
            None => None,
        };
        for (column, form) in columns.iter().zip(&mut forms) {
            let touched = latin1.as_ref().is_none_or(|names| names.iter().any(|name| **name == *column.name));
            if *form == Form::Plain && touched {
                *form = Form::Latin1(reinterpret.encoding());
            }
        }
    }
    Ok(Described { columns: columns.into(), forms, unordered })
}

/// The table's columns that are declared latin1.
async fn latin1_columns(session: &Session, connection: &mut MySqlConnection, table: &str) -> Result<Vec<String>, SourceError> {
    let (schema, table) = catalogue::literals(table);
    let sql = format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = {schema} AND table_name = {table} \
         AND character_set_name = 'latin1'"
    );
    session.texts(connection, &sql).await
}
