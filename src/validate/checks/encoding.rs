//! Texts that were decoded wrongly. Lost characters cannot be had back: an error. What only looks like damage is odd.

use super::{CellCheck, text};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::ValueRef;
use crate::standard::{FieldPlan, FieldType, Format};
use crate::validate::damage::Damage;
use crate::validate::guard::Guard;
use crate::validate::sink::{Sink, Subject};

struct EncodingCheck {
    /// Question marks mean something in addresses of the web and in JSON.
    marks: bool,
    subject: Subject,
}

pub(super) fn compile(field: &FieldPlan) -> Option<Box<dyn CellCheck>> {
    // Texts of the other forms and codes of closed sets cannot hold any of this: they are checked already.
    let closed = field.code_set.as_ref().is_some_and(|set| set.closed);
    match field.ty {
        FieldType::Text(format @ (Format::Free | Format::Url | Format::Json)) if !closed => {
            Some(Box::new(EncodingCheck { marks: format == Format::Free, subject: Subject::new(field) }))
        }
        _ => None,
    }
}

impl CellCheck for EncodingCheck {
    fn demand(&self, guard: &mut Guard) {
        guard.sound = true;
    }

    fn cell(&self, value: ValueRef<'_>, out: &mut Sink<'_>) {
        match text(value).and_then(Damage::of) {
            None => {}
            Some(Damage::Marks) if !self.marks => {}
            Some(damage) => self.report(damage, value, out),
        }
    }
}

impl EncodingCheck {
    fn report(&self, damage: Damage, value: ValueRef<'_>, out: &mut Sink<'_>) {
        if out.has(&self.subject, RuleId::ENCODING) {
            // Seen already when the source was read.
            return;
        }
        let severity = if damage == Damage::Lost { Severity::Error } else { Severity::Warning };
        let (expected, fix) = words(damage);
        let found = Sink::found(&self.subject, value);
        out.add_with_fix(&self.subject, RuleId::ENCODING, severity, found, Expected::Words(expected), Some(fix));
    }
}

fn words(damage: Damage) -> (Text, Text) {
    let read_again = Text::new(
        "按正确的字符编码（GB18030 或 UTF-8）重新导出或读取",
        "export or read it again in the right encoding (GB18030 or UTF-8)",
    );
    match damage {
        Damage::Lost => (
            Text::new("没有丢失字符（�、锟斤拷）的文本", "a text without lost characters (U+FFFD, 锟斤拷)"),
            Text::new("原字已丢失，须从源头重新导出", "the characters are lost; export again from where they are whole"),
        ),
        Damage::ReadAsLatin => {
            (Text::new("没有“Ã©”一类乱码的文本", "a text that was not read as a Western encoding (Ã©)"), read_again)
        }
        Damage::ReadAsGbk => {
            (Text::new("没有“鑱屼笟”一类乱码的文本", "a text whose UTF-8 was not read as GBK (鑱屼笟)"), read_again)
        }
        Damage::Marks => (
            Text::new("没有成串问号的文本", "a text without a run of question marks"),
            Text::new("问号多为丢失的汉字，请核对源数据", "question marks mostly stand for lost characters; check the source"),
        ),
        Damage::Private => (
            Text::new("没有自造字（私用区字符）的文本", "a text without private-use characters"),
            Text::new("改为正式编码的汉字", "use the character that the standard has"),
        ),
    }
}
