//! `status`: what is the matter with the upstreams, and what comparisons with the platform found.

use super::line;
use crate::app::{ComparedLine, NoticeLine, StatusLine};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable, clean};
use crate::finding::Lang;

/// Troubles, what stopped, warnings: of upstreams, and of sources.
pub(super) fn notices(output: Output, notices: &[NoticeLine], out: &mut String) {
    let (sources, upstreams): (Vec<&NoticeLine>, Vec<&NoticeLine>) = notices.iter().partition(|notice| notice.source.is_some());
    let headings = [
        output.say("上报通道：需要留意", "Upstreams: to be looked at"),
        output.say("数据源：需要留意", "Sources: to be looked at"),
    ];
    for (heading, some) in headings.into_iter().zip([upstreams, sources]).filter(|(_, some)| !some.is_empty()) {
        line(out, heading);
        some.into_iter().for_each(|one| notice(output, one, out));
        line(out, "");
    }
}

fn notice(output: Output, notice: &NoticeLine, out: &mut String) {
    let kind = match notice.kind {
        "trouble" => output.say("故障（自动重试）", "trouble (tried again by itself)"),
        "stopped" => output.say("暂停", "stopped"),
        _ => output.say("提醒", "warning"),
    };
    let of = notice.source.as_deref().or(notice.upstream.as_deref()).unwrap_or("[serve.grpc]");
    let table = notice.table.as_deref().map(|table| format!(" {table}")).unwrap_or_default();
    let since = notice.since.as_deref().map(|at| match output.lang {
        Lang::Zh => format!("，自 {at}"),
        Lang::En => format!(", since {at}"),
    });
    line(out, format!("  {of}{table}  {kind}{}", since.unwrap_or_default()));
    line(out, format!("      {}", clean(output.text(&notice.text))));
    if let Some(until) = &notice.until {
        line(out, format!("      {} {until}", output.say("下次重试：", "next try:")));
    }
}

/// What comparisons found: a line a table, or one an upstream that cannot be compared at all.
pub(super) fn comparisons(output: Output, tables: &[StatusLine], out: &mut String) {
    let mut all: Vec<(&str, &str, &ComparedLine)> = Vec::new();
    for table in tables {
        all.extend(table.upstreams.iter().filter_map(|u| Some((&*table.table, &*u.upstream, u.compared.as_ref()?))));
    }
    let mut text = TextTable::new(&[
        (output.say("表", "table"), Side::Left),
        (output.say("通道", "upstream"), Side::Left),
        (output.say("核对时间", "compared"), Side::Left),
        (output.say("结果", "result"), Side::Left),
        (output.say("记录", "records"), Side::Right),
        (output.say("仅平台有", "only there"), Side::Right),
        (output.say("位置", "position"), Side::Right),
        ("", Side::Left),
    ]);
    for &(table, upstream, compared) in &all {
        let Some(at) = &compared.at else { continue };
        text.row([
            table,
            upstream,
            at,
            &result(output, compared),
            &compared.records.to_string(),
            &compared.foreign.to_string(),
            &compared.position.to_string(),
            &before(output, compared),
        ]);
    }
    let mut never: Vec<(&str, &str)> = Vec::new();
    for &(_, upstream, compared) in all.iter().filter(|(.., compared)| compared.at.is_none()) {
        let why = compared.why.as_ref().map(|why| output.text(why)).unwrap_or_default();
        if !never.contains(&(upstream, why)) {
            never.push((upstream, why));
        }
    }
    if text.is_empty() && never.is_empty() {
        return;
    }
    line(out, output.say("与平台核对", "Compared with the platform"));
    if !text.is_empty() {
        out.push_str(&text.render());
        line(
            out,
            output.say(
                "一致：双方逐条相同。不一致：两次核对都不同的记录，已自动重报，随后再核对。仅平台有：平台有而本机没有的记录，不会改动，请与平台核实来历。",
                "equal: both hold the same, record by record. differing: records that differed at two looks; they go again by \
                 themselves and are compared once more. only there: records that the platform has and this hub has not; they are \
                 left alone: ask the platform where they come from.",
            ),
        );
    }
    for (upstream, why) in never {
        line(out, format!("  {upstream}  {} {why}", output.say("无法核对：", "not comparable:")));
    }
    line(out, "");
}

fn result(output: Output, compared: &ComparedLine) -> String {
    match (compared.outcome, output.lang) {
        ("equal", _) => output.say("一致", "equal").to_owned(),
        ("differing", Lang::Zh) => format!("不一致 {} 条，已重报", compared.differing),
        ("differing", Lang::En) => format!("{} differing, sent again", compared.differing),
        _ => output.say("未能核对", "not comparable").to_owned(),
    }
}

/// What came before, where the newest comparison does not say all; and why it could not be made.
fn before(output: Output, compared: &ComparedLine) -> String {
    let why = compared.why.as_ref().map(|why| clean(output.text(why)).to_string());
    let equal = compared.last_equal.as_ref().filter(|_| compared.outcome != "equal").map(|at| match output.lang {
        Lang::Zh => format!("上次一致 {at}"),
        Lang::En => format!("last equal {at}"),
    });
    let differing = compared.last_differing.as_ref().filter(|_| compared.outcome != "differing");
    let differing = differing.map(|(at, records)| match output.lang {
        Lang::Zh => format!("{at} 有 {records} 条不一致，已重报"),
        Lang::En => format!("{records} differed at {at} and were sent again"),
    });
    let separator = output.say("；", "; ");
    [why, equal, differing].into_iter().flatten().collect::<Vec<_>>().join(separator)
}
