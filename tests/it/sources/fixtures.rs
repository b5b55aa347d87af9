//! For each kind of connector, a place to put tables and settings that read them.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rust_xlsxwriter::{Formula, Workbook};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;
use xiaoshu::source::load_script;

use super::Cell;
use super::interface::{Interface, Reply};
use super::tds::{Nature, Responder};
use crate::kafka::broker;

/// A place of one kind. Each test makes its own.
pub trait Fixture {
    /// Settings that read it.
    fn settings(&self) -> Value;

    /// The folder of the settings.
    fn base(&self) -> &Path;

    /// Puts a table of texts there and says what it is called.
    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String;

    /// Puts a table `n` (1, 2 …), `text` (1,024 bytes) there.
    fn put_long(&self, rows: u32) -> String;

    /// Whether rows come in a known order only when asked to.
    fn is_database(&self) -> bool {
        true
    }

    /// Settings whose server is not there.
    fn unreachable(&self) -> Option<Value> {
        None
    }

    /// Settings with a password that the server refuses, and the password.
    fn refused(&self) -> Option<(Value, &'static str)> {
        None
    }
}

/// The fixture of a kind. A connector without one fails the suite.
pub(super) fn of(kind: &str) -> Box<dyn Fixture> {
    match kind {
        "csv" => Box::new(Folder::new("csv")),
        "excel" => Box::new(Folder::new("excel")),
        "sqlite" => Box::new(SqliteFile { folder: TempDir::new().unwrap(), hub: false }),
        "hub" => Box::new(SqliteFile { folder: TempDir::new().unwrap(), hub: true }),
        "postgres" => Box::new(PostgresSchema::new()),
        "mysql" => Box::new(MysqlDatabase::new()),
        "odbc" => Box::new(OdbcSchema(PostgresSchema::new())),
        "sqlserver" => Box::new(Responder::start(Nature::default())),
        "http" => Box::new(HttpTables::new()),
        "kafka" => Box::new(KafkaTopics { prefix: broker::unique() }),
        other => panic!("the connector {other} has no fixture: add one in tests/it/sources/fixtures.rs"),
    }
}

pub(super) const WRONG: &str = "not-the-password-7Q";

/// A folder of files of one kind.
pub(super) struct Folder {
    kind: &'static str,
    folder: TempDir,
}

impl Folder {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, folder: TempDir::new().unwrap() }
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }
}

/// A cell as CSV: nothing is an empty cell, an empty text is quoted.
pub(super) fn csv_cell(cell: &Cell, delimiter: char) -> String {
    match cell {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains(['"', '\r', '\n', delimiter]) || text.trim() != text => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => text.clone(),
    }
}

/// A workbook with one sheet of texts: nothing is no cell, an empty text the result of a formula.
fn workbook(columns: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_formula_result_default("");
    for (column, name) in columns.iter().enumerate() {
        sheet.write_string(0, column as u16, *name).unwrap();
    }
    for (row, cells) in rows.enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let (row, column) = (row as u32 + 1, column as u16);
            match cell.as_deref() {
                None => {}
                Some("") => drop(sheet.write_formula(row, column, Formula::new("=\"\"").set_result("")).unwrap()),
                Some(text) => drop(sheet.write_string(row, column, text).unwrap()),
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

impl Fixture for Folder {
    fn settings(&self) -> Value {
        json!({ "kind": self.kind, "path": ".", "settle": 0 })
    }

    fn base(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        if self.kind == "excel" {
            let file = format!("{name}.xlsx");
            self.write(&file, &workbook(columns, rows.iter().cloned()));
            return file;
        }
        let mut text = columns.join(",") + "\n";
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell, ',')).collect();
            text.push_str(&(cells.join(",") + "\n"));
        }
        let file = format!("{name}.csv");
        self.write(&file, text.as_bytes());
        file
    }

    fn put_long(&self, rows: u32) -> String {
        let long = "x".repeat(1024);
        if self.kind == "excel" {
            let rows = (1..=rows).map(|n| vec![Some(n.to_string()), Some(long.clone())]);
            self.write("long.xlsx", &workbook(&["n", "text"], rows));
            return "long.xlsx".into();
        }
        let lines: Vec<String> = (1..=rows).map(|n| format!("{n},{long}\n")).collect();
        self.write("long.csv", ("n,text\n".to_owned() + &lines.concat()).as_bytes());
        "long.csv".into()
    }

    fn is_database(&self) -> bool {
        false
    }
}

