//! A hundred times SIGKILL, each at another moment of landing or sending: the platform's effects equal an undisturbed run.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use xiaoshu::brain::{Brain, BrainConfig, BrainHandle};

use super::school::{self, CODE};

/// Schools disturbed side by side: after a kill in mid-send a table rests until nothing of it can arrive any more.
const SCHOOLS: u64 = 10;
const KILLS_EACH: u64 = 10;
const ROWS: usize = 300;

struct Hub {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    brain: BrainHandle,
}

impl Hub {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut config = BrainConfig::sandbox(CODE);
        config.login.rsa_bits = 1024;
        let brain = runtime.block_on(Brain::start(config)).expect("a platform");
        school::furnish(dir.path(), &brain.url(), ROWS);
        let settings = dir.path().join("xiaoshu.toml");
        let text = std::fs::read_to_string(&settings).expect("read");
        let text = text.replace("login.style", "rows.batch_rows = 100\nnetwork.timeout = \"2s\"\nlogin.style");
        let more = "verdict_delay = \"50ms\"\nunknown_after = \"1s\"\nsend_window = \"2s\"\n\n[log]\nlevel = \"debug\"\n";
        std::fs::write(&settings, format!("{text}{more}")).expect("written");
        Self { dir, runtime, brain }
    }

    /// Starts the hub and kills it at the `moment`-th of the lines in its log that tell of landing or delivery; false when
    /// it ended by itself before.
    fn kill_at(&self, moment: u64) -> bool {
        let mut child = command(self.dir.path()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        let words = ["landed", "sending", "accepted", "settled"];
        let lines = log.lines().map_while(Result::ok).filter(|line| words.iter().any(|word| line.contains(word)));
        let reached = lines.take(moment as usize + 1).count() as u64 > moment;
        child.kill().expect("killed or over");
        child.wait().expect("reaped");
        reached
    }

    /// Kills the hub again and again; what it has to send changes whenever it came to its end.
    fn disturb(&self, seed: u64) -> usize {
        let (mut killed, mut starts, mut version) = (0, 0, 0);
        while killed < KILLS_EACH {
            assert!(starts < 10 * KILLS_EACH, "only {killed} of {starts} hubs lived long enough to be killed");
            if self.kill_at((seed + 3 * starts) % 13) {
                killed += 1;
            } else {
                version += 1;
                school::courses_from(self.dir.path(), version, ROWS);
            }
            starts += 1;
        }
        version
    }

    /// Runs the hub to its end.
    fn finish(&self) {
        let status = command(self.dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("run");
        assert!(status.success(), "an undisturbed round ends with {status}");
    }

    fn digest(&self) -> String {
        self.runtime.block_on(self.brain.digest()).expect("a digest")
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["run", "--once", "--settings"]).arg(dir.join("xiaoshu.toml"));
    command
}

fn disturbed_equals_calm(seed: u64) {
    let disturbed = Hub::new();
    let version = disturbed.disturb(seed);
    disturbed.finish();
    let effects = disturbed.runtime.block_on(disturbed.brain.effects(None)).expect("effects");
    let mut versions = HashSet::new();
    for effect in &effects {
        assert!(versions.insert((effect.table.clone(), effect.key.clone(), effect.digest.clone())), "an effect came twice");
    }
    let calm = Hub::new();
    school::courses_from(calm.dir.path(), version, ROWS);
    calm.finish();
    assert_eq!(disturbed.digest(), calm.digest());
}

#[test]
fn a_hundred_kills_lose_nothing_and_double_nothing() {
    std::thread::scope(|scope| {
        for seed in 0..SCHOOLS {
            scope.spawn(move || disturbed_equals_calm(seed));
        }
    });
}
