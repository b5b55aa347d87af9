//! From a JSON object to cells: nested fields by their path, lists as JSON text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::finding::{Place, Text};
use crate::source::bytes::push_text;
use crate::source::json::{Object, cell};
use crate::source::{Column, ColumnKind, SourceBatchBuilder};

/// The columns of an object, and where each path goes.
pub(super) struct Columns {
    pub all: Arc<[Column]>,
    by_path: HashMap<Arc<str>, usize>,
}

impl Columns {
    /// Columns of these names, each the path of a field.
    pub fn named<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let all: Arc<[Column]> =
            names.into_iter().map(|name| Column { name: name.as_ref().into(), kind: ColumnKind::Unknown }).collect();
        let by_path = all.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
        Self { all, by_path }
    }

    /// Columns as the rows of a page have them.
    pub fn found<'a>(rows: impl Iterator<Item = &'a str>) -> Self {
        let mut paths: Vec<String> = Vec::new();
        let mut known: HashMap<String, bool> = HashMap::new();
        for row in rows {
            if let Some(object) = Object::read(row.as_bytes()) {
                walk(&object, &mut String::new(), &mut |path, value| {
                    let filled = value.get() != "null";
                    match known.get_mut(path) {
                        Some(before) => *before |= filled,
                        None => {
                            known.insert(path.to_owned(), filled);
                            paths.push(path.to_owned());
                        }
                    }
                });
            }
        }
        // A field that is an object in one row and null in another is its inner fields alone.
        let inner = |path: &str| paths.iter().any(|other| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
        Self::named(paths.iter().filter(|path| known.get(*path) == Some(&true) || !inner(path)))
    }

    /// Appends a row. Gives the text of the cell at `watched`.
    pub fn push(&self, row: &str, place: Place, watched: Option<usize>, batch: &mut SourceBatchBuilder) -> Option<String> {
        let mut cells: Vec<Option<Cow<'_, str>>> = vec![None; self.all.len()];
        if let Some(object) = Object::read(row.as_bytes()) {
            self.place(&object, &mut String::new(), &mut cells);
        } else if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(row) {
            if items.len() != cells.len() {
                batch.fault(None, misfit(items.len(), cells.len()));
            }
            for (slot, item) in cells.iter_mut().zip(items) {
                *slot = cell(item);
            }
        } else {
            batch.fault(None, Text::new("该行既不是 JSON 对象也不是数组", "the row is neither a JSON object nor a list"));
        }
        for (at, cell) in cells.iter().enumerate() {
            match cell {
                Some(text) => push_text(batch, at, text),
                None => batch.push(None),
            }
        }
        batch.end_row(place);
        watched.and_then(|at| cells.get_mut(at)?.take()).map(Cow::into_owned)
    }

    /// The column of a name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.by_path.get(name).copied()
    }

    fn place<'a>(&self, object: &Object<'a>, path: &mut String, cells: &mut [Option<Cow<'a, str>>]) {
        for (name, value) in &object.0 {
            let length = path.len();
            extend(path, name);
            if let Some(at) = self.by_path.get(path.as_str()) {
                cells[*at] = cell(value);
            } else if let Some(inner) = Object::read(value.get().as_bytes()) {
                self.place(&inner, path, cells);
            }
            path.truncate(length);
        }
    }
}

fn misfit(found: usize, wanted: usize) -> Text {
    Text::new(
        format!("该行有 {found} 项，应有 {wanted} 项"),
        format!("the row has {found} items where {wanted} columns are declared"),
    )
}

fn extend(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// Calls `tell` for every field that is not an object with fields of its own.
fn walk(object: &Object<'_>, path: &mut String, tell: &mut dyn FnMut(&str, &RawValue)) {
    for (name, value) in &object.0 {
        let length = path.len();
        extend(path, name);
        match Object::read(value.get().as_bytes()).filter(|inner| !inner.0.is_empty()) {
            Some(inner) => walk(&inner, path, tell),
            None => tell(path, value),
        }
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Position;

    fn shown(columns: &Columns, rows: &[&str]) -> Vec<String> {
        let mut batch = SourceBatchBuilder::new(columns.all.clone(), 4);
        for row in rows {
            columns.push(row, Place::Row(1), None, &mut batch);
        }
        let batch = batch.finish(Position(Vec::new()));
        let cells =
            |row| (0..columns.all.len()).map(|at| batch.cell(row, at).unwrap_or("NULL").to_owned()).collect::<Vec<_>>().join("|");
        let mut out: Vec<String> = (0..batch.len()).map(cells).collect();
        out.extend(batch.faults().iter().map(|fault| format!("{}: {}", fault.row, fault.what.en)));
        out
    }

    #[test]
    fn nested_fields_become_columns_by_path_and_lists_stay_json() {
        let rows = [
            r#"{"no":"01","dept":null,"n":3.10,"tags":["a",{"b":1}],"e":{}}"#,
            r#"{"no":12345678901234567890123,"dept":{"id":7,"head":{"name":"张三"}},"late":true,"no":"last"}"#,
        ];
        let columns = Columns::found(rows.iter().copied());
        let names: Vec<&str> = columns.all.iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["no", "n", "tags", "e", "dept.id", "dept.head.name", "late"]);
        assert_eq!(shown(&columns, &rows), [r#"01|3.10|["a",{"b":1}]|{}|NULL|NULL|NULL"#, "last|NULL|NULL|NULL|7|张三|true"]);
    }

    #[test]
    fn a_declared_column_may_be_a_whole_object_and_rows_may_be_lists() {
        let columns = Columns::named(["no", "dept"]);
        let rows = [r#"{"dept":{"id":7},"no":"01"}"#, r#"["02",null]"#, r#"["03"]"#, "7"];
        assert_eq!(
            shown(&columns, &rows),
            [
                r#"01|{"id":7}"#,
                "02|NULL",
                "03|NULL",
                "NULL|NULL",
                "2: the row has 1 items where 2 columns are declared",
                "3: the row is neither a JSON object nor a list"
            ]
        );
    }
}
