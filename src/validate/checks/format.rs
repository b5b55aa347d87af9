//! Texts of the form printed. Identity numbers and credit codes have files of their own.

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::{Record, has_form};
use crate::standard::{FieldIdx, FieldType, Format};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    format: Format,
    expected: Expected,
    subject: Subject,
}

struct FormatCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for (field, plan) in input.plan.indexed() {
        let FieldType::Text(format) = plan.ty else { continue };
        if matches!(format, Format::Free | Format::ResidentId | Format::CreditCode) {
            continue;
        }
        items.push(Item { field, format, expected: Expected::Format(format.name().into()), subject: Subject::new(plan) });
    }
    some(items, FormatCheck)
}

impl Check for FormatCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let Some(text) = text_of(row, item.field) else { continue };
            if !has_form(item.format, text) {
                let found = Sink::found(&item.subject, row.get(item.field));
                let fix = fix(item.format, text);
                out.add_with_fix(&item.subject, RuleId::FORMAT, Severity::Error, found, item.expected.clone(), fix);
            }
        }
    }
}

/// What most likely went wrong, where the text shows it.
fn fix(format: Format, text: &str) -> Option<Text> {
    let shape = |n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    match format {
        Format::Date if shape(8) => Some(Text::new("日历中没有这一天", "no such day in the calendar")),
        Format::Date if text.contains(['-', '/', '.', '年']) => {
            Some(Text::new("去掉分隔符，月日补足两位", "drop separators, write month and day with two digits"))
        }
        Format::SchoolYear if text.len() == 9 => {
            Some(Text::new("后一年应为前一年加一", "the second year must be the first plus one"))
        }
        Format::Uid32 if text.bytes().any(|b| b.is_ascii_lowercase()) => Some(Text::new("改为大写字母", "write capital letters")),
        _ => None,
    }
}
