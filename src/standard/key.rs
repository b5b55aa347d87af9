//! Natural keys: what makes a row of a table the same row next time.

use super::FieldIdx;

/// A table's natural key. It is declared once per table name, the same in all editions of a level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NaturalKey {
    /// The parts used when the source row's own id is known (`@id` declared first); empty when the table declares none.
    pub preferred: Box<[KeyPart]>,
    /// The parts used otherwise.
    pub parts: Box<[KeyPart]>,
}

/// One part of a natural key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// A field's canonical value.
    Field(FieldIdx),
    /// The date of a date or date-time field, 8 digits.
    Date(FieldIdx),
    /// The school year that a date falls in (it begins on 1 August), `YYYY-YYYY`.
    SchoolYear(FieldIdx),
    /// The source row's own id, prefixed by the number of the system it comes from.
    SourceId,
}
