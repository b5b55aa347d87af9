//! Scripted faults.

use serde_json::{Value, json};
use xiaoshu::brain::{Action, Call, Fault};

use super::client::{LOGIN, RSA, Rig, SUBMIT, account, query, row, submission};
use super::{Db, Place};

fn rows(keys: &[&str]) -> Value {
    keys.iter().map(|key| row(key, "1")).collect()
}

#[tokio::test]
async fn refuse_answers_with_the_text_given_and_does_nothing() {
    let rig = Rig::logged_out(|_| {}).await;
    let refuse = || Action::Refuse { code: "500".into(), message: "系统繁忙".into() };
    rig.brain.script(Fault::new(refuse()).on(Call::Login));
    let reply = rig.client.form(LOGIN, &rig.client.login_fields()).await;
    assert_eq!((&reply["code"], &reply["msg"]), (&json!(500), &json!("系统繁忙")));

    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(refuse()).on(Call::Submit).table("T_B").nth(2));
    for (table, code) in [("T_B", "200"), ("T_A", "200"), ("T_B", "500"), ("T_B", "200")] {
        assert_eq!(rig.client.submit(table, rows(&["a"])).await["returnCode"], code, "{table}");
    }
    assert_eq!(rig.brain.writes(Some("T_B")).await.unwrap().len(), 2);
    assert_eq!((rig.brain.calls(Call::Submit).count, rig.brain.calls(Call::Submit).refused), (4, 1));
}

pub async fn a_lost_answer_leaves_the_rows_held_and_the_client_in_doubt(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.brain.script(Fault::new(Action::LoseAnswer).on(Call::Submit));
    let letter = || rig.client.letter(&submission("T_A", &rows(&["a", "b"])).to_string());
    assert!(rig.client.post(SUBMIT, letter()).await.is_err());
    assert_eq!(rig.brain.effects(None).await.unwrap().len(), 2);
    assert_eq!(rig.results().await[0]["storageNum"], 2, "the verdict is there all the same");
    assert!(rig.client.post(SUBMIT, letter()).await.is_ok());
    assert_eq!(rig.brain.effects(None).await.unwrap().len(), 2, "the same again has no effect");
}

#[tokio::test]
async fn a_cut_before_processing_leaves_nothing() {
    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(Action::Cut).on(Call::Submit));
    let letter = rig.client.letter(&submission("T_A", &rows(&["a"])).to_string());
    assert!(rig.client.post(SUBMIT, letter).await.is_err());
    assert!(rig.brain.writes(None).await.unwrap().is_empty());
    assert!(rig.results().await.is_empty());
}

#[tokio::test]
async fn a_gateway_answers_with_a_page_that_is_no_json() {
    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(Action::Status { status: 502 }).times(2));
    for path in [SUBMIT, RSA] {
        let method = if path == RSA { reqwest::Method::GET } else { reqwest::Method::POST };
        let answer = rig.client.send(method, path, &[], String::new()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.starts_with("<html>")), (502, true));
    }
    assert!(rig.brain.writes(None).await.unwrap().is_empty());
}

