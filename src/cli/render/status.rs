//! `status`.

use super::{counts, line};
use crate::app::{DeletionLine, StatusAnswer, StatusLine, UpstreamStock};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, cut};
use crate::finding::Lang;

/// Where every table stands, by domain; then what needs somebody.
pub(in crate::cli) fn status(output: Output, answer: &StatusAnswer) -> String {
    let mut out = String::new();
    line(&mut out, format!("{}  {}  {}", answer.school, answer.edition, answer.at));
    if let Some(text) = &answer.nothing_yet {
        line(&mut out, output.text(text));
        return out;
    }
    let mut domain = None;
    let mut lines: Vec<&StatusLine> = Vec::new();
    for table in &answer.tables {
        if domain.is_some_and(|d| d != &table.domain) {
            section(output, &lines, &mut out);
            lines.clear();
        }
        domain = Some(&table.domain);
        lines.push(table);
    }
    section(output, &lines, &mut out);
    line(&mut out, "");
    troubles(output, &answer.tables, &mut out);
    deletions(output, &answer.deletions, &mut out);
    counts::imbalances(output, &answer.imbalances, &mut out);
    out
}

fn section(output: Output, tables: &[&StatusLine], out: &mut String) {
    let Some(first) = tables.first() else { return };
    let mut text = TextTable::new(&[
        (output.say("表", "table"), Side::Left),
        (output.say("名称", "name"), Side::Left),
        (output.say("最近采集", "last read"), Side::Left),
        (output.say("应报", "due"), Side::Left),
        (output.say("在册", "live"), Side::Right),
        (output.say("隔离", "quarantined"), Side::Right),
        (output.say("通道", "upstream"), Side::Left),
        (output.say("已入平台", "stored"), Side::Right),
        (output.say("在途", "in flight"), Side::Right),
        (output.say("待报", "waiting"), Side::Right),
        (output.say("退回", "refused"), Side::Right),
        (output.say("不明", "unknown"), Side::Right),
        (output.say("暂缓", "held"), Side::Right),
        (output.say("开放", "ramp"), Side::Left),
    ]);
    for table in tables {
        let mut row = own_cells(output, table);
        match table.upstreams.split_first() {
            None => text.row(row),
            Some((stock, others)) => {
                row.extend(stock_cells(stock));
                text.row(row);
                for stock in others {
                    let blanks = vec![String::new(); 6];
                    text.row(blanks.into_iter().chain(stock_cells(stock)));
                }
            }
        }
    }
    line(out, format!("\n{}", counts::domain(output, &first.domain)));
    out.push_str(&text.render());
}

fn own_cells(output: Output, table: &StatusLine) -> Vec<String> {
    let due = match (&table.due, table.overdue) {
        (Some(due), true) => format!("{due} {}", output.say("逾期", "late")),
        (Some(due), false) => due.clone(),
        (None, _) => String::new(),
    };
    vec![
        table.table.clone(),
        cut(&table.label, 28),
        table.last_read.clone().unwrap_or_else(|| output.say("从未", "never").to_owned()),
        due,
        table.live.to_string(),
        table.quarantined.to_string(),
    ]
}

fn stock_cells(stock: &UpstreamStock) -> Vec<String> {
    let held: u64 = stock.held.values().sum();
    let mut row = vec![stock.upstream.clone()];
    row.extend([stock.stored, stock.in_flight, stock.waiting, stock.refused, stock.unknown, held].iter().map(u64::to_string));
    row.push(stock.ramp.clone());
    row
}

/// Parked tables and reads that stopped.
fn troubles(output: Output, tables: &[StatusLine], out: &mut String) {
    for table in tables {
        if let Some(why) = &table.parked {
            let fix = output.say("见 `xiaoshu rekey`", "see `xiaoshu rekey`");
            line(out, format!("{} {}: {why}; {fix}", table.table, output.say("已停放", "is parked")));
        }
        if let Some(error) = &table.error {
            line(out, format!("{} {}: {error}", table.table, output.say("上次采集没有读完", "was not read to the end")));
        }
        if table.stale > 0 {
            let what = output
                .say("条记录的新版本有问题，平台上仍是旧版本", "record(s) stand in an old version: the new one is in quarantine");
            line(out, format!("{} {} {what}", table.table, table.stale));
        }
    }
}

/// Deletions that wait for approval.
pub(super) fn deletions(output: Output, deletions: &[DeletionLine], out: &mut String) {
    for row in deletions {
        let text = match output.lang {
            Lang::Zh => format!(
                "{}（{}）：{} 条记录在来源中消失，等待批准（{}，自 {}）；`xiaoshu approve {}`",
                row.table, row.source, row.count, row.why, row.since, row.table
            ),
            Lang::En => format!(
                "{} ({}): {} records are gone at the source and wait for approval ({}, since {}); `xiaoshu approve {}`",
                row.table, row.source, row.count, row.why, row.since, row.table
            ),
        };
        line(out, text);
        if !row.samples.is_empty() {
            line(out, format!("    {}", row.samples.join(" ")));
        }
    }
}
