//! What is taken where no rule says anything: sound, but to be confirmed.

use serde_json::{Map, Value, json};

use super::field::{Field, Shape};
use super::rows::TableRow;
use super::rules::{RoleRule, Rules, TableRule};
use crate::standard::Format;

/// A natural key: the key printed in the remarks (`key: A, B;`), else the table's own number, else its references and first date.
pub(super) fn key(table: &TableRow, fields: &[Field<'_>], rules: &Rules) -> (Vec<String>, bool) {
    if let Some((_, rest)) = table.note.split_once("key: ") {
        let names = rest.split(';').next().unwrap_or(rest);
        return (names.split(',').map(|n| n.trim().to_owned()).collect(), true);
    }
    let filled = filled_by_the_hub(rules);
    let own: Vec<&Field<'_>> = fields.iter().filter(|f| f.mandatory() && !filled.contains(&f.row.field.as_str())).collect();
    let refers = |f: &Field<'_>| !f.references(rules, false).is_empty();
    let number = |f: &&&Field<'_>| {
        !refers(f) && f.row.code_set.is_empty() && ["号", "编号", "编码"].iter().any(|e| f.row.name_zh.ends_with(e))
    };
    if let Some(first) = own.iter().find(number) {
        return (vec![first.row.field.clone()], false);
    }
    let mut parts: Vec<String> = own.iter().filter(|f| refers(f)).map(|f| f.row.field.clone()).collect();
    parts.extend(own.iter().find(|f| is_date(f.shape)).map(|f| f.row.field.clone()));
    if parts.is_empty() {
        parts.extend(own.iter().filter(|f| matches!(f.shape, Shape::Text(_))).map(|f| f.row.field.clone()));
    }
    (parts, false)
}

