//! `standard diff`: what changed from one edition to another.

use std::collections::BTreeSet;

use serde::Serialize;

use super::words;
use crate::cli::Output;
use crate::cli::render::line;
use crate::cli::width::{Side, TextTable, cut};
use crate::finding::Lang;
use crate::standard::{CodeSet, EditionId, FieldPlan, Standard, TablePlan};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// `table_added`, `field_removed`, `kind_changed` ….
    pub(super) what: &'static str,
    /// The table, or the code set.
    pub(super) name: String,
    /// The field, or the code.
    pub(super) part: String,
    /// Before.
    pub(super) old: String,
    /// After.
    pub(super) new: String,
}

/// Everything that differs between two editions, or in one table of theirs. The core is no edition's.
pub(super) fn diff(old: &Standard, new: &Standard, table: Option<&str>) -> Vec<Change> {
    let mut out = Vec::new();
    for plan in own(old).filter(|plan| wanted(table, plan)) {
        match find(new, &plan.name) {
            None => out.push(change("table_removed", &plan.name, "", &plan.label_zh, "")),
            Some(other) => compare_tables(old, new, plan, other, &mut out),
        }
    }
    for plan in own(new).filter(|plan| wanted(table, plan) && find(old, &plan.name).is_none()) {
        out.push(change("table_added", &plan.name, "", "", &plan.label_zh));
    }
    if table.is_none() {
        compare_sets(old, new, &mut out);
    }
    out
}

fn wanted(table: Option<&str>, plan: &TablePlan) -> bool {
    table.is_none_or(|name| *plan.name == *name)
}

fn own(standard: &Standard) -> impl Iterator<Item = &TablePlan> {
    let edition: &EditionId = standard.edition();
    standard.tables().iter().map(AsRef::as_ref).filter(move |plan: &&TablePlan| plan.edition == *edition)
}

fn find<'s>(standard: &'s Standard, name: &str) -> Option<&'s TablePlan> {
    own(standard).find(|plan| *plan.name == *name)
}

fn change(what: &'static str, name: &str, part: &str, old: &str, new: &str) -> Change {
    Change { what, name: name.to_owned(), part: part.to_owned(), old: old.to_owned(), new: new.to_owned() }
}

fn compare_tables(old: &Standard, new: &Standard, before: &TablePlan, after: &TablePlan, out: &mut Vec<Change>) {
    let words_in = Output { lang: Lang::En, json: false };
    let mut differ = |what, a: String, b: String| {
        if a != b {
            out.push(change(what, &before.name, "", &a, &b));
        }
    };
    differ("name_changed", before.label_zh.to_string(), after.label_zh.to_string());
    differ(
        "frequency_changed",
        words::frequency(words_in, before.frequency).to_owned(),
        words::frequency(words_in, after.frequency).to_owned(),
    );
    differ("scope_changed", words::scope(words_in, &before.scope), words::scope(words_in, &after.scope));
    differ("key_changed", words::key(before), words::key(after));
    for field in &before.fields {
        match after.find(&field.name) {
            None => out.push(change("field_removed", &before.name, &field.name, &field.label, "")),
            Some(idx) => compare_fields(&Pair { old, new, before, after }, field, after.field(idx), out),
        }
    }
    for field in after.fields.iter().filter(|field| before.find(&field.name).is_none()) {
        out.push(change("field_added", &before.name, &field.name, "", &field.label));
    }
}

struct Pair<'a> {
    old: &'a Standard,
    new: &'a Standard,
    before: &'a TablePlan,
    after: &'a TablePlan,
}

fn compare_fields(pair: &Pair<'_>, before: &FieldPlan, after: &FieldPlan, out: &mut Vec<Change>) {
    let output = Output { lang: Lang::En, json: false };
    let sides = [
        ("label_changed", before.label.to_string(), after.label.to_string()),
        ("kind_changed", words::kind(output, before), words::kind(output, after)),
        ("required_changed", words::required(output, pair.before, before), words::required(output, pair.after, after)),
        ("codes_or_references_changed", words::domain(pair.old, before), words::domain(pair.new, after)),
    ];
    for (what, old, new) in sides {
        if old != new {
            out.push(change(what, &pair.before.name, &before.name, &old, &new));
        }
    }
}

/// Code sets that tables of the editions use.
fn compare_sets(old: &Standard, new: &Standard, out: &mut Vec<Change>) {
    let used = |standard: &Standard| -> BTreeSet<String> {
        own(standard)
            .flat_map(|plan| plan.fields.iter())
            .filter_map(|f| f.code_set.as_ref())
            .map(|set| set.id.to_string())
            .collect()
    };
    let (before, after) = (used(old), used(new));
    for id in before.union(&after) {
        match (old.code_set(id).filter(|_| before.contains(id)), new.code_set(id).filter(|_| after.contains(id))) {
            (Some(set), None) => out.push(change("code_set_removed", id, "", &set.name_zh, "")),
            (None, Some(set)) => out.push(change("code_set_added", id, "", "", &set.name_zh)),
            (Some(set), Some(other)) => compare_codes(set, other, out),
            (None, None) => {}
        }
    }
}

fn compare_codes(before: &CodeSet, after: &CodeSet, out: &mut Vec<Change>) {
    for code in before.codes() {
        match after.find(&code.code).map(|idx| after.get(idx)) {
            None => out.push(change("code_removed", &before.id, &code.code, &code.label, "")),
            Some(other) if other.label != code.label => {
                out.push(change("code_relabelled", &before.id, &code.code, &code.label, &other.label));
            }
            Some(_) => {}
        }
    }
    for code in after.codes().iter().filter(|code| before.find(&code.code).is_none()) {
        out.push(change("code_added", &before.id, &code.code, "", &code.label));
    }
}

/// The changes as a table, with a count of each kind.
pub(super) fn render(output: Output, old: &Standard, new: &Standard, changes: &[Change]) -> String {
    let mut out = String::new();
    let mut text = TextTable::new(&[
        (output.say("变化", "change"), Side::Left),
        (output.say("表或代码集", "table or code set"), Side::Left),
        (output.say("字段或代码", "field or code"), Side::Left),
        (old.edition().as_str(), Side::Left),
        (new.edition().as_str(), Side::Left),
    ]);
    for row in changes {
        text.row([what(output, row.what), &row.name, &row.part, &cut(&row.old, 44), &cut(&row.new, 44)]);
    }
    out.push_str(&text.render());
    let kinds: BTreeSet<&str> = changes.iter().map(|row| row.what).collect();
    for kind in kinds {
        let count = changes.iter().filter(|row| row.what == kind).count();
        line(&mut out, format!("{} {count}", what(output, kind)));
    }
    out
}

fn what(output: Output, what: &'static str) -> &'static str {
    let zh = match what {
        "table_added" => "新增表",
        "table_removed" => "删除表",
        "name_changed" => "表改名",
        "frequency_changed" => "频率改变",
        "scope_changed" => "范围改变",
        "key_changed" => "自然主键改变",
        "field_added" => "新增字段",
        "field_removed" => "删除字段",
        "label_changed" => "字段改名",
        "kind_changed" => "类型或长度改变",
        "required_changed" => "要求改变",
        "codes_or_references_changed" => "代码集或引用改变",
        "code_set_added" => "新增代码集",
        "code_set_removed" => "删除代码集",
        "code_added" => "新增代码",
        "code_removed" => "删除代码",
        "code_relabelled" => "代码改名",
        other => other,
    };
    output.say(zh, what)
}
