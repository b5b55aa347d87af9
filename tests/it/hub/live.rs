//! Hubs as processes of their own, by the machine's own clock, and every way to their platform.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xiaoshu::brain::{Account, Brain, BrainConfig, BrainHandle, GrpcConfig};

use super::school::{self, CODE};
use crate::kafka::broker;

/// Longer than any wait here takes; a test that fails need not wait for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);

const ACCEPTED: &str = r#"{ by = "test", date = "2024-11-20", reason = "loopback" }"#;

/// A way to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Http,
    Grpc,
    Kafka,
    /// Over Kafka, in transactions.
    Transactions,
}

/// A platform that takes one way.
pub struct Platform {
    pub way: Way,
    pub brain: BrainHandle,
    /// Of the topics.
    pub prefix: String,
}

impl Platform {
    /// One that answers at once.
    pub fn start(runtime: &tokio::runtime::Runtime, way: Way) -> Self {
        Self::with(runtime, way, |_| {})
    }

    /// With other settings.
    pub fn with(runtime: &tokio::runtime::Runtime, way: Way, change: impl FnOnce(&mut BrainConfig)) -> Self {
        let mut config = BrainConfig::sandbox(CODE);
        config.login.rsa_bits = 1024;
        config.results.delay_s = 0;
        let mut prefix = String::new();
        match way {
            Way::Http => {}
            Way::Grpc => config.grpc = GrpcConfig { heartbeat_ms: 500, ..GrpcConfig::local() },
            Way::Kafka | Way::Transactions => {
                prefix = broker::unique();
                config.kafka = Some(serde_json::from_value(topics(&prefix)).expect("settings"));
            }
        }
        change(&mut config);
        let brain = runtime.block_on(Brain::start(config)).expect("a platform");
        Self { way, brain, prefix }
    }

    /// Where it is reached, but over Kafka.
    pub fn url(&self) -> String {
        match self.way {
            Way::Grpc => self.brain.grpc_url().expect("an address"),
            _ => self.brain.url(),
        }
    }

    /// Writes settings, mappings and exports of a school that reports here, in small batches and with short waits.
    pub fn furnish(&self, dir: &Path, rows: usize) {
        self.furnish_at(dir, rows, &self.url());
    }

    /// The same by a way round.
    pub fn furnish_at(&self, dir: &Path, rows: usize, url: &str) {
        school::furnish(dir, url, rows);
        let settings = dir.join("xiaoshu.toml");
        let text = std::fs::read_to_string(&settings).expect("read");
        let (before, _) = text.split_once("[upstreams.moe]").expect("an upstream");
        std::fs::write(dir.join("token"), Account::sandbox(CODE).app_secret.expose()).expect("written");
        let own = match self.way {
            Way::Http => {
                text[before.len()..].replace("login.style", "rows.batch_rows = 100\nnetwork.timeout = \"2s\"\nlogin.style")
            }
            Way::Grpc => format!(
                "[upstreams.moe]\nkind = \"grpc\"\nurl = \"{url}\"\ntoken = {{ file = \"token\" }}\nplain_http = {ACCEPTED}\n\
                 rows.batch_rows = 100\n\n[upstreams.moe.delivery]\nramp = \"open\"\n"
            ),
            Way::Kafka | Way::Transactions => format!(
                "[upstreams.moe]\nkind = \"kafka\"\nbrokers = [\"{}\"]\nsecurity = \"plaintext\"\nplaintext = {ACCEPTED}\n\
                 topic_prefix = \"{}\"\nreturn_topic = \"{1}.verdicts\"\ntimeout = \"2s\"\ntransactions = {}\n\
                 rows.batch_rows = 100\n\n\
                 [upstreams.moe.delivery]\nramp = \"open\"\n",
                broker::shared(),
                self.prefix,
                self.way == Way::Transactions
            ),
        };
        let waits = match self.way {
            Way::Http => "verdict_delay = \"50ms\"\nunknown_after = \"1s\"\nsend_window = \"2s\"\n",
            _ => "retry_first = \"50ms\"\nretry_cap = \"1s\"\nretry_mend = \"1s\"\nmissing_after = \"5s\"\n",
        };
        std::fs::write(&settings, format!("{before}{own}{waits}\n[log]\nlevel = \"debug\"\n")).expect("written");
    }
}

/// Topics of a name of their own, and a platform's settings for them.
fn topics(prefix: &str) -> Value {
    broker::make(&broker::shared(), &format!("{prefix}.course"), 2, true);
    broker::make(&broker::shared(), &format!("{prefix}.verdicts"), 1, false);
    json!({
        "brokers": [broker::shared()],
        "security": "plaintext",
        "plaintext": {"by": "test", "date": "2024-11-20", "reason": "loopback"},
        "topic_prefix": prefix,
        "group": prefix,
        "return_topic": format!("{prefix}.verdicts"),
    })
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.arg("run").args(arguments).arg("--settings").arg(dir.join("xiaoshu.toml")).stdout(Stdio::null());
    command
}

/// One undisturbed round, which must end well; what its log says.
pub fn round(dir: &Path, arguments: &[&str]) -> String {
    let output = command(dir, &[&["--once"], arguments].concat()).stderr(Stdio::piped()).output().expect("run");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "an undisturbed round ends with {}\n{log}", output.status);
    log
}

/// A hub under way.
pub struct Hub {
    child: Child,
    lines: Receiver<String>,
}

impl Hub {
    pub fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut child = command(dir, arguments).stderr(Stdio::piped()).spawn().expect("started");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                // Nobody listens to the end of a hub that a test is done with.
                let _ = to.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits for a line of the log with these words.
    pub fn says(&self, words: &str) {
        let (mut seen, end) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(words) => return,
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}: no line with {words:?} in\n{}", seen.join("\n")),
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("told");
        assert!(told.success());
    }

    /// Stops in order.
    pub fn ends(mut self) {
        self.signal("-TERM");
        let status = self.child.wait().expect("ended");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // One that has ended is no trouble.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until it is so.
pub fn until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}
