//! The database behind the responder: SQLite, with as much of SQL Server's catalogue as the connector asks for.

use std::io;
use std::net::TcpStream;
use std::path::Path;

use futures_util::TryStreamExt;
use regex::{Captures, Regex};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Executor, Row, SqlSafeStr, Statement, TypeInfo, ValueRef};
use tokio::runtime::Runtime;

use super::Nature;
use super::wire::{self, Answer};

/// The catalogue, filled from SQLite's own.
const CATALOGUE: &str = "
    ATTACH ':memory:' AS sys;
    CREATE TABLE sys.databases (database_id INTEGER, snapshot_isolation_state INTEGER, is_read_committed_snapshot_on INTEGER);
    CREATE TABLE sys.schemas (schema_id INTEGER, name TEXT);
    INSERT INTO sys.schemas VALUES (1, 'dbo'), (5, 'edu');
    CREATE TABLE sys.types (user_type_id INTEGER, name TEXT);
    INSERT INTO sys.types VALUES (231, 'nvarchar'), (127, 'bigint'), (106, 'decimal');
    CREATE TABLE sys.objects (object_id INTEGER PRIMARY KEY, name TEXT, schema_id INTEGER, type TEXT, is_ms_shipped INTEGER);
    INSERT INTO sys.objects (name, schema_id, type, is_ms_shipped)
        SELECT name, 1, CASE type WHEN 'view' THEN 'V' ELSE 'U' END, 0 FROM main.sqlite_schema WHERE type IN ('table', 'view');
    CREATE TABLE sys.columns (object_id INTEGER, column_id INTEGER, name TEXT, user_type_id INTEGER, max_length INTEGER,
        precision INTEGER, scale INTEGER, is_nullable INTEGER, collation_name TEXT);
    INSERT INTO sys.columns SELECT o.object_id, p.cid + 1, p.name, CASE p.type WHEN 'INTEGER' THEN 127 ELSE 231 END,
        CASE p.type WHEN 'INTEGER' THEN 8 ELSE 100 END, 0, 0, 1 - p.\"notnull\", 'Chinese_PRC_CI_AS'
        FROM sys.objects o, pragma_table_info(o.name) p;
    CREATE TABLE sys.extended_properties (class INTEGER, major_id INTEGER, minor_id INTEGER, name TEXT, value TEXT);
    CREATE TABLE sys.partitions (object_id INTEGER, index_id INTEGER, rows INTEGER);
    CREATE TABLE sys.indexes (object_id INTEGER, index_id INTEGER, is_primary_key INTEGER, is_unique INTEGER, has_filter INTEGER);
    CREATE TABLE sys.index_columns (object_id INTEGER, index_id INTEGER, column_id INTEGER, key_ordinal INTEGER,
        is_included_column INTEGER);
    CREATE TABLE sys.foreign_key_columns (constraint_object_id INTEGER, constraint_column_id INTEGER, parent_object_id INTEGER,
        parent_column_id INTEGER, referenced_object_id INTEGER, referenced_column_id INTEGER);
    CREATE TABLE sys.sql_modules (object_id INTEGER, definition TEXT);
    INSERT INTO sys.sql_modules SELECT o.object_id, s.sql FROM sys.objects o JOIN main.sqlite_schema s ON s.name = o.name
        WHERE o.type = 'V';";

/// One connection's database.
pub struct Database {
    runtime: Runtime,
    connection: SqliteConnection,
    nature: Nature,
}

/// How a column goes over the line.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Whole,
    Real,
    Bytes,
    Text,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "INTEGER" | "INT4" | "INT8" | "BIGINT" => Self::Whole,
            "REAL" => Self::Real,
            "BLOB" => Self::Bytes,
            _ => Self::Text,
        }
    }

    fn written(self) -> Vec<u8> {
        match self {
            Self::Whole => wire::bigint(),
            Self::Real => wire::float(),
            Self::Bytes => wire::long(0xA5),
            Self::Text => wire::long(0xE7),
        }
    }

    fn value(self, row: &SqliteRow, at: usize) -> Vec<u8> {
        let raw = row.try_get_raw(at).unwrap();
        if raw.is_null() {
            return if matches!(self, Self::Whole | Self::Real) { vec![0] } else { wire::nothing_long() };
        }
        let own = Self::of(raw.type_info().name());
        match (self, own) {
            (Self::Whole, _) => wire::tiny(&row.get_unchecked::<i64, _>(at).to_le_bytes()),
            (Self::Real, _) => wire::tiny(&row.get_unchecked::<f64, _>(at).to_le_bytes()),
            (Self::Bytes, _) => wire::whole(&row.get_unchecked::<Vec<u8>, _>(at)),
            (Self::Text, Self::Whole) => wire::whole(&wire::utf16(&row.get_unchecked::<i64, _>(at).to_string())),
            (Self::Text, _) => wire::whole(&wire::utf16(&row.get_unchecked::<String, _>(at))),
        }
    }
}

