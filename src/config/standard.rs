//! The edition that the settings name.

use std::path::Path;

use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::mapping;
use super::parts::Names;
use super::suggest::nearest;
use crate::finding::Text;
use crate::standard::{EditionId, LoadError, Standard};

/// The names of the edition's and the core's tables and fields; `None` when there is no edition to take them from.
pub(super) fn names(doc: &Document, settings: &Value, schemas: Option<&Path>, faults: &mut Vec<Fault>) -> Option<Names> {
    let wanted = settings.pointer("/school/edition").and_then(Value::as_str).filter(|name| !name.is_empty())?;
    let editions = Standard::editions(schemas).map_err(|error| faults.push(broken(doc, &error))).ok()?;
    let editions: Vec<_> = editions.into_iter().filter(|info| !info.id.is_core()).collect();
    let Some(info) = editions.iter().find(|info| info.id.as_str() == wanted) else {
        faults.push(unknown(doc, wanted, &editions.iter().map(|info| info.id.as_str()).collect::<Vec<_>>()));
        return None;
    };
    let level = settings.pointer("/school/level").and_then(Value::as_str);
    if let Some(level) = level.filter(|level| *level != info.level) {
        faults.push(doc.fault(
            "/school/level",
            Text::new(
                format!("学校层次为 {level}，但版本 {wanted} 属于 {}", info.level),
                format!("the school's level is {level}, but edition {wanted} is of {}", info.level),
            ),
            Text::new("更正 level 或 edition", "mend level or edition"),
        ));
    }
    let standard = Standard::load(&EditionId::new(wanted), schemas).map_err(|error| faults.push(broken(doc, &error))).ok()?;
    let fields = |plan: &crate::standard::TablePlan| plan.fields.iter().map(|field| field.name.to_string()).collect();
    Some(Names { tables: standard.tables().iter().map(|plan| (plan.name.to_string(), fields(plan))).collect() })
}

/// Tables and fields that the settings name: `tables` and `scopes` of an upstream's delivery, policies of references.
pub(super) fn check_named(doc: &Document, settings: &Value, names: &Names, faults: &mut Vec<Fault>) {
    let mut table = |pointer: &str, name: &str| {
        if !names.tables.contains_key(name) {
            faults.push(mapping::unknown(doc, pointer, name, names.tables.keys().map(String::as_str), &mapping::TABLE));
        }
    };
    for (name, upstream) in settings.get("upstreams").and_then(Value::as_object).into_iter().flatten() {
        let delivery = join(&join("/upstreams", name), "delivery");
        let listed = upstream.pointer("/delivery/tables").and_then(Value::as_array).into_iter().flatten();
        for (at, wanted) in listed.enumerate().filter_map(|(at, v)| Some((at, v.as_str()?))) {
            table(&format!("{delivery}/tables/{at}"), wanted);
        }
        for wanted in upstream.pointer("/delivery/scopes").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name)
        {
            table(&join(&format!("{delivery}/scopes"), wanted), wanted);
        }
    }
    for name in settings.pointer("/references/fields").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name) {
        let pointer = join("/references/fields", name);
        let (wanted, field) = name.split_once('.').unwrap_or((name, ""));
        match names.tables.get(wanted) {
            Some(fields) if !fields.iter().any(|f| f == field) => {
                faults.push(mapping::unknown(doc, &pointer, field, fields.iter().map(String::as_str), &mapping::FIELD));
            }
            Some(_) => {}
            None => {
                faults.push(mapping::unknown(doc, &pointer, wanted, names.tables.keys().map(String::as_str), &mapping::TABLE))
            }
        }
    }
}

fn unknown(doc: &Document, wanted: &str, known: &[&str]) -> Fault {
    let list = known.join(", ");
    let remedy = match nearest(wanted, known.iter().copied()) {
        Some(near) => {
            Text::new(format!("是否应为 {near}？可用的版本：{list}"), format!("did you mean {near}? editions known: {list}"))
        }
        None => Text::new(format!("可用的版本：{list}"), format!("editions known: {list}")),
    };
    doc.fault("/school/edition", Text::new(format!("没有数据标准版本 {wanted}"), format!("there is no edition {wanted}")), remedy)
}

fn broken(doc: &Document, error: &LoadError) -> Fault {
    doc.fault(
        "/school/edition",
        Text::new(format!("数据标准不可读：{error}"), format!("the data standard cannot be read: {error}")),
        Text::new(
            "检查 --schemas 指定的目录，或去掉 --schemas 使用内置标准",
            "check the folder that --schemas names, or leave --schemas out to use the built-in standards",
        ),
    )
}
