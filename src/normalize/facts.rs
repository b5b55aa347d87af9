//! What others ask of a mapping without compiling it.

use std::collections::BTreeSet;

use super::document::{FieldSection, MappingDocument, WhenMissing};
use super::fault::Faults;
use super::key;
use crate::standard::{FieldIdx, FieldPlan, NaturalKey, Required, TablePlan};

impl MappingDocument {
    /// The (table, field) pairs that values are looked up by.
    pub fn looks_up(&self) -> Vec<(&str, &str)> {
        let lookups = self.body.fields.values().filter_map(|section| match section {
            FieldSection::Full(options) => options.lookup.as_ref(),
            FieldSection::Column(_) => None,
        });
        lookups.map(|lookup| (lookup.table.as_str(), lookup.matching.as_str())).collect()
    }

    /// The columns that feed a field.
    pub fn columns_of(&self, field: &str) -> Vec<&str> {
        match self.body.fields.get(field) {
            None => Vec::new(),
            Some(FieldSection::Column(column)) => vec![column],
            Some(FieldSection::Full(options)) => {
                let mut columns: Vec<&str> = options.column.as_deref().into_iter().collect();
                columns.extend(options.template.as_deref().into_iter().flat_map(template_columns));
                if let Some(WhenMissing::Planned { planned }) = &options.when_missing {
                    columns.push(planned);
                }
                columns
            }
        }
    }

    /// Mandatory fields that the mapping leaves empty until somebody decides (`value = ""`): each of its rows waits for them.
    pub fn undecided<'p>(&self, plan: &'p TablePlan) -> Vec<&'p FieldPlan> {
        let is_empty = |field: &&FieldPlan| {
            let Some(FieldSection::Full(options)) = self.body.fields.get(&*field.name) else { return false };
            options.value.as_ref().is_some_and(|value| value.text().is_empty())
        };
        plan.fields.iter().filter(|field| field.required == Required::Mandatory).filter(is_empty).collect()
    }

    /// The fields that get something from the source or from the mapping itself; not those that it states to be absent.
    pub(super) fn given_fields<'a>(&'a self, plan: &'a TablePlan) -> impl Iterator<Item = FieldIdx> + 'a {
        let given = self.body.fields.iter().filter(|(_, section)| match section {
            FieldSection::Column(_) => true,
            FieldSection::Full(options) => options.not_available.is_none(),
        });
        given.filter_map(|(name, _)| plan.find(name)).filter(|field| Some(*field) != plan.roles.record_key)
    }

    /// Whether records come with keys that were minted elsewhere.
    pub(super) fn adopts(&self, plan: &TablePlan) -> bool {
        let key = plan.roles.record_key.map(|field| &*plan.field(field).name);
        self.body.key.adopt.is_some() || key.is_some_and(|name| self.body.fields.contains_key(name))
    }

    /// The columns that fill no field but are read all the same: those that choose rows, order them, name them, and hold
    /// keys to adopt.
    pub fn choosing_columns(&self) -> Vec<&str> {
        let filters = self.body.filters.iter().map(|filter| filter.column.as_str());
        let order = self.body.read.order_by.iter().map(String::as_str);
        let adopted = self.body.key.adopt.as_ref().and_then(|adopt| adopt.column.as_deref());
        filters.chain(order).chain(self.body.key.source_id.as_deref()).chain(adopted).collect()
    }

    /// Of these, the columns that tell records apart: the row's own id, and keys to adopt.
    pub fn naming_columns(&self) -> Vec<&str> {
        let adopted = self.body.key.adopt.as_ref().and_then(|adopt| adopt.column.as_deref());
        self.body.key.source_id.as_deref().into_iter().chain(adopted).collect()
    }

    /// The columns whose cells may be shown: those that this mapping uses, and for no sensitive field. What a column holds that
    /// nobody mapped is not known; it may be a password.
    pub fn shown_columns(&self, plan: &TablePlan) -> BTreeSet<String> {
        let fields = plan.fields.iter().filter(|field| !field.sensitivity.is_sensitive());
        let mut shown: BTreeSet<&str> = fields.flat_map(|field| self.columns_of(&field.name)).collect();
        shown.extend(self.choosing_columns());
        if let Some(groups) = &self.body.groups {
            shown.extend([groups.count.as_str(), groups.date.as_str()]);
            shown.extend(groups.by.iter().chain(&groups.sum).chain(&groups.mean).map(String::as_str));
        }
        if let Some(own) = &self.body.timetable {
            shown.extend([&own.lesson, &own.weeks, &own.weekday, &own.periods].map(String::as_str));
            shown.extend(own.term.iter().map(String::as_str));
            let changes = own.changes.iter().flat_map(|own| [&own.kind, &own.from, &own.to, &own.to_periods]);
            shown.extend(changes.map(String::as_str));
        }
        let hidden = self.sensitive_columns(plan);
        shown.into_iter().filter(|column| !hidden.contains(*column)).map(str::to_owned).collect()
    }

    /// The columns that feed sensitive fields of its table: their cells are not shown.
    pub fn sensitive_columns(&self, plan: &TablePlan) -> BTreeSet<String> {
        let sensitive = plan.fields.iter().filter(|field| field.sensitivity.is_sensitive());
        sensitive.flat_map(|field| self.columns_of(&field.name)).map(str::to_owned).collect()
    }

    /// The columns by which a row of the source can be found again, sensitive ones left out: the row's own id, else
    /// what the read is ordered by.
    pub fn row_columns(&self, plan: &TablePlan) -> Vec<String> {
        let own: Vec<&String> = self.body.key.source_id.iter().collect();
        let columns = if own.is_empty() { self.body.read.order_by.iter().collect() } else { own };
        let hidden = self.sensitive_columns(plan);
        columns.into_iter().filter(|column| !hidden.contains(*column)).cloned().collect()
    }

    /// The natural key that this mapping gives its table: the table's own, or the one it names.
    pub fn natural_key(&self, plan: &TablePlan) -> NaturalKey {
        match &self.body.key.fields {
            // What is wrong with it is found when the mapping is compiled.
            Some(parts) => key::parse(plan, parts, &mut Faults::new(&self.file, &self.spans)),
            None => plan.key.clone(),
        }
    }

    /// Digest of the natural key that this mapping gives its table: the table's own, or the one it names. A key, once
    /// records have landed under it, must not change unnoticed.
    pub fn key_digest(&self, plan: &TablePlan) -> [u8; 16] {
        let text = match &self.body.key.fields {
            Some(parts) => parts.iter().map(|part| part.replace(' ', "")).collect::<Vec<_>>().join(","),
            None => described(plan, &plan.key),
        };
        xxhash_rust::xxh3::xxh3_128(format!("{}:{text}", plan.name).as_bytes()).to_be_bytes()
    }
}

fn described(plan: &TablePlan, key: &NaturalKey) -> String {
    match key.preferred.is_empty() {
        true => key::describe(plan, &key.parts),
        false => format!("{}|{}", key::describe(plan, &key.preferred), key::describe(plan, &key.parts)),
    }
}

fn template_columns(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|piece| piece.split_once('}').map(|(column, _)| column))
}
