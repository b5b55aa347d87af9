//! Asking for results.

use serde_json::{Value, json};
use xiaoshu::brain::{Foreign, PageStyle, ResultsBody, ZoneStyle};

use super::Db;
use super::client::{Letter, NOW, RESULTS, Rig, account, encoded, query, row, sm4};

fn bad(key: &str) -> Value {
    json!({"K": key, "V": "1", "bad": "字段V（内容）格式错误"})
}

fn remark(result: &Value) -> Value {
    serde_json::from_str(result["remark"].as_str().unwrap()).unwrap()
}

pub async fn a_verdict_has_the_printed_shape(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.clock.advance(789);
    let time = rig.client.submitted("T_A", json!([row("a", "1"), row("b", "1")])).await;
    assert_eq!(time, "2025-03-01 08:00:00");
    let reply = rig.client.ask("T_A", 1, 10).await;
    assert_eq!((&reply["returnCode"], &reply["returnCount"]), (&json!("200"), &json!(1)));
    let result = &reply["returnData"][0];
    let names: Vec<&String> = result.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "id",
            "batchId",
            "type",
            "sysName",
            "timestamps",
            "tableName",
            "collectNum",
            "storageNum",
            "remark",
            "state",
            "stateInfo"
        ]
    );
    assert_eq!((&result["type"], &result["sysName"], &result["tableName"]), (&json!("RPC"), &json!("测试系统"), &json!("T_A")));
    assert_eq!(result["timestamps"], "2025-03-01T08:00:00.000+08:00");
    assert_eq!((&result["collectNum"], &result["storageNum"]), (&json!(2), &json!(2)));
    assert_eq!((&result["remark"], &result["state"]), (&Value::Null, &json!("1")));
}

pub async fn good_rows_are_stored_and_bad_ones_named(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    rig.client.submitted("T_A", json!([row("a", "1"), bad("b"), row("c", "1"), {"V": "no key"}])).await;
    rig.client.submitted("T_B", json!([bad("b")])).await;
    let results = rig.results().await;
    assert_eq!((&results[0]["collectNum"], &results[0]["storageNum"], &results[0]["state"]), (&json!(4), &json!(2), &json!("0")));
    assert_eq!(
        remark(&results[0]),
        json!([
            {"num": 2, "pkValue": "b", "error": "字段V（内容）格式错误"},
            {"num": 4, "pkValue": null, "error": "主键为空"},
        ])
    );
    assert_eq!((&results[1]["storageNum"], &results[1]["state"]), (&json!(0), &json!("0")));
    assert_eq!(rig.brain.held("T_A").await.unwrap().len(), 2);
}

#[tokio::test]
async fn num_pk_value_and_the_partly_stored_state_are_settings() {
    let rig = Rig::new(|c| {
        c.results.num_base = 0;
        c.results.pk_value = false;
        c.results.partly_state = "2".into();
    })
    .await;
    rig.client.submitted("T_A", json!([row("a", "1"), bad("b")])).await;
    let results = rig.results().await;
    assert_eq!(remark(&results[0]), json!([{"num": 1, "error": "字段V（内容）格式错误"}]));
    assert_eq!(results[0]["state"], "2");
}

#[tokio::test]
async fn the_older_form_has_a_plain_remark_and_no_state() {
    let rig = Rig::new(|c| c.results.plain_remark = true).await;
    rig.client.submitted("T_A", json!([row("a", "1"), bad("b"), bad("c")])).await;
    let result = &rig.results().await[0];
    assert_eq!(result["remark"], "第2条：字段V（内容）格式错误；第3条：字段V（内容）格式错误");
    assert!(result.get("state").is_none() && result.get("stateInfo").is_none());
}

pub async fn the_verdict_comes_after_the_delay_set(db: Db) {
    let rig = Rig::on(db, |c| c.results.delay_s = 1_800).await;
    rig.client.submitted("T_A", json!([row("a", "1")])).await;
    assert_eq!(rig.brain.batches().await.unwrap().len(), 1);
    rig.clock.advance(1_799_999);
    assert!(rig.results().await.is_empty());
    rig.clock.advance(1);
    let results = rig.results().await;
    assert_eq!(results[0]["timestamps"], "2025-03-01T08:00:00.000+08:00", "the time is the submit's");
}

#[tokio::test]
async fn the_zone_shown_is_a_setting() {
    for (zone, shown) in [
        (ZoneStyle::Colon, "2025-03-01T08:00:00.000+08:00"),
        (ZoneStyle::Compact, "2025-03-01T08:00:00.000+0800"),
        (ZoneStyle::Absent, "2025-03-01T08:00:00.000"),
    ] {
        let rig = Rig::new(|c| c.results.zone = zone).await;
        rig.client.submitted("T_A", json!([row("a", "1")])).await;
        assert_eq!(rig.results().await[0]["timestamps"], shown);
    }
}

async fn tables(rig: &Rig, table: &str, page: u32, limit: u32) -> (Vec<String>, Value) {
    let reply = rig.client.ask(table, page, limit).await;
    let list = reply["returnData"].as_array().unwrap();
    (list.iter().map(|r| r["tableName"].as_str().unwrap().to_owned()).collect(), reply["returnCount"].clone())
}

