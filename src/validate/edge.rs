//! JSON rows checked as they come in: what a central platform does.

use std::sync::Arc;

use super::compiled::Checks;
use super::question::KeyAnswers;
use super::sink::Subject;
use crate::finding::{Expected, FieldRef, Findings, Found, RuleId, Severity, Text, Violation};
use crate::record::{BatchBuilder, DecodeFault, Decoder};
use crate::standard::{FieldType, TablePlan};

/// Checks JSON rows of one table. Keep one for many rows: it reuses its buffers. References are not checked.
pub struct Edge {
    checks: Arc<Checks>,
    today: String,
    decoder: Decoder,
    faults: Vec<DecodeFault>,
    key: Option<String>,
    builder: BatchBuilder,
}

impl Edge {
    /// An edge for the table of these checks. `today` is `YYYYMMDD`.
    pub fn new(checks: Arc<Checks>, today: impl Into<String>) -> Self {
        let builder = BatchBuilder::new(Arc::clone(checks.plan()), 1);
        Self { checks, today: today.into(), decoder: Decoder::new(), faults: Vec::new(), key: None, builder }
    }

    /// Another day has come.
    pub fn set_today(&mut self, today: impl Into<String>) {
        self.today = today.into();
    }

    /// All violations of one row. A text that is no JSON object has one violation, of rule `kind`.
    pub fn check_json(&mut self, json: &str) -> Vec<Violation> {
        self.key = None;
        self.faults.clear();
        let plan = Arc::clone(self.checks.plan());
        self.builder.clear();
        if self.decoder.row(json, &plan, 0, &mut self.builder, &mut self.faults).is_err() {
            return vec![not_an_object()];
        }
        self.builder.end_row();
        let batch = self.builder.batch();
        let role = plan.roles.record_key;
        self.key = role.and_then(|field| batch.row(0).get(field).text()).map(str::to_owned);
        let mut found = Findings::default();
        for fault in &self.faults {
            if let Some(violation) = violation(&plan, fault) {
                found.add(0, violation);
            }
        }
        self.checks.run(batch, &KeyAnswers::new(), &self.today, &mut found);
        found.of(0).to_vec()
    }

    /// The record key that the row checked last gave, as it stood there.
    pub fn record_key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

fn not_an_object() -> Violation {
    Violation {
        rule: RuleId::KIND,
        severity: Severity::Error,
        field: None,
        found: Found::Kind("unreadable"),
        expected: Expected::Words(Text::new("一个 JSON 对象", "a JSON object")),
        fix: None,
    }
}

fn violation(plan: &TablePlan, fault: &DecodeFault) -> Option<Violation> {
    let error = |rule, field, found, expected| Violation { rule, severity: Severity::Error, field, found, expected, fix: None };
    match fault {
        DecodeFault::WrongKind { field, kind } => {
            let numeric = !matches!(plan.field(*field).ty, FieldType::Text(_));
            let expected = if numeric { Expected::Number } else { Expected::Text };
            Some(error(RuleId::KIND, Some(Subject::new(plan.field(*field)).field_ref()), Found::Kind(kind), expected))
        }
        DecodeFault::UnknownField(name) => {
            // The name is not ours: shown cut, as it may be anything.
            let name: Arc<str> = name.chars().take(60).collect::<String>().into();
            let expected = Expected::Words(Text::new(format!("{} 中的字段", plan.name), format!("a field of {}", plan.name)));
            let field = Some(FieldRef { name, label: "".into() });
            Some(error(RuleId::UNKNOWN_FIELD, field, Found::Kind("field"), expected))
        }
        DecodeFault::Twice(field) => {
            let expected = Expected::Words(Text::new("每个字段只出现一次", "each field once"));
            Some(error(RuleId::KIND, Some(Subject::new(plan.field(*field)).field_ref()), Found::Kind("twice"), expected))
        }
        DecodeFault::Absent(_) => None,
    }
}
