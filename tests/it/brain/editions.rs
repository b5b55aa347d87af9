//! Rows judged by the published editions.

use std::sync::Arc;

use serde_json::{Value, json};
use xiaoshu::brain::{Brain, BrainConfig, BrainError, DateTimes, ManualClock, SealedFields};

use super::client::{Client, NOW, Rig, config};

impl Rig {
    /// A platform that judges by an edition.
    async fn of(edition: &str, change: impl FnOnce(&mut BrainConfig)) -> Self {
        let mut config = BrainConfig { edition: edition.into(), ..config() };
        change(&mut config);
        let clock = Arc::new(ManualClock::new(NOW));
        let brain = Brain::start_at(config, clock.clone()).await.unwrap();
        let mut client = Client::new(format!("{}/prod-api4", brain.url()), clock.clone());
        client.log_in().await;
        Self { brain, client, clock }
    }

    /// Submits rows and gives the reasons of refusal, by row.
    async fn reasons(&self, table: &str, rows: &[Value]) -> Vec<(u64, String)> {
        self.client.submitted(table, json!(rows)).await;
        let batches = self.results().await;
        let Some(remark) = batches.last().unwrap()["remark"].as_str() else { return vec![] };
        let items: Vec<Value> = serde_json::from_str(remark).unwrap();
        items.iter().map(|i| (i["num"].as_u64().unwrap(), i["error"].as_str().unwrap().to_owned())).collect()
    }
}

fn key(n: usize) -> String {
    format!("{n:032X}")
}

/// A day's spending, `gaozhi-2024.09`.
fn spending(n: usize) -> Value {
    json!({"ZJSJWYXBS": key(n), "XXDM": "4190000001", "XFZE": 1234.5, "XFRC": 67, "XFLBM": "1", "XFRQ": "20250228",
           "SJCJSJ": "20250301 030000"})
}

/// A textbook, `zhongzhi-2025.03`.
fn textbook(state: Value) -> Value {
    json!({"ZJSJWYXBS": key(1), "XXDM": "4190000001", "CBH": "978-7-0000-0000-0", "JCMC": "机械基础", "JCLXM": "1", "BC": null,
           "CBS": null, "BZZZS": null, "CBRQ": null, "ZZ": "某某", "FLH": null, "DJ": 39.8, "SFGJGHJC": null, "GHJCPC": null,
           "SFXQHZKFJC": "0", "SJZTM": state, "SJCJSJ": "20250301 030000"})
}

/// A graduate's employment, `gaozhi-2023.06`; the identity number is a field to be sealed.
fn employment(number: Value) -> Value {
    json!({"ZJSJWYXBS": key(1), "XXDM": "4190000001", "XH": "20220101", "XM": null, "ZYH": "460101", "ZYMC": "机械设计与制造",
           "BH": "2201", "BJMC": "机制2201", "SFZJH": number, "JYDWSFXQHZDW": "1", "JYDWMC": null, "JYDWHYM": "A",
           "JYDWXZM": "10", "JYDWGMM": "1", "QXX": null, "SFDK": "1", "JYQYSJGBM": null, "JYQYSJGMC": null,
           "JYQYSHJGBM": null, "JYQYSHJGMC": null, "JYRQ": "20240701", "SFZZCY": "0", "CYXMMC": null, "SFLHJY": "0",
           "GZGWMC": null, "SJCJSJ": "20250301 030000"})
}

