//! Texts no longer than printed, in characters.

use super::{CellCheck, text};
use crate::finding::{Expected, RuleId, Severity};
use crate::record::ValueRef;
use crate::standard::{FieldPlan, FieldType, Length};
use crate::validate::guard::Guard;
use crate::validate::sink::{Sink, Subject};

struct LengthCheck {
    max: u32,
    severity: Severity,
    subject: Subject,
}

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    let (max, severity) = match (field.ty, field.length) {
        (FieldType::Text(_), Length::AtMost(max)) => (max, Severity::Error),
        (FieldType::Text(_), Length::Doubtful(max)) => (max, Severity::Warning),
        _ => return None,
    };
    Some(Box::new(LengthCheck { max, severity, subject: Subject::new(field) }))
}

impl CellCheck for LengthCheck {
    fn demand(&self, guard: &mut Guard) {
        guard.longest = self.max as usize;
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        if text(value).is_some_and(|text| text.chars().count() > self.max as usize) {
            let found = Sink::found(&self.subject, value);
            out.add(&self.subject, RuleId::LENGTH, self.severity, found, Expected::Chars(self.max));
        }
    }
}
