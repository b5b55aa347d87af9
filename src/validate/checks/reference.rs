//! Values that must exist in another table: found in any target is good.

use std::sync::Arc;

use super::{Check, Env, Input, some};
use crate::finding::{Expected, RuleId, Severity, Text, Waits};
use crate::record::{Record, ValueRef, is_blank};
use crate::standard::{FieldIdx, RefTarget};
use crate::validate::policy::ReferencePolicy;
use crate::validate::sink::{Sink, Subject};

struct Target {
    target: RefTarget,
    table: Arc<str>,
    field: Arc<str>,
}

struct Item {
    field: FieldIdx,
    separator: Option<Arc<str>>,
    none: Box<[Arc<str>]>,
    targets: Box<[Target]>,
    policy: ReferencePolicy,
    expected: Expected,
    subject: Subject,
}

struct ReferenceCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for (field, plan) in input.plan.indexed() {
        let Some(reference) = &plan.reference else { continue };
        let targets: Vec<Target> = reference
            .targets
            .iter()
            .filter_map(|target| {
                let table = input.around.tables.iter().find(|t| t.id == target.table)?;
                Some(Target { target: *target, table: table.name.clone(), field: table.field(target.field).name.clone() })
            })
            .collect();
        let names: Vec<&str> = targets.iter().map(|t| &*t.table).collect();
        items.push(Item {
            field,
            separator: plan.separator.clone(),
            none: reference.none.clone(),
            expected: Expected::KeyIn(names.join("、").into()),
            policy: input.policies.of(&input.plan.name, &plan.name),
            targets: targets.into(),
            subject: Subject::new(plan),
        });
    }
    some(items, ReferenceCheck)
}

impl Check for ReferenceCheck {
    fn row(&self, row: &Record<'_>, env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let Some(answer) = env.answers.checked(item.field) else { continue };
            let value = row.get(item.field);
            for part in parts(value, item.separator.as_deref()) {
                if !answer.existing.contains(part) && !item.none.iter().any(|none| **none == *part) {
                    item.missing(part, answer.checked.first(), env, out);
                }
            }
        }
    }
}

impl Item {
    fn missing(&self, value: &str, first: Option<&RefTarget>, env: &Env<'_>, out: &mut Sink<'_>) {
        let waits = matches!(self.policy, ReferencePolicy::Hold { .. }) && !env.answers.overdue;
        let severity = match self.policy {
            ReferencePolicy::Refuse => Severity::Error,
            ReferencePolicy::Hold { .. } if waits => Severity::Error,
            ReferencePolicy::Hold { .. } | ReferencePolicy::Warn => Severity::Warning,
        };
        let fix = Text::new("先登记被引用的一条，或更正此编号", "enter what it refers to first, or correct it");
        let found = Sink::found(&self.subject, ValueRef::Text(value));
        out.add_with_fix(&self.subject, RuleId::REFERENCE, severity, found, self.expected.clone(), Some(fix));
        let target = first.and_then(|first| self.targets.iter().find(|t| t.target == *first));
        if let (true, Some(target)) = (waits, target) {
            out.wait(Waits { table: target.table.clone(), field: target.field.clone(), value: value.to_owned() });
        }
    }
}

/// The values in a cell: one, or several where the field has a separator; blanks are none.
pub(in crate::validate) fn parts<'a>(value: ValueRef<'a>, separator: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let text = value.text().unwrap_or("");
    let separator = separator.filter(|s| text.contains(*s));
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let now = rest?;
        match separator.and_then(|s| now.split_once(s)) {
            Some((part, after)) => {
                rest = Some(after);
                Some(part)
            }
            None => {
                rest = None;
                Some(now)
            }
        }
    })
    .filter(|part| !is_blank(part))
}
