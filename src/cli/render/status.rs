//! `status`.

use super::{counts, deletions, drift, line, ramp, sharing, stock, upstreams};
use crate::app::{LeaseLine, MissedLine, PartLine, StatusAnswer, StatusLine, UpstreamStock};
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
    legend(output, &mut out);
    held(output, &answer.tables, &mut out);
    upstreams::comparisons(output, &answer.tables, &mut out);
    upstreams::notices(output, &answer.notices, &mut out);
    troubles(output, &answer.tables, &mut out);
    deletions::pending(output, &answer.deletions, &mut out);
    deletions::counts(output, &answer.gone, &mut out);
    sharing::differences(output, &answer.differences, &mut out);
    sharing::unowned(output, &answer.unowned, &mut out);
    leases(output, &answer.leases, &mut out);
    counts::imbalances(output, &answer.imbalances, &mut out);
    out
}

/// Which hub does what, where several share the store.
fn leases(output: Output, leases: &[LeaseLine], out: &mut String) {
    if leases.is_empty() {
        return;
    }
    line(out, "");
    line(out, output.say("枢纽进程", "hubs"));
    for lease in leases {
        let kind = match lease.kind {
            "source" => output.say("数据源", "source"),
            _ => output.say("通道", "upstream"),
        };
        let late = if lease.expired {
            output.say("（未按时续约，即将由其他进程接管）", " (not renewed in time; another takes over soon)")
        } else {
            ""
        };
        line(out, format!("  {kind} {}  {}{late}", lease.name, lease.holder));
    }
}

fn section(output: Output, tables: &[&StatusLine], out: &mut String) {
    let Some(first) = tables.first() else { return };
    let mut columns = vec![
        (output.say("表", "table"), Side::Left),
        (output.say("名称", "name"), Side::Left),
        (output.say("最近读完", "last read"), Side::Left),
        (output.say("报送截止", "report by"), Side::Left),
        (output.say("有效记录", "records"), Side::Right),
        (output.say("隔离", "quarantined"), Side::Right),
        (output.say("通道", "upstream"), Side::Left),
    ];
    columns.extend(stock::columns(output));
    columns.push((output.say("开放程度", "step"), Side::Left));
    let mut text = TextTable::new(&columns);
    for table in tables {
        let mut row = own_cells(output, table);
        match table.upstreams.split_first() {
            None => text.row(row),
            Some((stock, others)) => {
                row.extend(stock_cells(output, stock));
                text.row(row);
                for stock in others {
                    let blanks = vec![String::new(); 6];
                    text.row(blanks.into_iter().chain(stock_cells(output, stock)));
                }
            }
        }
    }
    line(out, format!("\n{}", counts::domain(output, &first.domain)));
    out.push_str(&text.render());
}

