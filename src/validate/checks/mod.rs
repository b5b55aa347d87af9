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
use super::policy::ReferencePolicies;
use super::question::KeyAnswers;
use super::sink::Sink;
use crate::record::{Record, ValueRef, is_blank};
use crate::standard::{FieldIdx, TablePlan};

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

/// One kind of check, compiled for a table: it knows the fields it concerns and walks them row by row.
pub(super) trait Check: Send + Sync {
    /// Reports what is wrong with a row.
    fn row(&self, row: &Record<'_>, env: &Env<'_>, out: &mut Sink<'_>);
}

/// Compiles a kind of check; `None` when it concerns no field of the table.
type Compile = fn(&Input<'_>) -> Option<Box<dyn Check>>;

/// All kinds, in the order in which a row's violations are listed.
pub(super) static KINDS: &[Compile] = &[
    required::compile,
    conditional::compile,
    kind::compile,
    length::compile,
    format::compile,
    range::compile,
    code_set::compile,
    id_number::compile,
    credit_code::compile,
    organisation::compile,
    telephone::compile,
    encoding::compile,
    date_order::compile,
    reference::compile,
];

/// The text of a cell that has something in it.
fn text_of<'a>(row: &Record<'a>, field: FieldIdx) -> Option<&'a str> {
    match row.get(field) {
        ValueRef::Text(text) if !is_blank(text) => Some(text),
        ValueRef::Code(_, text) => Some(text),
        _ => None,
    }
}

/// The items of a check, boxed as one check when there are any.
fn some<C: Check + 'static, T>(items: Vec<T>, make: impl FnOnce(Box<[T]>) -> C) -> Option<Box<dyn Check>> {
    (!items.is_empty()).then(|| Box::new(make(items.into())) as Box<dyn Check>)
}
