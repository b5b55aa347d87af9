//! Platforms that are processes of their own on one PostgreSQL database, and what a test sees of them from outside.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use xiaoshu::brain::{Account, Brain, BrainConfig, BrainHandle, EffectsConfig, GrpcConfig};

use super::school::EDITION;
use super::until;

const HEARTBEAT_MS: u32 = 2_000;

/// A running `xiaoshu brain`; killed when it is let go.
pub struct Process {
    child: Child,
    _dir: TempDir,
}

impl Process {
    /// Starts it with these accounts on this database, streams at `grpc`, topics as in `kafka`; it listens when this returns.
    pub fn start(effects: &EffectsConfig, accounts: &[Account], grpc: Option<SocketAddr>, kafka: Option<&Value>) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("brain.toml");
        std::fs::write(&file, settings(effects, accounts, grpc, kafka)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
            .args(["--lang", "en", "brain", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .env("BRAIN_TEST_DATABASE", effects.postgres.as_ref().unwrap().expose())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = String::new();
        let ready = lines.by_ref().find(|line| {
            before.push_str(line);
            before.push('\n');
            line.contains("the platform is at http")
        });
        assert!(ready.is_some(), "it ended at once: {before}");
        // Nobody must wait for a reader of its log.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, _dir: dir }
    }

    /// The process as the database calls it.
    fn name(&self) -> String {
        format!("xiaoshu brain {}", self.child.id())
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(effects: &EffectsConfig, accounts: &[Account], grpc: Option<SocketAddr>, kafka: Option<&Value>) -> String {
    let mut text = format!("edition = \"{EDITION}\"\n\n[effects]\npostgres = {{ env = \"BRAIN_TEST_DATABASE\" }}\n");
    writeln!(text, "schema = \"{}\"\n", effects.schema).unwrap();
    if let Some(listen) = grpc {
        writeln!(text, "[grpc]\nlisten = \"{listen}\"\nheartbeat_ms = {HEARTBEAT_MS}\n").unwrap();
    }
    if let Some(kafka) = kafka {
        text.push_str("[kafka]\n");
        for (name, value) in kafka.as_object().unwrap().iter().filter(|(_, value)| !value.is_object()) {
            writeln!(text, "{name} = {value}").unwrap();
        }
        text.push_str("plaintext = { by = \"test\", date = \"2026-11-22\", reason = \"loopback\" }\n\n");
    }
    for account in accounts {
        writeln!(
            text,
            "[[accounts]]\nusername = \"{}\"\npassword = \"{}\"\napp_secret = \"{}\"\napp_key = \"{}\"\nschool_code = \"{}\"\ntoken = \"{}\"\n",
            account.username,
            account.password.expose(),
            account.app_secret.expose(),
            account.app_key.expose(),
            account.school_code,
            account.token().expose(),
        )
        .unwrap();
    }
    text
}

/// A platform in this process on the same database, to look at what the others have done.
pub async fn viewer(effects: &EffectsConfig, accounts: &[Account]) -> BrainHandle {
    let grpc = GrpcConfig { heartbeat_ms: HEARTBEAT_MS, ..GrpcConfig::default() };
    let config = BrainConfig { effects: effects.clone(), accounts: accounts.to_vec(), grpc, ..BrainConfig::default() };
    Brain::start(config).await.unwrap()
}

/// The database shut to everybody who writes a batch: they wait in the middle of their transactions.
pub struct Shut {
    locking: PgConnection,
    looking: PgConnection,
    table: String,
}

impl Shut {
    pub async fn new(effects: &EffectsConfig) -> Self {
        let connect = async || PgConnection::connect(effects.postgres.as_ref().unwrap().expose()).await.unwrap();
        let (mut locking, looking) = (connect().await, connect().await);
        let table = format!("{}.batch", effects.schema);
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut locking).await.unwrap();
        Self { locking, looking, table }
    }

    /// Waits until this process is held up.
    pub async fn holds_up(&mut self, process: &Process) {
        let (name, table) = (process.name(), self.table.clone());
        until("it writes a batch", async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE NOT l.granted AND l.relation = $1::regclass AND a.application_name = $2",
            )
            .bind(&table)
            .bind(&name)
            .fetch_one(&mut self.looking)
            .await
            .unwrap();
            waiting > 0
        })
        .await;
    }

    /// Rows accepted so far.
    pub async fn writes(&mut self) -> i64 {
        let count = format!("SELECT count(*) FROM {}", self.table.replace(".batch", ".write"));
        sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut self.looking).await.unwrap()
    }

    /// Lets everybody go on.
    pub async fn open(mut self) {
        sqlx::raw_sql("COMMIT").execute(&mut self.locking).await.unwrap();
    }
}
