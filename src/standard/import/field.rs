//! One field: from its row and the rules to its part of the document.

use serde_json::{Map, Value, json};

use super::Notes;
use super::rows::FieldRow;
use super::rules::{FieldRule, IdentifierRule, Rules, WhenRule};
use crate::standard::Format;

/// Numbers whose printed length is doubtful are held to what a 64-bit integer carries.
const WIDEST: u32 = 18;
/// Money is printed without a length: twenty digits, four of them after the point, by the definition of the type.
const MONEY: (u32, u32) = (20, 4);

/// One field, judged.
pub(super) struct Field<'a> {
    pub(super) row: &'a FieldRow,
    pub(super) shape: Shape,
    pub(super) when: Option<WhenRule>,
    rule: FieldRule,
    doubtful: bool,
    separator: Option<String>,
    sealed: bool,
    number: Option<String>,
}

/// What the values look like in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text(Format),
    Number { precision: u32, scale: u32 },
}

impl Shape {
    /// The format of a text; numbers have none.
    pub(super) fn format(self) -> Option<Format> {
        match self {
            Self::Text(format) => Some(format),
            Self::Number { .. } => None,
        }
    }
}

impl<'a> Field<'a> {
    /// Judges a field.
    pub(super) fn judge(row: &'a FieldRow, rules: &Rules, notes: &mut Notes) -> Self {
        let rule = rules.fields.get(&row.path()).cloned().unwrap_or_default();
        let doubts = row.doubts();
        let says = |parts: &[String]| doubts.iter().any(|d| parts.iter().any(|p| d.contains(p.as_str())));
        let doubtful = says(&rules.doubts.length);
        let shape = shape(row, &rule, says(&rules.doubts.text), doubtful).unwrap_or_else(|what| {
            notes.fault(format!("{}：{what}", row.path()), format!("{}: {what}", row.path()));
            Shape::Text(Format::Free)
        });
        if !matches!(row.required.as_str(), "M" | "O" | "C") {
            notes.fault(
                format!("{}：必填标志 {} 不是 M、O、C 之一", row.path(), row.required),
                format!("{}: mark {} is none of M, O, C", row.path(), row.required),
            );
        }
        let when = if row.required == "C" { rule.when.clone().or_else(|| condition(&row.condition)) } else { None };
        let separator = (row.multi_valued == "Y").then(|| separator(row, &rule));
        let sealed = rule.sealed.unwrap_or_else(|| rules.sealed.sensitivity.contains(&row.pii));
        let number = number_kind(row, shape, rules);
        Self { row, shape, when, rule, doubtful, separator, sealed, number }
    }

    /// Whether the field must always be there.
    pub(super) fn mandatory(&self) -> bool {
        self.row.required == "M"
    }

    /// Where values must exist: core rosters first, then the printed targets.
    pub(super) fn references(&self, rules: &Rules, defines: bool) -> Vec<String> {
        if let Some(given) = &self.rule.references {
            return given.clone();
        }
        let own = self.row.path();
        let printed = self.row.printed_references();
        let mut targets: Vec<String> = Vec::new();
        let known = &rules.references;
        for target in printed.iter().filter_map(|p| known.printed.get(p)) {
            targets.extend(target.iter().cloned());
        }
        for note in self.row.note.split("; ") {
            targets.extend(known.notes.get(note).into_iter().flatten().cloned());
        }
        if !defines && targets.is_empty() && self.row.code_set.is_empty() {
            let label = self.row.name_zh.as_str();
            for (_, target) in known.labels.iter().filter(|(pattern, _)| fits(pattern, label)) {
                targets.extend(target.iter().cloned());
            }
        }
        targets.extend(printed);
        let mut seen = Vec::with_capacity(targets.len());
        for target in targets {
            if target != own && !seen.contains(&target) {
                seen.push(target);
            }
        }
        seen
    }

