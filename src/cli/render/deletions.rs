//! Deletions: what waits for approval, what was approved, and what still stands upstream.

use super::line;
use crate::app::{ApproveAnswer, DeletionLine, GoneAnswer, GoneCount, MissingLine};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, clean};
use crate::finding::Lang;

/// Deletions that wait, or what was approved.
pub(in crate::cli) fn approve(output: Output, answer: &ApproveAnswer) -> String {
    let mut out = String::new();
    if let Some(refused) = &answer.refused {
        line(&mut out, output.text(refused));
    }
    if let Some(count) = answer.approved {
        approved(output, count, answer, &mut out);
        return out;
    }
    if answer.pending.is_empty() && answer.refused.is_none() {
        line(&mut out, output.say("没有等待批准的删除。", "No deletions wait for approval."));
    }
    pending(output, &answer.pending, &mut out);
    out
}

fn approved(output: Output, count: u64, answer: &ApproveAnswer, out: &mut String) {
    let spared = answer.spared;
    let table = answer.pending.first().map_or("", |row| row.table.as_str());
    let mut text = match output.lang {
        Lang::Zh => format!("已批准：{table} 删除 {count} 条记录"),
        Lang::En => format!("Approved: {count} records of {table} deleted"),
    };
    if spared > 0 {
        text.push_str(&match output.lang {
            Lang::Zh => format!("；另有 {spared} 条没有删除，因为已重新出现或改由其他来源提供"),
            Lang::En => format!("; {spared} were not, since they had come back or are another source's now"),
        });
    }
    line(out, format!("{text}{}", output.say("。", ".")));
    for row in &answer.pending {
        samples(output, &row.samples, out);
    }
}

/// Deletions that wait for approval.
pub(super) fn pending(output: Output, deletions: &[DeletionLine], out: &mut String) {
    for row in deletions {
        let DeletionLine { table, source, count, since, code, .. } = row;
        let why = output.text(&row.why);
        let text = match output.lang {
            Lang::Zh => format!(
                "{table}（{source}）：{count} 条记录在来源中消失，等待批准（{why}；自 {since}）；批准：`xiaoshu approve {table} --list {code}`"
            ),
            Lang::En => format!(
                "{table} ({source}): {count} records are gone at the source and wait for approval ({why}; since {since}); to approve: \
                 `xiaoshu approve {table} --list {code}`"
            ),
        };
        line(out, text);
        samples(output, &row.samples, out);
    }
}

fn samples(output: Output, samples: &[MissingLine], out: &mut String) {
    for sample in samples {
        let name = sample.natural_key.as_deref().map_or_else(|| "***".to_owned(), clean);
        let seen =
            sample.last_seen.as_deref().map(|at| format!("  {} {at}", output.say("最后见于", "last seen"))).unwrap_or_default();
        line(out, format!("    {}  {name}{seen}", sample.key));
    }
}

/// How many records still stand upstream, as status shows it.
pub(super) fn counts(output: Output, gone: &[GoneCount], out: &mut String) {
    for GoneCount { upstream, table, count } in gone {
        line(
            out,
            match output.lang {
                Lang::Zh => format!("{table}：{count} 条记录在来源中已消失，{upstream} 上仍有；见 `xiaoshu gone {table}`"),
                Lang::En => format!(
                    "{table}: {count} records are gone at the source and still stand at {upstream}; see `xiaoshu gone {table}`"
                ),
            },
        );
    }
}

/// The records that are gone at the source and still stand upstream.
pub(in crate::cli) fn gone(output: Output, answer: &GoneAnswer) -> String {
    let mut out = String::new();
    let mut text = TextTable::new(&[
        (output.say("通道", "upstream"), Side::Left),
        (output.say("表", "table"), Side::Left),
        (output.say("记录主键", "record key"), Side::Left),
        (output.say("自然主键", "natural key"), Side::Left),
        (output.say("数据源", "source"), Side::Left),
        (output.say("确认消失", "gone since"), Side::Left),
        (output.say("处理", "what is done"), Side::Left),
    ]);
    for row in &answer.lines {
        let way = match row.told {
            true => output.say("自动上报删除", "the hub sends the deletion"),
            false => output.say("需人工撤回", "to be withdrawn by hand"),
        };
        let name = row.natural_key.as_deref().map_or_else(|| "***".to_owned(), clean);
        text.row([&row.upstream, &row.table, &row.key, name.as_str(), &row.source, &row.since, way]);
    }
    if text.is_empty() {
        line(&mut out, output.say("平台上没有来源中已消失的记录。", "No record that is gone at the source stands upstream."));
    } else {
        out.push_str(&text.render());
    }
    if let Some(count) = answer.withdrawn {
        line(
            &mut out,
            match output.lang {
                Lang::Zh => format!("已标记 {count} 条为平台上已撤回。"),
                Lang::En => format!("{count} marked as withdrawn upstream."),
            },
        );
    }
    for file in &answer.files {
        line(&mut out, format!("{}{}", output.say("已写入 ", "written to "), file.display()));
    }
    out
}
