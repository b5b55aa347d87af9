//! Natural keys as mappings write them.

use super::fault::{Faults, meant, nearest};
use crate::finding::Text;
use crate::standard::{KeyPart, NaturalKey, TablePlan};

/// Parses `F`, `date(F)`, `school_year(F)`, `@id`.
pub(super) fn parse(plan: &TablePlan, expressions: &[String], faults: &mut Faults<'_>) -> NaturalKey {
    let mut parts = Vec::new();
    for (i, expression) in expressions.iter().enumerate() {
        let text = expression.trim();
        if text == "@id" {
            parts.push(KeyPart::SourceId);
            continue;
        }
        let (function, name) = match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
            Some((function, name)) => (Some(function.trim()), name.trim()),
            None => (None, text),
        };
        let pointer = format!("/key/fields/{i}");
        let Some(field) = plan.find(name) else {
            faults.add(
                &pointer,
                Text::new(format!("{} 没有字段 {name}", plan.name), format!("{} has no field {name}", plan.name)),
                meant(
                    nearest(name, plan.fields.iter().map(|f| &*f.name)),
                    Text::new(
                        "键的写法：字段、date(字段)、school_year(字段)、@id",
                        "a key part is FIELD, date(FIELD), school_year(FIELD) or @id",
                    ),
                ),
            );
            continue;
        };
        match function {
            None => parts.push(KeyPart::Field(field)),
            Some("date") => parts.push(KeyPart::Date(field)),
            Some("school_year") => parts.push(KeyPart::SchoolYear(field)),
            Some(other) => faults.add(
                &pointer,
                Text::new(format!("未知的函数 {other}"), format!("unknown function {other}")),
                Text::new("可用 date(字段)、school_year(字段)", "use date(FIELD) or school_year(FIELD)"),
            ),
        }
    }
    NaturalKey { preferred: Box::new([]), parts: parts.into() }
}

/// The definition of a key as text: what its digest is over.
pub(super) fn describe(plan: &TablePlan, parts: &[KeyPart]) -> String {
    let one = |part: &KeyPart| match part {
        KeyPart::Field(f) => plan.field(*f).name.to_string(),
        KeyPart::Date(f) => format!("date({})", plan.field(*f).name),
        KeyPart::SchoolYear(f) => format!("school_year({})", plan.field(*f).name),
        KeyPart::SourceId => "@id".to_owned(),
    };
    parts.iter().map(one).collect::<Vec<_>>().join(",")
}