pub async fn results_are_paged_and_the_table_name_is_fuzzy(db: Db) {
    for total in [false, true] {
        let rig = Rig::on(db, |c| c.results.count_total = total).await;
        for table in ["T_A", "T_AB", "T_B", "T_ABC", "T_C"] {
            rig.client.submitted(table, json!([row("a", "1")])).await;
        }
        let count = |page: u64, all: u64| if total { json!(all) } else { json!(page) };
        let named = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(tables(&rig, "", 1, 2).await, (named(&["T_A", "T_AB"]), count(2, 5)));
        assert_eq!(tables(&rig, "", 3, 2).await, (named(&["T_C"]), count(1, 5)));
        assert_eq!(tables(&rig, "", 4, 2).await, (named(&[]), count(0, 5)));
        assert_eq!(tables(&rig, "A", 1, 10).await, (named(&["T_A", "T_AB", "T_ABC"]), count(3, 3)));
        assert_eq!(tables(&rig, "T_X", 1, 10).await, (named(&[]), count(0, 0)));
    }
}

pub async fn order_and_page_size_are_settings(db: Db) {
    let rig = Rig::on(db, |c| {
        c.results.newest_first = true;
        c.results.page_rows = 2;
    })
    .await;
    for table in ["T_A", "T_B", "T_C"] {
        rig.client.submitted(table, json!([row("a", "1")])).await;
    }
    assert_eq!(tables(&rig, "", 1, 100).await.0, ["T_C", "T_B"]);
    assert_eq!(tables(&rig, "", 2, 100).await.0, ["T_A"]);
}

pub async fn the_window_holds_both_its_ends(db: Db) {
    let rig = Rig::on(db, |_| {}).await;
    for second in [0i64, 10, 20] {
        rig.clock.set(NOW + second * 1_000 + 500);
        rig.client.submitted("T_A", json!([row("a", &second.to_string())])).await;
    }
    let ask = async |from: &str, to: &str| {
        let plain = json!({"startTime": from, "endTime": to, "page": 1, "limit": 10, "tableName": ""});
        rig.client.call(RESULTS, &plain).await["returnCount"].clone()
    };
    assert_eq!(ask("2025-03-01 08:00:00", "2025-03-01 08:00:20").await, 3);
    assert_eq!(ask("2025-03-01 08:00:01", "2025-03-01 08:00:10").await, 1);
    assert_eq!(ask("2025-03-01 08:00:11", "2025-03-01 08:00:19").await, 0);
}

#[tokio::test]
async fn a_query_that_is_none_is_refused() {
    let rig = Rig::new(|_| {}).await;
    let with = |name: &str, value: Value| {
        let mut plain = query("", json!(1), json!(10));
        plain[name] = value;
        plain
    };
    let cases = [
        (with("startTime", Value::Null), "缺少参数startTime"),
        (with("endTime", json!("2025-03-01T08:00:00")), "参数endTime格式错误"),
        (with("startTime", json!("2025-02-30 08:00:00")), "参数startTime格式错误"),
        (with("page", json!(0)), "参数page格式错误"),
        (with("page", json!("first")), "参数page格式错误"),
        (with("limit", json!(-1)), "参数limit格式错误"),
    ];
    for (plain, message) in cases {
        assert_eq!(rig.client.call(RESULTS, &plain).await["returnMessage"], message);
    }
}

#[tokio::test]
async fn pages_are_written_as_set() {
    for (style, number, text) in
        [(PageStyle::Either, true, true), (PageStyle::Number, true, false), (PageStyle::Text, false, true)]
    {
        let rig = Rig::new(|c| c.results.pages = style).await;
        let good = async |page: Value| rig.client.call(RESULTS, &query("", page.clone(), page)).await["returnCode"] == "200";
        assert_eq!((good(json!(1)).await, good(json!("1")).await), (number, text));
    }
}

fn as_form(letter: Letter, key: &[u8; 16], plain: &str) -> Letter {
    let body = encoded(&[("cipherText", &hex::encode(sm4(key, plain.as_bytes())))]);
    Letter { body, ..letter }.with("content-type", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn the_query_comes_as_json_or_as_a_form_as_set() {
    let plain = query("", json!("1"), json!("10")).to_string();
    for (body, json, form) in
        [(ResultsBody::Either, true, true), (ResultsBody::Json, true, false), (ResultsBody::Form, false, true)]
    {
        let rig = Rig::new(|c| c.results.body = body).await;
        let letter = || rig.client.letter(&plain);
        let good = async |letter: Letter| rig.client.post(RESULTS, letter).await.unwrap().json()["returnCode"] == "200";
        assert_eq!(good(letter()).await, json);
        assert_eq!(good(as_form(letter(), &rig.client.key, &plain)).await, form);
    }
}

pub async fn results_of_others_are_mixed_in(db: Db) {
    let rig = Rig::on(db, |c| c.accounts.push(account("second-client", "4190000001"))).await;
    rig.client.submitted("T_A", json!([row("a", "1")])).await;
    let foreign = |username: &str| Foreign {
        username: username.into(),
        table: "T_A".into(),
        time: Some("2025-03-01 08:00:01".into()),
        kind: "门户导入".into(),
        collect_num: 7,
        storage_num: 6,
        remark: Some("第3条：主键为空".into()),
        state: None,
    };
    rig.brain.import(foreign("second-client")).await.unwrap();
    assert!(rig.brain.import(foreign("nobody")).await.is_err());
    let results = rig.results().await;
    assert_eq!(results.len(), 2);
    assert_eq!((&results[1]["type"], &results[1]["collectNum"]), (&json!("门户导入"), &json!(7)));
    assert_eq!(results[1]["timestamps"], "2025-03-01T08:00:01.000+08:00");
}
