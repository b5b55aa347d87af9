//! The mapping of a view that was made as asked.

use std::fmt::Write as _;

use super::{WantedColumn, WantedTable};
use crate::standard::Required;

/// A mapping file for the view of a table whose columns are named after the fields. It is complete: once the view is
/// there, the table can be tried.
///
/// `source` is the name in the settings, `owner` the department in charge.
pub fn mapping_toml(table: &WantedTable, source: &str, owner: &str) -> String {
    let mut out = String::new();
    let plan = &table.plan;
    let _ = writeln!(out, "# {} {}", plan.label_zh, plan.label_en);
    let _ = writeln!(out, "table = {}", quoted(&plan.name));
    let _ = writeln!(out, "source = {}", quoted(source));
    if !owner.is_empty() {
        let _ = writeln!(out, "owner = {}", quoted(owner));
    }
    let _ = writeln!(out, "mode = \"automatic\"\n\n[read]\nobject = {}\n\n[fields]", quoted(&table.view()));
    for column in &table.columns {
        for field in table.fields(column) {
            let _ = writeln!(out, "{} = {}{}", field.name, quoted(&column.name), note(table, column));
        }
    }
    out
}

fn note(table: &WantedTable, column: &WantedColumn) -> String {
    let labels: Vec<String> = table
        .fields(column)
        .map(|field| {
            let mandatory = if field.required == Required::Mandatory { "，必填" } else { "" };
            format!("{}{mandatory}", field.label)
        })
        .collect();
    format!("  # {}", labels.join("、").replace(['\n', '\r'], " "))
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string().trim().to_owned()
}
