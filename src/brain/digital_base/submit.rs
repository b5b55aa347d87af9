//! Submitting rows: `saveInterfaceData`.

use std::sync::Arc;

use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::access::is_form;
use super::reply::{Refusal, data_ok};
use super::{Incoming, Tweaks, gate};
use crate::brain::accounts::random_hex;
use crate::brain::clock::{day, printed, seconds, whole_second};
use crate::brain::config::ResultsConfig;
use crate::brain::effects::{Intake, NewBatch, Outcome, Times};
use crate::brain::judge::Judged;
use crate::brain::platform::Platform;

const ACCEPTED: &str = "数据正在处理中，请30分钟后调用结果查询接口查看处理结果";

/// A submit that passed all checks of the call.
pub(super) struct Submission {
    pub(super) account: usize,
    pub(super) table: String,
    plain: String,
    count: usize,
}

#[derive(Deserialize)]
struct Plain<'a> {
    #[serde(rename = "dataObjName")]
    table: String,
    // The interface spells it so.
    #[serde(borrow)]
    fileds: Vec<&'a RawValue>,
}

/// Opens a submit. The rows are looked at in [`process`].
pub(super) async fn read(platform: &Platform, incoming: &Incoming) -> Result<Submission, Refusal> {
    if is_form(incoming) {
        return Err(Refusal::NotJson);
    }
    let opened = gate::open(platform, incoming).await?;
    let plain: Plain<'_> = parse(&opened.plain)?;
    if !platform.judge.knows(&plain.table) {
        return Err(Refusal::UnknownTable(plain.table));
    }
    let (count, most) = (plain.fileds.len(), platform.config.rows.max_rows);
    if count == 0 {
        return Err(Refusal::Missing("fileds"));
    }
    if most > 0 && count > most {
        return Err(Refusal::TooManyRows { most });
    }
    Ok(Submission { account: opened.account, table: plain.table, plain: opened.plain, count })
}

fn parse(plain: &str) -> Result<Plain<'_>, Refusal> {
    serde_json::from_str(plain).map_err(|error| {
        let field = if plain.contains("\"fileds\"") { "dataObjName" } else { "fileds" };
        if error.is_data() { Refusal::Missing(field) } else { Refusal::NotJson }
    })
}

/// Judges the rows, holds the good ones, keeps the verdict for later.
pub(super) async fn process(platform: &Platform, submission: Submission, tweaks: Tweaks) -> Result<Response, Refusal> {
    let received = whole_second(platform.now());
    let account = platform.accounts.get(submission.account).clone();
    let (table, count) = (submission.table.clone(), submission.count);
    let mut judged = judge(platform, submission, account.school_code.clone(), day(received)).await?;
    for (place, error) in tweaks.refused {
        if let Some(row) = judged.get_mut(place) {
            row.error = Some(error);
        }
    }
    let config = &platform.config.results;
    let times = Times {
        received,
        visible: platform.now().saturating_add(seconds(config.delay_s)).saturating_add(seconds(tweaks.late_seconds)),
        hidden_for: tweaks.late_queries,
    };
    // Accounts without a school code are schools of their own.
    let school = if account.school_code.is_empty() { account.username.clone() } else { account.school_code.clone() };
    let intake =
        Intake { school: &school, table: &table, rows: &judged, lost: &tweaks.lost, revive: platform.config.rows.revive };
    let verdict = |outcome: &Outcome| {
        let stored = i64::try_from(outcome.writes.len()).unwrap_or(i64::MAX);
        let (state, info) = state(outcome, config);
        NewBatch {
            batch_id: random_hex(),
            school: school.clone(),
            username: account.username.clone(),
            system_name: account.system_name.clone(),
            kind: "RPC".to_owned(),
            table: table.clone(),
            times,
            collect_num: i64::try_from(count).unwrap_or(i64::MAX) + tweaks.collect,
            storage_num: stored + tweaks.stored,
            remark: remark(outcome, &judged, config),
            state: state.map(str::to_owned),
            state_info: info.map(str::to_owned),
        }
    };
    platform.effects.take_in(intake, &verdict).await.map_err(|error| {
        tracing::error!(%error, "a submit could not be kept");
        Refusal::Broken
    })?;
    Ok(data_ok(ACCEPTED, json!({"time": printed(received)}), Value::Null))
}

/// Rows are judged off the network threads: a submit may hold thousands.
async fn judge(platform: &Platform, submission: Submission, school: String, today: String) -> Result<Vec<Judged>, Refusal> {
    let judge = Arc::clone(&platform.judge);
    let work = move || {
        let plain = parse(&submission.plain)?;
        Ok(judge.judge(&submission.table, &plain.fileds, &school, &today))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Refusal::Broken))
}

fn state<'a>(outcome: &Outcome, config: &'a ResultsConfig) -> (Option<&'a str>, Option<&'static str>) {
    if config.plain_remark {
        return (None, None);
    }
    match (outcome.writes.is_empty(), outcome.refused.is_empty()) {
        (_, true) => (Some("1"), Some("成功")),
        (true, false) => (Some("0"), Some("失败")),
        (false, false) => (Some(&config.partly_state), Some("部分成功")),
    }
}

fn remark(outcome: &Outcome, rows: &[Judged], config: &ResultsConfig) -> Option<String> {
    if outcome.refused.is_empty() {
        return None;
    }
    let num = |place: usize| place + usize::from(config.num_base);
    if config.plain_remark {
        let lines: Vec<String> = outcome.refused.iter().map(|(place, error)| format!("第{}条：{error}", num(*place))).collect();
        return Some(lines.join("；"));
    }
    let items: Vec<Value> = outcome
        .refused
        .iter()
        .map(|(place, error)| match (config.pk_value, rows.get(*place).and_then(|r| r.key.as_deref())) {
            (true, key) => json!({"num": num(*place), "pkValue": key, "error": error}),
            (false, _) => json!({"num": num(*place), "error": error}),
        })
        .collect();
    Some(Value::Array(items).to_string())
}