fn literal(cell: &Cell) -> String {
    cell.as_ref().map_or("NULL".into(), |text| format!("'{}'", text.replace('\'', "''")))
}

/// CREATE TABLE and INSERT for a table of texts.
pub(super) fn script(table: &str, quote: char, columns: &[&str], rows: &[Vec<Cell>], text_type: &str) -> String {
    let columns: Vec<String> = columns.iter().map(|column| format!("{quote}{column}{quote} {text_type}")).collect();
    let mut sql = format!("CREATE TABLE {table} ({});\n", columns.join(", "));
    let values: Vec<String> =
        rows.iter().map(|row| format!("({})", row.iter().map(literal).collect::<Vec<_>>().join(", "))).collect();
    if !values.is_empty() {
        sql.push_str(&format!("INSERT INTO {table} VALUES\n{};\n", values.join(",\n")));
    }
    sql
}

/// Settings that read a server's database as its owner.
pub fn settings_of(fixture: &impl Fixture) -> Value {
    fixture.settings()
}

struct SqliteFile {
    folder: TempDir,
    /// As the connector `hub`, which sees the table through a view.
    hub: bool,
}

impl SqliteFile {
    fn load(&self, name: &str, sql: &str) -> String {
        load_script(&self.folder.path().join("school.db"), sql).unwrap();
        name.to_owned()
    }
}

impl Fixture for SqliteFile {
    fn settings(&self) -> Value {
        if self.hub {
            json!({ "kind": "hub", "database": "school.db", "prelude": ["CREATE TEMP VIEW seen AS SELECT 1 AS one"] })
        } else {
            json!({ "kind": "sqlite", "path": "school.db" })
        }
    }

    fn base(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        self.load(name, &script(&format!("\"{name}\""), '"', columns, rows, "TEXT"))
    }

    fn put_long(&self, rows: u32) -> String {
        let sql = format!(
            "CREATE TABLE long (n INTEGER, text TEXT);
             WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {rows})
             INSERT INTO long SELECT n, hex(zeroblob(512)) FROM count;"
        );
        self.load("long", &sql)
    }
}

/// Runs statements in a SQLite file, made when it is not there.
pub fn run_sqlite(file: &Path, sql: &str) {
    block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// A server's address from the environment.
#[derive(Clone)]
pub struct Address {
    url: String,
    user: String,
    password: String,
    host: String,
    port: u16,
    database: String,
}

impl Address {
    fn of(variable: &str) -> Self {
        let url = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: this test needs a server; use tests/run.sh, or tests/run.sh --servers cargo test")
        });
        let wrong = || panic!("{variable} is not of the form scheme://user:password@host:port/database");
        let rest = url.split_once("://").unwrap_or_else(wrong).1;
        let (account, place) = rest.rsplit_once('@').unwrap_or_else(wrong);
        let (user, password) = account.split_once(':').unwrap_or_else(wrong);
        let (server, database) = place.split_once('/').unwrap_or_else(wrong);
        let (host, port) = server.split_once(':').unwrap_or_else(wrong);
        Self {
            user: user.into(),
            password: password.into(),
            host: host.into(),
            port: port.parse().expect("a port"),
            database: database.into(),
            url: url.clone(),
        }
    }

    fn settings(&self, kind: &str) -> Value {
        json!({
            "kind": kind, "host": self.host, "port": self.port, "database": self.database,
            "user": self.user, "password": self.password,
            // The owner reads here what he has made.
            "guest": { "allow_writes": { "by": "test", "date": "2025-09-01", "reason": "the owner of the tables" } },
        })
    }
}

