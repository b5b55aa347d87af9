//! The suite over topics: each trouble made as brokers, platforms and other producers make it.

use std::cell::RefCell;

use serde_json::{Value, json};
use xiaoshu::brain::{Action, BrainConfig, BrainHandle, Call, Fault};
use xiaoshu::store::{Again, DeliveryStore};

use super::broker::{self, Broker, shared, unique};
use crate::report::harness::{World, platform};
use crate::streams::suite::{TABLE, UpstreamUnderTest, all_stored, conformance, impatient, settle, ten, world_of};

thread_local! {
    /// The topics of this test and the broker that has them: each test has a thread of its own.
    static PLACE: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
}

pub struct Kafka;

/// The broker of this test: the shared one unless it has set another.
pub fn address() -> String {
    Some(PLACE.with_borrow(|place| place.1.clone())).filter(|own| !own.is_empty()).unwrap_or_else(shared)
}

pub fn topic(name: &str) -> String {
    format!("{}.{name}", PLACE.with_borrow(|place| place.0.clone()))
}

impl UpstreamUnderTest for Kafka {
    const ROWS: Call = Call::Batch;
    const LIVE: bool = true;

    fn brain(config: BrainConfig) -> BrainConfig {
        PLACE.with_borrow_mut(|place| place.0 = unique());
        broker::make(&address(), &topic("course"), 2, true);
        broker::make(&address(), &topic("verdicts"), 2, false);
        broker::make(&address(), &topic("control"), 2, false);
        let mut kafka = connection();
        kafka["topic_prefix"] = PLACE.with_borrow(|place| place.0.clone()).into();
        kafka["group"] = topic("brains").into();
        kafka["return_topic"] = topic("verdicts").into();
        kafka["control_topic"] = topic("control").into();
        kafka["batch_rows"] = 4.into();
        BrainConfig { kafka: Some(serde_json::from_value(kafka).unwrap()), ..config }
    }

    fn settings(_: &World, _: &BrainHandle) -> Value {
        let mut settings = connection();
        settings["kind"] = "kafka".into();
        settings["topic_prefix"] = PLACE.with_borrow(|place| place.0.clone()).into();
        settings["return_topic"] = topic("verdicts").into();
        settings["control_topic"] = topic("control").into();
        settings["rows"] = json!({"batch_rows": 4, "seal": {"*": {"method": "sm3"}}});
        settings["delivery"] = impatient();
        // Verdicts go through brokers: nobody is to take a slow machine for a lost row.
        settings["delivery"]["missing_after"] = "10s".into();
        settings
    }

    /// The platform sees records, not batches; what was sent stands on the topic.
    async fn went_once(_: &World, rows: usize, _: u64) {
        assert_eq!(broker::read(&address(), &topic("course")).len(), rows, "each row once");
    }

    /// The broker is stopped for longer than rows may take, while they are under way.
    async fn stand_still() {
        let broker = Broker::start();
        PLACE.with_borrow_mut(|place| place.1 = broker.address());
        let mut world = world_of::<Self>(&[TABLE], platform()).await;
        world.set("/timeout", "2s".into());
        world.set("/delivery/drain_failures", 2.into());
        world.land(TABLE, 0..10, &[]).await;
        let mut reporter = world.reporter().await;
        assert!(reporter.drain().await.unwrap().is_settled());
        broker.freeze();
        world.land(TABLE, 10..30, &[]).await;
        let report = reporter.drain().await.unwrap();
        let stopped = report.upstreams[0].stopped.as_ref().expect("nothing gets through");
        assert!(stopped.en.contains("did not answer in time"), "{}", stopped.en);
        assert_eq!(world.stock(TABLE).await.stored, 10);
        broker.wake();
        settle(&world).await;
        all_stored(&world, 30).await;
    }

