//! What is said of a row that may not have its record key. Texts about keys belong to the store that finds them out.

use super::entry::place;
use super::holder::Clash;
use crate::finding::{Expected, FieldRef, Found, RuleId, Severity, Text, Violation};
use crate::record::Record;
use crate::store::LandingBatch;

/// The violation; natural keys are named only where they may be shown.
pub(super) fn violation(batch: &LandingBatch<'_>, record: &Record<'_>, clash: &Clash) -> Violation {
    let plan = record.plan();
    let field = plan.roles.record_key.map(|field| {
        let field = plan.field(field);
        FieldRef { name: field.name.clone(), label: field.label.clone() }
    });
    let found = Found::of(record.record_key().as_str(), false);
    let (rule, expected, fix) = match clash {
        Clash::Held { by, gone, row } => {
            let holder = holder(batch, by, *gone, *row);
            let expected = Text::new(
                format!("只属于本行的记录主键（此键已属于{}，先到者保留）", holder.zh),
                format!("a record key of the row's own (this one belongs to {}, which came first and keeps it)", holder.en),
            );
            let fix = Text::new(
                "在来源中更正两行之一的既有主键，或留空由校枢生成；更正后下次读取时自动入库",
                "mend the existing key of either row at the source, or leave it empty so that one is minted; \
                 the row then lands at the next read",
            );
            (RuleId::KEY_COLLISION, expected, fix)
        }
        Clash::Changed(kept) => {
            let expected = Text::new(
                format!("该记录已按其上报的主键 {kept}"),
                format!("{kept}, the key under which this record was reported"),
            );
            let fix = Text::new(
                "恢复原主键；上报过的记录改换主键会在平台上留下重复数据",
                "restore that key: a record reported under another one would stand twice at the platform",
            );
            (RuleId::KEY_CHANGED, expected, fix)
        }
    };
    Violation { rule, severity: Severity::Error, field, found, expected: Expected::Words(expected), fix: Some(fix) }
}

/// The record that holds a key: its natural key where that may be shown, and its place where it lands together with the row.
fn holder(batch: &LandingBatch<'_>, by: &[u8], gone: bool, row: Option<u32>) -> Text {
    let (mut zh, mut en) = match (batch.name)(by) {
        Some(words) => (format!("自然主键为 {words} 的"), format!("the record of natural key {words}")),
        None => ("另一条自然主键不便显示的".to_owned(), "another record, whose natural key is withheld".to_owned()),
    };
    zh.push_str(if gone { "已删除记录" } else { "记录" });
    if gone {
        en.push_str(", deleted since");
    }
    if let Some(row) = row {
        let (_, origin) = place(batch, row);
        zh.push_str(&format!("（{origin}）"));
        en.push_str(&format!(" ({origin})"));
    }
    Text::new(zh, en)
}
