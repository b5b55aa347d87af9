//! Numbers in number fields, texts in the others.

use super::{Check, Env, Input, some};
use crate::finding::{Expected, Found, RuleId, Severity};
use crate::record::{Record, ValueRef};
use crate::standard::{FieldIdx, FieldType};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    numeric: bool,
    subject: Subject,
}

struct KindCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let items = input.plan.indexed().map(|(field, plan)| Item {
        field,
        numeric: !matches!(plan.ty, FieldType::Text(_)),
        subject: Subject::new(plan),
    });
    some(items.collect(), KindCheck)
}

impl Check for KindCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let wrong = match row.get(item.field) {
                ValueRef::Text(_) | ValueRef::Code(..) => item.numeric,
                ValueRef::Number(_) => !item.numeric,
                ValueRef::Null | ValueRef::Faulted => false,
            };
            if wrong {
                let (found, expected) = match item.numeric {
                    true => (Found::Kind("string"), Expected::Number),
                    false => (Found::Kind("number"), Expected::Text),
                };
                out.add(&item.subject, RuleId::KIND, Severity::Error, found, expected);
            }
        }
    }
}