pub(super) fn with(mut settings: Value, key: &str, value: impl Into<Value>) -> Value {
    settings[key] = value.into();
    settings
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("xs{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A schema of its own in the PostgreSQL server.
pub struct PostgresSchema {
    address: Address,
    pub name: String,
}

impl PostgresSchema {
    pub fn new() -> Self {
        let this = Self { address: Address::of("XIAOSHU_TEST_POSTGRES_URL"), name: unique() };
        this.run(&format!("CREATE SCHEMA {}", this.name));
        this
    }

    /// Runs statements as the owner.
    pub fn run(&self, sql: &str) {
        block_on(async {
            let mut connection = sqlx::PgConnection::connect(&self.address.url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }
}

impl Drop for PostgresSchema {
    fn drop(&mut self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

impl Fixture for PostgresSchema {
    fn settings(&self) -> Value {
        self.address.settings("postgres")
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        self.run(&script(&format!("{}.\"{name}\"", self.name), '"', columns, rows, "text"));
        format!("{}.{name}", self.name)
    }

    fn put_long(&self, rows: u32) -> String {
        self.run(&format!(
            "CREATE TABLE {0}.long AS SELECT n, repeat('x', 1024) AS text FROM generate_series(1, {rows}) AS n",
            self.name
        ));
        format!("{}.long", self.name)
    }

    fn unreachable(&self) -> Option<Value> {
        Some(with(self.settings(), "port", 1))
    }

    fn refused(&self) -> Option<(Value, &'static str)> {
        Some((with(self.settings(), "password", WRONG), WRONG))
    }
}

/// The same schema through the ODBC driver for PostgreSQL.
pub(super) struct OdbcSchema(pub PostgresSchema);

impl OdbcSchema {
    /// Settings with a driver of Debian's.
    pub fn with_driver(&self, driver: &str, more: &str) -> Value {
        let Address { host, port, database, user, password, .. } = &self.0.address;
        json!({
            "kind": "odbc", "user": user, "password": password,
            "connection": format!(
                "Driver={{{driver}}};Server={host};Port={port};Database={database};UseDeclareFetch=1;Fetch=500{more}"
            ),
            "guest": { "allow_writes": { "by": "test", "date": "2025-09-01", "reason": "the owner of the tables" } },
        })
    }
}

impl Fixture for OdbcSchema {
    fn settings(&self) -> Value {
        self.with_driver("PostgreSQL Unicode", "")
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        self.0.put(name, columns, rows)
    }

    fn put_long(&self, rows: u32) -> String {
        self.0.put_long(rows)
    }

    fn unreachable(&self) -> Option<Value> {
        let port = format!("Port={}", self.0.address.port);
        let settings = self.settings();
        let connection = settings["connection"].as_str().unwrap().replace(&port, "Port=1");
        Some(with(settings, "connection", connection))
    }

    fn refused(&self) -> Option<(Value, &'static str)> {
        Some((with(self.settings(), "password", WRONG), WRONG))
    }
}

/// A database of its own in the MariaDB server.
pub struct MysqlDatabase {
    address: Address,
    pub name: String,
}

impl MysqlDatabase {
    pub fn new() -> Self {
        let this = Self { address: Address::of("XIAOSHU_TEST_MYSQL_URL"), name: unique() };
        this.run(&format!("CREATE DATABASE {} CHARACTER SET utf8mb4", this.name));
        this
    }

    /// Runs statements as the owner, in this database once there is one.
    pub fn run(&self, sql: &str) {
        block_on(async {
            let mut connection = sqlx::MySqlConnection::connect(&self.address.url).await.unwrap();
            let mut all = "SET sql_mode = 'NO_BACKSLASH_ESCAPES', innodb_strict_mode = 0; ".to_owned();
            if !sql.starts_with("CREATE DATABASE") {
                all.push_str(&format!("USE {}; ", self.name));
            }
            all.push_str(sql);
            sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }
}

impl Drop for MysqlDatabase {
    fn drop(&mut self) {
        self.run(&format!("DROP DATABASE {}", self.name));
    }
}

impl Fixture for MysqlDatabase {
    fn settings(&self) -> Value {
        with(self.address.settings("mysql"), "database", self.name.as_str())
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        self.run(&script(&format!("`{name}`"), '`', columns, rows, "text"));
        name.to_owned()
    }

    fn put_long(&self, rows: u32) -> String {
        self.run(&format!("CREATE TABLE `long` AS SELECT seq AS n, REPEAT('x', 1024) AS text FROM seq_1_to_{rows}"));
        "long".into()
    }

    fn unreachable(&self) -> Option<Value> {
        Some(with(self.settings(), "port", 1))
    }

    fn refused(&self) -> Option<(Value, &'static str)> {
        Some((with(self.settings(), "password", WRONG), WRONG))
    }
}

/// Topics of one prefix in the Kafka broker, one partition each.
struct KafkaTopics {
    prefix: String,
}

impl KafkaTopics {
    fn topic(&self, name: &str, rows: impl Iterator<Item = (String, Value)>) -> String {
        let topic = format!("{}.{name}", self.prefix);
        broker::make(&broker::shared(), &topic, 1, true);
        let rows: Vec<(String, String)> = rows.map(|(key, row)| (key, row.to_string())).collect();
        let messages: Vec<_> = rows.iter().map(|(key, row)| (None, Some(key.as_str()), Some(row.as_str()))).collect();
        broker::write(&broker::shared(), &topic, &messages);
        topic
    }
}

impl Fixture for KafkaTopics {
    fn settings(&self) -> Value {
        json!({
            "kind": "kafka", "brokers": [broker::shared()], "security": "plaintext", "timeout": 20,
            "fields": { format!("{}.nobody", self.prefix): ["no", "姓名", "Remark"] },
        })
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        let object = |row: &Vec<Cell>| columns.iter().zip(row).map(|(c, cell)| ((*c).to_owned(), json!(cell))).collect();
        self.topic(name, rows.iter().enumerate().map(|(at, row)| (at.to_string(), Value::Object(object(row)))))
    }

    fn put_long(&self, rows: u32) -> String {
        let long = "x".repeat(1024);
        self.topic("long", (1..=rows).map(|n| (n.to_string(), json!({ "n": n, "text": long }))))
    }

    fn is_database(&self) -> bool {
        false
    }

    fn unreachable(&self) -> Option<Value> {
        Some(with(self.settings(), "brokers", json!(["127.0.0.1:1"])))
    }

    fn refused(&self) -> Option<(Value, &'static str)> {
        let account = [("security", "sasl_plain"), ("user", "xiaoshu"), ("password", WRONG)];
        let settings = with(with(self.settings(), "brokers", json!([broker::by_account().0])), "tls", false);
        Some((account.into_iter().fold(settings, |settings, (key, value)| with(settings, key, value)), WRONG))
    }
}

/// Lists behind an interface with page numbers and a token. No page holds more than a thousand rows.
struct HttpTables {
    interface: Interface,
    tables: Arc<Mutex<HashMap<String, Vec<Value>>>>,
}

const TOKEN: &str = "tables-token-5Z";

impl HttpTables {
    fn new() -> Self {
        let tables: Arc<Mutex<HashMap<String, Vec<Value>>>> = Arc::default();
        let shared = tables.clone();
        let interface = Interface::start(move |call| {
            if call.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
                return Reply::status(401);
            }
            let (name, page, size) = (call.path.trim_start_matches('/'), call.number("page"), call.number("size"));
            let from = (page - 1) * size;
            let tables = shared.lock().unwrap();
            if let Some(total) = tables.get("long").map(Vec::len).filter(|_| name == "long") {
                let long = "x".repeat(1024);
                let rows: Vec<Value> = (from..total.min(from + size)).map(|n| json!({ "n": n + 1, "text": long })).collect();
                return Reply::json(&json!({ "code": 0, "data": { "rows": rows, "total": total } }));
            }
            let Some(rows) = tables.get(name) else { return Reply::status(404) };
            let some: Vec<&Value> = rows.iter().skip(from).take(size).collect();
            Reply::json(&json!({ "code": 0, "data": { "rows": some, "total": rows.len() } }))
        });
        Self { interface, tables }
    }

    fn settings_at(&self, url: &str, token: &str) -> Value {
        let paging = |size: u32| json!({ "by": "page", "parameter": "page", "size_parameter": "size", "size": size });
        json!({
            "kind": "http", "url": url, "plain_http": { "by": "test", "date": "2025-09-01", "reason": "loopback" },
            "auth": { "by": "token", "token": token }, "limits": { "attempts": 1 },
            "answer": { "rows": "/data/rows", "total": "/data/total", "success": { "at": "/code", "is": ["0"] } },
            "paging": paging(4),
            "objects": {
                "students": { "path": "students", "complete": "stable" },
                "nobody": { "path": "nobody", "columns": ["no", "姓名", "Remark"] },
                "long": { "path": "long", "paging": paging(1000), "complete": "stable" },
            },
        })
    }
}

impl Fixture for HttpTables {
    fn settings(&self) -> Value {
        self.settings_at(&self.interface.url(), TOKEN)
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        let object = |row: &Vec<Cell>| columns.iter().zip(row).map(|(c, cell)| ((*c).to_owned(), json!(cell))).collect();
        let rows = rows.iter().map(|row| Value::Object(object(row))).collect();
        self.tables.lock().unwrap().insert(name.to_owned(), rows);
        name.to_owned()
    }

    fn put_long(&self, rows: u32) -> String {
        self.tables.lock().unwrap().insert("long".into(), vec![Value::Null; rows as usize]);
        "long".into()
    }

    fn is_database(&self) -> bool {
        false
    }

    fn unreachable(&self) -> Option<Value> {
        Some(self.settings_at("http://127.0.0.1:1", TOKEN))
    }

    fn refused(&self) -> Option<(Value, &'static str)> {
        Some((self.settings_at(&self.interface.url(), WRONG), WRONG))
    }
}
