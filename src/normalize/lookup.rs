//! Values that stand for something in another table: the name of a thing where its number belongs.

use std::collections::HashMap;

use crate::standard::{FieldIdx, TableId};

/// The place a look-up goes to.
pub(super) type LookupPlace = (TableId, FieldIdx, FieldIdx);

/// What a batch needs to know of another table: for each value of `field` the values of `give`.
#[derive(Clone, PartialEq, Eq)]
pub struct LookupQuery {
    /// The table.
    pub table: TableId,
    /// The field that the values are in.
    pub field: FieldIdx,
    /// The field wanted.
    pub give: FieldIdx,
    /// The distinct values, sorted, in the canonical form of `field`. They may be sensitive.
    pub values: Vec<String>,
}

impl std::fmt::Debug for LookupQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { table, field, give, values } = self;
        f.debug_struct("LookupQuery").field("place", &(table, field, give)).field("values", &values.len()).finish()
    }
}

/// The answers to a batch's look-ups.
#[derive(Default)]
pub struct LookupAnswers {
    places: HashMap<LookupPlace, HashMap<String, Vec<String>>>,
}

impl LookupAnswers {
    /// No answers: every look-up finds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the answer to a query: for each value found, the values of `give` in the rows that match.
    pub fn set(&mut self, query: &LookupQuery, answer: HashMap<String, Vec<String>>) {
        self.places.entry((query.table, query.field, query.give)).or_default().extend(answer);
    }

    /// What a value stands for: nothing, one thing, or several.
    pub(super) fn get(&self, place: LookupPlace, value: &str) -> Found<'_> {
        let Some(given) = self.places.get(&place).and_then(|p| p.get(value)) else { return Found::Nothing };
        match given.split_first() {
            None => Found::Nothing,
            Some((first, rest)) if rest.iter().all(|r| r == first) => Found::One(first),
            Some(_) => Found::Several,
        }
    }
}

/// The outcome of one look-up.
pub(super) enum Found<'a> {
    Nothing,
    One(&'a str),
    Several,
}
