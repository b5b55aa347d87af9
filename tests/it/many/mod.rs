//! Many at once: one hub and several platforms, several hubs and one platform.

mod line;
mod platforms;
mod processes;
pub mod school;
mod schools;
mod topics;
mod upstreams;

use std::time::Duration;

use xiaoshu::brain::BrainHandle;

/// Longer than anything takes that comes to an end.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often is looked whether it has come to pass.
const LOOK: Duration = Duration::from_millis(25);

/// Looks until it is so; everything else goes on meanwhile.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let looking = async {
        let mut looks = tokio::time::interval(LOOK);
        while !so().await {
            looks.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "never: {what}");
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
