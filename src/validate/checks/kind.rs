//! Numbers in number fields, texts in the others.

use super::CellCheck;
use crate::finding::{Expected, Found, RuleId, Severity};
use crate::record::ValueRef;
use crate::standard::{FieldPlan, FieldType};
use crate::validate::guard::Guard;
use crate::validate::sink::{Sink, Subject};

struct KindCheck {
    numeric: bool,
    subject: Subject,
}

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    let numeric = !matches!(field.ty, FieldType::Text(_));
    Some(Box::new(KindCheck { numeric, subject: Subject::new(field) }))
}

impl CellCheck for KindCheck {
    fn demand(&self, guard: &mut Guard) {
        guard.numeric = self.numeric;
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        let wrong = match value {
            ValueRef::Text(_) | ValueRef::Code(..) => self.numeric,
            ValueRef::Number(_) => !self.numeric,
            ValueRef::Null | ValueRef::Faulted => false,
        };
        if wrong {
            let (found, expected) = match self.numeric {
                true => (Found::Kind("string"), Expected::Number),
                false => (Found::Kind("number"), Expected::Text),
            };
            out.add(&self.subject, RuleId::KIND, Severity::Error, found, expected);
        }
    }
}
