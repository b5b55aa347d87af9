//! A field that must have a value when another one has a certain value.

use std::sync::Arc;

use super::{Check, Env, Input, some};
use crate::finding::{Expected, Found, RuleId, Severity, Text};
use crate::record::Record;
use crate::standard::{FieldIdx, Required};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    subject: Subject,
    other: FieldIdx,
    is_one_of: Box<[Arc<str>]>,
    expected: Expected,
}

struct ConditionalCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for (field, plan) in input.plan.indexed() {
        let Required::When(condition) = &plan.required else { continue };
        let other = input.plan.field(condition.field);
        let values = condition.is_one_of.join("、");
        let expected = Expected::Words(Text::new(
            format!("当{}（{}）为 {values} 时必须有值", other.label, other.name),
            format!("a value, because {} is {}", other.name, condition.is_one_of.join(" or ")),
        ));
        let is_one_of = condition.is_one_of.clone();
        items.push(Item { field, subject: Subject::new(plan), other: condition.field, is_one_of, expected });
    }
    some(items, ConditionalCheck)
}

impl Check for ConditionalCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            if !row.is_missing(item.field) {
                continue;
            }
            let holds = row.get(item.other).text().is_some_and(|t| item.is_one_of.iter().any(|v| **v == *t));
            if holds {
                out.add(&item.subject, RuleId::REQUIRED, Severity::Error, Found::Missing, item.expected.clone());
            }
        }
    }
}
