//! Result items as the platform lists them. Its times are those of Asia/Shanghai, with or without a zone.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use super::wire::whole;
use crate::report::delivery::{ResultItem, RowFault};
use crate::store::Millis;

const SHANGHAI: Offset = Offset::constant(8);

/// An instant as the platform prints it, `yyyy-MM-dd HH:mm:ss`.
pub fn format_time(at: Millis) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(stamp) => SHANGHAI.to_datetime(stamp).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => String::new(),
    }
}

/// The instants that a printed time may mean: by its zone, where it has one, and as bare digits in Asia/Shanghai.
pub fn parse_time(text: &str) -> Vec<Millis> {
    let text = text.trim();
    let mut out = Vec::new();
    if let Some(at) = with_zone(text) {
        out.push(at);
    }
    let bare: String = text.chars().take(if text.as_bytes().get(19) == Some(&b'.') { 23 } else { 19 }).collect();
    let bare = bare.trim_end_matches(['Z', '+']).replace(' ', "T");
    if let Ok(civil) = bare.parse::<DateTime>()
        && let Ok(zoned) = civil.to_zoned(TimeZone::fixed(SHANGHAI))
    {
        let at = zoned.timestamp().as_millisecond();
        if !out.contains(&at) {
            out.push(at);
        }
    }
    out
}

fn with_zone(text: &str) -> Option<Millis> {
    let rest = text.get(19..)?;
    let at = rest.find(['Z', 'z', '+', '-'])?;
    // "+0800" is what some JSON libraries write; the parser wants "+08:00".
    let (head, zone) = text.split_at(19 + at);
    let zone = if zone.len() == 5 { format!("{}:{}", &zone[..3], &zone[3..]) } else { zone.to_owned() };
    format!("{}{zone}", head.replace(' ', "T")).parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// The items of a result reply, `None` when it is no list.
pub fn parse_results(data: &Value) -> Option<Vec<ResultItem>> {
    let list = match data {
        Value::Null => return Some(Vec::new()),
        Value::Array(list) => list,
        Value::Object(map) => ["list", "rows", "records", "data"].iter().find_map(|name| map.get(*name)?.as_array())?,
        _ => return None,
    };
    Some(list.iter().filter_map(item).collect())
}

fn item(value: &Value) -> Option<ResultItem> {
    let map = value.as_object()?;
    let text = |name: &str| match map.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let count = |name: &str| map.get(name).and_then(whole).and_then(|n| u64::try_from(n).ok());
    let at = parse_time(&text("timestamps"));
    let (faults, remark) = remark(map.get("remark").unwrap_or(&Value::Null));
    let id = [text("id"), text("batchId")].join("/");
    Some(ResultItem {
        id: if id == "/" { String::new() } else { id },
        table: text("tableName"),
        marks: at.iter().map(|at| format_time(*at)).collect(),
        at,
        received: count("collectNum"),
        stored: count("storageNum"),
        faults,
        remark,
        succeeded: match text("state").as_str() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        },
    })
}

/// `remark` is null, a string holding a JSON array, the array itself, or (2023) a plain text.
fn remark(value: &Value) -> (Vec<RowFault>, Option<String>) {
    match value {
        Value::Null => (Vec::new(), None),
        Value::Array(list) => (list.iter().filter_map(row_fault).collect(), None),
        Value::String(text) if text.trim().is_empty() => (Vec::new(), None),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Null) => (Vec::new(), None),
            Ok(Value::Array(list)) => (list.iter().filter_map(row_fault).collect(), None),
            Ok(Value::Object(map)) => (row_fault(&Value::Object(map)).into_iter().collect(), None),
            _ => (Vec::new(), Some(text.clone())),
        },
        other => (Vec::new(), Some(other.to_string())),
    }
}

fn row_fault(value: &Value) -> Option<RowFault> {
    let map = value.as_object()?;
    let key = match map.get("pkValue") {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    };
    let text = match map.get("error") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    Some(RowFault { num: map.get("num").and_then(whole), key, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_shanghai_unless_a_zone_says_otherwise() {
        let at = 1_795_309_200_000; // 2026-11-22 01:00:00 UTC
        assert_eq!(format_time(at), "2026-11-22 09:00:00");
        assert_eq!(parse_time("2026-11-22 09:00:00"), [at]);
        assert_eq!(parse_time("2026-11-22T09:00:00.000"), [at]);
        assert_eq!(parse_time("2026-11-22T09:00:00.000+08:00"), [at]);
        assert_eq!(parse_time("2026-11-22T09:00:00.000+0800"), [at]);
        assert_eq!(parse_time("2026-11-22T01:00:00.000Z")[0], at);
        assert_eq!(parse_time("2026-11-22T01:00:00.000+00:00").len(), 2);
        assert!(parse_time("soon").is_empty());
    }

    #[test]
    fn remarks_of_all_kinds() {
        let items = parse_results(&json!([
            {"id": 1, "tableName": "T", "timestamps": "2026-11-22T09:00:00.000", "collectNum": 3, "storageNum": "2",
             "remark": "[{\"num\":2,\"pkValue\":\"K\",\"error\":\"字段KCH为空\"}]", "state": "0"},
            {"tableName": "T", "remark": "字段个数不一致", "collectNum": 1, "storageNum": 0},
            {"tableName": "T", "remark": null, "state": 1}
        ]))
        .unwrap();
        assert_eq!(items[0].faults, [RowFault { num: Some(2), key: Some("K".into()), text: "字段KCH为空".into() }]);
        assert_eq!((items[0].received, items[0].stored, items[0].succeeded), (Some(3), Some(2), Some(false)));
        assert_eq!(items[0].marks, ["2026-11-22 09:00:00"]);
        assert_eq!((items[1].remark.as_deref(), items[1].succeeded), (Some("字段个数不一致"), None));
        assert_eq!((items[2].faults.len(), items[2].remark.as_deref(), items[2].succeeded), (0, None, Some(true)));
        assert_eq!(parse_results(&json!("no list")), None);
    }
}