impl Database {
    pub fn open(file: &Path, nature: Nature) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).disable_statement_logging();
        let connection = runtime.block_on(async {
            let mut connection = options.connect().await.unwrap();
            let view = format!("INSERT INTO sys.databases VALUES (1, {}, {})", nature.snapshot, nature.committed);
            let attach = format!("ATTACH '{}' AS dbo", file.display());
            for sql in [CATALOGUE, &view, &attach, nature.catalogue.as_str()] {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            }
            connection
        });
        Self { runtime, connection, nature }
    }

    /// Begins a transaction, as the connector does for a read.
    pub fn begin(&mut self) {
        self.runtime.block_on(async { sqlx::raw_sql("BEGIN").execute(&mut self.connection).await.unwrap() });
    }

    pub fn close(self) {
        self.runtime.block_on(async { self.connection.close().await.unwrap() });
    }

    /// Runs a statement and sends its result.
    pub fn answer(&mut self, sql: &str, line: &mut TcpStream) -> io::Result<()> {
        let sql = self.translated(sql);
        let mut answer = Answer::new(line);
        let sent = self.runtime.block_on(run(&mut self.connection, &sql, &mut answer));
        match sent {
            Ok(()) => {}
            Err(sqlx::Error::Io(error)) => return Err(error),
            Err(error) => answer.send(&refusal(&error.to_string()))?,
        }
        answer.end()
    }

    /// What SQLite does not know, as it is on this server.
    fn translated(&self, sql: &str) -> String {
        if sql.contains("HAS_PERMS_BY_NAME") {
            return format!("SELECT '{}'", if self.nature.writes { "yes" } else { "no" });
        }
        if sql.contains("dm_exec_describe_first_result_set") {
            return format!("SELECT {}", self.nature.utf8_columns);
        }
        let sql = sql
            .replace("SERVERPROPERTY('ProductVersion')", &format!("'{}'", self.nature.version))
            .replace("SERVERPROPERTY('Edition')", "'Express Edition'")
            .replace("SCHEMA_NAME()", "'dbo'")
            .replace("DB_ID()", "1");
        let object = Regex::new(r"OBJECT_ID\(N'(?:\[[^']*\]\.)?\[([^'\]]*)\]'\)").unwrap();
        let id = |found: &Captures<'_>| format!("(SELECT object_id FROM sys.objects WHERE name = '{}')", &found[1]);
        object.replace_all(&sql, id).into_owned()
    }
}

async fn run(connection: &mut SqliteConnection, sql: &str, answer: &mut Answer<'_>) -> Result<(), sqlx::Error> {
    let prepared = (&mut *connection).prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await?;
    let named: Vec<(String, String)> =
        prepared.columns().iter().map(|column| (column.name().to_owned(), column.type_info().name().to_owned())).collect();
    drop(prepared);
    let mut rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(connection);
    let mut next = rows.try_next().await?;
    // Where a column is an expression, its first value tells what it holds.
    let kind = |(at, (_, declared)): (usize, &(String, String))| match (declared.as_str(), &next) {
        ("NULL", Some(row)) => Kind::of(row.try_get_raw(at).unwrap().type_info().name()),
        (declared, _) => Kind::of(declared),
    };
    let kinds: Vec<Kind> = named.iter().enumerate().map(kind).collect();
    let written: Vec<Vec<u8>> = kinds.iter().map(|kind| kind.written()).collect();
    let columns: Vec<(&str, &[u8])> =
        named.iter().zip(&written).map(|((name, _), own)| (name.as_str(), own.as_slice())).collect();
    answer.send(&wire::columns(&columns))?;
    let mut count = 0;
    while let Some(row) = next {
        let values: Vec<Vec<u8>> = kinds.iter().enumerate().map(|(at, kind)| kind.value(&row, at)).collect();
        answer.send(&wire::row(&values))?;
        count += 1;
        next = rows.try_next().await?;
    }
    answer.send(&wire::done(0, count))?;
    Ok(())
}

/// SQLite's refusal in SQL Server's words.
fn refusal(said: &str) -> Vec<u8> {
    let named = |before: &str| said.split_once(before).map(|(_, name)| name.trim_end_matches(['"', ')']).to_owned());
    match (named("no such table: "), named("no such column: ")) {
        (Some(name), _) => wire::error(208, 16, &format!("Invalid object name '{name}'.")),
        (_, Some(name)) => wire::error(207, 16, &format!("Invalid column name '{name}'.")),
        _ => wire::error(102, 15, "Incorrect syntax."),
    }
}
