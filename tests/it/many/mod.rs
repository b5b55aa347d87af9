//! Many at once: one hub and several platforms, several hubs and one platform.

mod line;
pub mod school;
mod schools;
mod upstreams;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use xiaoshu::brain::{Account, BrainHandle, Secret};
use xiaoshu::standard::{EditionId, Standard};

/// Longer than anything takes that comes to an end.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often is looked whether it has come to pass.
const LOOK: Duration = Duration::from_millis(25);

fn standard() -> Arc<Standard> {
    Standard::load(&EditionId::new(school::EDITION), None).unwrap()
}

/// A school's account, with a token of its own.
fn account(code: &str) -> Account {
    Account { token: Some(Secret::new(token(code))), ..Account::sandbox(code) }
}

fn token(code: &str) -> String {
    format!("token-of-{code}")
}

/// Looks until it is so; everything else goes on meanwhile.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let looking = async {
        let mut looks = tokio::time::interval(LOOK);
        while !so().await {
            looks.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "never: {what}");
}

/// An upstream of kind `grpc`, impatient.
fn over_grpc(url: &str, code: &str, batch_rows: u32, unsettled: u32) -> Value {
    json!({
        "kind": "grpc",
        "url": url,
        "token": token(code),
        "plaintext": loopback(),
        "max_unsettled_records": unsettled,
        "rows": {"batch_rows": batch_rows},
        "delivery": impatient(),
    })
}

fn impatient() -> Value {
    json!({
        "ramp": "open", "scope": "all", "verdict_delay": "1s", "retry_first": "20ms", "retry_cap": "200ms",
        "retry_mend": "200ms", "poll": "100ms"
    })
}

fn loopback() -> Value {
    json!({"by": "test", "date": "2026-11-22", "reason": "loopback"})
}

/// No key was written twice with the same content; how many writes there were, and how many of them changed something.
async fn no_effect_twice(brain: &BrainHandle) -> (usize, usize) {
    let effects = brain.effects(None).await.unwrap();
    let mut seen = std::collections::HashSet::new();
    for effect in &effects {
        assert!(seen.insert((&effect.table, &effect.key, &effect.digest)), "{} {} twice", effect.table, effect.key);
    }
    (brain.writes(None).await.unwrap().len(), effects.len())
}
