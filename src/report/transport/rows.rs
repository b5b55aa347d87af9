//! Settings that all transports share: how rows look and how many go at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use crate::finding::Text;
use crate::report::fieldseal::{FieldSeal, FieldSealConfig};
use crate::report::render::{DateTimeStyle, NullPolicy, NumberStyle, Style};

/// How rows look and how many go at once.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rows {
    /// Rows a batch; the transport's own number where it is not set.
    pub batch_rows: Option<u32>,
    /// Bytes a batch; likewise.
    pub batch_bytes: Option<u64>,
    /// Fields without a value.
    pub nulls: NullPolicy,
    /// Numbers.
    pub numbers: NumberStyle,
    /// Between year, month, day.
    pub date_separator: String,
    /// Dates with a time.
    pub date_times: DateTimeStyle,
    /// Fields to seal, by `TABLE.FIELD`, `FIELD` or `*`.
    pub seal: BTreeMap<String, FieldSealConfig>,
    /// Fields never sent, by `TABLE.FIELD` or `FIELD`.
    pub mask: BTreeSet<String>,
}

impl Rows {
    /// The style, compiled. `deletions`: whether the receiver is told of a deletion beside the row.
    ///
    /// # Errors
    /// A sealing method that cannot be used.
    pub fn style(&self, deletions: bool) -> Result<Style, Text> {
        let mut seals = BTreeMap::new();
        for (field, config) in &self.seal {
            seals.insert(field.clone(), Arc::new(FieldSeal::new(field, config)?));
        }
        Ok(Style {
            nulls: self.nulls,
            numbers: self.numbers,
            date_separator: self.date_separator.clone(),
            date_times: self.date_times,
            seals,
            masked: self.mask.clone(),
            deletions,
        })
    }
}
