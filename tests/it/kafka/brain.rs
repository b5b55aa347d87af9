//! The platform's consumer: effects by key and seq, verdicts on the return topic, several brains in a group.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;
use xiaoshu::brain::{
    Account, Action, Brain, BrainConfig, BrainHandle, Call, EffectsConfig, Fault, Judged, RowJudge, SystemClock,
};
use xiaoshu::store::Op;

use super::broker::{self, shared, unique};
use super::sender::{SCHOOL, Sender, TABLE, key, settings};

const UP: Op = Op::Upsert;

/// Refuses rows whose seq is 13; takes all others.
struct Thirteen;

impl RowJudge for Thirteen {
    fn knows(&self, table: &str) -> bool {
        table == TABLE
    }

    fn judge(&self, _: &str, rows: &[&RawValue], _: &str, _: &str) -> Vec<Judged> {
        let judged = |row: &&RawValue| {
            let fields: serde_json::Value = serde_json::from_str(row.get()).unwrap();
            let digest = xxhash_rust::xxh3::xxh3_128(row.get().as_bytes()).to_be_bytes();
            let error = (fields["seq"] == 13).then(|| "十三".to_owned());
            let key = fields["key"].as_str().map(str::to_owned);
            Judged { key, body: row.get().to_owned(), digest, comparable: digest, deletes: false, error }
        };
        rows.iter().map(judged).collect()
    }
}

/// Topics of one test, and the settings of both sides.
struct Stage {
    prefix: String,
    settings: serde_json::Value,
}

impl Stage {
    fn new() -> Self {
        let prefix = unique();
        broker::make(&shared(), &format!("{prefix}.course"), 3, true);
        broker::make(&shared(), &format!("{prefix}.verdicts"), 1, false);
        let mut settings = settings(&shared(), &prefix);
        settings["return_topic"] = format!("{prefix}.verdicts").into();
        Self { prefix, settings }
    }

    fn config(&self, effects: Option<&EffectsConfig>) -> BrainConfig {
        let kafka = json!({
            "brokers": [shared()],
            "security": "plaintext",
            "plaintext": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
            "topic_prefix": self.prefix,
            "group": self.prefix,
            "return_topic": format!("{}.verdicts", self.prefix),
        });
        BrainConfig {
            accounts: vec![Account::sandbox(SCHOOL)],
            kafka: Some(serde_json::from_value(kafka).unwrap()),
            effects: effects.cloned().unwrap_or_default(),
            ..BrainConfig::default()
        }
    }

    async fn brain(&self, effects: Option<&EffectsConfig>) -> BrainHandle {
        Brain::start_with(self.config(effects), Arc::new(SystemClock), Arc::new(Thirteen)).await.unwrap()
    }

    fn sender(&self) -> Sender {
        Sender::new(&self.settings)
    }
}

/// Sends a batch and waits for everything that is said of it, acceptance left out.
async fn send(sender: &Sender, id: u64, rows: &[(u8, u64, Op)]) -> Vec<String> {
    sender.submit(id, rows).await.unwrap();
    let mut lines = sender.story(|l| l.len() > rows.len()).await;
    assert_eq!(lines.remove(0), format!("{id} accepted"));
    lines.sort();
    lines
}

