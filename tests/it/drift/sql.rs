//! Scripts over databases: what the tables are, what is done to them, what that demands, and what the source itself says.

use std::collections::BTreeMap;

use super::hub::{COURSES, Demand, FIELDS, HARMLESS, Hub, PROJECTS, Truth, holds, pauses};
use super::sheet::{ROWS, value};

/// What a table's columns are called, by attribute.
pub const NAMES: [(&str, &str); 10] = [
    ("no", "kch"),
    ("name", "kcmc"),
    ("hours", "zxs"),
    ("practice", "sjxs"),
    ("contest", "xgjs"),
    ("url", "wz"),
    ("leader", "fzr"),
    ("year", "lxnd"),
    ("memo", "bz"),
    ("sort", "xh"),
];

/// A change of a database between two collections.
pub struct Script {
    pub name: &'static str,
    /// What the hub reads: the table `t`, or a view over it.
    pub object: &'static str,
    /// Statements before the first collection, besides those that make `t`.
    pub first: &'static str,
    /// Statements between the two.
    pub edit: &'static str,
    pub demand: Demand,
}

pub const fn script(name: &'static str, demand: Demand, edit: &'static str) -> Script {
    Script { name, object: "t", first: "", edit, demand }
}

pub const fn over_view(name: &'static str, first: &'static str, demand: Demand, edit: &'static str) -> Script {
    Script { name, object: "v", first, edit, demand }
}

/// A database that a test may change as it likes.
pub trait Database {
    /// Settings of a source that reads it.
    fn source(&self, hub: &dyn Fn(&str, &str)) -> String;

    /// What [`Script::object`] is called there.
    fn object(&self, object: &str) -> String {
        object.to_owned()
    }

    /// Runs statements.
    fn run(&self, sql: &str);

    /// All rows of an object: cells by column name, each asked for under its own name, as texts.
    fn rows(&self, object: &str, columns: &[&str]) -> Vec<BTreeMap<String, Option<String>>>;
}

/// Makes the table `t` with its rows.
pub fn table(types: &dyn Fn(&str) -> &'static str) -> String {
    let columns: Vec<String> = NAMES.iter().map(|(attr, name)| format!("{name} {}", types(attr))).collect();
    let row = |row: usize| {
        let cells: Vec<String> = NAMES.iter().map(|(attr, _)| format!("'{}'", value(attr, row, 0))).collect();
        format!("({})", cells.join(", "))
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    format!("CREATE TABLE t ({});\nINSERT INTO t VALUES\n{};\n", columns.join(", "), rows.join(",\n"))
}

/// What the source says under the names that the mappings use.
fn truth(database: &dyn Database, object: &str, used: &[&str]) -> Truth {
    let columns: Vec<&str> = NAMES.iter().filter(|(attr, _)| used.contains(attr)).map(|(_, name)| *name).collect();
    let name = |attr: &str| NAMES.iter().find(|(own, _)| *own == attr).expect("an attribute").1;
    let rows = database.rows(object, &columns);
    let row = |row: &BTreeMap<String, Option<String>>| -> BTreeMap<&'static str, Option<String>> {
        let attrs = FIELDS.iter().flat_map(|(_, fields)| fields.iter().map(|(_, attr)| *attr));
        attrs.filter(|attr| used.contains(attr)).map(|attr| (attr, row[name(attr)].clone())).collect()
    };
    rows.iter().map(row).map(|row| (row["no"].clone().unwrap_or_default(), row)).collect()
}

fn used_by(table: &str) -> Vec<&'static str> {
    FIELDS.iter().find(|(own, _)| *own == table).expect("a table").1.iter().map(|(_, attr)| *attr).collect()
}

/// Runs a script: two collections with the edit and a change of values between them.
pub fn run(database: &dyn Database, script: &Script, make: &str) -> Hub {
    database.run(make);
    if !script.first.is_empty() {
        database.run(script.first);
    }
    let files = std::cell::RefCell::new(Vec::new());
    let source = database.source(&|name, text| files.borrow_mut().push((name.to_owned(), text.to_owned())));
    let read = format!("read.object = \"{}\"", database.object(script.object));
    let name = |attr: &str| NAMES.iter().find(|(own, _)| *own == attr).expect("an attribute").1.to_owned();
    let hub = Hub::new(&source, &read, &name);
    for (name, text) in files.into_inner() {
        hub.write(&name, text);
    }
    hub.collect();
    pauses(&hub, HARMLESS, script.name);
    let first: Vec<Truth> = [COURSES, PROJECTS].iter().map(|table| truth(database, script.object, &used_by(table))).collect();
    for (table, truth) in [COURSES, PROJECTS].iter().zip(&first) {
        assert_eq!(truth.len(), ROWS);
        holds(table, &hub.landed(table), truth, script.name);
    }
    database.run(script.edit);
    hub.collect();
    pauses(&hub, script.demand, script.name);
    for ((table, first), pause) in [COURSES, PROJECTS].iter().zip(&first).zip(script.demand) {
        match pause {
            Some(_) => holds(table, &hub.landed(table), first, script.name),
            None => holds(table, &hub.landed(table), &truth(database, script.object, &used_by(table)), script.name),
        }
    }
    hub
}
