//! Codes of the field's set: a stranger is an error in a closed set, a warning in an open one.

use std::sync::Arc;

use super::CellCheck;
use crate::finding::{Expected, Found, RuleId, Severity, Text};
use crate::record::{ValueRef, is_blank};
use crate::standard::{CodeSet, FieldPlan};
use crate::validate::guard::Guard;
use crate::validate::near;
use crate::validate::sink::{Sink, Subject};

struct CodeSetCheck {
    set: Arc<CodeSet>,
    separator: Option<Arc<str>>,
    severity: Severity,
    /// The expectation that fits every value: the whole set, or only its name where values must not be hinted at.
    fixed: Option<Expected>,
    subject: Subject,
}

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    let set = field.code_set.as_ref()?;
    let subject = Subject::new(field);
    let bare = || Expected::Code { set: set.id.clone(), near: Arc::from([]), all: false };
    let fixed = near::whole_set(set).or_else(|| subject.is_sensitive().then(bare));
    let severity = if set.closed { Severity::Error } else { Severity::Warning };
    Some(Box::new(CodeSetCheck { set: set.clone(), separator: field.separator.clone(), severity, fixed, subject }))
}

impl CellCheck for CodeSetCheck {
    fn demand(&self, guard: &mut Guard) {
        guard.set = Some((self.set.clone(), self.separator.clone()));
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        let text = match value {
            // Interned already: it is in the set.
            ValueRef::Code(..) | ValueRef::Null | ValueRef::Faulted => return,
            ValueRef::Text(text) if is_blank(text) => return,
            ValueRef::Text(text) | ValueRef::Number(text) => text,
        };
        match &self.separator {
            Some(separator) => text.split(&**separator).for_each(|part| self.part(part, out)),
            None => self.part(text, out),
        }
    }
}

impl CodeSetCheck {
    fn part(&self, text: &str, out: &mut Sink<'_>) {
        if self.set.find(text).is_some() {
            return;
        }
        let expected = match &self.fixed {
            Some(expected) => expected.clone(),
            None => out.near.expected(&self.set, text),
        };
        let found = match text {
            "" => Found::Missing,
            text => Sink::found(&self.subject, ValueRef::Text(text)),
        };
        out.add_with_fix(&self.subject, RuleId::CODE_SET, self.severity, found, expected, self.fix(text));
    }

    fn fix(&self, text: &str) -> Option<Text> {
        let meant = self.set.find_label(text).ok().flatten()?;
        let code = &self.set.get(meant).code;
        Some(Text::new(format!("应填代码 {code}，而不是名称"), format!("give the code {code}, not its label")))
    }
}
