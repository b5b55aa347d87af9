//! Names that a user typed: those that do not exist are answered with the nearest that does.

use std::path::Path;

use super::Failure;
use super::plan::Plan;
use crate::config::nearest;
use crate::finding::{RuleId, Text};
use crate::normalize::MERGED_SOURCE;
use crate::standard::Standard;

/// A table that some mapping fills.
pub(super) fn table(plan: &Plan, name: &str) -> Result<(), Failure> {
    let mapped: Vec<&str> = plan.active().map(|(_, table)| &*table.name).collect();
    if mapped.contains(&name) {
        return Ok(());
    }
    let known = plan.standard.find(name).is_some();
    let what = match known {
        true => Text::new(
            format!("标准中有表 {name}，但还没有映射，因此没有数据"),
            format!("the standard has the table {name}, but no mapping fills it, so there is no data of it"),
        ),
        false => Text::new(
            format!("标准 {} 中没有表 {name}", plan.standard.edition().as_str()),
            format!("there is no table {name} in the standard {}", plan.standard.edition().as_str()),
        ),
    };
    let near = nearest(name, mapped.iter().copied()).filter(|_| !known);
    let fix = match near {
        Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
        None => Text::new(format!("已映射的表：{}", mapped.join("、")), format!("tables with a mapping: {}", mapped.join(", "))),
    };
    Err(unknown(&what, &fix))
}

/// A source of the settings.
pub(super) fn source(plan: &Plan, name: &str) -> Result<(), Failure> {
    if name == MERGED_SOURCE && !plan.merges.is_empty() {
        return Ok(());
    }
    one_of(("数据源", "source", "[sources.…]"), name, plan.loaded.settings.sources.keys())
}

/// An upstream of the settings.
pub(super) fn upstream(plan: &Plan, name: &str) -> Result<(), Failure> {
    one_of(("上报通道", "upstream", "[upstreams.…]"), name, plan.loaded.settings.upstreams.keys())
}

fn one_of<'a>((zh, en, section): (&str, &str, &str), name: &str, known: impl Iterator<Item = &'a String>) -> Result<(), Failure> {
    let known: Vec<&str> = known.map(String::as_str).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let what = Text::new(format!("设置文件中没有名为 {name} 的{zh}"), format!("the settings have no {en} named {name}"));
    let fix = match nearest(name, known.iter().copied()) {
        Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
        None => Text::new(
            format!("{section} 中的名称：{}", known.join("、")),
            format!("the names in {section}: {}", known.join(", ")),
        ),
    };
    Err(unknown(&what, &fix))
}

/// An edition of the data standard.
pub(super) fn edition(name: &str, schemas: Option<&Path>) -> Result<(), Failure> {
    let editions = Standard::editions(schemas).map_err(|e| Failure::part(&e))?;
    let known: Vec<&str> = editions.iter().filter(|info| !info.id.is_core()).map(|info| info.id.as_str()).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let what = Text::new(format!("没有数据标准版本 {name}"), format!("there is no edition {name} of the data standard"));
    let fix = match nearest(name, known.iter().copied()) {
        Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
        None => Text::new(format!("可用的有：{}", known.join("、")), format!("there are: {}", known.join(", "))),
    };
    Err(unknown(&what, &fix))
}

/// A folder for the store: one that there is, or that can be made.
pub(super) fn folder(path: &Path) -> Result<(), Failure> {
    if !path.exists() || path.is_dir() {
        return Ok(());
    }
    let path = path.display();
    Err(unknown(
        &Text::new(format!("{path} 不是目录"), format!("{path} is not a folder")),
        &Text::new("用 --data 指定另一个目录", "name another folder with --data"),
    ))
}

/// A rule that rows can break.
pub(super) fn rule(name: &str) -> Result<(), Failure> {
    let known = || RuleId::ALL.iter().map(|rule| rule.as_str());
    if known().any(|rule| rule == name) {
        return Ok(());
    }
    let all: Vec<&str> = known().collect();
    let fix = match nearest(name, known()) {
        Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
        None => Text::new(format!("规则：{}", all.join("、")), format!("the rules: {}", all.join(", "))),
    };
    Err(unknown(&Text::new(format!("没有名为 {name} 的规则"), format!("there is no rule named {name}")), &fix))
}

/// A quarantined row that is not there.
pub(super) fn no_row(id: i64) -> Failure {
    unknown(
        &Text::new(format!("没有编号为 {id} 的隔离行"), format!("there is no quarantined row {id}")),
        &Text::new(
            "它可能已更正入库；现有的编号见 `xiaoshu quarantine list`",
            "it may have been mended and landed; `xiaoshu quarantine list` shows the numbers there are",
        ),
    )
}

fn unknown(what: &Text, fix: &Text) -> Failure {
    Failure::Unknown(Text::new(format!("{}。解决办法：{}", what.zh, fix.zh), format!("{}; fix: {}", what.en, fix.en)))
}
