//! A mandatory field has a value.

use super::CellCheck;
use crate::finding::{Expected, Found, RuleId, Severity};
use crate::record::{ValueRef, is_blank};
use crate::standard::{FieldPlan, Required};
use crate::validate::guard::Guard;
use crate::validate::sink::{Sink, Subject};

struct RequiredCheck(Subject);

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    (field.required == Required::Mandatory).then(|| Box::new(RequiredCheck(Subject::new(field))) as _)
}

impl CellCheck for RequiredCheck {
    fn demand(&self, guard: &mut Guard) {
        guard.mandatory = true;
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        let missing = match value {
            ValueRef::Null => true,
            ValueRef::Text(text) => is_blank(text),
            _ => false,
        };
        if missing {
            out.add(&self.0, RuleId::REQUIRED, Severity::Error, Found::Missing, Expected::Value);
        }
    }
}
