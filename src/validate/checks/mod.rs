//! The kinds of check, one file each. [`KINDS`] is the one list of them.

mod code_set;
mod conditional;
mod credit_code;
mod date_order;
mod encoding;
mod format;
mod id_number;
mod kind;
mod length;
mod organisation;
mod range;
mod reference;
mod required;
mod telephone;

pub(super) use reference::parts as reference_parts;

use super::compiled::Surroundings;
use super::guard::Guard;
use super::policy::ReferencePolicies;
use super::question::KeyAnswers;
use super::sink::Sink;
use crate::record::{Record, ValueRef, is_blank};
use crate::standard::{FieldIdx, FieldPlan, TablePlan};

/// What a check may ask beside the row.
pub(super) struct Env<'a> {
    /// Today, `YYYYMMDD`.
    pub(super) today: &'a str,
    /// Which keys exist elsewhere.
    pub(super) answers: &'a KeyAnswers,
}

/// What a check is compiled from.
pub(super) struct Input<'a> {
    pub(super) plan: &'a TablePlan,
    pub(super) around: &'a Surroundings<'a>,
    pub(super) policies: &'a ReferencePolicies,
}

/// One kind of check that looks at several fields, or asks about other tables: it knows the fields it concerns and is
/// asked about every row.
pub(super) trait Check: Send + Sync {
    /// Reports what is wrong with a row.
    fn row(&self, row: &Record<'_>, env: &Env<'_>, out: &mut Sink<'_>);
}

/// One kind of check that looks at one field alone, compiled for that field. It is asked only about cells that the
/// field's guard does not let pass.
pub(super) trait CellCheck: Send + Sync {
    /// Adds to the guard what this check demands: with that fulfilled it must have nothing to report.
    fn demand(&self, guard: &mut Guard);

    /// Reports what is wrong with a cell.
    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>);
}

/// Compiles a kind of check.
pub(super) enum Kind {
    /// For a table; `None` when it concerns no field of it.
    Row(fn(&Input<'_>) -> Option<Box<dyn Check>>),
    /// For a field; `None` when it does not concern it.
    Cell(fn(&FieldPlan) -> Option<Box<dyn CellCheck>>),
}

/// All kinds, in the order in which a row's violations are listed.
pub(super) static KINDS: &[Kind] = &[
    Kind::Cell(required::compile),
    Kind::Row(conditional::compile),
    Kind::Cell(kind::compile),
    Kind::Cell(length::compile),
    Kind::Cell(format::compile),
    Kind::Cell(range::compile),
    Kind::Cell(code_set::compile),
    Kind::Row(id_number::compile),
    Kind::Row(credit_code::compile),
    Kind::Row(organisation::compile),
    Kind::Row(telephone::compile),
    Kind::Cell(encoding::compile),
    Kind::Row(date_order::compile),
    Kind::Row(reference::compile),
];

/// The text of a cell that has something in it.
fn text_of<'a>(row: &Record<'a>, field: FieldIdx) -> Option<&'a str> {
    text(row.get(field))
}

/// The text of a value that is one and not blank.
fn text(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::Text(text) if !is_blank(text) => Some(text),
        ValueRef::Code(_, text) => Some(text),
        _ => None,
    }
}

/// The items of a check, boxed as one check when there are any.
fn some<C: Check + 'static, T>(items: Vec<T>, make: impl FnOnce(Box<[T]>) -> C) -> Option<Box<dyn Check>> {
    (!items.is_empty()).then(|| Box::new(make(items.into())) as Box<dyn Check>)
}
