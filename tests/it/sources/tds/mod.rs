//! A server of TDS 7.4 on this machine, of our own: it takes logins, runs the SELECTs it is sent on a SQLite file, and fails
//! as a test says. It stands in for a SQL Server, which nobody here has: what it does was read in the protocol's
//! published description, not seen on a real server.

mod database;
pub mod wire;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Cell;
use super::fixtures::{Fixture, WRONG, run_sqlite, script, with};
use database::Database;
use wire::Answer;

/// The longest wait for what is to happen.
const LONGEST: Duration = Duration::from_secs(30);

const USER: &str = "reader";
const PASSWORD: &str = "reading";
const DATABASE: &str = "jw";

/// What the server is like.
#[derive(Clone)]
pub struct Nature {
    /// What it says of encryption: 2 none, 1 and 3 it insists.
    pub encryption: u8,
    pub version: &'static str,
    /// `snapshot_isolation_state` and `is_read_committed_snapshot_on`.
    pub snapshot: u8,
    pub committed: u8,
    /// Whether the account can write.
    pub writes: bool,
    /// How many columns of any statement it describes as UTF-8.
    pub utf8_columns: u8,
    /// What is put into its catalogue besides.
    pub catalogue: String,
    /// What statements that contain a text get instead of an answer from the database.
    pub replies: Vec<(&'static str, Reply)>,
}

impl Default for Nature {
    fn default() -> Self {
        Self {
            encryption: 2,
            version: "10.50.6000.34",
            snapshot: 1,
            committed: 0,
            writes: false,
            utf8_columns: 0,
            catalogue: String::new(),
            replies: Vec::new(),
        }
    }
}

/// What a statement gets.
#[derive(Clone)]
pub enum Reply {
    /// These tokens.
    Tokens(Vec<u8>),
    /// These tokens, then the line breaks.
    Cut(Vec<u8>),
    /// Nothing, until it is cancelled.
    Silence,
}

/// What the server has seen.
#[derive(Default)]
struct Seen {
    logins: u32,
    statements: Vec<String>,
    cancelled: u32,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    news: Condvar,
    over: AtomicBool,
}

/// A running server with a file for its database; ends when dropped.
pub struct Responder {
    folder: TempDir,
    port: u16,
    shared: Arc<Shared>,
}

impl Responder {
    pub fn start(nature: Nature) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared: Arc<Shared> = Arc::default();
        let (own, file) = (shared.clone(), folder.path().join("jw.db"));
        std::thread::spawn(move || {
            for line in listener.incoming() {
                if own.over.load(Ordering::SeqCst) {
                    return;
                }
                let (line, shared, file, nature) = (line.unwrap(), own.clone(), file.clone(), nature.clone());
                std::thread::spawn(move || serve(line, &shared, file, nature));
            }
        });
        Self { folder, port, shared }
    }

    /// Runs a script in the database.
    pub fn run(&self, sql: &str) {
        run_sqlite(&self.folder.path().join("jw.db"), sql);
    }

    /// How many logins were sent.
    pub fn logins(&self) -> u32 {
        self.shared.seen.lock().unwrap().logins
    }

    /// All statements so far.
    pub fn statements(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().statements.clone()
    }

