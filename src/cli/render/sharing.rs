//! Several sources of one table: `takeover`, and what `status` says of them.

use super::line;
use crate::app::{ConflictTable, ConflictsAnswer, DifferenceLine, TakeoverAnswer, UnownedLine};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable};
use crate::finding::Lang;

/// What goes over, or went over.
pub(in crate::cli) fn takeover(output: Output, answer: &TakeoverAnswer) -> String {
    let mut out = String::new();
    let TakeoverAnswer { table, from, to, held, given, differing, left, to_approve, .. } = answer;
    line(
        &mut out,
        match output.lang {
            Lang::Zh => format!("{table}：{from} 持有 {held} 条记录，其中 {to} 也提供 {given} 条，内容不同的 {differing} 条。"),
            Lang::En => {
                format!(
                    "{table}: {from} holds {held} records; {to} gives {given} of them as well, {differing} with another content."
                )
            }
        },
    );
    for field in &answer.fields {
        line(&mut out, format!("    {}（{}）  {}", field.label, field.field, field.records));
    }
    if *given == 0 && !answer.done {
        let text = match output.lang {
            Lang::Zh => {
                format!("{to} 尚未提供其中任何一条：先完整采集一次 {to}（`xiaoshu run --once --only collect`），再看此处的数字。")
            }
            Lang::En => format!(
                "{to} has not given any of them yet: collect {to} once (`xiaoshu run --once --only collect`), then look at these numbers \
                 again."
            ),
        };
        line(&mut out, text);
    }
    let rest = match (output.lang, answer.from_is_mapped) {
        (Lang::Zh, true) => format!("{to} 不提供的 {left} 条仍归 {from}；去掉 {from} 的映射后，这些记录等待批准删除。"),
        (Lang::Zh, false) => format!("{to} 不提供的 {left} 条等待批准删除（{from} 已不再映射），不会自行删除。"),
        (Lang::En, true) => format!(
            "{left} that {to} does not give stay with {from}; once the mapping of {from} is removed they wait for approval of their \
             deletion."
        ),
        (Lang::En, false) => format!(
            "{left} that {to} does not give wait for approval of their deletion, since no mapping reads {from}; none goes by itself."
        ),
    };
    line(&mut out, rest);
    if !answer.done {
        line(&mut out, output.say("确认后加 --yes 执行。", "To do it, add --yes."));
        return out;
    }
    line(
        &mut out,
        match output.lang {
            Lang::Zh => format!("已移交：从现在起，{to} 提供的记录由 {to} 持有；{from} 中不同的行进入隔离。"),
            Lang::En => format!("Done: from now on {to} holds what it gives; rows of {from} that differ wait in quarantine."),
        },
    );
    if *to_approve > 0 {
        line(
            &mut out,
            match output.lang {
                Lang::Zh => format!("{to_approve} 条等待批准删除：`xiaoshu approve {table}`"),
                Lang::En => format!("{to_approve} wait for approval of their deletion: `xiaoshu approve {table}`"),
            },
        );
    }
    out
}

/// Where the sources of merged tables disagree.
pub(in crate::cli) fn conflicts(output: Output, answer: &ConflictsAnswer) -> String {
    let mut out = String::new();
    if answer.tables.is_empty() {
        line(&mut out, output.say("没有合并的表（映射目录下的 merged/）", "no table is merged (merged/ below the mappings)"));
    }
    for table in &answer.tables {
        let ConflictTable { table: name, label, records, fields } = table;
        if *records == 0 {
            let text = output.say("各来源一致", "its sources agree");
            line(&mut out, format!("{name} {label}: {text}"));
            continue;
        }
        line(
            &mut out,
            match output.lang {
                Lang::Zh => format!("{name} {label}：{records} 条记录的来源说法不一"),
                Lang::En => format!("{name} {label}: sources disagree about {records} record(s)"),
            },
        );
        for field in fields {
            line(&mut out, format!("  {}", output.text(&field.text)));
            let keys = field.samples.iter().map(|sample| sample.natural_key.as_deref().unwrap_or(&sample.key));
            let keys = keys.collect::<Vec<_>>().join(", ");
            line(&mut out, format!("    {}{keys}", output.say("例如：", "for instance: ")));
        }
    }
    out
}

/// Where sources of one table differ.
pub(super) fn differences(output: Output, lines: &[DifferenceLine], out: &mut String) {
    if lines.is_empty() {
        return;
    }
    line(
        out,
        format!(
            "\n{}",
            output.say("来源之间不一致（以持有记录的来源为准）", "Where sources differ (the holder's record stands)")
        ),
    );
    let mut text = TextTable::new(&[
        (output.say("表", "table"), Side::Left),
        (output.say("字段", "field"), Side::Left),
        (output.say("持有来源", "holder"), Side::Left),
        (output.say("不同的来源", "other source"), Side::Left),
        (output.say("行", "rows"), Side::Right),
    ]);
    for row in lines {
        let field = format!("{}（{}）", row.field, row.label);
        text.row(vec![row.table.clone(), field, row.holder.clone(), row.source.clone(), row.rows.to_string()]);
    }
    out.push_str(&text.render());
    line(
        out,
        output.say(
            "逐行查看：`xiaoshu quarantine list --rule other_source`；改由另一来源持有：`xiaoshu takeover`",
            "row by row: `xiaoshu quarantine list --rule other_source`; to give them to the other source: `xiaoshu takeover`",
        ),
    );
}

/// Records that are nobody's.
pub(super) fn unowned(output: Output, lines: &[UnownedLine], out: &mut String) {
    for row in lines {
        let what = match output.lang {
            Lang::Zh => format!("{}：{} 条记录来自 {}，该来源已不再映射，现在无人负责", row.table, row.records, row.source),
            Lang::En => {
                format!(
                    "{}: {} records are of {}, which no mapping reads any more; they are nobody's now",
                    row.table, row.records, row.source
                )
            }
        };
        line(out, what);
        line(out, format!("    {}", output.text(&row.remedy)));
    }
}