/// A daily or weekly table with a date is a log.
pub(super) fn kind(table: &TableRow, fields: &[Field<'_>], rules: &Rules) -> &'static str {
    let filled = filled_by_the_hub(rules);
    let dated = fields.iter().any(|f| is_date(f.shape) && !filled.contains(&f.row.field.as_str()));
    if dated && matches!(table.frequency_key.as_str(), "day" | "day_ahead" | "week") { "log" } else { "state" }
}

/// The scope and, for `since` and `cohort_since`, its beginning. `None` when the printed words are unknown.
pub(super) fn scope(printed: &str, rules: &Rules) -> Option<(String, String)> {
    if printed.is_empty() {
        return Some(("all".to_owned(), String::new()));
    }
    if let Some(known) = rules.scopes.get(printed) {
        return Some((known.clone(), String::new()));
    }
    let rest = printed.strip_prefix('自')?;
    if let Some((year, rest)) = rest.split_once('年')
        && let Some(month) = rest.strip_suffix("月开始")
        && let (Ok(year), Ok(month)) = (year.parse::<u16>(), month.parse::<u8>())
    {
        return Some(("since".to_owned(), format!("{year:04}{month:02}")));
    }
    let (year, rest) = rest.split_once('级')?;
    let year: u16 = year.parse().ok()?;
    rest.starts_with("入学以来").then(|| ("cohort_since".to_owned(), year.to_string()))
}

/// Roles: the table's own rule first, then by name, code set or format, a part of the key before others.
pub(super) fn roles(fields: &[Field<'_>], key: &[String], kind: &str, rule: &TableRule, rules: &Rules) -> Vec<(String, String)> {
    let mut roles: Vec<(String, String)> = Vec::new();
    for (role, how) in &rules.roles {
        let found: Vec<&str> = fields.iter().filter(|f| fits(f, how)).map(|f| f.row.field.as_str()).collect();
        let in_key = key.iter().find(|k| found.contains(&k.as_str())).map(String::as_str);
        let only_number = role == "system" && key.len() == 1 && in_key.is_some();
        if let Some(field) = in_key.or(found.first().copied())
            && !only_number
        {
            roles.push((role.clone(), field.to_owned()));
        }
    }
    if let Some(field) = event_date(fields, key, kind, rules) {
        roles.push(("event_date".to_owned(), field));
    }
    for (role, field) in &rule.roles {
        roles.retain(|(r, _)| r != role);
        roles.extend(field.iter().map(|f| (role.clone(), f.clone())));
    }
    roles.sort();
    roles
}

/// The fields that tell about the person of a row, in a table that holds the number of an identity paper.
pub(super) fn person(fields: &[Field<'_>], rule: &TableRule, rules: &Rules) -> Option<Value> {
    let first = |how: &RoleRule| fields.iter().find(|f| fits(f, how)).map(|f| f.row.field.as_str());
    let known = &rules.person;
    let mut person = Map::new();
    person.insert("number".into(), first(&known.number)?.into());
    if let Some(paper) = first(&known.paper) {
        person.insert("paper".into(), paper.into());
        person.insert("papers".into(), json!(known.papers));
    }
    for (name, how) in [("sex", &known.sex), ("birth", &known.birth)] {
        person.extend(first(how).map(|field| (name.to_owned(), field.into())));
    }
    person.extend(rule.ages.map(|ages| ("ages".to_owned(), json!(ages))));
    Some(Value::Object(person))
}

fn fits(field: &Field<'_>, how: &RoleRule) -> bool {
    how.names.contains(&field.row.field)
        || (!field.row.code_set.is_empty() && how.code_sets.contains(&field.row.code_set))
        || field.shape.format().is_some_and(|f| how.formats.iter().any(|name| name == f.name()))
}

fn event_date(fields: &[Field<'_>], key: &[String], kind: &str, rules: &Rules) -> Option<String> {
    let filled = filled_by_the_hub(rules);
    let dates: Vec<&Field<'_>> = fields.iter().filter(|f| is_date(f.shape) && !filled.contains(&f.row.field.as_str())).collect();
    let in_key = dates.iter().find(|f| key.iter().any(|k| part_field(k) == f.row.field));
    let of_log = || if kind == "log" { dates.iter().find(|f| f.mandatory()).or(dates.first()) } else { None };
    in_key.or_else(of_log).map(|f| f.row.field.clone())
}

/// The field that a part of a key is taken from.
pub(super) fn part_field(part: &str) -> &str {
    part.split_once('(').map_or(part, |(_, rest)| rest.trim_end_matches(')'))
}

/// Dates that begin and end something by their labels, as pairs of fields of one form; then those of the rule.
pub(super) fn orders(fields: &[Field<'_>], rule: &TableRule) -> Vec<[String; 2]> {
    const WORDS: [(&str, &[&str]); 2] = [("开始", &["结束", "终止", "截止"]), ("起始", &["终止", "结束", "截止"])];
    let mut orders: Vec<[String; 2]> = Vec::new();
    for first in fields.iter().filter(|f| is_calendar(f.shape)) {
        for (begin, ends) in WORDS {
            for label in ends.iter().map(|end| first.row.name_zh.replacen(begin, end, 1)).filter(|l| *l != first.row.name_zh) {
                let last = fields.iter().find(|f| f.row.name_zh == label && f.shape == first.shape);
                orders.extend(last.map(|last| [first.row.field.clone(), last.row.field.clone()]));
            }
        }
    }
    for pair in &rule.orders {
        if !orders.contains(pair) {
            orders.push(pair.clone());
        }
    }
    orders
}

fn is_date(shape: Shape) -> bool {
    matches!(shape.format(), Some(Format::Date | Format::DateTime))
}

fn is_calendar(shape: Shape) -> bool {
    is_date(shape) || matches!(shape.format(), Some(Format::Month | Format::Year))
}

fn filled_by_the_hub(rules: &Rules) -> Vec<&str> {
    ["record_key", "school_code", "collected_at"]
        .iter()
        .filter_map(|role| rules.roles.get(*role))
        .flat_map(|rule| rule.names.iter().map(String::as_str))
        .collect()
}
