//! Twenty schools over topics, and two platforms in a group, one of which dies half-way.

use serde_json::{Value, json};
use xiaoshu::brain::{Action, Brain, BrainConfig, BrainHandle, Call, EffectsConfig, Fault};

use super::school::{TABLES, account, impatient, loopback};
use super::schools::{SCHOOLS, code, everything_is_held, furnished, rows};
use super::{no_effect_twice, until};
use crate::kafka::broker;

/// So many batches the first platform takes, and none after them.
const HALF_WAY: u64 = 8;

/// Topics of one test: the platform's settings and an upstream's.
pub fn topics() -> (Value, Value) {
    let (brokers, prefix) = (broker::shared(), broker::unique());
    for domain in ["basic", "course"] {
        broker::make(&brokers, &format!("{prefix}.{domain}"), 3, true);
    }
    let verdicts = format!("{prefix}.verdicts");
    broker::make(&brokers, &verdicts, 1, false);
    let both = json!({
        "brokers": [brokers],
        "security": "plaintext",
        "plaintext": loopback(),
        "topic_prefix": prefix,
        "return_topic": verdicts,
    });
    let (mut platform, mut upstream) = (both.clone(), both);
    platform["group"] = json!(prefix);
    upstream["kind"] = json!("kafka");
    upstream["delivery"] = impatient();
    (platform, upstream)
}

async fn brain(settings: &Value, effects: &EffectsConfig) -> BrainHandle {
    let config = BrainConfig {
        accounts: (0..SCHOOLS).map(|i| account(&code(i))).collect(),
        effects: effects.clone(),
        kafka: Some(serde_json::from_value(settings.clone()).unwrap()),
        ..BrainConfig::default()
    };
    Brain::start(config).await.unwrap()
}

// A Kafka client that ends waits for its broker in the thread that it ends in: one for each hub.
#[tokio::test(flavor = "multi_thread", worker_threads = 20)]
async fn twenty_schools_lose_nothing_when_one_of_two_platforms_dies() {
    let (settings, upstream) = topics();
    let database = crate::brain::postgres();
    let (schools, all) = furnished().await;
    let first = brain(&settings, &database).await;
    let second = brain(&settings, &database).await;
    // What it has from then on it keeps, and does nothing with.
    first.script(Fault::new(Action::Cut).on(Call::Batch).nth(HALF_WAY + 1).always());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut running = tokio::task::JoinSet::new();
    for school in &schools {
        let reporter = school.reporter(&[("platform", upstream.clone())]).await;
        let mut stopped = stopped.clone();
        running.spawn(reporter.run(async move { drop(stopped.wait_for(|stop| *stop).await) }));
    }
    until("the first is stuck", async || first.calls(Call::Batch).count >= HALF_WAY).await;
    let (_, arrived) = no_effect_twice(&second).await;
    assert!(arrived < all, "{arrived} of {all}: it dies in the middle");
    drop(first);

    for (i, school) in (0..).zip(&schools) {
        let live = u64::from(rows(i)) * TABLES.len() as u64;
        until("every row has its verdict", async || school.stock("platform").await.stored == live).await;
        school.balances().await;
    }
    assert_eq!(no_effect_twice(&second).await.1, all, "each once");
    everything_is_held(&second, 0).await;
    for (i, view) in (0..).zip(second.schools().await.unwrap()) {
        assert_eq!((view.school, view.connected, view.accepted_share), (code(i), false, 1.0));
        assert!(view.last_seen.is_some());
        assert!(view.tables.len() == TABLES.len() && view.tables.iter().all(|t| t.accepted >= i64::from(rows(i))));
    }
    stop.send_replace(true);
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}
