//! From a record's canonical bytes to the row that one upstream wants.
//!
//! A [`Renderer`] is compiled once per (upstream, table). Where nothing differs a row is copied; else the canonical
//! JSON is walked once, field by field in plan order, and only what differs is written anew.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::fieldseal::FieldSeal;
use crate::record::json_string;
use crate::standard::{FieldIdx, FieldType, Format, Required, TablePlan};

/// What becomes of fields without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NullPolicy {
    /// `null`: every field of the table is in every row.
    #[default]
    Null,
    /// Left out.
    Omit,
    /// An empty text.
    Empty,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStyle {
    /// As JSON numbers.
    #[default]
    Number,
    /// As JSON strings.
    String,
}

/// How dates with a time are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateTimeStyle {
    /// `YYYYMMDD hhmmss`.
    #[default]
    Blank,
    /// `YYYYMMDDhhmmss`.
    Joined,
    /// `YYYY-MM-DD hh:mm:ss`.
    Separated,
}

/// How rows of one upstream look.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Fields without a value.
    pub nulls: NullPolicy,
    /// Numbers.
    pub numbers: NumberStyle,
    /// Put between year, month and day; empty for eight digits.
    pub date_separator: String,
    /// Dates with a time.
    pub date_times: DateTimeStyle,
    /// Fields that must be sealed: by `TABLE.FIELD`, `FIELD`, or `*`; the first that is set holds.
    pub seals: BTreeMap<String, Arc<FieldSeal>>,
    /// Fields never sent, by `TABLE.FIELD` or `FIELD`.
    pub masked: BTreeSet<String>,
    /// The receiver is told of a deletion beside the row ([`super::RowHead::op`]), so that rows of a table without a field for
    /// its data state can be deleted too.
    pub deletions: bool,
}

/// What came of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendered {
    /// The row stands in the buffer; so many optional values were left out because they could not be sealed.
    Row {
        /// Values left out.
        unsealed: u32,
    },
    /// A mandatory value must be sealed and no method is set: the row is held, the buffer as it was.
    Unsealed,
}

/// The stored bytes are not what the plan says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored row of {table}: not canonical at field {field}")]
pub struct RenderFault {
    /// The table.
    pub table: Arc<str>,
    /// The field.
    pub field: Arc<str>,
}

enum Pass {
    Copy,
    Masked,
    NumberText,
    Date,
    DateTime,
    Seal(Arc<FieldSeal>),
    /// To be sealed, and no method is set.
    Unsealable {
        mandatory: bool,
    },
}

/// The compiled pass of one (upstream, table).
pub struct Renderer {
    plan: Arc<TablePlan>,
    style: Style,
    passes: Box<[Pass]>,
    plain: bool,
}

impl Renderer {
    /// Compiles the pass.
    pub fn new(plan: Arc<TablePlan>, style: &Style) -> Self {
        let passes: Box<[Pass]> = plan.fields.iter().map(|field| pass(&plan.name, field, style)).collect();
        let plain = style.nulls == NullPolicy::Null && passes.iter().all(|p| matches!(p, Pass::Copy));
        Self { plan, style: style.clone(), passes, plain }
    }

    /// Fields that go out without a value whatever the record has: masked ones, and those that cannot be sealed.
    pub fn withheld(&self) -> Vec<&str> {
        let empty = |pass: &Pass| matches!(pass, Pass::Masked | Pass::Unsealable { .. });
        let fields = self.plan.fields.iter().zip(&self.passes).filter(|(_, pass)| empty(pass));
        fields.map(|(field, _)| &*field.name).collect()
    }

    /// Appends the row to `out`. `delete` writes the data state that means deletion.
    ///
    /// # Errors
    /// When the stored bytes do not follow the plan; `out` is as it was.
    pub fn render(&self, payload: &[u8], delete: bool, out: &mut Vec<u8>) -> Result<Rendered, RenderFault> {
        if self.plain && !delete {
            out.extend_from_slice(payload);
            return Ok(Rendered::Row { unsealed: 0 });
        }
        let start = out.len();
        let mut fields = Scan::new(&self.plan, payload);
        let (mut first, mut unsealed) = (true, 0);
        out.push(b'{');
        for (i, pass) in self.passes.iter().enumerate() {
            let field = &self.plan.fields[i];
            let mut raw = match fields.next_value() {
                Some(raw) => raw,
                None => {
                    out.truncate(start);
                    return Err(RenderFault { table: Arc::clone(&self.plan.name), field: Arc::clone(&field.name) });
                }
            };
            if delete && self.plan.roles.data_state == Some(FieldIdx(i as u16)) {
                raw = b"\"0\"";
            }
            if raw != b"null" {
                match pass {
                    Pass::Masked => raw = b"null",
                    Pass::Unsealable { mandatory: true } => {
                        out.truncate(start);
                        return Ok(Rendered::Unsealed);
                    }
                    Pass::Unsealable { mandatory: false } => {
                        unsealed += 1;
                        raw = b"null";
                    }
                    _ => {}
                }
            }
            if raw == b"null" && self.style.nulls == NullPolicy::Omit {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.push(b'"');
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b"\":");
            self.value(raw, pass, out);
        }
        out.push(b'}');
        Ok(Rendered::Row { unsealed })
    }

