//! Raw rows as JSON, for quarantine, and back.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::finding::Place;
use crate::record::json_string;
use crate::source::{Column, Position, SourceBatch, SourceBatchBuilder};

/// A row as a JSON object of column names to texts, in column order; nothing is `null`.
pub fn raw_json(batch: &SourceBatch, row: usize) -> String {
    let mut out = Vec::with_capacity(batch.columns().len() * 24);
    out.push(b'{');
    for (i, column) in batch.columns().iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        json_string(&column.name, &mut out);
        out.push(b':');
        match batch.cell(row, i) {
            Some(text) => json_string(text, &mut out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}

/// Quarantined raw rows as a batch again, so that they can be mapped anew. A column that a raw row lacks holds nothing;
/// one that the source no longer has is left out. A raw text that is no JSON object becomes an empty row with a fault.
pub fn from_raw(columns: &Arc<[Column]>, raws: &[&str]) -> SourceBatch {
    let mut builder = SourceBatchBuilder::new(Arc::clone(columns), raws.len());
    for (i, raw) in raws.iter().enumerate() {
        match serde_json::from_str::<Members>(raw) {
            Ok(Members(members)) => {
                for (at, column) in columns.iter().enumerate() {
                    let same_place = members.get(at).filter(|(name, _)| **name == *column.name);
                    let member = same_place.or_else(|| members.iter().find(|(name, _)| **name == *column.name));
                    builder.push(member.and_then(|(_, text)| text.as_deref()));
                }
            }
            Err(_) => builder.fault(None, crate::finding::Text::new("隔离的原始行已损坏", "the quarantined raw row is damaged")),
        }
        builder.end_row(Place::Row(i as u64 + 1));
    }
    builder.finish(Position(Vec::new()))
}

/// The members of an object in order; a name may come twice, as columns do.
struct Members(Vec<(String, Option<String>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ColumnKind;

    fn columns(names: &[&str]) -> Arc<[Column]> {
        names.iter().map(|n| Column { name: (*n).into(), kind: ColumnKind::Unknown }).collect()
    }

    #[test]
    fn raw_rows_come_back_as_they_were() {
        let mut builder = SourceBatchBuilder::new(columns(&["a", "a", "引\"号"]), 1);
        builder.push(Some("1"));
        builder.push(None);
        builder.push(Some("\u{0}\n\"\\张"));
        builder.end_row(Place::Line(7));
        let batch = builder.finish(Position(Vec::new()));
        let raw = raw_json(&batch, 0);
        let back = from_raw(batch.columns(), &[&raw, "no json"]);
        assert_eq!((back.cell(0, 0), back.cell(0, 1), back.cell(0, 2)), (Some("1"), None, Some("\u{0}\n\"\\张")));
        assert_eq!(back.faults().len(), 1);
        let moved = from_raw(&columns(&["引\"号", "new"]), &[&raw]);
        assert_eq!((moved.cell(0, 0), moved.cell(0, 1)), (Some("\u{0}\n\"\\张"), None));
    }
}
