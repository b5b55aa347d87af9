//! A hundred times SIGKILL, each at another moment of landing or sending: the platform's effects equal an undisturbed run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use xiaoshu::brain::{Brain, BrainConfig, BrainHandle, Call};

use super::school::{self, CODE};

const KILLS: u64 = 100;
const ROWS: usize = 800;

struct Disturbed {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    brain: BrainHandle,
}

impl Disturbed {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut config = BrainConfig::sandbox(CODE);
        config.login.rsa_bits = 1024;
        let brain = runtime.block_on(Brain::start(config)).expect("a platform");
        school::furnish(dir.path(), &brain.url(), ROWS);
        let more = "verdict_delay = \"50ms\"\nunknown_after = \"1s\"\nsend_window = \"2s\"\n\n[log]\nlevel = \"debug\"\nformat = \"plain\"\n";
        let settings = dir.path().join("xiaoshu.toml");
        let text = std::fs::read_to_string(&settings).expect("read");
        let text = text.replace("login.style", "rows.batch_rows = 100\nnetwork.timeout = \"2s\"\nlogin.style");
        std::fs::write(&settings, format!("{text}{more}")).expect("written");
        Self { dir, runtime, brain }
    }

    fn calls(&self) -> u64 {
        [Call::Submit, Call::Results].iter().map(|call| self.brain.calls(*call).count).sum()
    }

    /// Starts the hub; the counter goes up with each line of its log.
    fn hub(&self) -> (Child, Arc<AtomicU64>) {
        let mut child = hub(self.dir.path()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
        let lines = Arc::new(AtomicU64::new(0));
        let (log, counter) = (child.stderr.take().expect("a pipe"), Arc::clone(&lines));
        std::thread::spawn(move || {
            for _ in BufReader::new(log).lines() {
                counter.fetch_add(1, Ordering::Release);
            }
        });
        (child, lines)
    }

    /// Lets the hub come so far, and kills it; false when it ended by itself before.
    fn kill_at(&self, moment: u64) -> bool {
        let before = self.calls();
        let (mut child, lines) = self.hub();
        loop {
            let reached = if moment.is_multiple_of(2) {
                self.calls() - before > moment % 3
            } else {
                lines.load(Ordering::Acquire) > moment % 11
            };
            if reached {
                child.kill().expect("killed");
                child.wait().expect("reaped");
                return true;
            }
            if child.try_wait().expect("asked").is_some() {
                return false;
            }
            std::thread::yield_now();
        }
    }
}

fn hub(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["run", "--once", "--settings"]).arg(dir.join("xiaoshu.toml"));
    command
}

#[test]
fn a_hundred_kills_lose_nothing_and_double_nothing() {
    let disturbed = Disturbed::new();
    let (mut killed, mut starts, mut version) = (0, 0, 0);
    while killed < KILLS {
        assert!(starts < 4 * KILLS, "only {killed} of {starts} hubs lived long enough to be killed");
        if disturbed.kill_at(starts) {
            killed += 1;
        } else {
            // It ended by itself: there must be something new to do, a kill of an idle hub would prove nothing.
            version += 1;
            school::courses_from(disturbed.dir.path(), version, ROWS);
        }
        starts += 1;
    }
    let status = hub(disturbed.dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("run");
    assert!(status.success(), "the last, undisturbed round ends with {status}");

    let effects = disturbed.runtime.block_on(disturbed.brain.effects(None)).expect("effects");
    let mut versions = std::collections::HashSet::new();
    for effect in &effects {
        assert!(versions.insert((effect.table.clone(), effect.key.clone(), effect.digest.clone())), "an effect came twice");
    }
    let calm = Disturbed::new();
    school::courses_from(calm.dir.path(), version, ROWS);
    let status = hub(calm.dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("run");
    assert!(status.success());
    let digest = |hub: &Disturbed| hub.runtime.block_on(hub.brain.digest()).expect("a digest");
    assert_eq!(digest(&disturbed), digest(&calm));
}
