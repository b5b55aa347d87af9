//! Coercion: a cleaned text becomes a canonical value of its field, or trouble with a rule and a likely fix.

mod code;
mod date;
mod form;
mod hyphens;
mod number;
mod person;
mod school_year;

use std::borrow::Cow;
use std::sync::Arc;

pub(super) use code::CodeRules;
pub(super) use number::Factor;
use unicode_normalization::UnicodeNormalization;

use super::document::{Serial, Take};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::standard::{CodeIdx, FieldIdx, FieldPlan, FieldType, Format, NumberKind, Sensitivity, TablePlan};

/// A canonical value: where its text is, so that nothing need be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// The text given, as it stands.
    Same,
    /// The text in the buffer.
    Out,
    /// The number in the buffer.
    Number,
    /// A code of the field's set.
    Code(CodeIdx),
    /// Nothing: the text was a way to write nothing.
    Nothing,
}

/// Why a text cannot be a value of its field, or what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) rule: RuleId,
    pub(super) severity: Severity,
    pub(super) expected: Expected,
    pub(super) fix: Option<Text>,
}

impl Trouble {
    fn new(rule: RuleId, expected: Expected) -> Box<Self> {
        Box::new(Self { rule, severity: Severity::Error, expected, fix: None })
    }

    fn fix(mut self: Box<Self>, zh: impl Into<String>, en: impl Into<String>) -> Box<Self> {
        self.fix = Some(Text::new(zh, en));
        self
    }

    fn warning(mut self: Box<Self>) -> Box<Self> {
        self.severity = Severity::Warning;
        self
    }
}

/// A value, or trouble.
pub(super) type Coerced = Result<Value, Box<Trouble>>;

/// How one field's texts become values.
#[derive(Debug)]
pub(super) struct Coercer {
    ty: FieldType,
    /// Texts of free form that number a thing: width is folded.
    folds: bool,
    is_name: bool,
    is_mobile: bool,
    pub(super) take: Option<Take>,
    pub(super) serial: Option<Serial>,
    pub(super) id15: bool,
    pub(super) factor: Option<Factor>,
    pub(super) codes: Option<CodeRules>,
    pub(super) separator: Option<Arc<str>>,
}

/// Room for a coercion; kept for a whole batch.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The canonical text.
    pub(super) out: String,
    /// Oddities that do not keep the value from being used.
    pub(super) notes: Vec<Trouble>,
}

impl Coercer {
    /// The coercion of a field, without a mapping's options.
    pub(super) fn new(plan: &TablePlan, field: FieldIdx) -> Self {
        let f = plan.field(field);
        Self {
            ty: f.ty,
            folds: numbers_things(plan, field, f),
            is_name: f.sensitivity == Sensitivity::Name,
            is_mobile: f.number == Some(NumberKind::Mobile),
            take: None,
            serial: None,
            id15: false,
            factor: None,
            codes: f.code_set.clone().map(|set| CodeRules::new(set, plan.roles.term == Some(field))),
            separator: f.separator.clone(),
        }
    }

    /// Brings a cleaned, non-empty text into the field's form.
    pub(super) fn coerce(&self, text: &str, room: &mut Room) -> Coerced {
        if let Some(codes) = &self.codes {
            if !matches!(self.ty, FieldType::Text(_)) {
                return number::coerce(self.ty, self.factor.as_ref(), text, &mut room.out);
            }
            return codes.coerce(text, self.take, room);
        }
        match self.ty {
            FieldType::Integer { .. } | FieldType::Decimal { .. } => {
                number::coerce(self.ty, self.factor.as_ref(), text, &mut room.out)
            }
            FieldType::Text(format) => self.text(format, text, room),
        }
    }

    fn text(&self, format: Format, text: &str, room: &mut Room) -> Coerced {
        match format {
            Format::Free => self.free(text, room),
            Format::Json => Ok(Value::Same),
            Format::Date | Format::Month | Format::Year | Format::DateTime | Format::Time => {
                date::coerce(format, self.take, self.serial, text, room)
            }
            Format::SchoolYear | Format::SchoolYearWord => school_year::coerce(format, self.take, text, room),
            Format::ResidentId => person::resident_id(text, self.id15, &mut room.out),
            Format::CreditCode => form::credit_code(text, &mut room.out),
            Format::Digits10 | Format::YearSerial => form::digits(text, &mut room.out),
            Format::Uid32 => form::fixed(text, &mut room.out),
            Format::Periods => form::periods(text, &mut room.out),
            Format::Url => form::url(text, &mut room.out),
        }
    }

