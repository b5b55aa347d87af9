//! `quarantine …`.

use super::{counts, line, rows};
use crate::app::{ExportAnswer, QuarantineList, QuarantineRow, RetryAnswer};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, clean, cut};
use crate::finding::Lang;

/// Causes, refusals by text, and rows of both where some were asked for.
pub(in crate::cli) fn quarantine_list(output: Output, answer: &QuarantineList) -> String {
    let mut out = String::new();
    if answer.causes.is_empty() && answer.rows.is_empty() && answer.refusals.is_empty() {
        line(&mut out, output.say("没有被隔离的行。", "Nothing is in quarantine."));
    }
    counts::causes(output, &answer.causes, &mut out);
    counts::refusals(output, &answer.refusals, &mut out);
    quarantined(output, answer, &mut out);
    refused(output, answer, &mut out);
    out
}

fn refused(output: Output, answer: &QuarantineList, out: &mut String) {
    if answer.refused.is_empty() {
        return;
    }
    let mut text = TextTable::new(&[
        (output.say("主键", "record key"), Side::Left),
        (output.say("自然主键", "natural key"), Side::Left),
        (output.say("自", "since"), Side::Left),
        (output.say("字段", "field"), Side::Left),
        (output.say("平台的说明", "what the platform says"), Side::Left),
    ]);
    for row in &answer.refused {
        let says = cut(&clean(&row.text), 60);
        let natural = cut(&clean(row.natural_key.as_deref().unwrap_or("***")), 40);
        text.row([
            row.key.as_str(),
            natural.as_str(),
            row.since.as_str(),
            row.field.as_deref().unwrap_or_default(),
            says.as_str(),
        ]);
    }
    line(out, "");
    out.push_str(&text.render());
}

fn quarantined(output: Output, answer: &QuarantineList, out: &mut String) {
    if answer.rows.is_empty() {
        return;
    }
    let mut text = TextTable::new(&[
        (output.say("行号", "id"), Side::Right),
        (output.say("表", "table"), Side::Left),
        (output.say("位置", "origin"), Side::Left),
        (output.say("自", "since"), Side::Left),
        (output.say("问题", "faults"), Side::Left),
    ]);
    for row in &answer.rows {
        let first = row.violations.first().map(|v| output.text(&v.text)).unwrap_or_default();
        let more = row.violations.len().saturating_sub(1);
        let faults = if more > 0 { format!("{} (+{more})", cut(first, 56)) } else { cut(first, 60) };
        text.row([&row.id.to_string(), &row.table, &row.origin, &row.since, &faults]);
    }
    line(out, "");
    out.push_str(&text.render());
}

/// One row: where from, raw cells, every fault.
pub(in crate::cli) fn quarantine_row(output: Output, row: &QuarantineRow) -> String {
    let mut out = String::new();
    let owner = row.owner.as_deref().unwrap_or("—");
    line(&mut out, format!("{}  {}  {}", row.id, row.table, row.origin));
    line(&mut out, format!("{} {}  {} {owner}", output.say("自", "since"), row.since, output.say("负责部门", "owner")));
    if let Some(key) = &row.natural_key {
        line(&mut out, format!("{} {}", output.say("自然主键", "natural key"), clean(key)));
    }
    let mut table = TextTable::new(&[(output.say("来源列", "column"), Side::Left), (output.say("原值", "as read"), Side::Left)]);
    for (column, cell) in &row.raw {
        table.row([column.as_str(), &cut(&clean(cell.as_deref().unwrap_or("∅")), 80)]);
    }
    if !table.is_empty() {
        out.push_str(&table.render());
    }
    rows::violations(output, &row.violations, &mut out);
    if !row.waits_for.is_empty() {
        line(&mut out, format!("{} {}", output.say("等待", "waits for"), row.waits_for.join(", ")));
    }
    out
}

/// What a retry did.
pub(in crate::cli) fn retried(output: Output, answer: &RetryAnswer) -> String {
    let RetryAnswer { tried, landed, rejected, unread, reoffered } = answer;
    let mut out = match output.lang {
        Lang::Zh => format!("重新处理 {tried} 行：入库 {landed}，仍有问题 {rejected}；重新上报被退回的记录 {reoffered} 条。\n"),
        Lang::En => format!(
            "{tried} rows run again: {landed} landed, {rejected} still wrong; {reoffered} refused records offered again.\n"
        ),
    };
    if *unread > 0 {
        out.push_str(&match output.lang {
            Lang::Zh => format!("{unread} 行在来源中读取不完整，未重新处理：在来源中更正后，下次读取时处理。\n"),
            Lang::En => format!(
                "{unread} rows could not be read whole and were not run: mend them at the source; the next read takes them up.\n"
            ),
        });
    }
    out
}

/// What was written.
pub(in crate::cli) fn exported(output: Output, answer: &ExportAnswer) -> String {
    let file = answer.file.display();
    match output.lang {
        Lang::Zh => format!("已写入 {file}：{} 行。文件含原始数据，请按个人信息保管。\n", answer.rows),
        Lang::En => format!("{file}: {} rows. It holds raw data: keep it as personal information.\n", answer.rows),
    }
}