#[tokio::test]
async fn good_rows_pass_and_each_fault_is_told_by_its_field() {
    let rig = Rig::of("gaozhi-2024.09", |_| {}).await;
    let with = |field: &str, value: Value| {
        let mut row = spending(9);
        row[field] = value;
        row
    };
    let without = |field: &str| {
        let mut row = spending(9);
        row.as_object_mut().unwrap().remove(field);
        row
    };
    let cases = [
        (with("XFZE", Value::Null), "XFZE"),
        (with("XFZE", json!("1234.5")), "XFZE"),
        (with("XFZE", json!(1.23456)), "XFZE"),
        (with("XFRC", json!(1.5)), "XFRC"),
        (with("XFLBM", json!("")), "XFLBM"),
        (with("XFLBM", json!("99")), "XFLBM"),
        (with("XFRQ", json!("20250230")), "XFRQ"),
        (with("XFRQ", json!("2025-02-28")), "XFRQ"),
        (with("SJCJSJ", json!("20250301030000")), "SJCJSJ"),
        (with("XXDM", json!("4190000002")), "XXDM"),
        (with("ZJSJWYXBS", json!("short")), "ZJSJWYXBS"),
        (with("BZ", json!("?")), "BZ"),
        (without("XFRC"), "XFRC"),
        (json!("no object"), "JSON"),
    ];
    for (row, field) in cases {
        let reasons = rig.reasons("ODS_XSXFSJ", &[spending(1), row.clone(), spending(2)]).await;
        assert_eq!(reasons.len(), 1, "{row}");
        assert!(reasons[0].0 == 2 && reasons[0].1.contains(field), "{row}: {reasons:?}");
    }
    let held = rig.brain.held("ODS_XSXFSJ").await.unwrap();
    assert_eq!(held.iter().map(|row| row.key.clone()).collect::<Vec<_>>(), [key(1), key(2)]);
    assert_eq!(serde_json::from_str::<Value>(&held[0].body).unwrap(), spending(1));
    assert_eq!(rig.brain.effects(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn all_faults_of_a_row_are_told_at_once() {
    let rig = Rig::of("gaozhi-2024.09", |_| {}).await;
    let mut row = spending(1);
    row["XFZE"] = Value::Null;
    row["XFRQ"] = json!("yesterday");
    let reasons = rig.reasons("ODS_XSXFSJ", &[row]).await;
    assert!(reasons[0].1.contains("XFZE") && reasons[0].1.contains("XFRQ"), "{reasons:?}");
}

#[tokio::test]
async fn only_tables_of_the_edition_are_taken() {
    let rig = Rig::of("gaozhi-2024.09", |_| {}).await;
    for table in ["ODS_ZZJCJBSJ", "CORE_XS", "ODS_NICHTS"] {
        let reply = rig.client.submit(table, json!([spending(1)])).await;
        assert_eq!(reply["returnMessage"], format!("数据对象不存在：{table}"));
    }
}

#[tokio::test]
async fn an_edition_that_does_not_exist_is_told_at_the_start() {
    let config = BrainConfig { edition: "gaozhi-1999.01".into(), ..config() };
    assert!(matches!(Brain::start(config).await, Err(BrainError::Edition { .. })));
}

#[tokio::test]
async fn absent_fields_are_counted_only_where_set() {
    let mut row = textbook(Value::Null);
    row.as_object_mut().unwrap().remove("BC");
    let strict = Rig::of("zhongzhi-2025.03", |_| {}).await;
    let reasons = strict.reasons("ODS_ZZJCJBSJ", std::slice::from_ref(&row)).await;
    assert!(reasons[0].1.contains("字段个数") && reasons[0].1.contains("BC"), "{reasons:?}");
    let lenient = Rig::of("zhongzhi-2025.03", |c| c.rows.all_fields = false).await;
    assert!(lenient.reasons("ODS_ZZJCJBSJ", &[row]).await.is_empty());
}

#[tokio::test]
async fn the_data_state_deletes() {
    let rig = Rig::of("zhongzhi-2025.03", |_| {}).await;
    assert!(rig.reasons("ODS_ZZJCJBSJ", &[textbook(Value::Null)]).await.is_empty());
    assert_eq!(rig.brain.held("ODS_ZZJCJBSJ").await.unwrap().len(), 1);
    assert!(rig.reasons("ODS_ZZJCJBSJ", &[textbook(json!("0"))]).await.is_empty());
    assert!(rig.brain.held("ODS_ZZJCJBSJ").await.unwrap().is_empty());
    assert_eq!(rig.brain.effects(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn sealed_fields_are_opaque_or_plain_as_set() {
    let sealed = json!("0a".repeat(32));
    let opaque = Rig::of("gaozhi-2023.06", |_| {}).await;
    for number in [Value::Null, sealed.clone()] {
        assert_eq!(opaque.reasons("ODS_BYQXJYSJ", &[employment(number)]).await, []);
    }
    let plain = Rig::of("gaozhi-2023.06", |c| c.rows.sealed = SealedFields::Plain).await;
    let reasons = plain.reasons("ODS_BYQXJYSJ", &[employment(sealed)]).await;
    assert!(reasons[0].1.contains("SFZJH") && !reasons[0].1.contains("0a0a"), "{reasons:?}");
}

#[tokio::test]
async fn the_form_of_date_times_is_a_setting() {
    let joined = || {
        let mut row = spending(1);
        row["SJCJSJ"] = json!("20250301030000");
        row
    };
    for (style, blank_good, joined_good) in [
        (DateTimes::Edition, true, false),
        (DateTimes::Blank, true, false),
        (DateTimes::Joined, false, true),
        (DateTimes::Either, true, true),
    ] {
        let rig = Rig::of("gaozhi-2024.09", |c| c.rows.date_time = style).await;
        assert_eq!(rig.reasons("ODS_XSXFSJ", &[spending(1)]).await.is_empty(), blank_good, "{style:?}");
        assert_eq!(rig.reasons("ODS_XSXFSJ", &[joined()]).await.is_empty(), joined_good, "{style:?}");
    }
    let rig = Rig::of("gaozhi-2024.09", |c| c.rows.date_time = DateTimes::Either).await;
    let mut nonsense = joined();
    nonsense["SJCJSJ"] = json!("20250230030000");
    assert!(!rig.reasons("ODS_XSXFSJ", &[nonsense]).await.is_empty());
}

#[tokio::test]
async fn when_a_row_was_collected_is_an_effect_but_no_other_state() {
    let rig = Rig::of("gaozhi-2024.09", |_| {}).await;
    assert!(rig.reasons("ODS_XSXFSJ", &[spending(1)]).await.is_empty());
    let digest = rig.brain.digest().await.unwrap();
    let mut later = spending(1);
    later["SJCJSJ"] = json!("20250301 040000");
    assert!(rig.reasons("ODS_XSXFSJ", &[later.clone(), later]).await.is_empty());
    assert_eq!(rig.brain.digest().await.unwrap(), digest);
    assert_eq!((rig.brain.effects(None).await.unwrap().len(), rig.brain.writes(None).await.unwrap().len()), (2, 3));
}

#[tokio::test]
async fn thousands_of_rows_are_judged_in_one_submit() {
    let rig = Rig::of("gaozhi-2024.09", |_| {}).await;
    let rows: Vec<Value> = (0..5_000)
        .map(|n| {
            let mut row = spending(n);
            if n % 50 == 0 {
                row["XFLBM"] = json!("99");
            }
            row
        })
        .collect();
    assert_eq!(rig.reasons("ODS_XSXFSJ", &rows).await.len(), 100);
    assert_eq!(rig.brain.counts().await.unwrap()[0].held, 4_900);
}
