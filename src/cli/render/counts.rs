//! Tables of counts, causes, refusals, imbalances.

use super::{line, stock};
use crate::app::{CauseLine, Counts, DomainName, DomainSection, ImbalanceLine, RefusalLine};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, cut};
use crate::finding::Lang;

/// Domain headings in the user's language.
pub(super) fn domain(output: Output, name: &DomainName) -> &str {
    match output.lang {
        Lang::Zh => name.zh,
        Lang::En => name.key,
    }
}

/// A table per domain, each with its sum, and the sum of all.
pub(super) fn sections(output: Output, domains: &[DomainSection], out: &mut String) {
    let mut all = Counts::default();
    let mut tables = 0;
    for section in domains {
        let mut text = heading(output);
        let mut sum = Counts::default();
        for table in &section.tables {
            text.row(cells(&table.table, &table.label, &table.counts));
            sum += table.counts;
        }
        if section.tables.len() > 1 {
            text.row(cells(output.say("合计", "sum"), "", &sum));
        }
        all += sum;
        tables += section.tables.len();
        line(out, format!("\n{}", domain(output, &section.domain)));
        out.push_str(&text.render());
    }
    let mut text = heading(output);
    text.row(cells(output.say("全部", "all"), &format!("{tables} {}", output.say("张表", "tables")), &all));
    line(out, "");
    out.push_str(&text.render());
}

fn heading(output: Output) -> TextTable {
    let mut columns = vec![
        (output.say("表", "table"), Side::Left),
        (output.say("名称", "name"), Side::Left),
        (output.say("读取", "read"), Side::Right),
        (output.say("新增改动", "changed"), Side::Right),
        (output.say("未变", "unchanged"), Side::Right),
        (output.say("重复", "duplicate"), Side::Right),
        (output.say("过滤", "filtered"), Side::Right),
        (output.say("隔离", "quarantined"), Side::Right),
    ];
    columns.extend(stock::columns(output));
    TextTable::new(&columns)
}

fn cells(name: &str, label: &str, counts: &Counts) -> Vec<String> {
    let filtered = counts.filtered + counts.consumed;
    let numbers = [counts.read, counts.changed, counts.unchanged, counts.duplicate, filtered, counts.quarantined];
    let &Counts { stored, in_flight, waiting, refused, unknown, held, .. } = counts;
    let mut row = vec![name.to_owned(), cut(label, 28)];
    row.extend(numbers.iter().map(u64::to_string));
    row.extend(stock::Cells { stored, in_flight, waiting, refused, unknown, held }.texts());
    row
}

/// Quarantine by cause.
pub(super) fn causes(output: Output, causes: &[CauseLine], out: &mut String) {
    if causes.is_empty() {
        return;
    }
    let mut text = TextTable::new(&[
        (output.say("行数", "rows"), Side::Right),
        (output.say("规则", "rule"), Side::Left),
        (output.say("表", "table"), Side::Left),
        (output.say("字段", "field"), Side::Left),
        (output.say("来源", "source"), Side::Left),
        (output.say("负责部门", "owner"), Side::Left),
    ]);
    for cause in causes {
        let owner = cause.owner.as_deref().unwrap_or_default();
        text.row([&cause.rows.to_string(), &cause.rule, &cause.table, &cause.field, &cause.source, owner]);
    }
    let note =
        output.say("隔离原因（一行有多个问题时分别计数）", "Quarantine by cause (a row with several faults counts under each)");
    line(out, format!("\n{note}"));
    out.push_str(&text.render());
}

/// Refusals by the platform's text.
pub(super) fn refusals(output: Output, refusals: &[RefusalLine], out: &mut String) {
    if refusals.is_empty() {
        return;
    }
    let mut text = TextTable::new(&[
        (output.say("条数", "rows"), Side::Right),
        (output.say("表", "table"), Side::Left),
        (output.say("字段", "field"), Side::Left),
        (output.say("平台的说明", "what the platform says"), Side::Left),
        (output.say("通道", "upstream"), Side::Left),
    ]);
    for refusal in refusals {
        let field = refusal.field.as_deref().unwrap_or_default();
        text.row([&refusal.rows.to_string(), &refusal.table, field, &cut(&refusal.text, 60), &refusal.upstream]);
    }
    line(out, format!("\n{}", output.say("平台退回", "Refused by the platform")));
    out.push_str(&text.render());
}

/// Equations that do not hold, or one line that all do.
pub(super) fn imbalances(output: Output, imbalances: &[ImbalanceLine], out: &mut String) {
    if imbalances.is_empty() {
        line(out, output.say("两个等式全部成立。", "Both equations hold."));
        return;
    }
    line(out, output.say("等式不成立：", "Equations that do not hold:"));
    for row in imbalances {
        let (counted, found) = (output.say("计数", "counted"), output.say("实际", "found"));
        line(out, format!("  {}: {counted} {}, {found} {}", row.what, row.counted, row.found));
    }
}
