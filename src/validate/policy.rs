//! What to do about a value that refers to nothing.

use std::collections::HashMap;

use serde::Deserialize;

/// What to do when a mapped and completely read table does not hold the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReferencePolicy {
    /// Report all the same, with a warning.
    Warn,
    /// Wait for so many days, then report with a warning.
    Hold {
        /// Days.
        days: u16,
    },
    /// Never report.
    Refuse,
}

impl Default for ReferencePolicy {
    fn default() -> Self {
        Self::Hold { days: 7 }
    }
}

/// The policies of a school: one for all references, others for single fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReferencePolicies {
    /// For every reference that is not named below.
    pub default: ReferencePolicy,
    /// By `TABLE.FIELD`, or by `TABLE` for all references of a table.
    pub fields: HashMap<String, ReferencePolicy>,
}

impl ReferencePolicies {
    /// The policy of one field.
    pub fn of(&self, table: &str, field: &str) -> ReferencePolicy {
        let named = self.fields.get(&format!("{table}.{field}")).or_else(|| self.fields.get(table));
        named.copied().unwrap_or(self.default)
    }
}
