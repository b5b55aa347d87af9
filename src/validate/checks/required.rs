//! A mandatory field has a value.

use super::{Check, Env, Input, some};
use crate::finding::{Expected, Found, RuleId, Severity};
use crate::record::Record;
use crate::standard::{FieldIdx, Required};
use crate::validate::sink::{Sink, Subject};

struct RequiredCheck(Box<[(FieldIdx, Subject)]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mandatory = input.plan.indexed().filter(|(_, f)| f.required == Required::Mandatory);
    some(mandatory.map(|(i, f)| (i, Subject::new(f))).collect(), RequiredCheck)
}

impl Check for RequiredCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for (field, subject) in &self.0 {
            if row.is_missing(*field) {
                out.add(subject, RuleId::REQUIRED, Severity::Error, Found::Missing, Expected::Value);
            }
        }
    }
}
