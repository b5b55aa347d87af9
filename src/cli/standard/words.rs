//! Fields in words.

use crate::cli::Output;
use crate::standard::{FieldPlan, FieldType, Format, Frequency, KeyPart, Length, Required, Scope, Standard, TablePlan};

/// The kind of values, with length.
pub(super) fn kind(output: Output, field: &FieldPlan) -> String {
    let length = match field.length {
        Length::AtMost(max) => format!("({max})"),
        Length::Doubtful(max) => format!("({max}?)"),
        Length::Open => String::new(),
    };
    match field.ty {
        FieldType::Text(Format::Free) => format!("{}{length}", output.say("文本", "text")),
        FieldType::Text(format) => format!("{}{length}", format.name()),
        FieldType::Integer { digits } => format!("{}({digits})", output.say("整数", "integer")),
        FieldType::Decimal { precision, scale } => format!("{}({precision},{scale})", output.say("小数", "decimal")),
    }
}

/// Whether a value must be there.
pub(super) fn required(output: Output, plan: &TablePlan, field: &FieldPlan) -> String {
    match &field.required {
        Required::Mandatory => output.say("必填", "required").to_owned(),
        Required::Optional => String::new(),
        Required::When(condition) => {
            let values: Vec<&str> = condition.is_one_of.iter().map(AsRef::as_ref).collect();
            format!("{} {}={}", output.say("条件", "when"), plan.field(condition.field).name, values.join("|"))
        }
        Required::Unless(why) => format!("{} {why}", output.say("条件：", "when:")),
    }
}

/// Code set and reference targets.
pub(super) fn domain(standard: &Standard, field: &FieldPlan) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(set) = &field.code_set {
        parts.push(set.id.to_string());
    }
    for target in field.reference.iter().flat_map(|reference| reference.targets.iter()) {
        let plan = standard.table(target.table);
        parts.push(format!("→ {}.{}", plan.name, plan.field(target.field).name));
    }
    parts.join(" ")
}

/// The natural key as mappings write it.
pub(super) fn key(plan: &TablePlan) -> String {
    let part = |part: &KeyPart| match part {
        KeyPart::Field(field) => plan.field(*field).name.to_string(),
        KeyPart::Date(field) => format!("date({})", plan.field(*field).name),
        KeyPart::SchoolYear(field) => format!("school_year({})", plan.field(*field).name),
        KeyPart::SourceId => "@id".to_owned(),
    };
    let list = |parts: &[KeyPart]| parts.iter().map(part).collect::<Vec<_>>().join(" + ");
    match (plan.key.preferred.is_empty(), plan.key.parts.is_empty()) {
        (true, _) => list(&plan.key.parts),
        (false, true) => list(&plan.key.preferred),
        (false, false) => format!("{} | {}", list(&plan.key.preferred), list(&plan.key.parts)),
    }
}

/// By when a change must have been reported.
pub(super) fn frequency(output: Output, frequency: Frequency) -> &'static str {
    let (zh, en) = match frequency {
        Frequency::Day => ("每日", "day"),
        Frequency::DayAhead => ("提前一日", "day ahead"),
        Frequency::Week => ("每周", "week"),
        Frequency::Month => ("每月", "month"),
        Frequency::Term => ("每学期", "term"),
        Frequency::AutumnTerm => ("秋季学期", "autumn term"),
        Frequency::Year => ("每学年", "year"),
        Frequency::SchoolDecides => ("学校自定", "school decides"),
    };
    output.say(zh, en)
}

/// Which rows are to be reported.
pub(super) fn scope(output: Output, scope: &Scope) -> String {
    match scope {
        Scope::All => output.say("全部", "all").to_owned(),
        Scope::Term => output.say("本学期", "term").to_owned(),
        Scope::SchoolYear => output.say("本学年", "school year").to_owned(),
        Scope::Since(month) => format!("{} {month}", output.say("自", "since")),
        Scope::CohortSince(year) => format!("{} {year}", output.say("入学年份自", "cohorts since")),
        Scope::Mapping => output.say("由映射选择", "by mapping").to_owned(),
    }
}
