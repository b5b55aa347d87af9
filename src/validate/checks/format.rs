//! Texts of the form printed. Identity numbers and credit codes have files of their own.

use super::{CellCheck, text};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::{ValueRef, has_form};
use crate::standard::{FieldPlan, FieldType, Format};
use crate::validate::guard::Guard;
use crate::validate::sink::{Sink, Subject};

struct FormatCheck {
    format: Format,
    expected: Expected,
    subject: Subject,
}

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    let FieldType::Text(format) = field.ty else { return None };
    if matches!(format, Format::Free | Format::ResidentId | Format::CreditCode) {
        return None;
    }
    let expected = Expected::Format(format.name().into());
    Some(Box::new(FormatCheck { format, expected, subject: Subject::new(field) }))
}

impl CellCheck for FormatCheck {
    fn demand(&self, guard: &mut Guard) {
        guard.format = self.format;
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        let Some(text) = text(value) else { return };
        if !has_form(self.format, text) {
            let found = Sink::found(&self.subject, value);
            let fix = fix(self.format, text);
            out.add_with_fix(&self.subject, RuleId::FORMAT, Severity::Error, found, self.expected.clone(), fix);
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
