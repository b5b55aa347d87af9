//! `release`, `resend`, `rekey`, `brain`.

use super::line;
use crate::app::{BrainAnswer, RekeyAnswer, ReleaseAnswer, ResendAnswer};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable};
use crate::finding::Lang;

/// A ramp's step in the user's language; the word that `--to` takes stands with it.
pub(super) fn step(output: Output, name: &str) -> &str {
    match (output.lang, name) {
        (Lang::Zh, "closed") => "关闭 closed",
        (Lang::Zh, "canary") => "试报 canary",
        (Lang::Zh, "limited") => "限量 limited",
        (Lang::Zh, "open") => "全部 open",
        (_, name) => name,
    }
}

/// The ramps.
pub(in crate::cli) fn release(output: Output, answer: &ReleaseAnswer) -> String {
    let mut text = TextTable::new(&[
        (output.say("通道", "upstream"), Side::Left),
        (output.say("表", "table"), Side::Left),
        (output.say("开放程度", "step"), Side::Left),
        (output.say("本级已报", "used"), Side::Right),
        ("", Side::Left),
    ]);
    for row in &answer.ramps {
        let note = match (&row.refused, row.moved, &row.why) {
            (Some(refused), _, _) => output.text(refused),
            (None, true, _) => output.say("已改变", "moved"),
            (None, false, Some(why)) => why,
            (None, false, None) => "",
        };
        text.row([&row.upstream, &row.table, step(output, &row.step), &row.used.to_string(), note]);
    }
    if text.is_empty() {
        return format!("{}\n", output.say("没有任何表接到上报通道。", "No table is attached to an upstream."));
    }
    text.render()
}

/// Stored records that go again.
pub(in crate::cli) fn resend(output: Output, answer: &ResendAnswer) -> String {
    let mut text = TextTable::new(&[
        (output.say("通道", "upstream"), Side::Left),
        (output.say("表", "table"), Side::Left),
        (output.say("重新上报", "to go again"), Side::Right),
        ("", Side::Left),
    ]);
    for line in answer.lines.iter().filter(|line| line.rows > 0 || line.refused.is_some()) {
        let note = line.refused.as_ref().map(|refused| output.text(refused)).unwrap_or_default();
        text.row([&line.upstream, &line.table, &line.rows.to_string(), note]);
    }
    if text.is_empty() {
        return format!("{}\n", output.say("没有已入库的记录可重新上报。", "No stored record is there to go again."));
    }
    text.render()
}

/// What a changed natural key orphans.
pub(in crate::cli) fn rekey(output: Output, answer: &RekeyAnswer) -> String {
    let mut out = String::new();
    let Some(why) = &answer.parked else {
        line(
            &mut out,
            format!("{} {}", answer.table, output.say("没有停放，无需处理。", "is not parked; there is nothing to do.")),
        );
        return out;
    };
    line(&mut out, format!("{}: {why}", answer.table));
    line(
        &mut out,
        match output.lang {
            Lang::Zh => format!("按旧主键上报的 {} 条记录会留在平台上，成为孤立记录。", answer.orphaned),
            Lang::En => {
                format!("{} records stand upstream under their old keys and will stay there as orphans.", answer.orphaned)
            }
        },
    );
    if !answer.samples.is_empty() {
        line(&mut out, format!("    {}", answer.samples.join(" ")));
    }
    line(
        &mut out,
        if answer.done {
            output.say("已启用新主键，该表继续。", "The new key is in force; the table goes on.")
        } else {
            output.say("确认后加 --approve 执行。", "To do it, add --approve.")
        },
    );
    out
}

/// What the reference platform took.
pub(in crate::cli) fn brain(output: Output, answer: &BrainAnswer) -> String {
    match output.lang {
        Lang::Zh => format!("{}：存储 {} 行，退回 {} 行。\n", answer.url, answer.stored, answer.refused),
        Lang::En => format!("{}: {} rows stored, {} refused.\n", answer.url, answer.stored, answer.refused),
    }
}