    /// Verdicts come before those on earlier rows; then everything ever said comes once more, backwards, from another
    /// producer.
    async fn come_in_another_order() {
        // The first rows are looked at for so long that there are others after them.
        let world = ten::<Self>(vec![Fault::new(Action::Slow { ms: 500 }), Fault::new(Action::ReorderAnswer)]).await;
        settle(&world).await;
        all_stored(&world, 10).await;
        let said = broker::read(&address(), &topic("verdicts"));
        let seq = |m: &rdkafka::message::OwnedMessage| -> Option<u64> {
            let verdict: Value = serde_json::from_slice(rdkafka::Message::payload(m)?).ok()?;
            verdict["seq"].as_u64()
        };
        let seqs: Vec<u64> = said.iter().filter_map(seq).collect();
        assert!(seqs.len() == 10 && !seqs.is_sorted(), "{seqs:?}");
        world.land(TABLE, 0..10, &[("KCMC", &|_| "乙".to_owned())]).await;
        settle(&world).await;
        broker::repeat_backwards(&address(), &topic("course"));
        // A verdict on these shows that all before them has been read.
        world.land(TABLE, 0..2, &[("KCMC", &|_| "丙".to_owned())]).await;
        settle(&world).await;
        let held = world.brain.held(TABLE).await.unwrap();
        let of = |name: &str| held.iter().filter(|row| row.body.contains(name)).count();
        assert_eq!((held.len(), of("乙"), of("丙")), (10, 8, 2), "the newest of each stands");
        assert_eq!(world.brain.effects(Some(TABLE)).await.unwrap().len(), 22, "one effect a version");
        assert!(world.brain.writes(Some(TABLE)).await.unwrap().len() >= 42, "and all has come twice");
    }

    /// The account's password is changed at the broker in mid-run.
    #[cfg(feature = "kafka-tls")]
    async fn lose_the_account() {
        const USER: &str = "expiring";
        let (first, second) = (format!("first-{}", unique()), format!("second-{}", unique()));
        let mut world = world_of::<Self>(&[TABLE], platform()).await;
        let (brokers, _) = broker::account_of("XIAOSHU_TEST_KAFKA_SASL_TLS");
        let certificates = std::env::var("XIAOSHU_TEST_KAFKA_CERTIFICATES").unwrap();
        let account = json!({"brokers": [brokers], "security": "sasl_scram", "user": USER, "password": first,
            "ca": format!("{certificates}/ca.pem")});
        world.settings.as_object_mut().unwrap().remove("plaintext");
        world.settings.as_object_mut().unwrap().extend(account.as_object().unwrap().clone());
        broker::set_password(USER, &first);
        world.land(TABLE, 0..10, &[]).await;
        settle(&world).await;
        all_stored(&world, 10).await;
        let mut reporter = world.reporter().await;
        assert!(reporter.drain().await.unwrap().is_settled());
        broker::set_password(USER, &second);
        // Connections stand until the brokers ask for the account again.
        let mut rows = 10;
        let stopped = loop {
            world.land(TABLE, rows..rows + 1, &[]).await;
            rows += 1;
            let report = reporter.drain().await.unwrap();
            if let Some(stopped) = &report.upstreams[0].stopped {
                break stopped.clone();
            }
            assert!(report.is_settled(), "{report:?}");
        };
        assert!(stopped.en.contains("account was not accepted"), "{}", stopped.en);
        assert!(!stopped.en.contains(&first) && !stopped.en.contains(&second), "a secret shows");
        let status = reporter.handle().status();
        assert_eq!(status["moe"].trouble.as_ref().map(|t| t.class), Some(xiaoshu::fault::FaultClass::Credentials));
        drop(reporter);
        world.set("/password", second.into());
        settle(&world).await;
        all_stored(&world, u64::from(rows)).await;
    }
}

fn connection() -> Value {
    json!({
        "brokers": [address()],
        "security": "plaintext",
        "plaintext": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
    })
}

#[cfg(feature = "kafka-tls")]
conformance!(Kafka);
// Passwords that can be changed are SCRAM's, which a program without that feature does not have.
#[cfg(not(feature = "kafka-tls"))]
conformance!(Kafka: plain, refuse, accept_late, store_partly, lose_the_answer, time_out, duplicate, reorder, cut_in_mid_batch,
    a_newer_version_waits_for_the_verdict_on_the_older);

#[tokio::test]
async fn a_hub_that_ends_and_starts_again_ends_with_the_same() {
    let world = world_of::<Kafka>(&[TABLE], platform()).await;
    world.land(TABLE, 0..50, &[]).await;
    // Sent, and dropped before any verdict came.
    world.reporter().await.drain_until(Some(world.time.now())).await.unwrap();
    settle(&world).await;
    all_stored(&world, 50).await;
    world.land(TABLE, 0..20, &[("KCMC", &|n| format!("改{n}"))]).await;
    settle(&world).await;
    assert_eq!(world.brain.effects(Some(TABLE)).await.unwrap().len(), 70, "one effect a version");
    let upstream = world.store.open_upstream("moe").await.unwrap();
    world.store.resend(upstream, world.feed(TABLE), Again::All, world.time.now()).await.unwrap();
    settle(&world).await;
    assert_eq!(world.brain.effects(Some(TABLE)).await.unwrap().len(), 70, "what comes again changes nothing");
}
