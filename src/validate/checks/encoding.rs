//! Texts that were decoded wrongly. Lost characters cannot be had back: an error. What only looks like damage is odd.

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::Record;
use crate::standard::{FieldIdx, FieldPlan, FieldType, Format};
use crate::validate::damage::Damage;
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    /// Question marks mean something in addresses of the web and in JSON.
    marks: bool,
    subject: Subject,
}

struct EncodingCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    // Texts of the other forms and codes of closed sets cannot hold any of this: they are checked already.
    let closed = |plan: &FieldPlan| plan.code_set.as_ref().is_some_and(|set| set.closed);
    let fields = input.plan.indexed().filter(|(_, plan)| !closed(plan)).filter_map(|(field, plan)| match plan.ty {
        FieldType::Text(format @ (Format::Free | Format::Url | Format::Json)) => {
            Some(Item { field, marks: format == Format::Free, subject: Subject::new(plan) })
        }
        _ => None,
    });
    some(fields.collect(), EncodingCheck)
}

impl Check for EncodingCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let Some(text) = text_of(row, item.field) else { continue };
            match Damage::of(text) {
                None => {}
                Some(Damage::Marks) if !item.marks => {}
                Some(damage) => item.report(damage, row, out),
            }
        }
    }
}

impl Item {
    fn report(&self, damage: Damage, row: &Record<'_>, out: &mut Sink<'_>) {
        if out.has(&self.subject, RuleId::ENCODING) {
            // Seen already when the source was read.
            return;
        }
        let severity = if damage == Damage::Lost { Severity::Error } else { Severity::Warning };
        let (expected, fix) = words(damage);
        let found = Sink::found(&self.subject, row.get(self.field));
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