pub async fn a_slow_platform_processes_even_when_the_client_hangs_up(db: Db) {
    let place = Place::new(db);
    let kept = |c: &mut xiaoshu::brain::BrainConfig| place.set(c);
    let rig = Rig::new(kept).await;
    rig.brain.script(Fault::new(Action::Slow { ms: 600_000 }).on(Call::Submit));
    let letter = rig.client.letter(&submission("T_A", &rows(&["a"])).to_string());
    let met = async {
        while !rig.brain.scripted().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    // The client hangs up as soon as the platform has met the fault.
    tokio::select! {
        answer = rig.client.post(SUBMIT, letter) => panic!("answered at once: {answer:?}"),
        () = met => {}
    }
    assert!(rig.brain.writes(None).await.unwrap().is_empty());
    // The end of the platform ends the wait, and waits itself for what is under way.
    rig.brain.stop().await.unwrap();
    let again = Rig::new(kept).await;
    assert_eq!(again.brain.writes(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_comes() {
    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(Action::Slow { ms: 20 }).on(Call::Submit));
    rig.client.submitted("T_A", rows(&["a"])).await;
}

pub async fn a_late_verdict_comes_after_so_many_queries_or_seconds(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.brain.script(Fault::new(Action::AnswerLate { queries: 2, seconds: 0 }).table("T_A"));
    rig.brain.script(Fault::new(Action::AnswerLate { queries: 0, seconds: 60 }).table("T_B"));
    rig.client.submitted("T_A", rows(&["a"])).await;
    rig.client.submitted("T_B", rows(&["a"])).await;
    let seen = async |table: &str| rig.client.ask(table, 1, 10).await["returnCount"] == 1;
    assert_eq!([seen("T_A").await, seen("T_A").await, seen("T_A").await], [false, false, true]);
    assert!(!seen("T_B").await);
    rig.clock.advance(60_000);
    assert!(seen("T_B").await);
}

#[tokio::test]
async fn tokens_expire_early() {
    let mut rig = Rig::new(|c| c.accounts.push(account("school-b", "4190000002"))).await;
    let first = rig.client.token.clone();
    rig.client.username = "school-b".into();
    rig.client.log_in().await;
    rig.brain.script(Fault::new(Action::ExpireTokens).username("school-a").on(Call::Submit).nth(2));
    rig.client.submitted("T_A", rows(&["b"])).await;
    rig.client.token = first;
    rig.client.submitted("T_A", rows(&["a"])).await;
    for _ in 0..2 {
        let reply = rig.client.submit("T_A", rows(&["a"])).await;
        assert_eq!(reply["returnMessage"], "token已过期，请重新获取", "{reply}");
    }
    rig.client.username = "school-a".into();
    rig.client.log_in().await;
    rig.client.submitted("T_A", rows(&["a"])).await;
    rig.brain.expire_tokens();
    assert_eq!(rig.client.submit("T_A", rows(&["a"])).await["returnMessage"], "token已过期，请重新获取");
}

pub async fn dropped_rows_are_missing_and_unnamed(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.brain.script(Fault::new(Action::DropRows { rows: vec![1, 7] }).on(Call::Submit));
    rig.client.submitted("T_A", rows(&["a", "b", "c"])).await;
    let result = &rig.results().await[0];
    assert_eq!((&result["collectNum"], &result["storageNum"], &result["remark"]), (&json!(3), &json!(2), &Value::Null));
    let held = rig.brain.held("T_A").await.unwrap();
    assert_eq!(held.iter().map(|r| r.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[tokio::test]
async fn rows_are_refused_for_reasons_no_edition_prints() {
    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(Action::RefuseRows { rows: vec![0], error: "字段KCH在课程表中不存在".into() }).on(Call::Submit));
    rig.client.submitted("T_A", rows(&["a", "b"])).await;
    let remark: Value = serde_json::from_str(rig.results().await[0]["remark"].as_str().unwrap()).unwrap();
    assert_eq!(remark, json!([{"num": 1, "pkValue": "a", "error": "字段KCH在课程表中不存在"}]));
}

pub async fn counts_are_wrong_while_the_rows_are_held(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.brain.script(Fault::new(Action::WrongCounts { collect: 2, stored: -1 }).on(Call::Submit));
    rig.client.submitted("T_A", rows(&["a", "b"])).await;
    let result = &rig.results().await[0];
    assert_eq!((&result["collectNum"], &result["storageNum"]), (&json!(4), &json!(1)));
    assert_eq!(rig.brain.held("T_A").await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_date_header_shows_the_platforms_clock_or_a_skewed_one() {
    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(Action::SkewDate { ms: -45_000 }).on(Call::Results).nth(2));
    let date = async || {
        let letter = rig.client.letter(&query("", json!(1), json!(1)).to_string());
        let answer = rig.client.post(super::client::RESULTS, letter).await.unwrap();
        answer.headers["date"].to_str().unwrap().to_owned()
    };
    assert_eq!(date().await, "Sat, 01 Mar 2025 00:00:00 GMT");
    assert_eq!(date().await, "Fri, 28 Feb 2025 23:59:15 GMT");
    assert_eq!(date().await, "Sat, 01 Mar 2025 00:00:00 GMT");
}

#[tokio::test]
async fn faults_act_together_until_cleared() {
    let rig = Rig::new(|_| {}).await;
    rig.brain.script(Fault::new(Action::DropRows { rows: vec![0] }).on(Call::Submit).always());
    rig.brain.script(Fault::new(Action::LoseAnswer).on(Call::Submit).always());
    let letter = || rig.client.letter(&submission("T_A", &rows(&["a", "b"])).to_string());
    assert!(rig.client.post(SUBMIT, letter()).await.is_err());
    assert_eq!(rig.brain.writes(None).await.unwrap().len(), 1);
    rig.brain.clear_script();
    rig.client.submitted("T_A", rows(&["a"])).await;
    assert_eq!(rig.brain.writes(None).await.unwrap().len(), 2);
}
