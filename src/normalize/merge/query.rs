//! The SQL over the parts: the records put together, and where sources disagree. The same text runs on both stores.

use std::collections::BTreeSet;

use super::{MERGED_SOURCE, Merge};
use crate::standard::{FieldIdx, PART_KEY, PART_KEY_HEX};

/// What the query of disagreements tells of one field, as [`Merge::disagreements`] orders its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// The field.
    pub field: FieldIdx,
    /// The place, among the parts, of the source whose value stands.
    pub used: usize,
    /// The place of the source that says otherwise.
    pub other: usize,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in TOML.
fn toml_text(text: &str) -> String {
    toml_edit::Value::from(text).to_string().trim().to_owned()
}

fn column(merge: &Merge, part: usize, field: FieldIdx) -> String {
    format!("p{part}.{}", quoted(&merge.table.field(field).name))
}

/// The first of these that is there.
fn first(mut values: Vec<String>) -> String {
    match values.len() {
        0 => "NULL".to_owned(),
        1 => values.remove(0),
        _ => format!("coalesce({})", values.join(", ")),
    }
}

/// The parts joined by the natural key: one row a record of the roster. What is joined is materialized, because views have no
/// indexes of their own; one that is the whole roster is read as it comes.
fn joined(merge: &Merge, wanted: &BTreeSet<usize>) -> (String, String) {
    let view = |part: usize| quoted(&merge.parts[part].plan.name);
    let key = quoted(PART_KEY);
    let mut with: Vec<String> = Vec::new();
    let (from, base) = match merge.roster[..] {
        [only] => (format!("{} p{only}", view(only)), format!("p{only}.{key}")),
        _ => {
            let keys: Vec<String> = merge.roster.iter().map(|part| format!("SELECT {key} FROM {}", view(*part))).collect();
            with.push(format!("roster AS MATERIALIZED ({})", keys.join(" UNION ")));
            ("roster".to_owned(), format!("roster.{key}"))
        }
    };
    let mut from = from;
    let alone = Some(&merge.roster).filter(|roster| roster.len() == 1).map(|roster| roster[0]);
    for part in wanted.iter().filter(|part| Some(**part) != alone) {
        with.push(format!("q{part} AS MATERIALIZED (SELECT * FROM {})", view(*part)));
        from = format!("{from} LEFT JOIN q{part} p{part} ON p{part}.{key} = {base}");
    }
    let with = if with.is_empty() { String::new() } else { format!("WITH {}\n", with.join(",\n     ")) };
    (with, from)
}

fn records(merge: &Merge) -> String {
    let mut columns: Vec<String> = Vec::new();
    let named = |field: FieldIdx, parts: &[usize]| {
        let values = parts.iter().map(|part| column(merge, *part, field)).collect();
        format!("{} AS {}", first(values), quoted(&merge.table.field(field).name))
    };
    if let Some(key) = merge.table.roles.record_key.filter(|_| merge.adopts) {
        columns.push(named(key, &merge.roster));
    }
    columns.extend(merge.fields.iter().map(|(field, parts)| named(*field, parts)));
    let wanted = merge.fields.iter().flat_map(|(_, parts)| parts).chain(&merge.roster).copied().collect();
    let (with, from) = joined(merge, &wanted);
    format!("{with}SELECT {}\nFROM {from}", columns.join(",\n       "))
}

/// The mapping that puts the records together, as a file would say it. What landed in parts is canonical already: no text of it
/// stands for nothing.
pub(super) fn mapping_text(merge: &Merge) -> String {
    let mut text = format!(
        "table = {}\nsource = {}\nmode = \"computed\"\nmissing = []\n",
        toml_text(&merge.table.name),
        toml_text(MERGED_SOURCE)
    );
    if !merge.owner.is_empty() {
        text.push_str(&format!("owner = {}\n", toml_text(&merge.owner)));
    }
    text.push_str(&format!("[read]\nquery = {}\n", toml_text(&records(merge))));
    if let Some(key) = &merge.key {
        let parts: Vec<String> = key.iter().map(|part| toml_text(part)).collect();
        text.push_str(&format!("[key]\nfields = [{}]\n", parts.join(", ")));
    }
    text.push_str("[fields]\n");
    let adopted = merge.table.roles.record_key.filter(|_| merge.adopts);
    for field in adopted.into_iter().chain(merge.fields.iter().map(|(field, _)| *field)) {
        let name = toml_text(&merge.table.field(field).name);
        text.push_str(&format!("{name} = {name}\n"));
    }
    text
}

impl Merge {
    /// A query over the parts that gives a row for each record about which sources disagree, and what its columns tell. The first
    /// column is the natural key in hexadecimal digits, the second the record key (null where the table has no field for it), then
    /// one column a pair of sources and field: 1 where they disagree. `None` where no two sources give the same field.
    ///
    /// Sources disagree about a field where the value that stands is one source's and another one, which maps the field as well,
    /// has a value that is not the same.
    pub fn disagreements(&self) -> Option<(String, Vec<Disagreement>)> {
        let (mut pairs, mut marks) = (Vec::new(), Vec::new());
        for (field, order) in &self.fields {
            let givers: Vec<usize> = (0..self.parts.len()).filter(|part| self.parts[*part].given.contains(field)).collect();
            for (at, used) in order.iter().enumerate() {
                let before = order[..at].iter().map(|part| format!("{} IS NULL AND ", column(self, *part, *field)));
                let before = before.collect::<String>();
                for other in givers.iter().filter(|other| !order[..=at].contains(other)) {
                    let (stands, says) = (column(self, *used, *field), column(self, *other, *field));
                    let place = pairs.len();
                    marks.push(format!("CASE WHEN {before}{stands} <> {says} THEN 1 ELSE 0 END AS c{place}"));
                    pairs.push(Disagreement { field: *field, used: *used, other: *other });
                }
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let (with, from) = joined(self, &(0..self.parts.len()).collect());
        let of_roster = |name: &str| first(self.roster.iter().map(|part| format!("p{part}.{}", quoted(name))).collect());
        let record = self.table.roles.record_key.map_or("NULL".to_owned(), |key| of_roster(&self.table.field(key).name));
        let any: Vec<String> = (0..pairs.len()).map(|place| format!("c{place}")).collect();
        let sql = format!(
            "{with}SELECT * FROM (SELECT {} AS nk, {record} AS record,\n       {}\nFROM {from}) found\nWHERE {} > 0",
            of_roster(PART_KEY_HEX),
            marks.join(",\n       "),
            any.join(" + ")
        );
        Some((sql, pairs))
    }
}
