//! `request`: what was written for the keeper of a system.

use super::line;
use crate::app::SystemAnswer;
use crate::cli::Output;
use crate::cli::width::{Side, TextTable};

/// The tables asked for, and where the letter is.
pub(in crate::cli) fn system(output: Output, answer: &SystemAnswer) -> String {
    let mut text = TextTable::new(&[
        (output.say("表", "table"), Side::Left),
        ("", Side::Left),
        (output.say("列数", "columns"), Side::Right),
        (output.say("必填", "mandatory"), Side::Right),
        (output.say("敏感", "sensitive"), Side::Right),
        (output.say("来源", "from"), Side::Left),
    ]);
    for table in &answer.tables {
        let from = match table.mapped {
            true => output.say("按现有映射", "as mapped"),
            false => output.say("由对方填写", "theirs to fill in"),
        };
        let counts = [table.columns, table.mandatory, table.sensitive].map(|count| count.to_string());
        text.row([&table.table, &table.label, &counts[0], &counts[1], &counts[2], from]);
    }
    let mut out = text.render();
    line(&mut out, format!("{}{}", output.say("已写入 ", "written to "), answer.to.display()));
    for file in &answer.files {
        line(&mut out, format!("  {file}"));
    }
    if answer.files.iter().any(|file| file.starts_with("mappings/")) {
        line(
            &mut out,
            output.say(
                "对方建好视图后，把 mappings 中的文件放入映射目录，再运行 `xiaoshu check --connect`。",
                "Once the views are there, put the files of mappings into the folder of mappings and run `xiaoshu check --connect`.",
            ),
        );
    }
    out
}