    /// Waits until a statement was cancelled.
    pub fn wait_for_cancellation(&self) {
        let seen = self.shared.seen.lock().unwrap();
        let waited = self.shared.news.wait_timeout_while(seen, LONGEST, |seen| seen.cancelled == 0);
        assert!(!waited.unwrap().1.timed_out(), "nothing was cancelled");
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Fixture for Responder {
    fn settings(&self) -> Value {
        json!({
            "kind": "sqlserver", "host": "127.0.0.1", "port": self.port, "database": DATABASE, "user": USER, "password": PASSWORD,
            "plaintext": { "by": "test", "date": "2025-09-01", "reason": "loopback" },
        })
    }

    fn base(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, name: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        self.run(&script(&format!("\"{name}\""), '"', columns, rows, "TEXT"));
        name.to_owned()
    }

    fn put_long(&self, rows: u32) -> String {
        self.run(&format!(
            "CREATE TABLE long (n INTEGER, text TEXT);
             WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {rows})
             INSERT INTO long SELECT n, hex(zeroblob(512)) FROM count;"
        ));
        "long".into()
    }

    fn unreachable(&self) -> Option<Value> {
        Some(with(self.settings(), "port", 1))
    }

    fn refused(&self) -> Option<(Value, &'static str)> {
        Some((with(self.settings(), "password", WRONG), WRONG))
    }
}

/// One connection from its first message to its end. A client that goes is no fault.
fn serve(mut line: TcpStream, shared: &Shared, file: PathBuf, nature: Nature) {
    line.set_nodelay(true).unwrap();
    let Some((wire::FIRST, _)) = wire::message(&mut line) else { return };
    if say(&mut line, &wire::first(nature.encryption)).is_err() || matches!(nature.encryption, 1 | 3) {
        // What comes next is no login, unless somebody sends one in the open.
        if let Some((wire::LOGIN, _)) = wire::message(&mut line) {
            shared.seen.lock().unwrap().logins += 1;
        }
        return;
    }
    let Some((wire::LOGIN, login)) = wire::message(&mut line) else { return };
    shared.seen.lock().unwrap().logins += 1;
    if let Some(refusal) = refused(&login) {
        let _ = say(&mut line, &refusal);
        return;
    }
    if say(&mut line, &wire::accepted()).is_err() {
        return;
    }
    let mut database = Database::open(&file, nature.clone());
    while let Some((kind, payload)) = wire::message(&mut line) {
        let told = match kind {
            wire::BATCH => answer(&mut line, shared, &mut database, &nature, &statement(&payload)),
            wire::ATTENTION => {
                shared.seen.lock().unwrap().cancelled += 1;
                shared.news.notify_all();
                say(&mut line, &wire::done(0x20, 0)).map(|()| true)
            }
            other => panic!("a message of kind {other}"),
        };
        if !told.unwrap_or(false) {
            break;
        }
    }
    database.close();
}

/// Answers a statement; false where the line breaks then.
fn answer(line: &mut TcpStream, shared: &Shared, database: &mut Database, nature: &Nature, sql: &str) -> std::io::Result<bool> {
    shared.seen.lock().unwrap().statements.push(sql.to_owned());
    if let Some((_, reply)) = nature.replies.iter().find(|(part, _)| sql.contains(part)) {
        return match reply {
            Reply::Tokens(tokens) => say(line, tokens).map(|()| true),
            Reply::Cut(tokens) => {
                let mut answer = Answer::new(line);
                answer.send(tokens)?;
                answer.cut().map(|()| false)
            }
            Reply::Silence => Ok(true),
        };
    }
    if !sql.starts_with("SET ") {
        return database.answer(sql, line).map(|()| true);
    }
    let mut tokens = Vec::new();
    if sql.ends_with("BEGIN TRANSACTION") {
        database.begin();
        tokens = wire::begun();
    }
    tokens.extend(wire::done(0, 0));
    say(line, &tokens).map(|()| true)
}

fn say(line: &mut TcpStream, tokens: &[u8]) -> std::io::Result<()> {
    let mut answer = Answer::new(line);
    answer.send(tokens)?;
    answer.end()
}

/// The text behind a batch's headers.
fn statement(payload: &[u8]) -> String {
    let headers = u32::from_le_bytes(payload[..4].try_into().unwrap()) as usize;
    text(&payload[headers..])
}

fn text(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    String::from_utf16(&units).unwrap()
}

/// Why a login is refused.
fn refused(login: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| usize::from(u16::from_le_bytes([login[at], login[at + 1]]));
    let part = |at: usize| login[number(at)..][..number(at + 2) * 2].to_vec();
    let password: Vec<u8> = part(44).iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
    if (text(&part(40)).as_str(), text(&password).as_str()) != (USER, PASSWORD) {
        return Some(wire::error(18456, 14, &format!("Login failed for user '{}'.", text(&part(40)))));
    }
    let database = text(&part(68));
    (database != DATABASE)
        .then(|| wire::error(4060, 11, &format!("Cannot open database \"{database}\" requested by the login. The login failed.")))
}
