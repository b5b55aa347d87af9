//! Texts no longer than printed, in characters.

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity};
use crate::record::Record;
use crate::standard::{FieldIdx, FieldType, Length};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    max: u32,
    severity: Severity,
    subject: Subject,
}

struct LengthCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for (field, plan) in input.plan.indexed() {
        let (max, severity) = match (plan.ty, plan.length) {
            (FieldType::Text(_), Length::AtMost(max)) => (max, Severity::Error),
            (FieldType::Text(_), Length::Doubtful(max)) => (max, Severity::Warning),
            _ => continue,
        };
        items.push(Item { field, max, severity, subject: Subject::new(plan) });
    }
    some(items, LengthCheck)
}

impl Check for LengthCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let Some(text) = text_of(row, item.field) else { continue };
            // A character has at least one byte, so most texts need no counting.
            if text.len() > item.max as usize && text.chars().count() > item.max as usize {
                let found = Sink::found(&item.subject, row.get(item.field));
                out.add(&item.subject, RuleId::LENGTH, item.severity, found, Expected::Chars(item.max));
            }
        }
    }
}
