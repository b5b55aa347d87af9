//! What an edition amounts to, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Required, Standard};

/// Numbers over an edition's own tables and code sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tables.
    pub tables: usize,
    /// Fields.
    pub fields: usize,
    /// Fields that must always be there.
    pub mandatory: usize,
    /// Fields that must be there on a condition.
    pub conditional: usize,
    /// Fields that may be left out.
    pub optional: usize,
    /// Code sets with printed values.
    pub code_sets: usize,
    /// Codes in them.
    pub codes: usize,
    /// Lists named without values.
    pub external_lists: usize,
    /// Fields that draw on a code set or list.
    pub with_code_set: usize,
    /// Fields with a printed reference.
    pub with_reference: usize,
    /// Fields that may hold several values.
    pub multi_valued: usize,
    /// Fields whose values must not be shown.
    pub sensitive: usize,
    /// Fields whose print makes no sense somewhere.
    pub doubtful: usize,
    /// Tables and fields of each domain.
    pub domains: BTreeMap<&'static str, (usize, usize)>,
    /// Tables of each frequency.
    pub frequencies: BTreeMap<&'static str, usize>,
}

impl Counts {
    /// Counts an edition.
    pub fn of(standard: &Standard) -> Self {
        let mut counts = Self {
            tables: standard.own_tables().len(),
            code_sets: standard.own_code_sets().len(),
            codes: standard.own_code_sets().iter().map(|s| s.codes().len()).sum(),
            external_lists: standard.external_lists().len(),
            ..Self::default()
        };
        for table in standard.own_tables() {
            let domain = counts.domains.entry(table.domain.name()).or_default();
            *domain = (domain.0 + 1, domain.1 + table.fields.len());
            *counts.frequencies.entry(table.frequency.key()).or_default() += 1;
            let document = standard.document(table.id);
            for field in &table.fields {
                let has = |keyword: &str| document["properties"][&*field.name].get(keyword).is_some_and(|v| *v != Value::Null);
                counts.fields += 1;
                match field.required {
                    Required::Mandatory => counts.mandatory += 1,
                    Required::Optional => counts.optional += 1,
                    Required::When(_) | Required::Unless(_) => counts.conditional += 1,
                }
                counts.with_code_set += usize::from(field.code_set.is_some());
                counts.with_reference += usize::from(has("x-printed-reference"));
                counts.multi_valued += usize::from(field.separator.is_some());
                counts.sensitive += usize::from(field.sensitivity.is_sensitive());
                counts.doubtful += usize::from(has("x-doubts"));
            }
        }
        counts
    }
}
