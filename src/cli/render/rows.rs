//! `try`: rows before and after.

use super::line;
use crate::app::{TryAnswer, TryRow, TryVerdict, ViolationLine};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, clean, cut};

/// Each row with its cells, fields, verdict and violations.
pub(in crate::cli) fn try_rows(output: Output, answer: &TryAnswer) -> String {
    let mut out = String::new();
    line(&mut out, format!("{} {}  ←  {}", answer.table, answer.label, answer.source));
    for row in &answer.rows {
        one_row(output, row, &mut out);
    }
    if answer.rows.is_empty() {
        line(&mut out, output.say("来源中没有任何行。", "The source has no rows."));
    }
    out
}

fn one_row(output: Output, row: &TryRow, out: &mut String) {
    let verdict = match row.verdict {
        TryVerdict::Accepted => output.say("可以入库", "would land"),
        TryVerdict::Rejected => output.say("将被隔离", "would be quarantined"),
        TryVerdict::Filtered => output.say("被过滤", "filtered out"),
    };
    line(out, format!("\n{}  {verdict}", row.origin));
    let mut table = TextTable::new(&[
        (output.say("来源列", "column"), Side::Left),
        (output.say("原值", "as read"), Side::Left),
        (output.say("字段", "field"), Side::Left),
        (output.say("转换后", "as reported"), Side::Left),
    ]);
    for at in 0..row.before.len().max(row.after.len()) {
        let (column, cell) = pair(row.before.get(at));
        let (field, value) = pair(row.after.get(at));
        table.row([column, &cut(&clean(cell), 36), field, &cut(&clean(value), 36)]);
    }
    out.push_str(&table.render());
    violations(output, &row.violations, out);
}

fn pair(entry: Option<&(String, Option<String>)>) -> (&str, &str) {
    entry.map_or(("", ""), |(name, value)| (name.as_str(), value.as_deref().unwrap_or("∅")))
}

/// Violations, the gravest kind marked.
pub(super) fn violations(output: Output, violations: &[ViolationLine], out: &mut String) {
    for violation in violations {
        let mark = match violation.severity.as_str() {
            "error" => output.say("错误", "error"),
            "warning" => output.say("警告", "warning"),
            _ => output.say("提示", "hint"),
        };
        line(out, format!("  {mark} [{}] {}", violation.rule, clean(output.text(&violation.text))));
    }
}
