//! A table's checks, compiled.

use std::sync::Arc;

use super::checks::{CellCheck, Check, Env, Input, KINDS, Kind, reference_parts};
use super::guard::Guard;
use super::policy::ReferencePolicies;
use super::question::{KeyAnswers, KeyQuestion};
use super::sink::Sink;
use crate::finding::Findings;
use crate::record::RecordBatch;
use crate::standard::{CodeSet, FieldIdx, FieldPlan, Standard, TablePlan};

/// What the checks of a table need to know of the rest of the standard.
pub struct Surroundings<'a> {
    /// All tables, so that references can be named.
    pub tables: &'a [Arc<TablePlan>],
    /// The administrative divisions of all times.
    pub divisions: Option<Arc<CodeSet>>,
    /// Departments that register organisations, with the category of what they register.
    pub registrars: Option<Arc<CodeSet>>,
}

/// A table's checks. Make them once and keep them: they are shared by all batches of the table.
pub struct Checks {
    plan: Arc<TablePlan>,
    /// One a field.
    guards: Box<[Guard]>,
    kinds: Box<[Compiled]>,
}

/// One kind of check.
enum Compiled {
    /// Asked about every row.
    Row(Box<dyn Check>),
    /// One a field that it concerns, asked about cells that the field's guard does not let pass.
    Cells(Box<[Option<Box<dyn CellCheck>>]>),
}

/// The national set of administrative divisions.
const DIVISIONS: &str = "gbt_2260_county";
/// The national set of registrars and categories.
const REGISTRARS: &str = "gb_32100_category";

impl Checks {
    /// Compiles the checks of a table of this standard.
    pub fn compile(plan: &Arc<TablePlan>, standard: &Standard, policies: &ReferencePolicies) -> Self {
        let set = |id| standard.code_set(id).cloned();
        let around = Surroundings { tables: standard.tables(), divisions: set(DIVISIONS), registrars: set(REGISTRARS) };
        Self::compile_in(plan, &around, policies)
    }

    /// Compiles the checks of a table, its surroundings given piece by piece.
    pub fn compile_in(plan: &Arc<TablePlan>, around: &Surroundings<'_>, policies: &ReferencePolicies) -> Self {
        let input = Input { plan, around, policies };
        let kinds: Box<[Compiled]> = KINDS.iter().filter_map(|kind| compiled(kind, &input)).collect();
        let guards = plan.indexed().map(|(field, plan)| guard(&kinds, field, plan)).collect();
        Self { plan: Arc::clone(plan), guards, kinds }
    }

    /// The table.
    pub fn plan(&self) -> &Arc<TablePlan> {
        &self.plan
    }

    /// The keys that a batch refers to, one question a reference field that has any value.
    pub fn questions(&self, batch: &RecordBatch) -> Vec<KeyQuestion> {
        let mut questions = Vec::new();
        for (field, plan) in self.plan.indexed() {
            let Some(reference) = &plan.reference else { continue };
            let mut values: Vec<&str> = Vec::new();
            for row in batch.iter() {
                for part in reference_parts(row.get(field), plan.separator.as_deref()) {
                    let is_none = reference.none.iter().any(|none| **none == *part);
                    if !is_none && values.last() != Some(&part) {
                        values.push(part);
                    }
                }
            }
            values.sort_unstable();
            values.dedup();
            if !values.is_empty() {
                let values = values.into_iter().map(str::to_owned).collect();
                questions.push(KeyQuestion { field, targets: reference.targets.clone(), values });
            }
        }
        questions
    }

    /// Adds all violations of all rows to `findings`. `today` is `YYYYMMDD`.
    pub fn run(&self, batch: &RecordBatch, answers: &KeyAnswers, today: &str, findings: &mut Findings) {
        debug_assert!(Arc::ptr_eq(&self.plan, batch.plan()), "the batch follows another plan");
        let env = Env { today, answers };
        let mut sink = Sink::new(findings);
        let mut doubtful = Vec::new();
        for row in batch.iter() {
            sink.row = row.index();
            doubtful.clear();
            for (field, guard) in (0..).map(FieldIdx).zip(&self.guards) {
                if !guard.passes(row.get(field)) {
                    doubtful.push(field);
                }
            }
            for kind in &self.kinds {
                match kind {
                    Compiled::Row(check) => check.row(&row, &env, &mut sink),
                    Compiled::Cells(checks) => {
                        for field in &doubtful {
                            if let Some(check) = &checks[field.usize()] {
                                check.cell(row.get(*field), &mut sink);
                            }
                        }
                    }
                }
            }
        }
    }
}

fn compiled(kind: &Kind, input: &Input<'_>) -> Option<Compiled> {
    match kind {
        Kind::Row(compile) => compile(input).map(Compiled::Row),
        Kind::Cell(compile) => {
            let checks: Box<[_]> = input.plan.fields.iter().map(compile).collect();
            checks.iter().any(Option::is_some).then_some(Compiled::Cells(checks))
        }
    }
}

/// What all checks of single cells demand of a field.
fn guard(kinds: &[Compiled], field: FieldIdx, plan: &FieldPlan) -> Guard {
    let mut guard = Guard::default();
    for kind in kinds {
        if let Compiled::Cells(checks) = kind
            && let Some(check) = &checks[field.usize()]
        {
            check.demand(&mut guard);
        }
    }
    guard.ready(plan.code_set.as_deref())
}
