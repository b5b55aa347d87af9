//! Declared references: a column that refers to a recognised roster is the field that refers there.

use super::decide::{Candidate, FieldProposal, Outcome, TableProposal};
use crate::finding::Text;
use crate::source::{TableReference, TableShape};
use crate::standard::{FieldIdx, RefTarget};

/// How surely a reference alone makes a line.
const SURE: f32 = 0.85;
/// A reference to a row id: the number is one join away.
const BY_ID: f32 = 0.5;

/// Lets references speak for fields that names left open.
pub(super) fn strengthen(shapes: &[TableShape], tables: &mut [TableProposal]) {
    let before: Vec<TableProposal> = tables.to_vec();
    for table in tables {
        let Some(shape) = shapes.iter().find(|shape| shape.name == table.object) else { continue };
        for reference in shape.references.iter().filter(|reference| reference.columns.len() == 1) {
            let elsewhere = |roster: &&TableProposal| roster.object == reference.table && roster.object != shape.name;
            for roster in before.iter().filter(elsewhere) {
                one(table, reference, roster, shapes);
            }
        }
    }
}

fn one(table: &mut TableProposal, reference: &TableReference, roster: &TableProposal, shapes: &[TableShape]) {
    let column = &reference.columns[0];
    let primary = || shapes.iter().find(|shape| shape.name == reference.table).and_then(|shape| shape.primary.first().cloned());
    let Some(target) = reference.targets.first().cloned().or_else(primary) else { return };
    let numbers =
        |own: &&FieldProposal| own.outcome == Outcome::Active && own.column.as_ref().is_some_and(|c| c.column == target);
    let field = roster.fields.iter().find(numbers).map(|own| own.field);
    let taken =
        table.fields.iter().any(|own| own.outcome == Outcome::Active && own.column.as_ref().is_some_and(|c| c.column == *column));
    let refers = |own: FieldIdx| {
        let targets = table.plan.field(own).reference.iter().flat_map(|reference| reference.targets.iter());
        let meant = |to: &RefTarget| to.table == roster.plan.id && field.is_none_or(|field| to.field == field);
        targets.into_iter().any(meant)
    };
    let open: Vec<usize> = (0..table.fields.len())
        .filter(|at| refers(table.fields[*at].field) && table.fields[*at].outcome != Outcome::Active)
        .collect();
    // Where several fields refer there, a reference does not tell which is meant.
    let ([at], false) = (&open[..], taken) else { return };
    let own = &mut table.fields[*at];
    let other = own.column.as_ref().is_some_and(|candidate| candidate.column != *column && candidate.chance > SURE - 0.1);
    if other {
        return;
    }
    let (chance, outcome, reason) = match field {
        Some(_) => (
            SURE,
            Outcome::Active,
            Text::new(
                format!("外键指向已识别的 {}（{}）", roster.object, roster.plan.label_zh),
                format!("a foreign key leads to {}, recognised as {}", roster.object, roster.plan.label_en),
            ),
        ),
        None => (
            BY_ID,
            Outcome::Decide,
            Text::new(
                format!("外键指向 {} 的行号 {target}：请改用 query 连接，取其编号列", roster.object),
                format!(
                    "a foreign key leads to the row id {target} of {}: join it in a query and take its number",
                    roster.object
                ),
            ),
        ),
    };
    own.reasons =
        own.column.take().filter(|candidate| candidate.column == *column).map_or_else(Vec::new, |_| own.reasons.clone());
    own.reasons.push(reason);
    own.column = Some(Candidate { column: column.clone(), chance });
    own.outcome = outcome;
    (own.take, own.codes) = (None, None);
    own.others.clear();
}
