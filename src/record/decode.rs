//! JSON rows into a batch: the edge, where nothing is coerced.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{BatchBuilder, canonical_number};
use crate::standard::{FieldIdx, FieldType, TablePlan};

/// What is wrong with a JSON row beyond what the checks of the standard find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeFault {
    /// A field has a JSON kind that its type does not allow; the cell is faulted.
    WrongKind {
        /// The field.
        field: FieldIdx,
        /// The kind found: `string`, `number`, `boolean`, `array`, `object`.
        kind: &'static str,
    },
    /// A name that the table does not have.
    UnknownField(String),
    /// A field given twice.
    Twice(FieldIdx),
    /// A mandatory field that is absent altogether is filled with nothing; optional ones too.
    Absent(FieldIdx),
}

/// Decodes JSON objects into rows of one table. Keep one for many rows: it reuses its buffers.
#[derive(Default)]
pub struct Decoder {
    cells: Vec<Cell>,
    number: String,
}

#[derive(Clone, Default)]
enum Cell {
    #[default]
    Absent,
    Null,
    Text(String),
    Number(String),
    Wrong(&'static str),
}

impl Decoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the row `json` to the builder (`begin_row` done here with `origin`, the row left open for `end_row` or
    /// `seal_row`). Faults are appended to `faults`; absent fields become nothing.
    ///
    /// # Errors
    /// When the text is no JSON object; then no row was begun.
    pub fn row(
        &mut self,
        json: &str,
        plan: &TablePlan,
        origin: usize,
        builder: &mut BatchBuilder,
        faults: &mut Vec<DecodeFault>,
    ) -> Result<(), serde_json::Error> {
        self.cells.clear();
        self.cells.resize(plan.fields.len(), Cell::Absent);
        let mut de = serde_json::Deserializer::from_str(json);
        RowSeed { plan, cells: &mut self.cells, number: &mut self.number, faults }.deserialize(&mut de)?;
        de.end()?;
        builder.begin_row(origin);
        for (i, cell) in self.cells.iter().enumerate() {
            let field = FieldIdx(i as u16);
            match cell {
                Cell::Absent => {
                    faults.push(DecodeFault::Absent(field));
                    builder.push_null();
                }
                Cell::Null => builder.push_null(),
                Cell::Text(text) => builder.push_text(text),
                Cell::Number(text) => builder.push_number(text),
                Cell::Wrong(kind) => {
                    faults.push(DecodeFault::WrongKind { field, kind });
                    builder.push_faulted();
                }
            }
        }
        Ok(())
    }
}

/// Finds the field of a member's name without keeping the name.
struct NameSeed<'a>(&'a TablePlan);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Result<FieldIdx, String>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Result<FieldIdx, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.find(name).ok_or_else(|| name.to_owned()))
    }
}

struct RowSeed<'a> {
    plan: &'a TablePlan,
    cells: &'a mut Vec<Cell>,
    number: &'a mut String,
    faults: &'a mut Vec<DecodeFault>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object, one row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed(self.plan))? {
            let field = match name {
                Ok(field) => field,
                Err(name) => {
                    map.next_value::<IgnoredAny>()?;
                    self.faults.push(DecodeFault::UnknownField(name));
                    continue;
                }
            };
            let raw = map.next_value::<&RawValue>()?.get();
            if !matches!(self.cells[field.usize()], Cell::Absent) {
                self.faults.push(DecodeFault::Twice(field));
            }
            self.cells[field.usize()] = cell(raw, self.plan.field(field).ty, self.number).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

fn cell(raw: &str, ty: FieldType, number: &mut String) -> Result<Cell, serde_json::Error> {
    let numeric = matches!(ty, FieldType::Integer { .. } | FieldType::Decimal { .. });
    Ok(match raw.as_bytes().first() {
        Some(b'n') => Cell::Null,
        Some(b'"') if !numeric => Cell::Text(serde_json::from_str(raw)?),
        Some(b'"') => Cell::Wrong("string"),
        Some(b't' | b'f') => Cell::Wrong("boolean"),
        Some(b'[') => Cell::Wrong("array"),
        Some(b'{') => Cell::Wrong("object"),
        _ if !numeric => Cell::Wrong("number"),
        _ => match canonical_number(raw, number) {
            Ok(()) => Cell::Number(number.clone()),
            Err(_) => Cell::Wrong("number"),
        },
    })
}
