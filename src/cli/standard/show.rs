//! `standard show`.

use serde_json::json;

use super::words;
use crate::app::Failure;
use crate::cli::render::line;
use crate::cli::width::{Side, TextTable, cut};
use crate::cli::{Ended, Exit, Output};
use crate::finding::{Lang, Text};
use crate::standard::{CodeSet, Standard, TablePlan};

/// An edition's tables, one table, one code set, or a table's schema.
pub(super) fn show(output: Output, standard: &Standard, name: Option<&str>, schema: bool) -> Result<Exit, Ended> {
    let Some(name) = name else { return tables(output, standard) };
    match (standard.find(name), standard.code_set(name)) {
        (Some(plan), _) if schema => super::print_json(output, &standard.expanded(plan.id)),
        (Some(plan), _) if output.json => super::print_json(output, standard.document(plan.id)),
        (Some(plan), _) => {
            output.print(&(), |o| table(o, standard, plan))?;
            Ok(Exit::Ok)
        }
        (None, Some(set)) => codes(output, set),
        (None, None) => Err(unknown(standard, name).into()),
    }
}

fn unknown(standard: &Standard, name: &str) -> Failure {
    let tables = standard.tables().iter().map(|plan| &*plan.name);
    let near = tables
        .chain(standard.code_sets().map(|set| &*set.id))
        .min_by_key(|known| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()));
    let near = near.unwrap_or_default();
    let edition = standard.edition();
    Failure::Unknown(Text::new(
        format!("{edition} 和核心表中没有名为 {name} 的表或代码集；最接近的是 {near}"),
        format!("neither {edition} nor the core has a table or code set {name}; the nearest is {near}"),
    ))
}

fn tables(output: Output, standard: &Standard) -> Result<Exit, Ended> {
    let rows: Vec<_> = standard
        .tables()
        .iter()
        .map(|plan| {
            json!({
                "table": plan.name, "label": plan.label_zh, "name_en": plan.label_en, "edition": plan.edition.as_str(),
                "domain": plan.domain.name(), "fields": plan.fields.len(), "key": words::key(plan),
            })
        })
        .collect();
    output.print(&rows, |o| {
        let mut out = String::new();
        let info = standard.info();
        line(&mut out, format!("{}  {}", info.id, o.say(&info.title_zh, &info.title_en)));
        let mut text = TextTable::new(&[
            (o.say("表", "table"), Side::Left),
            (o.say("名称", "name"), Side::Left),
            (o.say("领域", "domain"), Side::Left),
            (o.say("字段", "fields"), Side::Right),
            (o.say("频率", "frequency"), Side::Left),
            (o.say("范围", "scope"), Side::Left),
            (o.say("自然主键", "natural key"), Side::Left),
        ]);
        for plan in standard.tables() {
            text.row([
                &*plan.name,
                &cut(label(o, plan), 40),
                o.say(plan.domain.label_zh(), plan.domain.name()),
                &plan.fields.len().to_string(),
                words::frequency(o, plan.frequency),
                &words::scope(o, &plan.scope),
                &words::key(plan),
            ]);
        }
        out.push_str(&text.render());
        out
    })?;
    Ok(Exit::Ok)
}

fn label(output: Output, plan: &TablePlan) -> &str {
    match output.lang {
        Lang::Zh => &plan.label_zh,
        Lang::En => &plan.label_en,
    }
}

fn table(output: Output, standard: &Standard, plan: &TablePlan) -> String {
    let mut out = String::new();
    line(&mut out, format!("{}  {}  {}  {}", plan.name, plan.label_zh, plan.label_en, plan.edition));
    line(
        &mut out,
        format!(
            "{} {}  {} {}  {} {}",
            output.say("频率", "frequency"),
            words::frequency(output, plan.frequency),
            output.say("范围", "scope"),
            words::scope(output, &plan.scope),
            output.say("自然主键", "natural key"),
            words::key(plan)
        ),
    );
    let mut text = TextTable::new(&[
        (output.say("字段", "field"), Side::Left),
        (output.say("名称", "name"), Side::Left),
        (output.say("类型", "kind"), Side::Left),
        (output.say("要求", "required"), Side::Left),
        (output.say("代码集与引用", "codes and references"), Side::Left),
        (output.say("单位", "unit"), Side::Left),
        (output.say("敏感", "sensitive"), Side::Left),
    ]);
    for field in &plan.fields {
        let sensitive = if field.sensitivity.is_sensitive() { output.say("是", "yes") } else { "" };
        text.row([
            &*field.name,
            &cut(&field.label, 30),
            &words::kind(output, field),
            &words::required(output, plan, field),
            &words::domain(standard, field),
            &field.unit,
            sensitive,
        ]);
    }
    out.push_str(&text.render());
    out
}

fn codes(output: Output, set: &CodeSet) -> Result<Exit, Ended> {
    let rows: Vec<_> = set.codes().iter().map(|code| json!({ "code": code.code, "label": code.label })).collect();
    let value = json!({ "code_set": set.id, "name": set.name_zh, "closed": set.closed, "codes": rows });
    output.print(&value, |o| {
        let mut out = String::new();
        let open = o.say("（开放：其他值只提示）", " (open: other values are warnings)");
        line(&mut out, format!("{}  {}{}", set.id, set.name_zh, if set.closed { "" } else { open }));
        let mut text = TextTable::new(&[(o.say("代码", "code"), Side::Left), (o.say("名称", "label"), Side::Left)]);
        for code in set.codes() {
            text.row([&*code.code, &*code.label]);
        }
        out.push_str(&text.render());
        out
    })?;
    Ok(Exit::Ok)
}
