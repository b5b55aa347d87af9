//! What a mapping does with each column of its source.

use std::collections::BTreeMap;

use crate::normalize::MappingDocument;
use crate::standard::{FieldType, KeyPart, Required, TablePlan};

/// What one column is used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// Fields that it feeds: name and Chinese name.
    pub fields: Vec<(String, String)>,
    /// A field that the edition requires, the key or a reference depends on it.
    pub reports: bool,
    /// The key or a reference depends on it: another print is another record.
    pub names: bool,
    /// How a value prints matters: something else than numbers is made of it.
    pub prints: bool,
    /// Rows are ordered by it.
    pub orders: bool,
}

/// Every column that a mapping names.
pub(super) fn uses(document: &MappingDocument, plan: &TablePlan) -> BTreeMap<String, Use> {
    let mut all: BTreeMap<String, Use> = BTreeMap::new();
    let natural = document.natural_key(plan);
    let key = |field| {
        let is =
            |part: &KeyPart| matches!(part, KeyPart::Field(own) | KeyPart::Date(own) | KeyPart::SchoolYear(own) if *own == field);
        natural.parts.iter().chain(&natural.preferred).any(is)
    };
    for (index, field) in plan.indexed() {
        let names = key(index) || field.reference.is_some() || plan.roles.record_key == Some(index);
        let required = matches!(field.required, Required::Mandatory | Required::When(_) | Required::Unless(_));
        for column in document.columns_of(&field.name) {
            let own = all.entry(column.trim().to_owned()).or_default();
            own.fields.push((field.name.to_string(), field.label.to_string()));
            own.names |= names;
            own.reports |= names || required;
            own.prints |= matches!(field.ty, FieldType::Text(_)) || field.code_set.is_some();
        }
    }
    for column in document.choosing_columns() {
        all.entry(column.to_owned()).or_default().prints = true;
    }
    for column in document.naming_columns() {
        let own = all.entry(column.to_owned()).or_default();
        (own.names, own.reports) = (true, true);
    }
    for column in &document.read().order_by {
        all.entry(column.clone()).or_default().orders = true;
    }
    all
}
