//! What one source gives to a table that is merged of several: a table of its own, of which nothing but its key must be there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{FieldIdx, FieldPlan, KeyPart, NaturalKey, Required, TableId, TablePlan};

/// The column of a part's view with the bytes of the natural key.
pub const PART_KEY: &str = "@key";

/// The column of a part's view with the natural key in upper-case hexadecimal digits.
pub const PART_KEY_HEX: &str = "@hex";

/// What a plan is a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartOf {
    /// The table of the standard.
    pub table: Arc<str>,
    /// The source.
    pub source: Arc<str>,
}

impl NaturalKey {
    /// The fields that the parts are made of.
    pub fn fields(&self) -> BTreeSet<FieldIdx> {
        let of = |part: &KeyPart| match part {
            KeyPart::Field(field) | KeyPart::Date(field) | KeyPart::SchoolYear(field) => Some(*field),
            KeyPart::SourceId => None,
        };
        self.parts.iter().filter_map(of).collect()
    }
}

impl TablePlan {
    /// The table as one source gives it in parts: under a name of its own, `TABLE@source`. The key is what it was, every other
    /// field may be missing, and what takes the whole row to judge (references, dates in order) is left to the row put together.
    /// `given` says which fields the source gives: the person is judged where the kind of the paper comes with the number.
    pub fn part(&self, id: TableId, source: &str, key: &NaturalKey, given: &dyn Fn(FieldIdx) -> bool) -> Self {
        let own = key.fields();
        let fields = self.indexed().map(|(idx, field)| FieldPlan {
            required: if own.contains(&idx) { field.required.clone() } else { Required::Optional },
            reference: None,
            ..field.clone()
        });
        let person = self.person.clone().filter(|person| person.paper.is_none_or(given));
        Self {
            id,
            name: format!("{}@{source}", self.name).into(),
            fields: fields.collect(),
            orders: Box::new([]),
            person,
            part: Some(PartOf { table: Arc::clone(&self.name), source: source.into() }),
            ..self.clone()
        }
    }
}
