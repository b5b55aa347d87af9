//! Submitting rows, and what is held of them.

use serde_json::json;
use xiaoshu::brain::Operation::{Delete, Insert, Same, Update};
use xiaoshu::brain::{Brain, ManualClock, Operation};

use super::client::{Client, NOW, Plain, Rig, SUBMIT, account, config, row};
use super::{Db, Place};

#[tokio::test]
async fn a_submit_is_accepted_with_its_time_and_no_batch_id() {
    let rig = Rig::new(|_| {}).await;
    rig.clock.advance(789);
    let reply = rig.client.submit("T_A", json!([row("k", "1")])).await;
    assert_eq!(reply["returnCode"], "200");
    assert!(reply["returnMessage"].as_str().unwrap().contains("30分钟"));
    assert_eq!(reply["returnData"], json!({"time": "2025-03-01 08:00:00"}));
    assert!(reply["returnCount"].is_null());
}

#[tokio::test]
async fn a_submit_that_is_none_is_refused() {
    let rig = Rig::new(|c| c.rows.max_rows = 2).await;
    let cases = [
        (json!({"dataObjName": "T_A", "fileds": []}), "缺少参数fileds"),
        (json!({"dataObjName": "T_A", "fields": [{}]}), "缺少参数fileds"),
        (json!({"fileds": [{}]}), "缺少参数dataObjName"),
        (json!({"dataObjName": "X_A", "fileds": [{}]}), "数据对象不存在：X_A"),
        (json!({"dataObjName": "T_A", "fileds": [{}, {}, {}]}), "单次提交的数据条数超过最大值2"),
    ];
    for (plain, message) in cases {
        assert_eq!(rig.client.call(SUBMIT, &plain).await["returnMessage"], message);
    }
    let letter = rig.client.letter("not JSON");
    assert_eq!(rig.client.post(SUBMIT, letter).await.unwrap().json()["returnMessage"], "请求体不是JSON");
    assert!(rig.brain.batches().await.unwrap().is_empty());
}

async fn operations(rig: &Rig) -> Vec<(String, Operation)> {
    let writes = rig.brain.writes(Some("T_A")).await.unwrap();
    writes.into_iter().map(|w| (w.key, w.operation)).collect()
}

fn expected(list: &[(&str, Operation)]) -> Vec<(String, Operation)> {
    list.iter().map(|(key, operation)| ((*key).to_owned(), *operation)).collect()
}

