//! A proposal as a mapping file: what is sure stands, what is not is a comment.

use std::fmt::Write;

use super::codes::CodeProposal;
use super::decide::{FieldProposal, Outcome, TableProposal};
use super::link::Through;
use crate::source::Product;
use crate::standard::{Domain, FieldPlan};

/// Where the mapping belongs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The source's name in the settings.
    pub source: &'a str,
    /// The department in charge, where the settings name one.
    pub owner: Option<&'a str>,
    /// Whether the settings number the information system, so that keys by `@id` are possible.
    pub numbered: bool,
    /// Whether the source is files that somebody exports.
    pub files: bool,
    /// Whose SQL the source speaks; none where it cannot join tables.
    pub product: Option<Product>,
}

/// The text of a mapping file; `None` where no line is sure enough to stand.
pub fn mapping_file(table: &TableProposal, place: &Place<'_>) -> Option<String> {
    if !table.fields.iter().any(|field| stands(field, place)) {
        return None;
    }
    let mut out = String::new();
    heading(table, place, &mut out);
    let _ = writeln!(out, "\n[fields]");
    for field in table.fields.iter().filter(|field| stands(field, place)) {
        active(table, field, &mut out);
    }
    decide(table, place, &mut out);
    open(table, &mut out);
    // Last, so that taking the # away puts no line of [fields] behind another section's head.
    super::made::timetable(table, &mut out);
    Some(out)
}

/// Whether a line stands: a join only where the source can join.
fn stands(field: &FieldProposal, place: &Place<'_>) -> bool {
    field.outcome == Outcome::Active && (place.product.is_some() || !matches!(field.through, Some(Through::Join { .. })))
}

impl TableProposal {
    /// The columns that the mapping's query adds to those of the table, where the source can join.
    pub fn joined_columns(&self) -> Vec<String> {
        joins(self).into_iter().map(|(column, through)| through.named(column)).collect()
    }
}

/// The joins that the mapping reads with: of all lines, also of those to decide, so that they can be used as they are.
fn joins(table: &TableProposal) -> Vec<(&str, &Through)> {
    let mut out: Vec<(&str, &Through)> = Vec::new();
    for field in &table.fields {
        if let (Some(column), Some(through @ Through::Join { .. })) = (&field.column, &field.through)
            && !out.contains(&(column.column.as_str(), through))
        {
            out.push((&column.column, through));
        }
    }
    out
}

/// The query that reads the table with what it is joined to.
fn query(table: &TableProposal, product: Product) -> Option<String> {
    let all = joins(table);
    if all.is_empty() {
        return None;
    }
    let mut ways: Vec<(&str, &str, &str)> = Vec::new();
    let mut columns = String::from("t.*");
    for (column, through) in &all {
        let Through::Join { table, key, column: value } = through else { continue };
        let way = (*column, table.as_str(), key.as_str());
        let at = ways.iter().position(|own| *own == way).unwrap_or_else(|| {
            ways.push(way);
            ways.len() - 1
        });
        let _ = write!(columns, ", j{}.{} AS {}", at + 1, product.quoted(value), product.quoted(&through.named(column)));
    }
    let mut out = format!("SELECT {columns} FROM {} t", product.quoted_path(&table.object));
    for (at, (column, other, key)) in ways.iter().enumerate() {
        let at = at + 1;
        let _ = write!(
            out,
            " LEFT JOIN {} j{at} ON j{at}.{} = t.{}",
            product.quoted_path(other),
            product.quoted(key),
            product.quoted(column)
        );
    }
    for (at, column) in table.order_by.iter().enumerate() {
        let _ = write!(out, "{} t.{}", if at == 0 { " ORDER BY" } else { "," }, product.quoted(column));
    }
    Some(out)
}

/// The value of a mandatory field of which nobody knows anything yet.
pub(super) fn open_value() -> &'static str {
    "{ value = \"\" }    # 待填 / to fill in"
}

