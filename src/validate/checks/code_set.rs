//! Codes of the field's set: a stranger is an error in a closed set, a warning in an open one.

use std::sync::Arc;

use super::{Check, Env, Input, some};
use crate::finding::{Expected, Found, RuleId, Severity, Text};
use crate::record::{Record, ValueRef, is_blank};
use crate::standard::{CodeSet, FieldIdx};
use crate::validate::near;
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    set: Arc<CodeSet>,
    separator: Option<Arc<str>>,
    severity: Severity,
    /// The expectation that fits every value: the whole set, or only its name where values must not be hinted at.
    fixed: Option<Expected>,
    subject: Subject,
}

struct CodeSetCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for (field, plan) in input.plan.indexed() {
        let Some(set) = &plan.code_set else { continue };
        let subject = Subject::new(plan);
        let bare = || Expected::Code { set: set.id.clone(), near: Arc::from([]), all: false };
        let fixed = near::whole_set(set).or_else(|| subject.is_sensitive().then(bare));
        let severity = if set.closed { Severity::Error } else { Severity::Warning };
        items.push(Item { field, set: set.clone(), separator: plan.separator.clone(), severity, fixed, subject });
    }
    some(items, CodeSetCheck)
}

impl Check for CodeSetCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let text = match row.get(item.field) {
                // Interned already: it is in the set.
                ValueRef::Code(..) | ValueRef::Null | ValueRef::Faulted => continue,
                ValueRef::Text(text) if is_blank(text) => continue,
                ValueRef::Text(text) | ValueRef::Number(text) => text,
            };
            match &item.separator {
                Some(separator) => text.split(&**separator).for_each(|part| item.part(part, out)),
                None => item.part(text, out),
            }
        }
    }
}

impl Item {
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