pub async fn rows_are_held_by_key_and_only_changes_are_effects(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.client.submitted("T_A", json!([row("a", "1"), row("b", "1")])).await;
    rig.client.submitted("T_A", json!([row("a", "1"), row("b", "2"), row("b", "2")])).await;
    rig.client.submitted("T_A", json!([{"K": "a", "V": "1", "D": "0"}, {"K": "c", "V": "1", "D": "0"}])).await;
    assert_eq!(
        operations(&rig).await,
        expected(&[("a", Insert), ("b", Insert), ("a", Same), ("b", Update), ("b", Same), ("a", Delete), ("c", Same)])
    );
    assert_eq!(rig.brain.effects(None).await.unwrap().len(), 4);
    let held = rig.brain.held("T_A").await.unwrap();
    assert_eq!(held.iter().map(|row| (row.key.as_str(), row.body.as_str())).collect::<Vec<_>>(), [("b", r#"{"K":"b","V":"2"}"#)]);
    let counts = rig.brain.counts().await.unwrap();
    assert_eq!((counts[0].held, counts[0].writes, counts[0].effects), (1, 7, 4));
}

pub async fn whether_a_deleted_row_lives_again_is_a_setting(db: Db) {
    for (revive, last, held) in [(true, Insert, 1), (false, Same, 0)] {
        let rig = Rig::on(db, |c| c.rows.revive = revive).await;
        let gone = json!([{"K": "a", "V": "1", "D": "0"}]);
        for rows in [json!([row("a", "1")]), gone, json!([row("a", "1")])] {
            rig.client.submitted("T_A", rows).await;
        }
        assert_eq!(operations(&rig).await, expected(&[("a", Insert), ("a", Delete), ("a", last)]));
        assert_eq!(rig.brain.held("T_A").await.unwrap().len(), held);
    }
}

pub async fn a_key_belongs_to_one_school(db: Db) {
    let mut rig = Rig::on(db, |c| c.accounts.push(account("school-b", "4190000002"))).await;
    rig.client.submitted("T_A", json!([row("a", "1")])).await;
    rig.client.username = "school-b".into();
    rig.client.log_in().await;
    rig.client.submitted("T_A", json!([row("a", "1"), row("b", "1")])).await;
    let results = rig.results().await;
    assert_eq!(results.len(), 1, "the other school's results are not shown");
    assert_eq!((&results[0]["collectNum"], &results[0]["storageNum"]), (&json!(2), &json!(1)));
    assert!(results[0]["remark"].as_str().unwrap().contains("已被其他学校使用"));
    assert_eq!(operations(&rig).await, expected(&[("a", Insert), ("b", Insert)]));
}

pub async fn what_is_held_survives_a_restart(db: Db) {
    let place = Place::new(db);
    let clock = std::sync::Arc::new(ManualClock::new(NOW));
    let start = async || {
        let mut config = config();
        place.set(&mut config);
        let brain = Brain::start_with(config, clock.clone(), std::sync::Arc::new(Plain)).await.unwrap();
        let mut client = Client::new(format!("{}/prod-api4", brain.url()), clock.clone());
        client.log_in().await;
        (brain, client)
    };
    let (brain, client) = start().await;
    client.submitted("T_A", json!([row("a", "1"), row("b", "1")])).await;
    let digest = brain.digest().await.unwrap();
    brain.stop().await.unwrap();

    let (brain, client) = start().await;
    assert_eq!(brain.digest().await.unwrap(), digest);
    client.submitted("T_A", json!([row("a", "1"), row("b", "2")])).await;
    assert_eq!(brain.effects(None).await.unwrap().len(), 3);
    assert_ne!(brain.digest().await.unwrap(), digest);
    let results = client.ask("T_A", 1, 10).await;
    assert_eq!(results["returnData"].as_array().unwrap().len(), 2);
}

pub async fn the_digest_tells_states_apart_and_not_the_way_there(db: Db) {
    let digest = async |submits: Vec<serde_json::Value>| {
        let rig = Rig::on(db, |_| {}).await;
        for rows in submits {
            rig.client.submitted("T_A", rows).await;
        }
        rig.brain.digest().await.unwrap()
    };
    let straight = digest(vec![json!([row("a", "1"), row("b", "2")])]).await;
    let detour = digest(vec![
        json!([row("b", "1")]),
        json!([row("b", "2"), row("c", "1")]),
        json!([{"K": "c", "V": "1", "D": "0"}, row("a", "1")]),
    ])
    .await;
    let other = digest(vec![json!([row("a", "1"), row("b", "3")])]).await;
    assert_eq!(straight, detour);
    assert_ne!(straight, other);
}

pub async fn thousands_of_rows_go_in_one_submit(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    let rows: Vec<_> = (0..5_000).map(|i| row(&format!("K{i:05}"), "职业教育")).collect();
    rig.client.submitted("T_A", json!(rows)).await;
    assert_eq!(rig.brain.counts().await.unwrap()[0].held, 5_000);
    assert_eq!(rig.results().await[0]["storageNum"], 5_000);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_too_large() {
    let rig = Rig::new(|c| c.gate.body_bytes = 2_000).await;
    let letter = rig.client.letter(&json!({"dataObjName": "T_A", "fileds": [row("a", &"x".repeat(2_000))]}).to_string());
    assert_eq!(rig.client.post(SUBMIT, letter).await.unwrap().status, 413);
}