    /// The field's part of the document. `roster` says that the table is one of the core's own.
    pub(super) fn document(&self, references: &[String], identifiers: &IdentifierRule) -> Value {
        let mut doc = Map::new();
        let row = self.row;
        doc.insert("title".into(), row.name_zh.as_str().into());
        let kind = match self.shape {
            Shape::Text(_) => "string",
            Shape::Number { scale: 0, .. } if row.precision.is_none() && row.printed_type != "M" => "integer",
            Shape::Number { .. } => "number",
        };
        doc.insert("type".into(), if self.mandatory() { json!(kind) } else { json!([kind, "null"]) });
        let wider = identifiers.length(&row.path(), references).filter(|length| row.length.is_some_and(|l| l < *length));
        self.constraints(&mut doc, wider.or(row.length));
        doc.insert("x-seq".into(), row.seq.into());
        text(&mut doc, "x-item-code", &row.item_code);
        text(&mut doc, "x-type", &row.printed_type);
        number(&mut doc, "x-length", row.length);
        number(&mut doc, "x-precision", row.precision);
        text(&mut doc, "x-format", &row.format);
        text(&mut doc, "x-unit", &row.unit);
        text(&mut doc, "x-required", &row.required);
        text(&mut doc, "x-condition", &row.condition);
        if let Some(when) = &self.when {
            doc.insert("x-required-when".into(), json!({"field": when.field, "is": when.is}));
        }
        text(&mut doc, "x-code-set", &row.code_set);
        if !self.rule.code_set_by_level.is_empty() {
            doc.insert("x-code-set-by-level".into(), json!(self.rule.code_set_by_level));
        }
        text(&mut doc, "x-number", self.number.as_deref().unwrap_or_default());
        text(&mut doc, "x-separator", self.separator.as_deref().unwrap_or_default());
        list(&mut doc, "x-reference", references);
        list(&mut doc, "x-reference-none", &self.rule.reference_none);
        list(&mut doc, "x-printed-reference", &row.printed_references());
        text(&mut doc, "x-printed-reference-item", &row.ref_item);
        text(&mut doc, "x-sensitivity", &row.pii);
        if self.sealed {
            doc.insert("x-sealed".into(), true.into());
        }
        list(&mut doc, "x-doubts", &row.doubts());
        text(&mut doc, "x-note", &row.note);
        let why = if wider.is_some() { &identifiers.why } else { &self.rule.why };
        text(&mut doc, "x-why", why);
        Value::Object(doc)
    }

    fn constraints(&self, doc: &mut Map<String, Value>, length: Option<u32>) {
        match self.shape {
            Shape::Text(format) => {
                text(doc, "format", format.name());
                if !self.doubtful {
                    number(doc, "maxLength", length);
                }
                if self.mandatory() {
                    doc.insert("pattern".into(), super::super::form::NOT_BLANK.into());
                }
            }
            Shape::Number { precision, scale } => {
                doc.insert("x-decimal".into(), json!({"precision": precision, "scale": scale}));
            }
        }
        if self.doubtful {
            number(doc, "x-doubtful-length", self.row.length);
        }
    }
}

fn shape(row: &FieldRow, rule: &FieldRule, is_text: bool, doubtful: bool) -> Result<Shape, String> {
    let printed = rule.printed_type.as_deref().unwrap_or(&row.printed_type);
    let as_text = || {
        let name = match rule.format.as_deref().unwrap_or(&row.format) {
            "integer" | "decimal" => "",
            "" if printed == "D" => Format::Date.name(),
            name => name,
        };
        Format::from_name(name).map(Shape::Text).ok_or_else(|| format!("format {name}"))
    };
    let scale = row.precision.unwrap_or(0);
    match printed {
        _ if is_text => as_text(),
        "C" | "T" | "B" | "D" => as_text(),
        "M" => Ok(Shape::Number { precision: row.length.unwrap_or(MONEY.0), scale: row.precision.unwrap_or(MONEY.1) }),
        "N" if doubtful => Ok(Shape::Number { precision: WIDEST, scale }),
        "N" => row.length.map(|precision| Shape::Number { precision, scale }).ok_or_else(|| "N without a length".to_owned()),
        other => Err(format!("type {other}")),
    }
}

/// Whether a label is of a pattern; a leading `*` stands for anything.
fn fits(pattern: &str, label: &str) -> bool {
    pattern.strip_prefix('*').map_or(label == pattern, |end| label.ends_with(end))
}

/// What kind of number a free text holds, by its label.
fn number_kind(row: &FieldRow, shape: Shape, rules: &Rules) -> Option<String> {
    let free = shape.format() == Some(Format::Free) && row.code_set.is_empty();
    let fits = |patterns: &[String]| patterns.iter().any(|p| fits(p, &row.name_zh));
    rules.numbers.iter().find(|(_, patterns)| free && fits(patterns)).map(|(kind, _)| kind.clone())
}

/// `FIELD = value (remark)`; anything else is for people.
fn condition(printed: &str) -> Option<WhenRule> {
    let (field, rest) = printed.split_once(" = ")?;
    let value = rest.split(' ').next()?;
    let is_name = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    is_name(field).then(|| WhenRule { field: field.to_owned(), is: vec![value.to_owned()] })
}

fn separator(row: &FieldRow, rule: &FieldRule) -> String {
    let noted =
        || row.note.split_once("joined with '").and_then(|(_, rest)| rest.split_once('\'')).map(|(sep, _)| sep.to_owned());
    rule.separator.clone().or_else(noted).unwrap_or_else(|| ",".to_owned())
}

fn text(doc: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        doc.insert(name.into(), value.into());
    }
}

fn number(doc: &mut Map<String, Value>, name: &str, value: Option<u32>) {
    if let Some(value) = value {
        doc.insert(name.into(), value.into());
    }
}

fn list<T: AsRef<str>>(doc: &mut Map<String, Value>, name: &str, values: &[T]) {
    if !values.is_empty() {
        doc.insert(name.into(), values.iter().map(|v| Value::from(v.as_ref())).collect());
    }
}
