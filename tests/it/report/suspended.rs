//! A hub that is suspended while it sends a batch, for longer than the batch may go: nothing is signed after it wakes up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use xiaoshu::brain::{Brain, BrainHandle};
use xiaoshu::record::{ContentHash, RecordKey};
use xiaoshu::report::{
    Clock, Identity, ManualClock, Reply, RowHead, SeededDice, Transport, TransportContext, TransportError, WireBatch, kind,
};
use xiaoshu::standard::Domain;
use xiaoshu::store::{BatchId, Op};

use super::harness::{SCHOOL, platform};

const START: i64 = 1_795_309_200_000;
const SUSPENDED_MS: i64 = 60_000;

/// The time, which the hub finds to have leapt when it looks at it for the `leap`th time.
struct Leaping {
    looked: AtomicUsize,
    leap: usize,
}

impl Leaping {
    fn at(&self, looked: usize) -> i64 {
        if looked >= self.leap { START + SUSPENDED_MS } else { START }
    }
}

/// The hub's.
struct Hub(Arc<Leaping>);

#[async_trait::async_trait]
impl Clock for Hub {
    fn now(&self) -> i64 {
        self.0.at(self.0.looked.fetch_add(1, Ordering::SeqCst) + 1)
    }

    async fn sleep_until(&self, at: i64) {
        ManualClock::new(START).sleep_until(at).await;
    }
}

/// The platform's, which is right all the while.
struct Platform(Arc<Leaping>);

impl xiaoshu::brain::Clock for Platform {
    fn now_ms(&self) -> i64 {
        self.0.at(self.0.looked.load(Ordering::SeqCst))
    }
}

fn transport(brain: &BrainHandle, clock: Arc<dyn Clock>) -> Arc<dyn Transport> {
    let settings = json!({
        "kind": "digital_base",
        "base_url": brain.url(),
        "username": format!("school-{SCHOOL}"),
        "password": "sandbox-password",
        "plain_http": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
        "login": {"style": "plain"},
    });
    let identity = Identity {
        school: SCHOOL.into(),
        instance: "0".repeat(32).into(),
        epoch: 1,
        edition: "gaozhi-2024.09".into(),
        standard_digest: "".into(),
    };
    let context = TransportContext {
        name: "moe".into(),
        clock,
        dice: Arc::new(SeededDice::new(1)),
        base: ".".into(),
        identity: Arc::new(identity),
        lease: None,
    };
    kind("digital_base").expect("a kind").open(&settings, context).expect("a transport")
}

async fn submit(transport: &dyn Transport) -> Result<Reply, TransportError> {
    let head = RowHead { key: RecordKey::from_bits([1; 16]), seq: 1, op: Op::Upsert, hash: ContentHash([1; 16]) };
    let batch = WireBatch {
        id: BatchId(1),
        table: "ODS_KCJBSJ",
        domain: Domain::Course,
        rows: &[br#"{"ZJSJWYXBS":"01010101010101010101010101010101"}"#.to_vec()],
        heads: &[head],
        sign_before: START + 1_000,
    };
    transport.submit(&batch).await
}

#[tokio::test]
async fn nothing_is_signed_after_it_wakes_up() {
    let (mut taken, mut kept_back) = (0, 0);
    for leap in 1..=12 {
        let clock = Arc::new(Leaping { looked: AtomicUsize::new(0), leap });
        let mut config = platform();
        config.gate.clock_s = 6;
        let brain = Brain::start_at(config, Arc::new(Platform(Arc::clone(&clock)))).await.expect("a platform");
        let reply = submit(&*transport(&brain, Arc::new(Hub(Arc::clone(&clock))))).await;
        match reply {
            Ok(Reply::Accepted { mark }) => {
                assert_eq!(mark, "2026-11-22 09:00:00", "signed after the hub woke up, at its look {leap} at the clock");
                taken += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => kept_back += 1,
        }
    }
    assert!(taken > 0 && kept_back > 0, "{taken} taken, {kept_back} kept back");
}
