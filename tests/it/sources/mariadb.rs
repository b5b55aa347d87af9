//! MariaDB servers of a test's own: with a binary log, to be stopped, killed and started again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Decode, MySql, Row};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PASSWORD: &str = "Xs-own-3b7d";

/// The options that each server has; those of a test come behind them.
const OPTIONS: [&str; 8] = [
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    // What was committed outlives the process.
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-lock-wait-timeout=20",
    "--server-id=7",
];

/// What makes a server keep a log of rows.
pub(crate) const LOGGING: [&str; 2] = ["--log-bin=binlog", "--binlog-format=ROW"];

/// A server. It is killed when it goes out of scope.
pub(crate) struct Mariadb {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl Mariadb {
    /// Starts a server with a log of rows, and more options.
    pub fn logging(more: &[&str]) -> Self {
        Self::start(&[&LOGGING, more].concat())
    }

    /// Starts a server with options.
    pub fn start(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        copy(&empty(), &folder.path().join("data"));
        let init = format!(
            "SET sql_log_bin = 0;\n\
             CREATE USER IF NOT EXISTS 'xiaoshu'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO 'xiaoshu'@'127.0.0.1' WITH GRANT OPTION;\nCREATE DATABASE IF NOT EXISTS jw CHARACTER SET utf8mb4;\n"
        );
        fs::write(folder.path().join("init.sql"), init).unwrap();
        let port = free_port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut this = Self { folder, port, options, process: None };
        this.resume();
        this
    }

    /// Starts it again.
    pub fn resume(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut process = Command::new(program())
            .args(OPTIONS)
            .args([
                format!("--datadir={}", path("data")),
                format!("--socket={}", path("socket")),
                format!("--pid-file={}", path("pid")),
                format!("--init-file={}", path("init.sql")),
                // A server that starts clears the folder of what it takes for its own.
                format!("--tmpdir={}", path("")),
                format!("--port={}", self.port),
            ])
            .args(user())
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let Some(Ok(line)) = lines.next() else { panic!("the server did not start:\n{}", said.join("\n")) };
            let ready = line.contains("ready for connections");
            said.push(line);
            if ready {
                break;
            }
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
    }

    /// Ends it in good order.
    pub fn stop(&mut self) {
        self.client().run("SHUTDOWN");
        assert!(self.process.take().unwrap().wait().unwrap().success());
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// A connection of the owner of everything, in the database `jw`.
    pub fn client(&self) -> Client {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username("xiaoshu")
            .password(PASSWORD)
            .database("jw")
            .disable_statement_logging();
        let connection = runtime.block_on(options.connect()).unwrap();
        Client { connection, runtime }
    }

    /// Runs statements as the owner.
    pub fn run(&self, sql: &str) {
        self.client().run(sql);
    }

    /// Settings of a source that reads `jw`.
    pub fn settings(&self) -> Value {
        json!({
            "kind": "mysql", "host": "127.0.0.1", "port": self.port, "database": "jw", "user": "xiaoshu", "password": PASSWORD,
            "guest": { "allow_writes": { "by": "test", "date": "2025-09-01", "reason": "the owner of the tables" } },
        })
    }

    /// The folder that its files are in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

/// A connection that keeps its transaction between calls.
pub(crate) struct Client {
    connection: MySqlConnection,
    runtime: Runtime,
}

impl Client {
    /// Runs statements.
    pub fn run(&mut self, sql: &str) {
        let running = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection);
        self.runtime.block_on(running).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a query, nothing as an empty text.
    pub fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let running = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection);
        let rows = self.runtime.block_on(running).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let cell = |row: &MySqlRow, at| {
            let bytes = row.try_get_raw(at).ok().and_then(|value| <&[u8] as Decode<MySql>>::decode(value).ok());
            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        };
        rows.iter().map(|row| (0..row.len()).map(|at| cell(row, at)).collect()).collect()
    }

    /// Ends the connection.
    pub fn close(self) {
        self.runtime.block_on(self.connection.close()).unwrap();
    }
}

/// A port that nobody has, out of those that are not given to clients: while the server is down nobody else gets it.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| rand::random_range(20_000..32_000)).find(free).unwrap()
}

/// Debian keeps servers out of the users' path.
fn program() -> PathBuf {
    let places = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let places = places.into_iter().chain(["/usr/sbin".into(), "/usr/libexec".into(), "/usr/local/sbin".into()]);
    let found = places.map(|place| place.join("mariadbd")).find(|file| file.exists());
    found.expect("there is no mariadbd: this test needs a server; tests/run.sh installs it")
}

/// Root has to say that it means it.
fn user() -> Option<&'static str> {
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some("--user=root")
}

/// A data directory without anything in it, made once for each version of the server and kept beside what is built.
fn empty() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let version = Command::new(program()).arg("--version").output().unwrap().stdout;
        let named: String = String::from_utf8_lossy(&version).chars().filter(char::is_ascii_alphanumeric).collect();
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(named);
        if kept.exists() {
            return kept;
        }
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"])
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .args(user())
            .output()
            .expect("mariadb-install-db runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Another process may have been as quick.
        let _ = fs::rename(folder.path().join("data"), &kept);
        kept
    };
    MADE.get_or_init(make).clone()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
