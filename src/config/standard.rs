//! The edition that the settings name.

use std::path::Path;

use serde_json::Value;

use super::Fault;
use super::document::Document;
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

fn unknown(doc: &Document, wanted: &str, known: &[&str]) -> Fault {
    let list = known.join(", ");
    let remedy = match nearest(wanted, known.iter().copied()) {
        Some(near) => Text::new(format!("是否应为 {near}？可用的版本：{list}"), format!("did you mean {near}? editions known: {list}")),
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
