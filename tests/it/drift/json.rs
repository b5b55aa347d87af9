//! Scripts over a JSON interface: fields that rows no longer have.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use super::hub::{COURSES, Demand, HARMLESS, Hub, MAPPING, PROJECTS, REPORTING, holds, pauses};
use super::sheet::{ROWS, Sheet, value};
use crate::sources::interface::{Interface, Reply};

/// An interface that gives what it is told to.
struct Face {
    interface: Interface,
    rows: Arc<Mutex<Vec<Value>>>,
}

impl Face {
    fn new() -> Self {
        let rows: Arc<Mutex<Vec<Value>>> = Arc::default();
        let shared = Arc::clone(&rows);
        let interface = Interface::start(move |_| Reply::json(&json!({ "rows": *shared.lock().unwrap() })));
        Self { interface, rows }
    }

    fn give(&self, sheet: &Sheet, count: usize) {
        let row = |row: usize| {
            let cells =
                sheet.columns.iter().map(|col| (col.head.to_owned(), json!((col.print)(value(col.attr, row, sheet.version)))));
            Value::Object(cells.collect::<Map<_, _>>())
        };
        *self.rows.lock().unwrap() = (0..count).map(row).collect();
    }

    fn hub(&self, columns: &str) -> Hub {
        let source = format!(
            "kind = \"http\"\nurl = \"{}\"\nplain_http = {{ by = \"test\", date = \"2025-09-01\", reason = \"loopback\" }}\n\
             auth = {{ by = \"none\" }}\nanswer = {{ rows = \"/rows\" }}\nobjects = {{ courses = {{ path = \"courses\"{columns} }} }}",
            self.interface.url()
        );
        Hub::new(&source, "read.object = \"courses\"", &|attr| Sheet::plain().name_of(attr))
    }
}

fn declared() -> String {
    let names: Vec<String> = Sheet::plain().columns.iter().map(|col| format!("\"{}\"", col.head)).collect();
    format!(", columns = [{}]", names.join(", "))
}

fn run(name: &str, columns: &str, demand: Demand, edit: fn(&mut Sheet), count: usize) {
    let face = Face::new();
    let hub = face.hub(columns);
    let before = Sheet::plain();
    face.give(&before, ROWS);
    hub.collect();
    pauses(&hub, HARMLESS, name);
    let first = before.truth();
    for table in [COURSES, PROJECTS] {
        holds(table, &hub.landed(table), &first, name);
    }
    let mut after = Sheet { version: 1, ..before };
    edit(&mut after);
    face.give(&after, count);
    hub.collect();
    pauses(&hub, demand, name);
    let mut second = after.truth();
    // Rows that did not come stand as they were.
    second.extend(first.iter().skip(count).map(|(key, row)| (key.clone(), row.clone())));
    for (table, pause) in [COURSES, PROJECTS].into_iter().zip(demand) {
        holds(table, &hub.landed(table), if pause.is_some() { &first } else { &second }, name);
    }
}

#[test]
fn json_fields_drift() {
    let gone: fn(&mut Sheet) = |sheet| sheet.remove("contest");
    run("a field that the rows told is gone", "", [MAPPING, None], gone, ROWS);
    run("a field that the settings name is gone", &declared(), [MAPPING, None], gone, ROWS);
    run("a field is gone from a few rows that came", &declared(), [MAPPING, None], gone, 3);
    run("a mandatory field is gone", &declared(), [None, REPORTING], |sheet| sheet.remove("leader"), ROWS);
    run("a field has another name", "", [REPORTING, None], |sheet| sheet.col("hours").head = "学时", ROWS);
    run("fields come in another order", "", HARMLESS, |sheet| sheet.columns.reverse(), ROWS);
}
