//! Where checks put what they find.

use super::near::Near;
use crate::finding::{Expected, FieldRef, Findings, Found, RuleId, Severity, Text, Violation, Waits};
use crate::record::ValueRef;
use crate::standard::FieldPlan;

/// A field as a check reports it.
pub(super) struct Subject {
    field: FieldRef,
    sensitive: bool,
}

impl Subject {
    pub(super) fn new(plan: &FieldPlan) -> Self {
        let field = FieldRef { name: plan.name.clone(), label: plan.label.clone() };
        Self { field, sensitive: plan.sensitivity.is_sensitive() || plan.sealed }
    }

    pub(super) fn field_ref(&self) -> FieldRef {
        self.field.clone()
    }

    pub(super) fn is_sensitive(&self) -> bool {
        self.sensitive
    }
}

/// Collects the findings of one row after another.
pub(super) struct Sink<'a> {
    findings: &'a mut Findings,
    pub(super) row: usize,
    pub(super) near: Near,
}

impl<'a> Sink<'a> {
    pub(super) fn new(findings: &'a mut Findings) -> Self {
        Self { findings, row: 0, near: Near::default() }
    }

    /// What was found, without the value where it must not be shown.
    pub(super) fn found(subject: &Subject, value: ValueRef<'_>) -> Found {
        match (value, value.text()) {
            (ValueRef::Number(_), _) if subject.sensitive => Found::Number,
            (_, Some(text)) => Found::of(text, subject.sensitive),
            (_, None) => Found::Missing,
        }
    }

    /// Whether the current row has a violation of this rule in this field already.
    pub(super) fn has(&self, subject: &Subject, rule: RuleId) -> bool {
        let same = |v: &Violation| v.rule == rule && v.field.as_ref().is_some_and(|f| f.name == subject.field.name);
        self.findings.of(self.row).iter().any(same)
    }

    /// Adds a violation of the current row.
    pub(super) fn add(&mut self, subject: &Subject, rule: RuleId, severity: Severity, found: Found, expected: Expected) {
        self.add_with_fix(subject, rule, severity, found, expected, None);
    }

    /// Adds a violation with a likely fix.
    pub(super) fn add_with_fix(
        &mut self,
        subject: &Subject,
        rule: RuleId,
        severity: Severity,
        found: Found,
        expected: Expected,
        fix: Option<Text>,
    ) {
        let field = Some(subject.field.clone());
        self.findings.add(self.row, Violation { rule, severity, field, found, expected, fix });
    }

    /// Notes a value that the current row waits for.
    pub(super) fn wait(&mut self, waits: Waits) {
        self.findings.add_wait(self.row, waits);
    }
}
