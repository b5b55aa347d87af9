//! Numbers with no more digits than printed.

use super::{Check, Env, Input, some};
use crate::finding::{Expected, RuleId, Severity};
use crate::record::{Record, ValueRef};
use crate::standard::{FieldIdx, FieldType};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    whole: usize,
    scale: usize,
    expected: Expected,
    subject: Subject,
}

struct RangeCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for (field, plan) in input.plan.indexed() {
        let (whole, scale, expected) = match plan.ty {
            FieldType::Text(_) => continue,
            FieldType::Integer { digits } => (digits, 0, Expected::Digits(digits.into())),
            FieldType::Decimal { precision, scale } => {
                let expected = Expected::Decimal { precision: precision.into(), scale: scale.into() };
                (precision.saturating_sub(scale), scale, expected)
            }
        };
        items.push(Item { field, whole: whole.into(), scale: scale.into(), expected, subject: Subject::new(plan) });
    }
    some(items, RangeCheck)
}

impl Check for RangeCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let ValueRef::Number(text) = row.get(item.field) else { continue };
            let digits = text.strip_prefix('-').unwrap_or(text);
            let (whole, scale) = match digits.bytes().position(|b| b == b'.') {
                Some(at) => (at, digits.len() - at - 1),
                None => (digits.len(), 0),
            };
            // The one zero before the point is no digit of the number.
            let whole = if whole == 1 && digits.as_bytes()[0] == b'0' { 0 } else { whole };
            if whole > item.whole || scale > item.scale {
                let found = Sink::found(&item.subject, row.get(item.field));
                out.add(&item.subject, RuleId::RANGE, Severity::Error, found, item.expected.clone());
            }
        }
    }
}
