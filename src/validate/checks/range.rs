//! Numbers with no more digits than printed.

use super::CellCheck;
use crate::finding::{Expected, RuleId, Severity};
use crate::record::ValueRef;
use crate::standard::{FieldPlan, FieldType};
use crate::validate::guard::Guard;
use crate::validate::sink::{Sink, Subject};

struct RangeCheck {
    whole: usize,
    scale: usize,
    expected: Expected,
    subject: Subject,
}

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    let (whole, scale, expected) = match field.ty {
        FieldType::Text(_) => return None,
        FieldType::Integer { digits } => (digits, 0, Expected::Digits(digits.into())),
        FieldType::Decimal { precision, scale } => {
            let expected = Expected::Decimal { precision: precision.into(), scale: scale.into() };
            (precision.saturating_sub(scale), scale, expected)
        }
    };
    Some(Box::new(RangeCheck { whole: whole.into(), scale: scale.into(), expected, subject: Subject::new(field) }))
}

impl CellCheck for RangeCheck {
    fn demand(&self, guard: &mut Guard) {
        (guard.whole, guard.scale) = (self.whole, self.scale);
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        let ValueRef::Number(text) = value else { return };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, scale) = match digits.bytes().position(|b| b == b'.') {
            Some(at) => (at, digits.len() - at - 1),
            None => (digits.len(), 0),
        };
        // The one zero before the point is no digit of the number.
        let whole = if whole == 1 && digits.as_bytes()[0] == b'0' { 0 } else { whole };
        if whole > self.whole || scale > self.scale {
            let found = Sink::found(&self.subject, value);
            out.add(&self.subject, RuleId::RANGE, Severity::Error, found, self.expected.clone());
        }
    }
}