fn heading(table: &TableProposal, place: &Place<'_>, out: &mut String) {
    let plan = &table.plan;
    let about = table.comment.as_deref().map(|comment| format!("（{}）", line(comment))).unwrap_or_default();
    let _ = writeln!(
        out,
        "# {} {} ← {} {}{about}\n# 由 xiaoshu init 提出，把握 {:.2}；请逐行核对，再运行 xiaoshu check --connect 与 xiaoshu try {}\n\
         # Proposed by xiaoshu init, confidence {:.2}; look at each line, then run xiaoshu check --connect and xiaoshu try {}",
        plan.name,
        line(&plan.label_zh),
        place.source,
        line(&table.object),
        table.chance,
        plan.name,
        table.chance,
        plan.name
    );
    for (rival, chance) in &table.rivals {
        let _ = writeln!(out, "# 也可能来自 / could also come from: {} ({chance:.2})", line(rival));
    }
    let _ = writeln!(out, "table = {}\nsource = {}", quoted(&plan.name), quoted(place.source));
    match place.owner {
        Some(owner) => drop(writeln!(out, "owner = {}", quoted(owner))),
        None => drop(writeln!(
            out,
            "# owner = \"…\"    # 待填：数据责任部门，如{} / to fill in: the department in charge",
            office(plan.domain)
        )),
    }
    let mode = if place.files { "file" } else { "automatic" };
    let joined = place.product.and_then(|product| query(table, product));
    match &joined {
        Some(query) => drop(writeln!(
            out,
            "mode = \"{mode}\"\n\n# 行号列经连接取其编号 / row ids are joined to what they stand for\n[read]\nquery = {}",
            quoted(query)
        )),
        None => drop(writeln!(out, "mode = \"{mode}\"\n\n[read]\nobject = {}", quoted(&table.object))),
    }
    if joined.is_none() && !place.files && !table.order_by.is_empty() {
        let columns: Vec<String> = table.order_by.iter().map(|column| quoted(column)).collect();
        let _ = writeln!(out, "order_by = [{}]", columns.join(", "));
    }
    key(table, place, out);
}

/// The key by the source's own row id, where the standard prefers it.
fn key(table: &TableProposal, place: &Place<'_>, out: &mut String) {
    if table.plan.key.preferred.is_empty() {
        return;
    }
    match &table.source_id {
        Some(column) if place.numbered => {
            let _ =
                writeln!(out, "\n# 以来源的行号为主键 / keyed by the source's own row id\n[key]\nsource_id = {}", quoted(column));
        }
        Some(column) => {
            let _ = writeln!(
                out,
                "\n# 设置中给出 system 后可用 / once the settings name the system:\n# [key]\n# source_id = {}",
                quoted(column)
            );
        }
        None => {}
    }
}

fn active(table: &TableProposal, field: &FieldProposal, out: &mut String) {
    let plan = table.plan.field(field.field);
    let Some(column) = &field.column else { return };
    let _ = writeln!(out, "# {} {:.2} {}", plan.label, column.chance, reasons(field));
    if let Some(codes) = &field.codes {
        unmapped(codes, out);
    }
    let _ = writeln!(out, "{} = {}", plan.name, value(field, &column.column));
}

/// The line's value: a column, or a column with what is done to it.
fn value(field: &FieldProposal, column: &str) -> String {
    let named = field.through.as_ref().map_or_else(|| column.to_owned(), |through| through.named(column));
    let column = named.as_str();
    let mut options = vec![format!("column = {}", quoted(column))];
    if let Some(Through::Lookup { table, matching, give }) = &field.through {
        options.push(format!("lookup = {{ table = {}, match = {}, give = {} }}", quoted(table), quoted(matching), quoted(give)));
    }
    if let Some(take) = field.take {
        options.push(format!("take = \"{take}\""));
    }
    let mapped: Vec<String> = field
        .codes
        .iter()
        .flat_map(|codes| &codes.values)
        .filter_map(|own| Some(format!("{} = {}", quoted(&own.value), quoted(own.code.as_deref()?))))
        .collect();
    if !mapped.is_empty() {
        options.push(format!("codes = {{ {} }}", mapped.join(", ")));
    }
    if options.len() == 1 { quoted(column) } else { format!("{{ {} }}", options.join(", ")) }
}

