//! Several platform processes on one database, and what is refused.

use std::sync::Arc;

use serde_json::json;
use xiaoshu::brain::{Brain, BrainConfig, BrainError, ManualClock};

use super::client::{Client, NOW, Plain, config, row};
use super::{Db, Place, postgres};

async fn start(config: BrainConfig) -> Result<xiaoshu::brain::BrainHandle, BrainError> {
    Brain::start_with(config, Arc::new(ManualClock::new(NOW)), Arc::new(Plain)).await
}

#[tokio::test]
async fn what_one_process_takes_the_other_shows() {
    let place = Place::new(Db::Postgres);
    let mut config = config();
    place.set(&mut config);
    let (one, two) = (start(config.clone()).await.unwrap(), start(config).await.unwrap());
    let clock = Arc::new(ManualClock::new(NOW));
    let client = async |brain: &xiaoshu::brain::BrainHandle| {
        let mut client = Client::new(format!("{}/prod-api4", brain.url()), clock.clone());
        client.log_in().await;
        client
    };
    let (mut first, second) = (client(&one).await, client(&two).await);
    first.submitted("T_A", json!([row("a", "1"), row("b", "1")])).await;
    second.submitted("T_A", json!([row("a", "1"), row("b", "2")])).await;
    for client in [&first, &second] {
        let results = client.ask("T_A", 1, 10).await;
        assert_eq!(results["returnData"].as_array().unwrap().len(), 2, "{results}");
    }
    assert_eq!(one.effects(None).await.unwrap().len(), 3);
    assert_eq!(one.digest().await.unwrap(), two.digest().await.unwrap());
    // Sessions are each process's own.
    first.base.clone_from(&second.base);
    assert_eq!(first.submit("T_A", json!([row("a", "1")])).await["returnCode"], "401");
    first.log_in().await;
    first.submitted("T_A", json!([row("a", "1")])).await;
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

async fn refused(config: BrainConfig) -> String {
    match start(config).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused() {
    let mut both = BrainConfig { effects: postgres(), ..config() };
    both.directory = Some(std::env::temp_dir());
    assert!(refused(both).await.contains("directory and effects.postgres are both set"));
    let mut single = BrainConfig { effects: postgres(), ..config() };
    single.login.single_session = true;
    assert!(refused(single).await.contains("login.single_session"));
}

#[tokio::test]
async fn two_processes_never_share_a_directory() {
    let place = Place::new(Db::Sqlite);
    let mut config = config();
    place.set(&mut config);
    let first = start(config.clone()).await.unwrap();
    assert!(refused(config.clone()).await.contains("effects.postgres"));
    first.stop().await.unwrap();
    start(config).await.unwrap();
}
