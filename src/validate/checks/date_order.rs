//! Dates of one row in their order. The print does not forbid another order, so this is a warning.

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, Found, RuleId, Severity, Text};
use crate::record::Record;
use crate::standard::FieldIdx;
use crate::validate::sink::{Sink, Subject};

struct Item {
    earlier: FieldIdx,
    later: FieldIdx,
    subject: Subject,
    hidden: bool,
    expected: Expected,
}

struct DateOrderCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let mut items = Vec::new();
    for order in &input.plan.orders {
        let (earlier, later) = (input.plan.field(order.earlier), input.plan.field(order.later));
        let expected = Expected::Relation(Text::new(
            format!("不早于{}（{}）", earlier.label, earlier.name),
            format!("not before {} ({})", earlier.name, earlier.label),
        ));
        let hidden = earlier.sensitivity.is_sensitive();
        items.push(Item { earlier: order.earlier, later: order.later, subject: Subject::new(later), hidden, expected });
    }
    some(items, DateOrderCheck)
}

impl Check for DateOrderCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let (Some(earlier), Some(later)) = (text_of(row, item.earlier), text_of(row, item.later)) else { continue };
            // Canonical dates compare as texts; a date and a date-time by what they share.
            let shared = earlier.len().min(later.len());
            let (Some(a), Some(b)) = (earlier.get(..shared), later.get(..shared)) else { continue };
            if a <= b || !digits(a) || !digits(b) {
                continue;
            }
            let found = Sink::found(&item.subject, row.get(item.later));
            let found = match found {
                Found::Shown(later) if !item.hidden => Found::Shown(format!("{later} < {earlier}").into()),
                other => other,
            };
            out.add(&item.subject, RuleId::DATE_ORDER, Severity::Warning, found, item.expected.clone());
        }
    }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b' ')
}
