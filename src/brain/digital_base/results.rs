//! Asking for results: `getResultsByTime`.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::is_form;
use super::reply::{Refusal, data_ok};
use super::{Incoming, gate};
use crate::brain::clock::{iso_millis, parse_printed};
use crate::brain::config::{PageStyle, ResultsBody, ResultsConfig, ZoneStyle};
use crate::brain::effects::{BatchQuery, ReportedBatch};
use crate::brain::platform::Platform;

/// A query that passed.
pub(super) struct Query {
    pub(super) account: usize,
    pub(super) table: String,
    from: i64,
    to: i64,
    page: u32,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain {
    start_time: Option<String>,
    end_time: Option<String>,
    page: Option<Value>,
    limit: Option<Value>,
    table_name: Option<String>,
}

/// Opens a query.
pub(super) async fn read(platform: &Platform, incoming: &Incoming) -> Result<Query, Refusal> {
    let config = &platform.config.results;
    match (config.body, is_form(incoming)) {
        (ResultsBody::Json, true) => return Err(Refusal::NotJson),
        (ResultsBody::Form, false) => return Err(Refusal::NotForm),
        _ => {}
    }
    let opened = gate::open(platform, incoming).await?;
    let plain: Plain = serde_json::from_str(&opened.plain).map_err(|_| Refusal::NotJson)?;
    Ok(Query {
        account: opened.account,
        table: plain.table_name.unwrap_or_default(),
        from: time(plain.start_time.as_deref(), "startTime")?,
        to: time(plain.end_time.as_deref(), "endTime")?,
        page: page(plain.page.as_ref(), 1, "page", config.pages)?,
        limit: page(plain.limit.as_ref(), 10, "limit", config.pages)?.min(config.page_rows),
    })
}

fn time(text: Option<&str>, name: &'static str) -> Result<i64, Refusal> {
    let text = text.filter(|t| !t.is_empty()).ok_or(Refusal::Missing(name))?;
    parse_printed(text).ok_or(Refusal::Malformed(name))
}

fn page(value: Option<&Value>, default: u32, name: &'static str, style: PageStyle) -> Result<u32, Refusal> {
    let number = match value {
        None | Some(Value::Null) => Some(u64::from(default)),
        Some(Value::Number(number)) if style != PageStyle::Text => number.as_u64(),
        Some(Value::String(text)) if style != PageStyle::Number => text.parse().ok(),
        Some(_) => None,
    };
    number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or(Refusal::Malformed(name))
}

/// Gives one page.
pub(super) async fn process(platform: &Platform, query: &Query) -> Result<Response, Refusal> {
    let config = &platform.config.results;
    let account = platform.accounts.get(query.account);
    let wanted = BatchQuery {
        school: if account.school_code.is_empty() { &account.username } else { &account.school_code },
        from: query.from,
        to: query.to,
        table: &query.table,
        now: platform.now(),
        newest_first: config.newest_first,
        offset: i64::from(query.page - 1) * i64::from(query.limit),
        limit: i64::from(query.limit),
    };
    let (batches, total) = platform.effects.results(&wanted).await.map_err(|error| {
        tracing::error!(%error, "results could not be read");
        Refusal::Broken
    })?;
    let items: Vec<Value> = batches.iter().map(|batch| item(batch, config)).collect();
    let count = if config.count_total { json!(total) } else { json!(items.len()) };
    Ok(data_ok("操作成功", Value::Array(items), count))
}

fn item(batch: &ReportedBatch, config: &ResultsConfig) -> Value {
    let zone = match config.zone {
        ZoneStyle::Colon => "+08:00",
        ZoneStyle::Compact => "+0800",
        ZoneStyle::Absent => "",
    };
    let mut item = json!({
        "id": batch.id.to_string(),
        "batchId": batch.batch_id,
        "type": batch.kind,
        "sysName": batch.system_name,
        "timestamps": format!("{}{zone}", iso_millis(batch.received)),
        "tableName": batch.table,
        "collectNum": batch.collect_num,
        "storageNum": batch.storage_num,
        "remark": batch.remark,
    });
    if let (false, Some(fields)) = (config.plain_remark, item.as_object_mut()) {
        fields.insert("state".to_owned(), json!(batch.state));
        fields.insert("stateInfo".to_owned(), json!(batch.state_info));
    }
    item
}
