//! A table's checks, compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::checks::{Check, Env, Input, KINDS, reference_parts};
use super::policy::ReferencePolicies;
use super::question::{KeyAnswers, KeyQuestion};
use super::sink::Sink;
use crate::finding::Findings;
use crate::record::RecordBatch;
use crate::standard::{CodeSet, Standard, TablePlan};

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
    kinds: Box<[Box<dyn Check>]>,
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
        let kinds = KINDS.iter().filter_map(|compile| compile(&input)).collect();
        Self { plan: Arc::clone(plan), kinds }
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
            let mut values = BTreeSet::new();
            for row in batch.iter() {
                let parts = reference_parts(row.get(field), plan.separator.as_deref());
                values.extend(parts.filter(|part| !reference.none.iter().any(|none| **none == **part)));
            }
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
        for row in batch.iter() {
            sink.row = row.index();
            for check in &self.kinds {
                check.row(&row, &env, &mut sink);
            }
        }
    }
}
