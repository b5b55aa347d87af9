//! The tables and columns that are asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::normalize::MappingDocument;
use crate::standard::{FieldIdx, FieldPlan, Required, TablePlan};

/// Where a view's rows are to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A mapping reads this table or view already.
    Object(String),
    /// A mapping reads this query already.
    Query(String),
    /// Nobody has said it yet: the system's keeper knows.
    Open,
}

/// One table that is asked for.
#[derive(Debug)]
pub struct WantedTable {
    /// The table of the standard that it fills.
    pub plan: Arc<TablePlan>,
    /// Where its rows come from.
    pub origin: Origin,
    /// The columns, in the order of the table's fields; those that only choose or name rows come last.
    pub columns: Vec<WantedColumn>,
}

/// One column that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedColumn {
    /// Its name in the view: that of the system where a mapping says it, else the field's.
    pub name: String,
    /// The fields that it fills; none for a column that only chooses or names rows.
    pub fields: Vec<FieldIdx>,
}

impl WantedTable {
    /// What a mapping reads.
    pub fn of_mapping(document: &MappingDocument, plan: &Arc<TablePlan>) -> Self {
        let mut columns: Vec<WantedColumn> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut place = |name: &str, columns: &mut Vec<WantedColumn>| {
            *places.entry(name.to_owned()).or_insert_with(|| {
                columns.push(WantedColumn { name: name.to_owned(), fields: Vec::new() });
                columns.len() - 1
            })
        };
        for (idx, field) in plan.indexed() {
            for column in document.columns_of(&field.name) {
                let at = place(column, &mut columns);
                if !columns[at].fields.contains(&idx) {
                    columns[at].fields.push(idx);
                }
            }
        }
        for column in document.choosing_columns() {
            place(column, &mut columns);
        }
        let read = document.read();
        let origin = match (&read.query, &read.object) {
            (Some(query), _) => Origin::Query(query.clone()),
            (None, Some(object)) => Origin::Object(object.clone()),
            (None, None) => Origin::Open,
        };
        Self { plan: Arc::clone(plan), origin, columns }
    }

    /// All that a table of the standard takes, but for what the hub fills in by itself.
    pub fn of_table(plan: &Arc<TablePlan>) -> Self {
        let own = [plan.roles.record_key, plan.roles.school_code, plan.roles.collected_at];
        let asked = plan.indexed().filter(|(idx, _)| !own.contains(&Some(*idx)));
        let columns = asked.map(|(idx, field)| WantedColumn { name: field.name.to_string(), fields: vec![idx] });
        Self { plan: Arc::clone(plan), origin: Origin::Open, columns: columns.collect() }
    }

    /// The view's name, short enough for older databases, whose names end at 30 characters.
    pub fn view(&self) -> String {
        format!("V_{}", self.plan.name)
    }

    /// The fields that a column fills.
    pub fn fields<'a>(&'a self, column: &'a WantedColumn) -> impl Iterator<Item = &'a FieldPlan> {
        column.fields.iter().map(|idx| self.plan.field(*idx))
    }

    /// Whether a column holds sensitive values.
    pub fn is_sensitive(&self, column: &WantedColumn) -> bool {
        self.fields(column).any(|field| field.sensitivity.is_sensitive())
    }

    /// Whether a row without this column cannot be reported.
    pub fn is_mandatory(&self, column: &WantedColumn) -> bool {
        self.fields(column).any(|field| field.required == Required::Mandatory)
    }
}
