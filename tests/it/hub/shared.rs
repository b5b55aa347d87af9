//! Two hubs on one PostgreSQL: one is killed, or freezes for longer than its leases, and the other takes over; whoever
//! wakes up later has no lasting effect.
#![cfg(unix)]

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use xiaoshu::brain::{Brain, BrainConfig, BrainHandle};
use xiaoshu::store::ReadModels;
use xiaoshu::store::postgres::{PostgresOptions, PostgresStore};

use super::school::{self, CODE};

const ROWS: usize = 300;
/// Longer than any wait here takes; a test that fails need not wait for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// A school whose hubs share a database.
struct Shared {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    brain: BrainHandle,
    options: PostgresOptions,
}

impl Shared {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let brain = platform(&runtime);
        furnish(dir.path(), &brain.url());
        let options = school::keep_in_postgres(dir.path());
        let settings = dir.path().join("xiaoshu.toml");
        let text = std::fs::read_to_string(&settings).expect("read");
        let leases = "\n[data.leases]\nsource_seconds = 1\nupstream_seconds = 4\nmargin_seconds = 1\n";
        std::fs::write(&settings, format!("{text}{leases}")).expect("written");
        Self { dir, runtime, brain, options }
    }

    fn start(&self) -> Hub {
        let mut child = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
            .args(["run", "--settings"])
            .arg(self.dir.path().join("xiaoshu.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                // Nobody listens to the end of a hub that a test is done with.
                let _ = to.send(line);
            }
        });
        Hub { child, lines }
    }

    /// One undisturbed round in the end: whatever was left is done, or the test fails.
    fn finish(&self) {
        let status = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
            .args(["run", "--once", "--settings"])
            .arg(self.dir.path().join("xiaoshu.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("run");
        assert!(status.success(), "an undisturbed round ends with {status}");
        self.runtime.block_on(async {
            let store = PostgresStore::open_read_only(self.options.clone()).await.expect("a store");
            assert_eq!(store.audit().await.expect("an audit"), Vec::new());
            for row in store.stock().await.expect("stock") {
                assert_eq!((row.stock.live, row.stock.stored), (ROWS as u64, ROWS as u64), "{}", row.table);
            }
        });
    }

    fn effects(&self) -> usize {
        self.runtime.block_on(self.brain.effects(None)).expect("effects").len()
    }

    fn waits_for(&self, effects: usize) {
        let end = std::time::Instant::now() + PATIENCE;
        while self.effects() < effects {
            assert!(std::time::Instant::now() < end, "only {} of {effects} effects", self.effects());
            std::thread::yield_now();
        }
    }

    fn no_effect_came_twice(&self) {
        let effects = self.runtime.block_on(self.brain.effects(None)).expect("effects");
        let mut versions = HashSet::new();
        for effect in &effects {
            assert!(versions.insert((effect.table.clone(), effect.key.clone(), effect.digest.clone())), "an effect came twice");
        }
    }

    /// What an undisturbed hub makes of the same school.
    fn calm(&self, version: usize) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let brain = platform(&self.runtime);
        furnish(dir.path(), &brain.url());
        school::courses_from(dir.path(), version, ROWS);
        let status = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
            .args(["run", "--once", "--settings"])
            .arg(dir.path().join("xiaoshu.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("run");
        assert!(status.success(), "{status}");
        self.runtime.block_on(brain.digest()).expect("a digest")
    }

    fn held(&self) -> String {
        self.runtime.block_on(self.brain.digest()).expect("a digest")
    }
}

fn platform(runtime: &tokio::runtime::Runtime) -> BrainHandle {
    let mut config = BrainConfig::sandbox(CODE);
    config.login.rsa_bits = 1024;
    config.results.delay_s = 0;
    runtime.block_on(Brain::start(config)).expect("a platform")
}

/// As `school::furnish`, in small batches and with short waits.
fn furnish(dir: &Path, url: &str) {
    school::furnish(dir, url, ROWS);
    let settings = dir.join("xiaoshu.toml");
    let text = std::fs::read_to_string(&settings).expect("read");
    let text = text.replace("login.style", "rows.batch_rows = 100\nnetwork.timeout = \"2s\"\nlogin.style");
    let more = "verdict_delay = \"50ms\"\nunknown_after = \"1s\"\nsend_window = \"2s\"\n\n[log]\nlevel = \"debug\"\n";
    std::fs::write(&settings, format!("{text}{more}")).expect("written");
}

/// A hub under way.
struct Hub {
    child: Child,
    lines: Receiver<String>,
}

impl Hub {
    /// Waits for a line of the log with these words.
    fn says(&self, words: &str) {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(words) => return,
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}: no line with {words:?} in\n{}", seen.join("\n")),
            }
        }
    }

    fn signal(&self, name: &str) {
        let told = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("told");
        assert!(told.success());
    }

    fn ends(mut self) {
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

#[test]
fn a_killed_hub_is_succeeded_by_the_other() {
    let shared = Shared::new();
    let first = shared.start();
    first.says("accepted");
    let second = shared.start();
    second.says("another hub reports to this upstream");
    drop(first);
    second.says("reporting");
    shared.waits_for(2 * ROWS);
    second.ends();
    shared.finish();
    shared.no_effect_came_twice();
    assert_eq!(shared.held(), shared.calm(0));
}

#[test]
fn a_frozen_hub_that_wakes_up_has_no_lasting_effect() {
    let shared = Shared::new();
    let first = shared.start();
    first.says("sending");
    let second = shared.start();
    second.says("another hub reports to this upstream");
    first.signal("-STOP");
    // While it sleeps the school changes: what it still has to send is old by then.
    school::courses_from(shared.dir.path(), 1, ROWS);
    second.says("reporting");
    second.says("settled");
    first.signal("-CONT");
    first.says("the lease was taken over by another hub");
    second.ends();
    // The one that woke up reports again only under a lease of its own.
    first.says("reporting");
    first.ends();
    shared.finish();
    shared.no_effect_came_twice();
    assert_eq!(shared.held(), shared.calm(1));
}
