//! The suite over topics, as far as it does not count calls: the platform sees records, not batches.

use std::cell::RefCell;

use serde_json::{Value, json};
use xiaoshu::brain::{BrainConfig, BrainHandle, Call};
use xiaoshu::store::{Again, DeliveryStore};

use super::broker::{self, shared, unique};
use crate::report::harness::{World, platform};
use crate::streams::suite::{TABLE, UpstreamUnderTest, all_stored, conformance, impatient, settle, world_of};

thread_local! {
    /// The topics of this test: each has a thread of its own.
    static PREFIX: RefCell<String> = const { RefCell::new(String::new()) };
}

pub struct Kafka;

fn prefix() -> String {
    PREFIX.with_borrow(String::clone)
}

impl UpstreamUnderTest for Kafka {
    const ROWS: Call = Call::Batch;
    const LIVE: bool = true;

    fn brain(config: BrainConfig) -> BrainConfig {
        let prefix = unique();
        PREFIX.set(prefix.clone());
        broker::make(&shared(), &format!("{prefix}.course"), 2, true);
        broker::make(&shared(), &format!("{prefix}.verdicts"), 2, false);
        let mut kafka = connection();
        kafka["topic_prefix"] = prefix.as_str().into();
        kafka["group"] = prefix.as_str().into();
        kafka["return_topic"] = format!("{prefix}.verdicts").into();
        kafka["batch_rows"] = 4.into();
        BrainConfig { kafka: Some(serde_json::from_value(kafka).unwrap()), ..config }
    }

    fn settings(_: &World, _: &BrainHandle) -> Value {
        let mut settings = connection();
        settings["kind"] = "kafka".into();
        settings["topic_prefix"] = prefix().into();
        settings["return_topic"] = format!("{}.verdicts", prefix()).into();
        settings["rows"] = json!({"batch_rows": 4, "seal": {"*": {"method": "sm3"}}});
        settings["delivery"] = impatient();
        settings
    }
}

fn connection() -> Value {
    json!({
        "brokers": [shared()],
        "security": "plaintext",
        "plaintext": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
    })
}

conformance!(Kafka: store_partly, time_out, duplicate, reorder, cut_in_mid_batch, credentials_expire,
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