fn unmapped(codes: &CodeProposal, out: &mut String) {
    if codes.unmapped == 0 && codes.values.iter().all(|own| own.code.is_some()) {
        return;
    }
    let _ = writeln!(
        out,
        "# 样本中 {} 种取值（{} / {} 行）尚无代码，见 xiaoshu standard show {} / {} sampled values ({} of {} rows) have no code yet",
        codes.unmapped, codes.unmapped_rows, codes.rows, codes.set, codes.unmapped, codes.unmapped_rows, codes.rows
    );
    for own in codes.values.iter().filter(|own| own.code.is_none()) {
        let label = own.label.as_deref().map(|label| format!("（{}）", line(label))).unwrap_or_default();
        let _ = writeln!(out, "#   {} = \"?\"    # {} 行 / rows{label}", quoted(&own.value), own.rows);
    }
}

fn decide(table: &TableProposal, place: &Place<'_>, out: &mut String) {
    let waits = |field: &&FieldProposal| field.outcome != Outcome::Open && !stands(field, place);
    let waiting: Vec<&FieldProposal> = table.fields.iter().filter(waits).collect();
    if waiting.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n# ---- 待定：去掉 # 即启用 / to decide: take the # away to use a line ----");
    for field in waiting {
        let plan = table.plan.field(field.field);
        let Some(column) = &field.column else { continue };
        let _ = writeln!(out, "# {}{} {:.2} {}", plan.label, mark(field), column.chance, reasons(field));
        if let Some(codes) = &field.codes {
            unmapped(codes, out);
        }
        let _ = writeln!(out, "# {} = {}", plan.name, value(field, &column.column));
        for other in &field.others {
            let _ = writeln!(out, "#   或 / or {:.2}: {}", other.chance, quoted(&other.column));
        }
        if field.needed {
            let _ = writeln!(
                out,
                "{} = {{ value = \"\" }}    # 待定前为空，行会隔离等待 / empty until decided: rows wait",
                plan.name
            );
        }
    }
}

/// What nobody knows yet, and whom to ask.
fn open(table: &TableProposal, out: &mut String) {
    let open: Vec<&FieldProposal> = table.fields.iter().filter(|field| field.outcome == Outcome::Open && field.needed).collect();
    if !open.is_empty() {
        let _ = writeln!(
            out,
            "\n# ---- 必填而未找到来源：请问{}或系统厂商 / mandatory, no column found: ask the department or the vendor ----",
            office(table.plan.domain)
        );
        for field in open {
            let plan = table.plan.field(field.field);
            let _ = writeln!(out, "# {}：{}\n{} = {{ value = \"\" }}", plan.label, question(plan), plan.name);
        }
    }
    let optional: Vec<String> = table
        .fields
        .iter()
        .filter(|field| field.outcome == Outcome::Open && !field.needed)
        .map(|field| table.plan.field(field.field))
        .map(|plan| format!("{} {}", plan.name, plan.label))
        .collect();
    if !optional.is_empty() {
        let _ = writeln!(out, "\n# 选填而未找到来源 / optional, no column found: {}", optional.join("、"));
    }
}

fn question(plan: &FieldPlan) -> String {
    match (&plan.code_set, &plan.reference) {
        (Some(set), _) => format!(
            "存于何处？取值对照代码集 {} / where is it kept? its values are those of {} (xiaoshu standard show {})",
            set.id, set.id, set.id
        ),
        (None, Some(_)) => "存于何处？须是主数据中已有的编号 / where is it kept? numbers that the rosters have".to_owned(),
        (None, None) => {
            "存于哪个系统、哪一列？没有则由谁填报 / which system and column has it? if none, who fills it in".to_owned()
        }
    }
}

fn mark(field: &FieldProposal) -> &'static str {
    if field.needed { "（必填）" } else { "" }
}

fn reasons(field: &FieldProposal) -> String {
    let zh: Vec<&str> = field.reasons.iter().map(|text| text.zh.as_str()).collect();
    let en: Vec<&str> = field.reasons.iter().map(|text| text.en.as_str()).collect();
    format!("{} / {}", line(&zh.join("；")), line(&en.join("; ")))
}

/// The office that usually knows.
fn office(domain: Domain) -> &'static str {
    match domain {
        Domain::Basic => "信息中心、资产处",
        Domain::Major | Domain::Course => "教务处",
        Domain::Student => "学生处、教务处",
        Domain::Teacher => "人事处",
        Domain::Enterprise => "校企合作处",
    }
}

/// A text that stays on its line.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
