//! `drift`, and what `status` shows of it.

use super::line;
use crate::app::{DriftAnswer, PausedLine};
use crate::cli::Output;
use crate::finding::Lang;

/// What pauses and what does not, or what was accepted.
pub(in crate::cli) fn drift(output: Output, answer: &DriftAnswer) -> String {
    let mut out = String::new();
    for paused in &answer.paused {
        self::paused(output, paused, &mut out);
    }
    if let Some(refused) = &answer.refused {
        line(&mut out, output.text(refused));
        return out;
    }
    if answer.accepted {
        line(&mut out, output.say("已接受，下次采集时继续。", "Accepted; the next collection goes on."));
        return out;
    }
    if answer.paused.is_empty() {
        line(&mut out, output.say("没有因来源变化而暂停的表。", "No table pauses because of its source."));
    }
    if !answer.noted.is_empty() {
        line(&mut out, format!("\n{}", output.say("不影响采集的变化", "Changes that affect nothing that is used")));
    }
    for noted in &answer.noted {
        line(&mut out, format!("  {}  {} ({})  {}", noted.at, noted.table, noted.source, output.text(&noted.text)));
    }
    out
}

/// A table that pauses, and what to do.
pub(super) fn paused(output: Output, paused: &PausedLine, out: &mut String) {
    let PausedLine { table, source, since, .. } = paused;
    let what = output.text(&paused.text);
    let affects = match (output.lang, paused.class) {
        (Lang::Zh, "reporting_affected") => "影响上报",
        (Lang::Zh, _) => "影响映射",
        (Lang::En, "reporting_affected") => "reporting affected",
        (Lang::En, _) => "mapping affected",
    };
    line(
        out,
        match output.lang {
            Lang::Zh => format!("{table}（{source}）暂停采集，{affects}，自 {since}：{what}"),
            Lang::En => format!("{table} ({source}) pauses, {affects}, since {since}: {what}"),
        },
    );
    line(out, format!("    {}", output.text(&paused.todo)));
}