async fn effects(brain: &BrainHandle) -> Vec<String> {
    let effects = brain.effects(Some(TABLE)).await.unwrap();
    effects.iter().map(|e| format!("{:?} {}", e.operation, &e.key[..2])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_have_effects_and_verdicts() {
    let stage = Stage::new();
    let (brain, sender) = (stage.brain(None).await, stage.sender());
    assert_eq!(
        send(&sender, 1, &[(1, 11, UP), (2, 12, UP), (3, 13, UP)]).await,
        ["1/0 stored", "1/1 stored", "1/2 refused 十三 -"]
    );
    assert_eq!(send(&sender, 2, &[(1, 21, UP), (2, 22, Op::Delete)]).await, ["2/0 stored", "2/1 stored"]);
    assert_eq!(effects(&brain).await, ["Insert 01", "Insert 02", "Update 01", "Delete 02"]);
    // What comes twice has its verdict twice and its effect once; what is older than what is held has none.
    assert_eq!(send(&sender, 3, &[(1, 21, UP)]).await, ["3/0 stored"]);
    assert_eq!(send(&sender, 4, &[(1, 20, UP)]).await, ["4/0 stored"]);
    assert_eq!(effects(&brain).await.len(), 4);
    assert_eq!(brain.held(TABLE).await.unwrap().len(), 1);
    let schools = brain.schools().await.unwrap();
    assert_eq!((schools[0].epoch, schools[0].tables[0].received, schools[0].tables[0].accepted), (Some(1), 7, 6));
    brain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_was_taken_over_has_no_effect() {
    let stage = Stage::new();
    let brain = stage.brain(None).await;
    let (old, new) = (Sender::at_epoch(&stage.settings, 1), Sender::at_epoch(&stage.settings, 2));
    send(&old, 1, &[(1, 11, UP)]).await;
    send(&new, 1, &[(2, 12, UP)]).await;
    // Its rows reach the topic, before those of the new one, and nothing is said of them.
    old.submit(2, &[(3, 14, UP), (2, 15, UP)]).await.unwrap();
    assert_eq!(old.story(|l| !l.is_empty()).await, ["2 accepted"]);
    assert_eq!(send(&new, 2, &[(4, 16, UP)]).await, ["2/0 stored"]);
    assert_eq!(effects(&brain).await, ["Insert 01", "Insert 02", "Insert 04"]);
    assert!(old.transport.settled().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brain_that_ends_between_effects_and_verdicts_says_them_after_all() {
    let stage = Stage::new();
    let (brain, sender) = (stage.brain(None).await, stage.sender());
    brain.script(Fault { call: Some(Call::Batch), table: None, username: None, nth: 1, times: 1, action: Action::LoseAnswer });
    assert_eq!(send(&sender, 1, &[(1, 11, UP), (2, 12, UP)]).await, ["1/0 stored", "1/1 stored"]);
    assert_eq!(effects(&brain).await, ["Insert 01", "Insert 02"]);
    assert!(brain.scripted().is_empty(), "the fault has acted");
    brain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_and_not_written_is_taken_again() {
    let stage = Stage::new();
    let (brain, sender) = (stage.brain(None).await, stage.sender());
    // The client ends with the records in its hands, as often as not by committing where it stands.
    brain.script(Fault::new(Action::Cut).on(Call::Batch).times(2));
    assert_eq!(send(&sender, 1, &[(1, 11, UP), (2, 12, UP)]).await, ["1/0 stored", "1/1 stored"]);
    assert_eq!(effects(&brain).await, ["Insert 01", "Insert 02"]);
    assert!(brain.scripted().is_empty(), "the fault has acted");
    brain.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_record_is_passed_over_and_what_nobody_knows_is_refused() {
    let stage = Stage::new();
    let course = format!("{}.course", stage.prefix);
    broker::write(&shared(), &course, &[(Some(0), Some("no colon"), Some("x")), (Some(0), Some("a:b"), None)]);
    let (brain, sender) = (stage.brain(None).await, stage.sender());
    assert_eq!(send(&sender, 1, &[(1, 11, UP)]).await, ["1/0 stored"]);
    let mut stranger = stage.config(None);
    stranger.accounts = vec![Account::sandbox("4199000009")];
    brain.stop().await.unwrap();
    let brain = Brain::start_with(stranger, Arc::new(SystemClock), Arc::new(Thirteen)).await.unwrap();
    assert_eq!(send(&sender, 2, &[(2, 12, UP)]).await, ["2/0 refused 该学校没有账号 -"]);
    assert!(brain.held(TABLE).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn brains_of_a_group_share_the_work_and_one_that_ends_leaves_nothing_undone() {
    let stage = Stage::new();
    let database = crate::brain::postgres();
    let first = stage.brain(Some(&database)).await;
    let second = stage.brain(Some(&database)).await;
    // Twenty schools, so that all partitions have some.
    let schools: Vec<String> = (1..=20).map(|n| format!("41990000{n:02}")).collect();
    let course = format!("{}.course", stage.prefix);
    let put = |from: u64, to: u64| {
        for seq in from..to {
            broker::write_records(&shared(), &course, TABLE, &schools, seq);
        }
    };
    put(1, 20);
    drop(first);
    put(20, 40);
    let verdicts = format!("{}.verdicts", stage.prefix);
    // The account's own school alone is known; all the others are refused, with a verdict each.
    broker::await_messages(&shared(), &verdicts, 20 * 39);
    let effects = second.effects(Some(TABLE)).await.unwrap();
    assert_eq!(effects.len(), 38, "39 versions, one of them refused, each with one effect");
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_rebuilds_what_the_platform_holds() {
    let stage = Stage::new();
    let (brain, sender) = (stage.brain(None).await, stage.sender());
    for domain in ["basic", "major", "student", "teacher", "enterprise"] {
        broker::make(&shared(), &format!("{}.{domain}", stage.prefix), 1, true);
    }
    let rows: Vec<_> = (1..=12).map(|n| (n, u64::from(n), UP)).collect();
    send(&sender, 1, &rows).await;
    send(&sender, 2, &[(1, 31, UP), (2, 32, Op::Delete)]).await;
    let old = Sender::at_epoch(&stage.settings, 0);
    old.submit(1, &[(3, 99, UP)]).await.unwrap();
    old.story(|l| !l.is_empty()).await;

    let python = std::env::var("XIAOSHU_TEST_PYTHON").expect("set by tests/run.sh");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/streams/consume.py");
    assert!(std::fs::read_to_string(&script).unwrap().lines().count() < 40);
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("region.sqlite");
    for _ in 0..2 {
        let mut command = Command::new(&python);
        command.arg(&script).arg(shared()).arg(&file).arg(&stage.prefix).arg("--once");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let url = format!("sqlite://{}", file.display());
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let read: Vec<(String, i64, Option<String>)> =
        sqlx::query_as("SELECT key, seq, body FROM record ORDER BY key").fetch_all(&mut connection).await.unwrap();
    let held = brain.held(TABLE).await.unwrap();
    assert_eq!(read.len(), 12);
    for (key, _, body) in &read {
        let held = held.iter().find(|row| row.key == *key).map(|row| row.body.as_str());
        assert_eq!(body.as_deref(), held, "{key}");
    }
    assert_eq!(read.iter().find(|(k, ..)| *k == key(3).to_string()).unwrap().1, 3, "the lower epoch has no effect");
    brain.stop().await.unwrap();
}
