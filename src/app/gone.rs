//! `gone`: records that are gone at the source and still stand upstream.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use super::hub::Hub;
use super::quarantine::feed_of;
use super::withdrawal::{Writer, letter};
use super::{Failure, GoneAnswer, GoneLine, GoneRequest, named, view};
use crate::finding::{Lang, Text};
use crate::record::RecordKey;
use crate::report;
use crate::store::{FeedId, GoneRow, UpstreamId};

/// Lists them, writes them out, or marks them as withdrawn.
pub(super) fn answer(hub: &Hub, request: &GoneRequest, lang: Lang) -> Result<GoneAnswer, Failure> {
    if let Some(table) = &request.table {
        named::table(&hub.plan, table)?;
    }
    if let Some(upstream) = &request.upstream {
        named::upstream(&hub.plan, upstream)?;
    }
    let feed = feed_of(hub, request.table.as_deref())?;
    let rows = hub.runtime.block_on(hub.store.gone(feed)).map_err(|e| Failure::part(&e))?;
    let asked = |row: &GoneRow| {
        request.upstream.as_ref().is_none_or(|name| *name == row.upstream_name)
            && (request.keys.is_empty() || request.keys.iter().any(|key| key == row.record_key.as_str()))
    };
    let rows: Vec<GoneRow> = rows.into_iter().filter(asked).collect();
    let lines: Vec<GoneLine> = rows.iter().map(|row| line(hub, row)).collect();
    let mut answer = GoneAnswer::default();
    if let Some(note) = &request.withdrawn {
        answer.withdrawn = Some(mark(hub, &rows, note)?);
    }
    if let Some(path) = &request.letter {
        let by_hand: Vec<&GoneLine> = lines.iter().filter(|line| !line.told).collect();
        write(path, letter(&writer(hub, lang), &by_hand, lang).as_bytes())?;
        answer.files.push(path.clone());
    }
    if let Some(path) = &request.csv {
        write(path, &csv(&lines).map_err(|e| Failure::io(&path.display().to_string(), &std::io::Error::other(e)))?)?;
        answer.files.push(path.clone());
    }
    answer.lines = lines;
    Ok(answer)
}

fn line(hub: &Hub, row: &GoneRow) -> GoneLine {
    let plan = hub.plan.standard.find(&row.table);
    let kind = hub.plan.loaded.settings.upstreams.get(&row.upstream_name).and_then(|upstream| report::kind(&upstream.kind));
    GoneLine {
        upstream: row.upstream_name.clone(),
        table: row.table.clone(),
        label: plan.map(|plan| plan.label_zh.to_string()).unwrap_or_default(),
        key: row.record_key.as_str().to_owned(),
        natural_key: hub.plan.natural_key_words(&row.table, &row.natural_key),
        source: row.source.clone(),
        since: view::minute(row.since),
        told: plan.is_some_and(|plan| plan.roles.data_state.is_some()) || kind.is_some_and(|kind| kind.tells_deletions()),
    }
}

fn mark(hub: &Hub, rows: &[GoneRow], note: &str) -> Result<u64, Failure> {
    let mut keys: BTreeMap<(UpstreamId, FeedId), Vec<RecordKey>> = BTreeMap::new();
    for row in rows {
        keys.entry((row.upstream, row.feed)).or_default().push(row.record_key);
    }
    let mut marked = 0;
    for ((upstream, feed), keys) in keys {
        let marking = hub.store.mark_withdrawn(upstream, feed, &keys, note, (hub.clock)());
        marked += hub.runtime.block_on(marking).map_err(|e| Failure::part(&e))?;
    }
    Ok(marked)
}

fn writer(hub: &Hub, lang: Lang) -> Writer {
    let info = hub.plan.standard.info();
    let school = &hub.plan.loaded.settings.school;
    Writer {
        school: school.name.clone(),
        code: school.code.clone(),
        standard: if lang == Lang::Zh { info.title_zh.clone() } else { info.title_en.clone() },
        date: view::minute((hub.clock)()).chars().take(10).collect(),
    }
}

/// Writes a file that is not there yet: what was sent to somebody is not overwritten.
fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let name = path.display();
    if path.exists() {
        return Err(Failure::Unknown(Text::new(
            format!("{name} 已存在，不会覆盖。解决办法：移走它，或换一个文件名"),
            format!("{name} exists and is not overwritten; fix: move it away, or name another file"),
        )));
    }
    let made = std::fs::File::create(path).and_then(|mut file| file.write_all(content));
    made.map_err(|e| Failure::io(&name.to_string(), &e))
}

/// As CSV, UTF-8 with byte-order mark, so that Excel reads it.
fn csv(lines: &[GoneLine]) -> Result<Vec<u8>, csv::Error> {
    let mut csv = csv::Writer::from_writer("\u{FEFF}".as_bytes().to_vec());
    csv.write_record(["通道", "表", "名称", "记录主键", "自然主键", "数据源", "确认消失", "处理"])?;
    for line in lines {
        let way = if line.told { "自动上报删除" } else { "需人工撤回" };
        let key = line.natural_key.as_deref().unwrap_or("***");
        csv.write_record([&line.upstream, &line.table, &line.label, &line.key, key, &line.source, &line.since, way])?;
    }
    csv.into_inner().map_err(|e| e.into_error().into())
}
