//! `init`: what was recognised.

use super::line;
use crate::app::{InitAnswer, InitDone, InitTable};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, clean, cut};
use crate::finding::Lang;

/// The tables with their counts, what was left, and what to do next.
pub(in crate::cli) fn init(output: Output, answer: &InitAnswer) -> String {
    let mut out = String::new();
    if let Some(file) = &answer.settings {
        let what = output.say("已写出设置文件，请补全：", "a settings file was written, fill it in:");
        line(&mut out, format!("{what} {}", file.display()));
    }
    let mut table = TextTable::new(&[
        (output.say("表", "table"), Side::Left),
        (output.say("名称", "label"), Side::Left),
        (output.say("来源的表", "from"), Side::Left),
        (output.say("把握", "sure"), Side::Right),
        (output.say("已定", "active"), Side::Right),
        (output.say("待定", "decide"), Side::Right),
        (output.say("缺必填", "missing"), Side::Right),
        (output.say("覆盖", "covered"), Side::Right),
        (output.say("文件", "file"), Side::Left),
    ]);
    for own in &answer.tables {
        table.row(row(output, own));
    }
    if table.is_empty() {
        line(&mut out, output.say("没有识别出任何表。", "No table was recognised."));
    } else {
        out.push_str(&table.render());
    }
    let total = |count: fn(&InitTable) -> usize| answer.tables.iter().map(count).sum::<usize>();
    let (active, decide, open) = (total(|t| t.active), total(|t| t.decide), total(|t| t.open));
    line(
        &mut out,
        match output.lang {
            Lang::Zh => format!(
                "看了 {} 张表，识别 {} 张；已定 {active} 行，待定 {decide} 行，缺必填 {open} 项。",
                answer.looked_at,
                answer.tables.len()
            ),
            Lang::En => format!(
                "{} tables looked at, {} recognised; {active} lines stand, {decide} to decide, {open} mandatory fields without a column.",
                answer.looked_at,
                answer.tables.len()
            ),
        },
    );
    aside(output, answer, &mut out);
    if !answer.left.is_empty() {
        line(&mut out, format!("\n{}", output.say("未用到的表：", "Tables that feed nothing:")));
        for left in &answer.left {
            line(&mut out, format!("  {}  {}", clean(&left.object), clean(output.text(&left.why))));
        }
    }
    line(
        &mut out,
        output.say(
            "接着：核对各文件，再运行 xiaoshu check --connect。",
            "Next: look at the files, then run xiaoshu check --connect.",
        ),
    );
    out
}

/// What could not be read, and what waits for a person.
fn aside(output: Output, answer: &InitAnswer, out: &mut String) {
    for unread in &answer.unread {
        let count = unread.objects.len();
        let what = match output.lang {
            Lang::Zh => format!("\n{count} 张表的行读不到，它们的建议只依据名称、注释和类型；先解决原因，再用 --force 重做："),
            Lang::En => format!(
                "\nThe rows of {count} tables cannot be read: only names, comments and types speak for what is proposed of them. \
                 Mend the reason, then run it again with --force:"
            ),
        };
        line(out, what);
        line(out, format!("  {}", clean(&unread.error)));
    }
    if !answer.drafts.is_empty() {
        let head = output.say(
            "\n待定的汇总映射（核对后去掉文件名结尾的 .draft 即启用）：",
            "\nMappings by groups to decide on (take .draft from the file's name to use one):",
        );
        line(out, head);
        for own in &answer.drafts {
            let name = own.file.as_deref().and_then(|file| file.file_name()).map(|name| name.to_string_lossy().into_owned());
            let file = name.unwrap_or_else(|| output.say("未写", "not written").to_owned());
            line(out, format!("  {}  {}", file, clean(output.text(&own.why))));
        }
    }
}

/// One table's cells.
fn row(output: Output, own: &InitTable) -> [String; 9] {
    let name = own.file.as_deref().and_then(|file| file.file_name()).map(|name| name.to_string_lossy().into_owned());
    let done = match own.done {
        InitDone::Written => output.say("已写", "written"),
        InitDone::Kept => output.say("已有，未改（--force 覆盖）", "kept (--force replaces it)"),
        InitDone::Shown => output.say("未写", "not written"),
        InitDone::Unsure => output.say("没有把握足够的行", "no line is sure enough"),
        InitDone::Faulty => output.say("未通过检查，见日志", "does not pass the check, see the log"),
    };
    [
        own.table.clone(),
        cut(&own.label, 24),
        cut(&clean(&own.object), 28),
        format!("{:.2}", own.confidence),
        own.active.to_string(),
        own.decide.to_string(),
        own.open.to_string(),
        format!("{:.0}%", own.covered * 100.0),
        format!("{done} {}", name.unwrap_or_default()),
    ]
}