    fn free(&self, text: &str, room: &mut Room) -> Coerced {
        if let Some(take) = self.take {
            let format = match take {
                Take::Date => Format::Date,
                Take::Month => Format::Month,
                Take::Year => Format::Year,
                Take::Time => Format::Time,
                Take::SchoolYear => Format::SchoolYear,
                Take::Term => return school_year::term(text, room),
            };
            return match format {
                Format::SchoolYear => school_year::coerce(format, self.take, text, room),
                format => date::coerce(format, self.take, self.serial, text, room),
            };
        }
        if self.is_name {
            return Ok(person::name(text, &mut room.out));
        }
        if self.is_mobile {
            return form::mobile(text, &mut room.out);
        }
        if self.folds {
            return form::number_of_thing(text, self.id15, &mut room.out);
        }
        Ok(Value::Same)
    }
}

/// Whether a free text numbers a thing or a person, so that width carries no meaning: it is referred to or refers, is
/// a number or an account by its sensitivity, or the standard calls it a number or a code.
fn numbers_things(plan: &TablePlan, field: FieldIdx, f: &FieldPlan) -> bool {
    let by_sensitivity = matches!(
        f.sensitivity,
        Sensitivity::IdNumber | Sensitivity::Phone | Sensitivity::Email | Sensitivity::Account | Sensitivity::Finance
    );
    let label = f.label.trim_end_matches(['）', ')']);
    let by_label = ["号", "码", "编号", "代码"].iter().any(|end| label.ends_with(end));
    by_sensitivity
        || f.reference.is_some()
        || plan.roles.person == Some(field)
        || (by_label && f.sensitivity != Sensitivity::Name)
}

/// The text in compatibility form, borrowed when it is ASCII and common Han characters: these stand for themselves.
fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    if text.chars().all(|c| c.is_ascii() || matches!(c, '\u{4E00}'..='\u{9FFF}')) {
        return Cow::Borrowed(text.trim());
    }
    Cow::Owned(text.nfkc().collect::<String>().trim().to_owned())
}

/// A text of digits without the `.0` that spreadsheets append.
fn without_point_zero(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') && is_digits(whole) => whole,
        _ => text,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Puts a text into the buffer and says whether it differs from the one given. Where folding leaves nothing, the text
/// stands as it was, for the checks to report.
fn put(text: &str, given: &str, out: &mut String) -> Value {
    if text == given || text.is_empty() {
        return Value::Same;
    }
    out.clear();
    out.push_str(text);
    Value::Out
}

/// One field's coercion on its own: for proposals that must know whether a column's values fit a field.
pub struct Canon {
    coercer: Coercer,
    room: Room,
}

impl Canon {
    /// The coercion that the standard alone prescribes for a field.
    pub fn new(plan: &TablePlan, field: FieldIdx) -> Self {
        Self { coercer: Coercer::new(plan, field), room: Room::default() }
    }

    /// The same with `take = "…"` as a mapping would say it; the coercion as it was when the word is not known.
    #[must_use]
    pub fn taking(mut self, take: &str) -> Self {
        self.coercer.take = serde_json::from_value(take.into()).ok().or(self.coercer.take);
        self
    }

    /// The canonical text of a raw one; `None` when it is none, or stands for nothing.
    pub fn canonical(&mut self, raw: &str) -> Option<String> {
        let mut buffer = String::new();
        let (text, damage) = super::clean::clean(raw, &mut buffer);
        if text.is_empty() || damage.replacement {
            return None;
        }
        self.room.notes.clear();
        match self.coercer.coerce(text, &mut self.room).ok()? {
            Value::Same => Some(text.to_owned()),
            Value::Out | Value::Number => Some(self.room.out.clone()),
            Value::Code(idx) => self.coercer.codes.as_ref().map(|c| c.text(idx).to_owned()),
            Value::Nothing => None,
        }
    }
}
