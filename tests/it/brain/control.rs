//! The control endpoint.

use reqwest::Method;
use serde_json::{Value, json};

use super::Db;
use super::client::{Answer, Rig, row};

async fn control(rig: &Rig, method: Method, path: &str, body: Value) -> Answer {
    let url = format!("{}{path}", rig.brain.url());
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = reqwest::Client::builder().no_proxy().build().unwrap().request(method, url).body(body).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

async fn read(rig: &Rig, path: &str) -> Value {
    control(rig, Method::GET, path, Value::Null).await.json()
}

pub async fn a_process_is_scripted_and_read_over_http(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    let fault = json!({"call": "submit", "table": "T_B", "action": {"kind": "drop_rows", "rows": [0]}});
    let answer = control(&rig, Method::POST, "/brain/control/faults", fault.clone()).await.json();
    assert_eq!(answer[0]["action"], fault["action"]);
    rig.client.submitted("T_A", json!([row("a", "1")])).await;
    rig.client.submitted("T_A", json!([row("a", "1")])).await;
    rig.client.submitted("T_B", json!([row("a", "1"), row("b", "1")])).await;
    assert_eq!(read(&rig, "/brain/control/faults").await, json!([]));

    assert_eq!(read(&rig, "/brain/writes?table=T_A").await.as_array().unwrap().len(), 2);
    let effects = read(&rig, "/brain/effects?table=T_A").await;
    assert_eq!(
        (effects.as_array().unwrap().len(), &effects[0]["key"], &effects[0]["operation"]),
        (1, &json!("a"), &json!("insert"))
    );
    assert_eq!(read(&rig, "/brain/effects").await.as_array().unwrap().len(), 2);
    assert_eq!(
        read(&rig, "/brain/counts").await,
        json!([{"table": "T_A", "held": 1, "writes": 2, "effects": 1}, {"table": "T_B", "held": 1, "writes": 1, "effects": 1}])
    );
    assert_eq!(read(&rig, "/brain/digest").await["digest"], json!(rig.brain.digest().await.unwrap()));
    assert_eq!(read(&rig, "/brain/batches").await[2]["collect_num"], 2);
    let calls = read(&rig, "/brain/calls").await;
    assert!(calls.as_array().unwrap().contains(&json!({"call": "submit", "count": 3, "refused": 0})), "{calls}");
}

#[tokio::test]
async fn accounts_are_shown_without_their_secrets() {
    let rig = Rig::new(|_| {}).await;
    let accounts = control(&rig, Method::GET, "/brain/accounts", Value::Null).await;
    assert_eq!(accounts.json()[0]["username"], "school-a");
    for secret in ["fedcba9876543210", "the client secret", "a+b&c=d%25", "appkey01"] {
        assert!(!accounts.body.contains(secret));
    }
}

pub async fn clock_tokens_and_foreign_results_are_at_hand(db: Db) {
    let rig = Rig::on(db, |c| c.results.delay_s = 60).await;
    rig.client.submitted("T_A", json!([row("a", "1")])).await;
    assert!(rig.results().await.is_empty());
    let moved = control(&rig, Method::POST, "/brain/control/clock", json!({"advance_ms": 60_000})).await.json();
    assert_eq!(moved, read(&rig, "/brain/control/clock").await);
    rig.clock.advance(60_000);
    control(&rig, Method::POST, "/brain/control/clock", json!({"advance_ms": -60_000})).await;
    assert_eq!(rig.results().await.len(), 1);

    let foreign = json!({"username": "school-a", "table": "T_A", "collect_num": 3, "storage_num": 3});
    assert_eq!(control(&rig, Method::POST, "/brain/control/results", foreign).await.status, 204);
    assert_eq!(rig.results().await[1]["type"], "门户导入");

    control(&rig, Method::POST, "/brain/control/tokens/expire", Value::Null).await;
    assert_eq!(rig.client.submit("T_A", json!([row("a", "1")])).await["returnMessage"], "token已过期，请重新获取");
}

#[tokio::test]
async fn what_control_cannot_read_is_refused() {
    let rig = Rig::new(|_| {}).await;
    for (path, body) in [
        ("/brain/control/faults", json!({"action": {"kind": "explode"}})),
        ("/brain/control/faults", json!({"action": {"kind": "cut"}, "when": 3})),
        ("/brain/control/clock", json!({})),
        ("/brain/control/results", json!({"username": "nobody", "table": "T_A", "collect_num": 1, "storage_num": 1})),
    ] {
        let answer = control(&rig, Method::POST, path, body).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn the_control_endpoint_can_be_closed() {
    let rig = Rig::new(|c| c.control = false).await;
    assert_eq!(control(&rig, Method::GET, "/brain/effects", Value::Null).await.status, 404);
}
