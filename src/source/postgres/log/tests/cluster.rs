//! A PostgreSQL cluster of a test's own, which it may stop and start as it likes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// How a server is stopped.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// Orderly, transactions under way being given up.
    Fast,
    /// As by a crash.
    Immediate,
}

/// A running server; stopped and removed at the end.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
}

fn script(words: &[&str]) -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/cluster.sh");
    let done = Command::new("bash").arg(file).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Cluster {
    /// With these settings, each `name=value`, beside the usual ones.
    pub fn start(settings: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let home = std::env::var("XIAOSHU_TEST_CLUSTERS");
        let home = home.expect("XIAOSHU_TEST_CLUSTERS is not set: run tests/run.sh --servers=postgres cargo test");
        let folder = PathBuf::from(home).join(format!("c{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        let port = script(&[&["start", folder.to_str().unwrap()], settings].concat()).parse().unwrap();
        Self { folder, port }
    }

    /// Stops and starts it.
    pub fn restart(&self, how: Stop) {
        let folder = self.folder.to_str().unwrap();
        script(&["stop", folder, if matches!(how, Stop::Fast) { "fast" } else { "immediate" }]);
        assert_eq!(script(&["start", folder]), self.port.to_string());
    }

    /// Settings of a source that reads it.
    pub fn settings(&self, user: &str) -> Value {
        json!({
            "kind": "postgres", "host": "127.0.0.1", "port": self.port, "database": "postgres", "user": user, "tls": "disable",
            "log": { "max_retained": 16 },
            "guest": { "lock_timeout": 1, "allow_writes": { "by": "test", "date": "2025-09-01", "reason": "the owner" } },
        })
    }

    /// A connection of the owner's.
    pub async fn connect(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port).username("xiaoshu");
        options.database("postgres").disable_statement_logging().connect().await.unwrap()
    }

    /// Runs statements, as a script would.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The first cell of a result.
    pub async fn ask(&self, sql: &str) -> String {
        let mut connection = self.connect().await;
        let row = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_optional(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let text = |row: sqlx::postgres::PgRow| row.try_get_raw(0).ok().and_then(|v| v.as_str().ok().map(str::to_owned));
        row.and_then(text).unwrap_or_default()
    }

    /// Asks until the answer is this one.
    pub async fn until(&self, sql: &str, answer: &str) {
        let asking = async {
            while self.ask(sql).await != answer {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), asking).await.expect(sql);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script(&["remove", self.folder.to_str().unwrap()]);
    }
}

/// Runs a story to its end.
pub fn told<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story)
}
