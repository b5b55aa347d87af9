//! `standard …`: the editions as people read them.

mod diff;
mod show;
mod words;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::render::line;
use super::width::{Side, TextTable, clean};
use super::{Ended, Exit, Output, StandardAction};
use crate::app::{Context, Failure};
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::standard::import::{ImportOptions, ImportReport, import};
use crate::standard::{EditionId, Standard};

/// Runs one of the standard commands.
pub(super) fn run(context: &Context<'_>, output: Output, action: StandardAction) -> Result<Exit, Ended> {
    match action {
        StandardAction::List => list(context, output),
        StandardAction::Show { edition, name, schema } => {
            let standard = load(context, &edition_or_default(context, edition)?)?;
            show::show(output, &standard, name.as_deref(), schema)
        }
        StandardAction::Diff { old, new, table } => {
            let (old, new) = (load(context, &old)?, load(context, &new)?);
            if let Some(table) = &table {
                known_in(&old, &new, table)?;
            }
            let changes = diff::diff(&old, &new, table.as_deref());
            output.print(&changes, |o| diff::render(o, &old, &new, &changes))?;
            Ok(Exit::Ok)
        }
        StandardAction::Import { from, to, edition } => make(output, &from, &to, edition),
    }
}

fn load(context: &Context<'_>, edition: &str) -> Result<Arc<Standard>, Failure> {
    let known = Standard::editions(context.schemas.as_deref()).map_err(|error| Failure::part(&error))?;
    if !known.iter().any(|info| info.id.as_str() == edition) {
        let list: Vec<&str> = known.iter().map(|info| info.id.as_str()).collect();
        let list = list.join(", ");
        return Err(Failure::Unknown(Text::new(
            format!("没有数据标准版本 {edition}，可用的有：{list}"),
            format!("there is no edition {edition}; editions known: {list}"),
        )));
    }
    Standard::load(&EditionId::new(edition), context.schemas.as_deref()).map_err(|error| Failure::part(&error))
}

/// A table of either edition.
fn known_in(old: &Standard, new: &Standard, table: &str) -> Result<(), Failure> {
    if old.find(table).is_some() || new.find(table).is_some() {
        return Ok(());
    }
    let names = old.tables().iter().chain(new.tables()).map(|plan| &*plan.name);
    let near = crate::config::nearest(table, names);
    let (zh, en) = near.map(|near| (format!("，最接近的是 {near}"), format!("; the nearest is {near}"))).unwrap_or_default();
    let (older, newer) = (old.edition().as_str(), new.edition().as_str());
    Err(Failure::Unknown(Text::new(
        format!("{older} 与 {newer} 中都没有表 {table}{zh}"),
        format!("neither {older} nor {newer} has a table {table}{en}"),
    )))
}

/// The edition named, else the one of the settings file when there is one, else the newest.
fn edition_or_default(context: &Context<'_>, named: Option<String>) -> Result<String, Failure> {
    if let Some(named) = named {
        return Ok(named);
    }
    if let Some(edition) = crate::config::edition_of(&context.settings) {
        return Ok(edition);
    }
    let editions = Standard::editions(context.schemas.as_deref()).map_err(|error| Failure::part(&error))?;
    let newest = editions.iter().filter(|info| !info.id.is_core()).max_by(|a, b| a.dated.cmp(&b.dated));
    newest
        .map(|info| info.id.to_string())
        .ok_or_else(|| Failure::Unknown(Text::new("没有任何数据标准版本", "there is no edition of the data standard")))
}

#[derive(serde::Serialize)]
struct EditionLine {
    edition: String,
    level: String,
    dated: String,
    version: String,
    tables: usize,
    fields: usize,
    title_zh: String,
    title_en: String,
    digest: String,
}

fn list(context: &Context<'_>, output: Output) -> Result<Exit, Ended> {
    let editions = Standard::editions(context.schemas.as_deref()).map_err(|error| Failure::part(&error))?;
    let mut lines = Vec::new();
    for info in editions {
        let standard = load(context, info.id.as_str())?;
        let own = standard.tables().iter().filter(|plan| plan.edition == info.id);
        lines.push(EditionLine {
            edition: info.id.to_string(),
            level: info.level,
            dated: info.dated,
            version: info.version,
            tables: info.tables.len(),
            fields: own.map(|plan| plan.fields.len()).sum(),
            title_zh: info.title_zh,
            title_en: info.title_en,
            digest: standard.digest().to_owned(),
        });
    }
    output.print(&lines, |o| {
        let mut text = TextTable::new(&[
            (o.say("版本", "edition"), Side::Left),
            (o.say("日期", "dated"), Side::Left),
            (o.say("版本号", "version"), Side::Left),
            (o.say("表", "tables"), Side::Right),
            (o.say("字段", "fields"), Side::Right),
            (o.say("文件", "title"), Side::Left),
        ]);
        for row in &lines {
            let title = o.say(&row.title_zh, &row.title_en);
            text.row([&row.edition, &row.dated, &row.version, &row.tables.to_string(), &row.fields.to_string(), title]);
        }
        text.render()
    })?;
    Ok(Exit::Ok)
}

fn make(output: Output, from: &Path, to: &Path, edition: Option<String>) -> Result<Exit, Ended> {
    let name = edition.or_else(|| from.file_name().map(|name| name.to_string_lossy().into_owned())).unwrap_or_default();
    let options = ImportOptions { from: from.to_owned(), edition: EditionId::new(name), schemas: to.to_owned() };
    // An importer's error names the file and the line; it holds no data of the school.
    let report =
        import(&options).map_err(|error| Failure::Part { class: FaultClass::Configuration, message: error.to_string() })?;
    output.print(&report, |o| imported(o, &report))?;
    Ok(Exit::found(report.warnings.is_empty()))
}

fn imported(output: Output, report: &ImportReport) -> String {
    let mut out = String::new();
    let counts = format!(
        "{} {}  {} {}  {} {}",
        output.say("表", "tables"),
        report.tables,
        output.say("字段", "fields"),
        report.fields,
        output.say("代码集", "code sets"),
        report.code_sets
    );
    line(&mut out, counts);
    for (what, files) in [(output.say("写入", "written"), &report.written), (output.say("删除", "removed"), &report.removed)]
    {
        for file in files {
            line(&mut out, format!("  {what} {file}"));
        }
    }
    line(&mut out, format!("{} {}", output.say("未变的文件", "files unchanged"), report.unchanged));
    for warning in &report.warnings {
        line(&mut out, format!("{} {}", output.say("待确认：", "confirm:"), clean(output.text(warning))));
    }
    out
}

/// Prints a JSON document as it is, whatever the output.
fn print_json(output: Output, value: &Value) -> Result<Exit, Ended> {
    Output { json: true, ..output }.print(value, |_| String::new())?;
    Ok(Exit::Ok)
}
