//! Two hubs on one PostgreSQL: one is killed, or freezes for longer than its leases, and the other takes over; whoever
//! wakes up later has no lasting effect, whatever the way to the platform.
#![cfg(unix)]

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use rdkafka::Message;
use xiaoshu::brain::{Action, BrainConfig, Call, Fault};
use xiaoshu::store::ReadModels;
use xiaoshu::store::postgres::{PostgresOptions, PostgresStore};

use super::live::{Hub, PATIENCE, Platform, Way, round, until};
use super::school;
use crate::kafka::broker;

const ROWS: usize = 300;

/// A school whose hubs share a database.
struct Shared {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    platform: Platform,
    options: PostgresOptions,
}

impl Shared {
    fn new(way: Way, leases: &str) -> Self {
        Self::with(way, leases, |_| {})
    }

    /// Before a platform with other settings.
    fn with(way: Way, leases: &str, change: impl FnOnce(&mut BrainConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let platform = Platform::with(&runtime, way, change);
        platform.furnish(dir.path(), ROWS);
        let options = school::keep_in_postgres(dir.path());
        let settings = dir.path().join("xiaoshu.toml");
        let text = std::fs::read_to_string(&settings).expect("read");
        std::fs::write(&settings, format!("{text}\n[data.leases]\n{leases}")).expect("written");
        Self { dir, runtime, platform, options }
    }

    fn start(&self) -> Hub {
        Hub::start(self.dir.path(), &[])
    }

    /// One undisturbed round in the end: whatever was left is done, or the test fails.
    fn finish(&self) {
        round(self.dir.path(), &[]);
        self.runtime.block_on(async {
            let store = PostgresStore::open_read_only(self.options.clone()).await.expect("a store");
            assert_eq!(store.audit().await.expect("an audit"), Vec::new());
            for row in store.stock().await.expect("stock") {
                assert_eq!((row.stock.live, row.stock.stored), (ROWS as u64, ROWS as u64), "{}", row.table);
            }
        });
    }

    fn waits_for(&self, effects: usize) {
        let count = || self.runtime.block_on(self.platform.brain.effects(None)).expect("effects").len();
        until("all effects", || count() >= effects);
    }

    fn no_effect_came_twice(&self) {
        let effects = self.runtime.block_on(self.platform.brain.effects(None)).expect("effects");
        let mut versions = HashSet::new();
        for effect in &effects {
            assert!(versions.insert((effect.table.clone(), effect.key.clone(), effect.digest.clone())), "an effect came twice");
        }
    }

    /// What an undisturbed hub makes of the same school.
    fn calm(&self, version: usize) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let platform = Platform::start(&self.runtime, Way::Http);
        platform.furnish(dir.path(), ROWS);
        school::courses_from(dir.path(), version, ROWS);
        round(dir.path(), &[]);
        self.runtime.block_on(platform.brain.digest()).expect("a digest")
    }

    fn held(&self) -> String {
        self.runtime.block_on(self.platform.brain.digest()).expect("a digest")
    }

    /// The newest message of each key is its newest version: compaction keeps that one, and nothing else.
    fn the_newest_stands_last(&self) {
        let mut newest: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut last: HashMap<Vec<u8>, u64> = HashMap::new();
        for message in broker::read(&broker::shared(), &format!("{}.course", self.platform.prefix)) {
            let key = message.key().expect("a key").to_vec();
            let seq: u64 = broker::header(&message, "seq").expect("a seq").parse().expect("a number");
            let high = newest.entry(key.clone()).or_default();
            *high = seq.max(*high);
            last.insert(key, seq);
        }
        assert_eq!(last.len(), 2 * ROWS);
        let older = last.iter().filter(|(key, seq)| newest[*key] > **seq).count();
        assert_eq!(older, 0, "so many records would be lost by compaction");
    }
}

const SHORT: &str = "source_seconds = 1\nupstream_seconds = 4\nmargin_seconds = 1\n";

const WITH_MARGIN: &str = "source_seconds = 1\nupstream_seconds = 12\nmargin_seconds = 4\n";

fn a_killed_hub_is_succeeded(way: Way) {
    let shared = Shared::new(way, SHORT);
    let first = shared.start();
    first.says("sending");
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

fn a_frozen_hub_has_no_lasting_effect(way: Way) {
    // What was signed before the freeze goes out after it: over HTTP the platform's tolerance of old time stamps has to be
    // below twice the margin, as it is in earnest.
    let shared = match way {
        Way::Http => Shared::with(way, WITH_MARGIN, |platform| platform.gate.clock_s = 6),
        _ => Shared::new(way, SHORT),
    };
    // Over gRPC, so that batches are still to be sent when it stops.
    shared.platform.brain.script(Fault::new(Action::Slow { ms: 2_000 }).on(Call::Batch));
    let first = shared.start();
    first.says("sending");
    first.signal("-STOP");
    // While it sleeps the school changes: what it still has to send is old by then.
    school::courses_from(shared.dir.path(), 1, ROWS);
    let second = shared.start();
    second.says("settled");
    shared.waits_for(2 * ROWS);
    first.signal("-CONT");
    first.says("the lease was taken over by another hub");
    // What was being read when it froze could not be read to the end.
    assert!(matches!(second.stops(), Some(0 | 1)));
    // The one that woke up reports again only under a lease of its own.
    first.says("reporting");
    assert!(matches!(first.stops(), Some(0 | 1)));
    shared.finish();
    shared.no_effect_came_twice();
    assert_eq!(shared.held(), shared.calm(1));
    if matches!(way, Way::Kafka | Way::Transactions) {
        shared.the_newest_stands_last();
    }
}

macro_rules! by_every_way {
    ($($promise:ident),+) => {
        $(mod $promise {
            use super::super::live::Way;

            #[test]
            fn over_http() {
                super::$promise(Way::Http);
            }

            #[test]
            fn over_grpc() {
                super::$promise(Way::Grpc);
            }

            #[test]
            fn over_kafka() {
                super::$promise(Way::Kafka);
            }

            #[test]
            fn over_kafka_in_transactions() {
                super::$promise(Way::Transactions);
            }
        })+
    };
}

by_every_way!(a_killed_hub_is_succeeded, a_frozen_hub_has_no_lasting_effect);

#[test]
fn a_hub_that_was_killed_takes_its_leases_back_at_once() {
    // Longer than a test would wait.
    let shared = Shared::new(Way::Grpc, "source_seconds = 600\nupstream_seconds = 600\nmargin_seconds = 60\n");
    let first = shared.start();
    first.says("sending");
    drop(first);
    let began = Instant::now();
    let second = shared.start();
    shared.waits_for(2 * ROWS);
    assert!(began.elapsed() < PATIENCE);
    second.ends();
    shared.finish();
    shared.no_effect_came_twice();
}
