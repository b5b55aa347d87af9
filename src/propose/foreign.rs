//! Declared references: a column that refers to a recognised roster is the field that refers there.

use std::collections::HashSet;

use super::decide::{Candidate, FieldProposal, Outcome, TableProposal};
use super::profile::Profile;
use crate::finding::Text;
use crate::source::{TableReference, TableShape};
use crate::standard::{FieldIdx, KeyPart, RefTarget};

/// How surely a reference alone makes a line.
const SURE: f32 = 0.85;
/// A reference to a row id: the number is one join away.
const BY_ID: f32 = 0.5;

/// Lets references speak for fields that names left open.
pub(super) fn strengthen(shapes: &[TableShape], tables: &mut [TableProposal]) {
    let before: Vec<TableProposal> = tables.to_vec();
    for table in tables {
        let Some(shape) = shapes.iter().find(|shape| shape.name == table.object) else { continue };
        let named = alike(shape, shapes, &before);
        for reference in shape.references.iter().filter(|reference| reference.columns.len() == 1).chain(&named) {
            let elsewhere = |roster: &&TableProposal| roster.object == reference.table && roster.object != shape.name;
            for roster in before.iter().filter(elsewhere) {
                one(table, reference, roster, shapes);
            }
        }
    }
}

/// Columns that are called like the number of a recognised roster and have its values: references that nobody declared.
fn alike(shape: &TableShape, shapes: &[TableShape], tables: &[TableProposal]) -> Vec<TableReference> {
    const GENERIC: [&str; 9] = ["id", "code", "no", "num", "number", "name", "bh", "dm", "bm"];
    let mut out: Vec<TableReference> = Vec::new();
    for roster in tables.iter().filter(|roster| roster.object != shape.name && roster.plan.edition.is_core()) {
        let [KeyPart::Field(key)] = roster.plan.key.parts[..] else { continue };
        let active = |own: &&FieldProposal| own.field == key && own.outcome == Outcome::Active;
        let Some(number) = roster.fields.iter().find(active).and_then(|own| own.column.as_ref()) else { continue };
        let Some(other) = shapes.iter().find(|other| other.name == roster.object) else { continue };
        let called = |name: &str| name.eq_ignore_ascii_case(&number.column) && !GENERIC.contains(&&*name.to_ascii_lowercase());
        let declared = |name: &str| shape.references.iter().any(|to| to.columns.iter().any(|column| column == name));
        for (at, column) in shape.columns.iter().enumerate().filter(|(_, own)| called(&own.name) && !declared(&own.name)) {
            if has_values_of(shape, at, other, &number.column) {
                let (columns, targets) = (vec![column.name.to_string()], vec![number.column.clone()]);
                out.push(TableReference { columns, table: roster.object.clone(), targets });
            }
        }
    }
    out
}

/// Whether what is sampled of a column speaks for its being numbers of another table: nearly all are, as far as all of that
/// table is sampled, or neither has more than placeholders.
fn has_values_of(shape: &TableShape, column: usize, other: &TableShape, number: &str) -> bool {
    let Some(key) = other.columns.iter().position(|own| *own.name == *number) else { return false };
    let (own, there) = (Profile::of(shape, column), Profile::of(other, key));
    if own.is_filler && there.is_filler {
        return true;
    }
    let whole = other.rows.is_none_or(|rows| rows <= other.samples.rows() as u64);
    let known: HashSet<&str> = there.values().collect();
    let values: HashSet<&str> = own.values().collect();
    values.len() >= 2 && (!whole || values.iter().filter(|value| known.contains(*value)).count() * 10 >= values.len() * 9)
}

/// What one table of the source feeds twice is the same column twice: a number that refers to a roster of the same rows is
/// the roster's number.
pub(super) fn twins(tables: &mut [TableProposal]) {
    let before: Vec<TableProposal> = tables.to_vec();
    for table in tables {
        for roster in before.iter().filter(|other| other.object == table.object && other.plan.id != table.plan.id) {
            for at in 0..table.fields.len() {
                let targets = table.plan.field(table.fields[at].field).reference.iter().flat_map(|own| own.targets.iter());
                let Some(to) = targets.into_iter().find(|to| to.table == roster.plan.id) else { continue };
                let active = |own: &&FieldProposal| own.field == to.field && own.outcome == Outcome::Active;
                let Some(column) = roster.fields.iter().find(active).and_then(|own| own.column.clone()) else { continue };
                let own = &mut table.fields[at];
                let meant = own.column.iter().chain(&own.others).any(|candidate| candidate.column == column.column);
                if own.outcome == Outcome::Decide && meant && own.take.is_none() {
                    own.reasons.push(Text::new(
                        format!("与 {}（{}）的编号同列", roster.plan.name, roster.plan.label_zh),
                        format!("the column that numbers {} ({})", roster.plan.name, roster.plan.label_en),
                    ));
                    own.column = Some(column);
                    own.outcome = Outcome::Active;
                    own.others.clear();
                }
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
                format!("外键或同名同值的列指向已识别的 {}（{}）", roster.object, roster.plan.label_zh),
                format!(
                    "a foreign key, or a column of the same name and values, leads to {}, recognised as {}",
                    roster.object, roster.plan.label_en
                ),
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
