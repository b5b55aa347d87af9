//! Connection and reading, shared with the `hub` connector.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use encoding_rs::Encoding;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row, SqlSafeStr, Statement as _};

use super::{catalogue, cell};
use crate::finding::Place;
use crate::source::reader::{self, Courier, Handout, Proof, RowReader};
use crate::source::{Column, Outline, ReadSpec, Source, SourceBatchBuilder, SourceError, statement};

/// A database file and how to read it.
#[derive(Debug, Clone)]
pub(in crate::source) struct Database {
    pub source: Arc<str>,
    pub path: PathBuf,
    /// Statements run first on each connection; they may make temporary views and nothing else.
    pub prelude: Arc<[String]>,
    pub patience: Duration,
    pub reinterpret: Option<&'static Encoding>,
}

impl Database {
    pub(super) async fn connect(&self) -> Result<SqliteConnection, SourceError> {
        if !self.path.is_file() {
            return Err(SourceError::Settings {
                source_name: self.source.clone(),
                what: format!("there is no database file {}", self.path.display()),
                remedy: "correct the path".into(),
            });
        }
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(10))
            .row_buffer_size(256)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| self.trouble(error))?;
        for sql in self.prelude.iter() {
            self.execute(&mut connection, sql).await?;
        }
        self.execute(&mut connection, "PRAGMA query_only = ON").await?;
        Ok(connection)
    }

    pub(super) async fn execute(&self, connection: &mut SqliteConnection, sql: &str) -> Result<(), SourceError> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(|_| ()).map_err(|error| self.trouble(error))
    }

    async fn text(&self, connection: &mut SqliteConnection, sql: &'static str) -> Result<String, SourceError> {
        sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| self.trouble(error))
    }

    pub(super) fn trouble(&self, error: sqlx::Error) -> SourceError {
        let source_name = self.source.clone();
        let sqlx::Error::Database(database) = &error else {
            return match error {
                sqlx::Error::Io(error) => SourceError::Connection { source_name, what: error.to_string() },
                other => SourceError::Connection { source_name, what: format!("SQLite: {other}") },
            };
        };
        let code = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(1) & 0xFF;
        let what = format!("SQLite: {}", database.message());
        match code {
            3 | 23 => SourceError::Denied { source_name, what },
            5 | 6 | 9 | 10 | 13 | 17 => SourceError::Connection { source_name, what },
            11 | 26 => SourceError::Content { source_name, object: self.path.display().to_string(), what },
            8 => SourceError::Settings { source_name, what, remedy: "let the query only read".into() },
            _ => SourceError::Settings { source_name, what, remedy: "correct path, table or query".into() },
        }
    }
}

/// Product and version.
pub(in crate::source) fn version(database: &Database) -> Result<String, SourceError> {
    reader::run(&database.source, || async {
        let mut connection = database.connect().await?;
        // The first page is read only now: a file that is no database fails here.
        database.text(&mut connection, "SELECT CAST(count(*) AS TEXT) FROM sqlite_master").await?;
        let version = database.text(&mut connection, "SELECT sqlite_version()").await?;
        let encoding = database.text(&mut connection, "PRAGMA encoding").await?;
        Ok(format!("SQLite {version}, {encoding}"))
    })
}

/// Tables and views, temporary views of the prelude included.
pub(in crate::source) fn list(database: &Database) -> Result<Vec<String>, SourceError> {
    const SQL: &str = "SELECT name FROM (SELECT name, type FROM sqlite_master UNION SELECT name, type FROM sqlite_temp_master)
        WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    reader::run(&database.source, || async {
        let mut connection = database.connect().await?;
        sqlx::query_scalar(SQL).fetch_all(&mut connection).await.map_err(|error| database.trouble(error))
    })
}

/// Opens a table or query.
pub(in crate::source) fn open(database: Database, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    let statement = statement::build(&database.source, read, '"')?;
    let (source, object, patience) = (database.source.clone(), statement.object.clone(), database.patience);
    let table = read.object.clone();
    let proof = Proof::default();
    let task = Task { sql: statement.sql, count: statement.count, table, proof: proof.clone() };
    let reader = RowReader::start(&source, object, patience, move |courier| read_rows(database, task, courier))?;
    Ok(Box::new(reader.proven_by(proof)))
}

/// What is to be read, and how it is counted.
struct Task {
    sql: String,
    count: String,
    table: Option<String>,
    proof: Proof,
}

async fn read_rows(database: Database, task: Task, courier: Arc<Courier>) -> Result<Handout, SourceError> {
    let Task { sql, count, table, proof } = task;
    let mut connection = database.connect().await?;
    let fallback = database.reinterpret;
    database.execute(&mut connection, "BEGIN").await?;
    // The views that a prelude makes are this program's own.
    let described = table.as_deref().filter(|_| database.prelude.is_empty());
    let (said, view) = catalogue::outline(&database, &mut connection, described).await?;
    if table.is_none() {
        // The driver would run one statement after another; only a single SELECT can stand in brackets.
        let bracketed = format!("SELECT * FROM (\n{sql}\n)");
        connection.prepare(AssertSqlSafe(bracketed).into_sql_str()).await.map_err(|error| database.trouble(error))?;
    }
    let statement =
        connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await.map_err(|error| database.trouble(error))?;
    let columns: Arc<[Column]> =
        statement.columns().iter().map(|column| Column { name: column.name().trim().into(), kind: cell::kind(column) }).collect();
    drop(statement);
    statement::must_give_columns(&database.source, &columns)?;
    courier.opened_as(&columns, Outline::of(&columns).with(said, view));
    let mut read = 0;
    let ended = {
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut connection);
        let push = |row: &SqliteRow, batch: &mut SourceBatchBuilder, ordinal| {
            read = ordinal;
            push(row, batch, ordinal, fallback);
        };
        courier.hand_out(&columns, rows, push, |error| database.trouble(error)).await?
    };
    if ended == Handout::Finished {
        let counted: Result<i64, _> = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut connection).await;
        proof.counted(read, counted.ok().map(i64::unsigned_abs));
    }
    // Nothing was written: losing the end of the transaction loses nothing.
    let _ = connection.close().await;
    Ok(ended)
}

/// Appends a row.
pub(super) fn push(row: &SqliteRow, batch: &mut SourceBatchBuilder, ordinal: u64, fallback: Option<&'static Encoding>) {
    for index in 0..row.len() {
        cell::push(row, index, batch, fallback);
    }
    batch.end_row(Place::Row(ordinal));
}
