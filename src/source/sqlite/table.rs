//! A table read by parts or of changes.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, Executor, Row, SqlSafeStr, Statement as _};

use super::Database;
use super::cell;
use super::connect::push;
use crate::finding::Place;
use crate::source::incremental::{Dialect, NoLog, Plan, Table, Texts, no_log, open, texts};
use crate::source::reader::{Courier, Handout};
use crate::source::{Begin, Column, ColumnKind, ReadSpec, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// Opens a table by parts or of changes.
pub(super) fn open_table(database: Database, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
    let plan = Plan::of(&database.source, Dialect::Sqlite, read, begin)?;
    let (source, patience) = (Arc::clone(&database.source), database.patience);
    let connect = move || async move {
        let connection = database.connect().await?;
        Ok(FileTable { database, connection, columns: Arc::from([]), begun: false, given: 0 })
    };
    open(plan, patience, connect, move |_| Err::<NoLog, _>(no_log(&source)))
}

struct FileTable {
    database: Database,
    connection: SqliteConnection,
    columns: Arc<[Column]>,
    begun: bool,
    /// Rows given so far.
    given: u64,
}

impl Table for FileTable {
    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError> {
        let prepared = self.connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
        let statement = prepared.map_err(|error| self.database.trouble(error))?;
        let columns = statement.columns().iter();
        self.columns = columns.map(|column| Column { name: column.name().trim().into(), kind: cell::kind(column) }).collect();
        Ok(self.columns.clone())
    }

    /// A column of no declared type keeps numbers and texts apart, and a cell does not say which it was.
    fn orders_by(&self, column: usize) -> bool {
        !matches!(self.columns[column].kind, ColumnKind::Unknown | ColumnKind::Bytes)
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        if self.begun {
            self.database.execute(&mut self.connection, "ROLLBACK").await?;
        }
        self.begun = true;
        self.database.execute(&mut self.connection, "BEGIN").await
    }

    async fn texts(&mut self, sql: &str) -> Result<Texts, SourceError> {
        let fetched = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await;
        let rows = fetched.map_err(|error| self.database.trouble(error))?;
        let width = rows.first().map_or(0, SqliteRow::len);
        let columns = (0..width).map(|_| Column { name: "".into(), kind: ColumnKind::Unknown }).collect();
        let mut batch = SourceBatchBuilder::new(columns, rows.len());
        for row in &rows {
            (0..width).for_each(|index| cell::push(row, index, &mut batch, self.database.reinterpret));
            batch.end_row(Place::Row(0));
        }
        Ok(texts(&batch.finish(crate::source::Position(Vec::new()))))
    }

    async fn hand_out(
        &mut self,
        courier: &Courier,
        sql: &str,
        seal: &mut dyn FnMut(SourceBatch) -> SourceBatch,
    ) -> Result<Handout, SourceError> {
        let (database, given) = (&self.database, &mut self.given);
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(&mut self.connection);
        let push = |row: &SqliteRow, batch: &mut SourceBatchBuilder, _| {
            *given += 1;
            push(row, batch, *given, database.reinterpret);
        };
        courier.hand_out_sealed(&self.columns, rows, push, seal, |error| database.trouble(error)).await
    }
}