fn own_cells(output: Output, table: &StatusLine) -> Vec<String> {
    let due = match (&table.due, table.overdue) {
        (Some(due), true) => format!("{due} {}", output.say("本期未读", "not read yet")),
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

fn stock_cells(output: Output, stock: &UpstreamStock) -> Vec<String> {
    let &UpstreamStock { stored, in_flight, waiting, refused, unknown, .. } = stock;
    let held = stock.held.values().sum();
    let mut row = vec![stock.upstream.clone()];
    row.extend(stock::Cells { stored, in_flight, waiting, refused, unknown, held }.texts());
    row.push(ramp::step(output, &stock.ramp).to_owned());
    row
}

/// What the columns mean, for somebody who sees them for the first time.
fn legend(output: Output, out: &mut String) {
    let lines = match output.lang {
        Lang::Zh => [
            "最近读完：上次把来源完整读完（增量读取的表：读到最新）的时间。报送截止：本期数据须在该日结束前报到平台；“本期未读”表示进入本期后还没有完整读过来源。",
            "有效记录 = 已入平台 + 在途（已发送，等结果）+ 待报（排队中）+ 退回（平台不收）+ 不明（应答丢失，自动查证）+ 暂缓（有原因，见下）。",
            "隔离：有问题、没有入库的行，不在有效记录之内，见 `xiaoshu quarantine list`。开放程度：允许上报多少，见 `xiaoshu release`。",
        ],
        Lang::En => [
            "last read: when the source was last read to its end (where only what changed is read: brought up to date). report by: this \
             period's data has to be at the platform by the end of that day; \"not read yet\" means that the source was not read to its end since the period began.",
            "records = stored + in flight (sent, verdict to come) + waiting (in the queue) + refused (by the platform) + unknown (an answer \
             was lost; looked into by itself) + held (for a reason, see below).",
            "quarantined: rows that are wrong and did not land; they are not among the records: `xiaoshu quarantine list`. step: how much \
             may be reported: `xiaoshu release`.",
        ],
    };
    for text in lines {
        line(out, text);
    }
}

/// Why rows are held, by reason.
fn held(output: Output, tables: &[StatusLine], out: &mut String) {
    let rows = tables.iter().flat_map(|table| {
        table.upstreams.iter().flat_map(|stock| {
            stock.held.iter().map(|(why, count)| (table.table.as_str(), stock.upstream.as_str(), why.as_str(), *count))
        })
    });
    let text = stock::held(output, rows);
    if !text.is_empty() {
        line(out, format!("\n{}", output.say("暂缓的原因", "Why records are held")));
        out.push_str(&text);
        line(out, "");
    }
}

/// Parked tables and reads that stopped.
fn troubles(output: Output, tables: &[StatusLine], out: &mut String) {
    for table in tables {
        if let Some(why) = &table.parked {
            let fix = output.say("见 `xiaoshu rekey`", "see `xiaoshu rekey`");
            line(out, format!("{} {}: {why}; {fix}", table.table, output.say("已停放", "is parked")));
        }
        for paused in &table.paused {
            drift::paused(output, paused, out);
        }
        if let Some(error) = &table.error {
            line(out, format!("{} {}: {error}", table.table, output.say("上次采集没有读完", "was not read to the end")));
        }
        for part in &table.parts {
            line(out, part_line(output, &table.table, part));
        }
        if let Some(doubt) = &table.doubt {
            let what = output.say("上次读取不足以说明删除", "its last read lets nothing be deleted");
            line(out, format!("{} {what}: {}", table.table, output.text(doubt)));
        }
        for reading in &table.reading {
            let (name, source, percent, done, total) =
                (&table.table, &reading.source, reading.percent, reading.done, reading.total);
            line(
                out,
                match output.lang {
                    Lang::Zh => format!("{name}（{source}）：全量读取已完成 {percent}%（{done}/{total} 行）"),
                    Lang::En => format!("{name} ({source}): reading everything, {percent}% done ({done} of {total} rows)"),
                },
            );
        }
        for missed in &table.missed {
            line(out, missed_changes(output, &table.table, missed));
        }
        if table.stale > 0 {
            let what = output
                .say("条记录的新版本有问题，平台上仍是旧版本", "record(s) stand in an old version: the new one is in quarantine");
            line(out, format!("{} {} {what}", table.table, table.stale));
        }
    }
}

/// What one source gives to a merged table.
fn part_line(output: Output, table: &str, part: &PartLine) -> String {
    let PartLine { source, table: name, live, quarantined, last_read, error } = part;
    let read = last_read.as_deref().unwrap_or_else(|| output.say("从未", "never"));
    let stopped = error.as_ref().map(|error| match output.lang {
        Lang::Zh => format!("；上次采集没有读完（沿用之前读到的）：{error}"),
        Lang::En => format!("; was not read to the end (what it gave before stands): {error}"),
    });
    let text = match output.lang {
        Lang::Zh => format!("{table} 的合并来源 {source}（{name}）：{live} 条，隔离 {quarantined} 行，最近读完 {read}"),
        Lang::En => {
            format!("{table} is merged, of {source} ({name}): {live} records, {quarantined} quarantined, last read {read}")
        }
    };
    text + &stopped.unwrap_or_default()
}

/// Changes that the columns which should have shown them did not show.
fn missed_changes(output: Output, table: &str, missed: &MissedLine) -> String {
    let MissedLine { source, missed: count, at, .. } = missed;
    let columns = missed.columns.join(", ");
    match output.lang {
        Lang::Zh => format!(
            "{table}（{source}）：{at} 的全量比对发现 {count} 条增量读取漏掉的变化，列 {columns} 不可靠；加长 overlap、缩短 compare_every，或换列"
        ),
        Lang::En => format!(
            "{table} ({source}): the comparison of {at} found {count} change(s) that reading what changed had missed; the columns {columns} \
             are not reliable: a longer overlap, a shorter compare_every, or other columns"
        ),
    }
}