    fn value(&self, raw: &[u8], pass: &Pass, out: &mut Vec<u8>) {
        if raw == b"null" {
            let nothing: &[u8] = if self.style.nulls == NullPolicy::Empty { b"\"\"" } else { b"null" };
            return out.extend_from_slice(nothing);
        }
        match pass {
            Pass::NumberText => {
                out.push(b'"');
                out.extend_from_slice(raw);
                out.push(b'"');
            }
            Pass::Date => match plain_text(raw).as_deref().and_then(|t| separated_date(t, &self.style.date_separator)) {
                Some(text) => json_string(&text, out),
                None => out.extend_from_slice(raw),
            },
            Pass::DateTime => match plain_text(raw).as_deref().and_then(|t| date_time(t, self.style.date_times)) {
                Some(text) => json_string(&text, out),
                None => out.extend_from_slice(raw),
            },
            Pass::Seal(seal) => match plain_text(raw) {
                Some(text) => json_string(&seal.seal(&text), out),
                None => json_string(&seal.seal(&String::from_utf8_lossy(raw)), out),
            },
            Pass::Copy | Pass::Masked | Pass::Unsealable { .. } => out.extend_from_slice(raw),
        }
    }
}

fn pass(table: &str, field: &crate::standard::FieldPlan, style: &Style) -> Pass {
    let full = format!("{table}.{}", field.name);
    if style.masked.contains(&full) || style.masked.contains(&*field.name) {
        return Pass::Masked;
    }
    if field.sealed {
        let seal = [full.as_str(), &field.name, "*"].iter().find_map(|name| style.seals.get(*name));
        return match seal {
            Some(seal) if seal.is_plain() => Pass::Copy,
            Some(seal) => Pass::Seal(Arc::clone(seal)),
            None => Pass::Unsealable { mandatory: !matches!(field.required, Required::Optional | Required::Unless(_)) },
        };
    }
    match field.ty {
        FieldType::Integer { .. } | FieldType::Decimal { .. } if style.numbers == NumberStyle::String => Pass::NumberText,
        FieldType::Text(Format::Date) if !style.date_separator.is_empty() => Pass::Date,
        FieldType::Text(Format::DateTime) if style.date_times != DateTimeStyle::Blank => Pass::DateTime,
        _ => Pass::Copy,
    }
}

fn separated_date(text: &str, separator: &str) -> Option<String> {
    (text.len() == 8).then_some(())?;
    Some(format!("{}{separator}{}{separator}{}", text.get(..4)?, text.get(4..6)?, text.get(6..8)?))
}

fn date_time(text: &str, style: DateTimeStyle) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    match style {
        DateTimeStyle::Blank => None,
        DateTimeStyle::Joined => Some(format!("{date}{time}")),
        DateTimeStyle::Separated => {
            Some(format!("{} {}:{}:{}", separated_date(date, "-")?, time.get(..2)?, time.get(2..4)?, time.get(4..6)?))
        }
    }
}

/// The text that a raw JSON string stands for; `None` for anything else.
pub(super) fn plain_text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice::<String>(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// Walks canonical JSON of one row, value by value in plan order.
pub(super) struct Scan<'a> {
    plan: &'a TablePlan,
    rest: &'a [u8],
    next: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(plan: &'a TablePlan, payload: &'a [u8]) -> Self {
        Self { plan, rest: payload, next: 0 }
    }

    /// The raw value of the next field; `None` at the end or when the bytes are not canonical.
    pub(super) fn next_value(&mut self) -> Option<&'a [u8]> {
        let field = self.plan.fields.get(self.next)?;
        let lead: &[u8] = if self.next == 0 { b"{\"" } else { b",\"" };
        let value = self.rest.strip_prefix(lead)?.strip_prefix(field.name.as_bytes())?.strip_prefix(b"\":")?;
        let len = value_len(value)?;
        self.rest = &value[len..];
        self.next += 1;
        if self.next == self.plan.fields.len() && self.rest != b"}" {
            return None;
        }
        Some(&value[..len])
    }

    /// The raw values of some fields, `None` where the row is not canonical.
    pub(super) fn pick(plan: &'a TablePlan, payload: &'a [u8], wanted: &[FieldIdx]) -> Vec<Option<&'a [u8]>> {
        let mut out = vec![None; wanted.len()];
        let Some(last) = wanted.iter().map(|f| f.usize()).max() else { return out };
        let mut scan = Scan::new(plan, payload);
        for i in 0..=last {
            let Some(raw) = scan.next_value() else { break };
            for (slot, field) in out.iter_mut().zip(wanted) {
                if field.usize() == i {
                    *slot = Some(raw);
                }
            }
        }
        out
    }
}

fn value_len(value: &[u8]) -> Option<usize> {
    if value.first() != Some(&b'"') {
        return value.iter().position(|b| matches!(b, b',' | b'}')).filter(|len| *len > 0);
    }
    let mut at = 1;
    loop {
        match value.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
