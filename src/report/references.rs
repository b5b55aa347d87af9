//! Parents before children: the order of tables, and what a child row can wait for.

use crate::standard::{FieldIdx, TablePlan};
use std::sync::Arc;

/// A field of a child table that refers to a parent table reported before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// The referring field.
    pub(super) field: FieldIdx,
    /// The parent's place in the order.
    pub(super) parent: usize,
    /// The field referred to.
    pub(super) target: FieldIdx,
}

/// The order in which tables are served: parents first, else as printed. Cycles are cut where they close.
pub(super) fn order(plans: &[Arc<TablePlan>]) -> Vec<usize> {
    fn visit(at: usize, plans: &[Arc<TablePlan>], state: &mut [u8], out: &mut Vec<usize>) {
        if state[at] != 0 {
            return;
        }
        state[at] = 1;
        for target in plans[at].fields.iter().filter_map(|f| f.reference.as_ref()).flat_map(|r| r.targets.iter()) {
            if let Some(parent) = plans.iter().position(|p| p.id == target.table && p.edition == plans[at].edition) {
                visit(parent, plans, state, out);
            }
        }
        state[at] = 2;
        out.push(at);
    }
    let (mut state, mut out) = (vec![0; plans.len()], Vec::with_capacity(plans.len()));
    for at in 0..plans.len() {
        visit(at, plans, &mut state, &mut out);
    }
    out
}

/// The links of a table to tables before it in the order. Links to itself and to later tables are left out: a row
/// never waits for something that may in turn wait for it.
pub(super) fn links(at: usize, ordered: &[Arc<TablePlan>]) -> Vec<Link> {
    let mut out = Vec::new();
    for (field, plan) in ordered[at].indexed() {
        for target in plan.reference.iter().flat_map(|r| r.targets.iter()) {
            let parent = ordered[..at].iter().position(|p| p.id == target.table);
            if let Some(parent) = parent.filter(|p| ordered[*p].roles.record_key.is_some()) {
                out.push(Link { field, parent, target: target.field });
            }
        }
    }
    out
}
