//! One hub and three platforms at three speeds: one answers, one is slow, one is not there.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::value::RawValue;
use serde_json::{Value, json};
use xiaoshu::brain::{Brain, BrainConfig, BrainHandle, EditionJudge, GrpcConfig, Judged, RowJudge, RowsConfig, SystemClock};
use xiaoshu::standard::Standard;
use xiaoshu::store::Stock;
use xiaoshu::store::sqlite::SqliteOptions;

use super::line::Line;
use super::school::{School, TABLES, account, impatient, loopback, over_grpc, standard};
use super::topics::topics;
use super::{no_effect_twice, until};

const CODE: &str = "4199000101";
const ROWS: u32 = 120;
/// Rows that change again and again.
const CHANGING: Range<u32> = 0..60;
const WAVES: u32 = 3;
/// Most rows that may be on their way to a stream.
const UNSETTLED: u32 = 100;

/// Holds a platform up until it is opened, also when a test ends early.
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

/// Judges by the edition, once the gate is open.
struct SlowJudge {
    judge: EditionJudge,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl RowJudge for SlowJudge {
    fn knows(&self, table: &str) -> bool {
        self.judge.knows(table)
    }

    fn standard(&self) -> Option<Arc<Standard>> {
        self.judge.standard()
    }

    fn judge(&self, table: &str, rows: &[&RawValue], school: &str, today: &str) -> Vec<Judged> {
        drop(self.gate.1.wait_while(self.gate.0.lock().unwrap(), |open| !*open).unwrap());
        self.judge.judge(table, rows, school, today)
    }
}

fn streaming() -> BrainConfig {
    // Nobody is to be given up for a platform that is only slow.
    let grpc = GrpcConfig { heartbeat_ms: 60_000, ..GrpcConfig::local() };
    BrainConfig { accounts: vec![account(CODE)], grpc, ..BrainConfig::default() }
}

async fn slow_brain(standard: &Arc<Standard>) -> (BrainHandle, Gate) {
    let gate = Gate(Arc::default());
    let judge = SlowJudge { judge: EditionJudge::new(Arc::clone(standard), RowsConfig::default()), gate: Arc::clone(&gate.0) };
    (Brain::start_with(streaming(), Arc::new(SystemClock), Arc::new(judge)).await.unwrap(), gate)
}

/// Everything that a platform holds.
async fn held(brain: &BrainHandle) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for table in TABLES {
        let rows = brain.held(table).await.unwrap().into_iter();
        all.extend(rows.map(|row| (table.to_owned(), row.key, row.body)));
    }
    all
}

fn not_sent(stock: &Stock) -> u64 {
    stock.waiting + stock.held.values().sum::<u64>()
}

/// `fast` answers at once; beside it a slow platform and one that is away while rows change several times.
async fn three_speeds(fast: BrainHandle, settings: Value) {
    let standard = standard();
    let school = School::open(CODE, &standard, SqliteOptions::default()).await;
    school.land(0..ROWS, 0).await;
    let all = u64::from(ROWS) * TABLES.len() as u64;
    let (slow, gate) = slow_brain(&standard).await;
    let away = Brain::start(streaming()).await.unwrap();
    let line = Line::start().await;
    let upstreams = [
        ("fast", settings),
        ("slow", over_grpc(&slow.grpc_url().unwrap(), CODE, 20, UNSETTLED)),
        ("away", over_grpc(&line.url(), CODE, 20, UNSETTLED)),
    ];
    let reporter = school.reporter(&upstreams).await;
    let handle = reporter.handle();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(reporter.run(async move { drop(stopped.await) }));

    for wave in 1..=WAVES + 1 {
        until("the fast one has all", async || school.stock("fast").await.stored == all).await;
        let (behind, absent) = (school.stock("slow").await, school.stock("away").await);
        assert_eq!((behind.live, behind.stored), (all, 0), "{behind:?}");
        assert!(behind.in_flight <= u64::from(UNSETTLED), "{behind:?}");
        assert_eq!((absent.live, absent.stored, absent.in_flight, not_sent(&absent)), (all, 0, 0, all), "{absent:?}");
        if wave <= WAVES {
            school.land(CHANGING, wave).await;
            handle.wake();
        }
    }
    gate.open();
    until("the slow one has all", async || school.stock("slow").await.stored == all).await;
    assert_eq!(school.stock("away").await.stored, 0);
    line.lead_to(away.grpc_url().as_deref());
    until("the one that was away has all", async || school.stock("away").await.stored == all).await;
    drop(stop);
    running.await.unwrap();
    school.balances().await;

    let (expected, digest) = (held(&fast).await, fast.digest().await.unwrap());
    assert_eq!(expected.len() as u64, all);
    for brain in [&slow, &away] {
        assert!(held(brain).await == expected, "the same keys with the same content");
        assert_eq!(brain.digest().await.unwrap(), digest);
    }
    let changes = u64::from(WAVES) * CHANGING.len() as u64 * TABLES.len() as u64;
    assert_eq!(no_effect_twice(&fast).await.1 as u64, all + changes, "every version");
    no_effect_twice(&slow).await;
    assert_eq!(no_effect_twice(&away).await, (all as usize, all as usize), "of each key the newest version alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_and_an_absent_platform_hold_up_nobody_and_end_with_the_same() {
    let fast = Brain::start(BrainConfig { accounts: vec![account(CODE)], ..BrainConfig::default() }).await.unwrap();
    let settings = json!({
        "kind": "digital_base",
        "base_url": fast.url(),
        "username": format!("school-{CODE}"),
        "password": "sandbox-password",
        "plain_http": loopback(),
        "login": {"style": "plain"},
        "rows": {"batch_rows": 500},
        "delivery": impatient(),
    });
    three_speeds(fast, settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_beside_a_platform_that_reads_topics() {
    let (platform, settings) = topics();
    let kafka = Some(serde_json::from_value(platform).unwrap());
    let fast = Brain::start(BrainConfig { accounts: vec![account(CODE)], kafka, ..BrainConfig::default() }).await.unwrap();
    three_speeds(fast, settings).await;
}
