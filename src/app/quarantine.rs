//! `quarantine`: rows that wait, by cause and one by one.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use super::hub::Hub;
use super::leases::Streams;
use super::{
    CauseLine, ExportAnswer, ExportRequest, Failure, QuarantineList, QuarantineRequest, QuarantineRow, RefusalLine, RefusedRow,
    RetryAnswer, named, view,
};
use crate::finding::Text;
use crate::pipeline::Retried;
use crate::store::{ExceptionFilter, ExceptionRow, FeedId, QuarantineFilter, QuarantinedRow, Reason, StoreError};

/// Causes and refusals, and the rows when a filter is given.
pub(super) fn list(hub: &Hub, request: &QuarantineRequest) -> Result<QuarantineList, Failure> {
    let causes = causes(hub)?;
    let asked = request.table.is_some()
        || request.source.is_some()
        || request.rule.is_some()
        || request.id.is_some()
        || request.limit > 0;
    let rows = if asked { rows(hub, request, false)? } else { Vec::new() };
    let all = refused(hub, request.table.as_deref())?;
    let refusals = by_text(&all);
    let mut one_by_one =
        if request.table.is_some() && request.source.is_none() && request.rule.is_none() { all } else { Vec::new() };
    if request.limit > 0 {
        one_by_one.truncate(request.limit as usize);
    }
    Ok(QuarantineList { causes, rows, refusals, refused: one_by_one })
}

/// Records that the platform refused, of one table or of all.
pub(super) fn refused(hub: &Hub, table: Option<&str>) -> Result<Vec<RefusedRow>, Failure> {
    let feed = feed_of(hub, table)?;
    let filter = ExceptionFilter { feed, reason: Some(Reason::Refused), ..ExceptionFilter::default() };
    let read = async { Ok::<_, StoreError>((hub.store.exceptions(&filter).await?, hub.store.stock().await?)) };
    let (rows, stock) = hub.runtime.block_on(read).map_err(|e| Failure::part(&e))?;
    let tables = tables(hub)?;
    let named = |row: &ExceptionRow| hub.plan.natural_key_words(tables.get(&row.feed)?, &row.natural_key);
    let row = |row: ExceptionRow| RefusedRow {
        natural_key: named(&row),
        upstream: stock.iter().find(|s| s.upstream == row.upstream).map(|s| s.upstream_name.clone()).unwrap_or_default(),
        table: tables.get(&row.feed).cloned().unwrap_or_default(),
        key: row.record_key.as_str().to_owned(),
        since: view::minute(row.since),
        field: row.field,
        text: row.text.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// How many records each text of the platform meets.
pub(super) fn by_text(rows: &[RefusedRow]) -> Vec<RefusalLine> {
    let mut counts: BTreeMap<(&str, Option<&str>, &str, &str), u64> = BTreeMap::new();
    for row in rows {
        *counts.entry((row.table.as_str(), row.field.as_deref(), row.text.as_str(), row.upstream.as_str())).or_default() += 1;
    }
    let line = |((table, field, text, upstream), rows): ((&str, Option<&str>, &str, &str), u64)| RefusalLine {
        upstream: upstream.to_owned(),
        table: table.to_owned(),
        field: field.map(str::to_owned),
        text: text.to_owned(),
        rows,
    };
    counts.into_iter().map(line).collect()
}

/// All open rows by cause, with the department to tell.
pub(super) fn causes(hub: &Hub) -> Result<Vec<CauseLine>, Failure> {
    let causes = hub.runtime.block_on(hub.store.causes()).map_err(|e| Failure::part(&e))?;
    let line = |cause: crate::store::Cause| CauseLine {
        owner: hub.plan.owner(&cause.table, &cause.source).map(str::to_owned),
        table: cause.table,
        source: cause.source,
        rule: cause.rule,
        field: cause.field,
        rows: cause.rows,
    };
    Ok(causes.into_iter().map(line).collect())
}

/// One row, raw input and all; cells that feed a sensitive field are withheld.
pub(super) fn show(hub: &Hub, id: i64) -> Result<QuarantineRow, Failure> {
    let request = QuarantineRequest { id: Some(id), ..QuarantineRequest::default() };
    let row = rows(hub, &request, true)?.pop();
    row.ok_or_else(|| named::no_row(id))
}

/// Writes rows as CSV (UTF-8 with byte-order mark, so that Excel reads it).
pub(super) fn export(hub: &Hub, request: &ExportRequest) -> Result<ExportAnswer, Failure> {
    let rows = rows(hub, &request.rows, true)?;
    let io = |e: std::io::Error| Failure::io(&request.to.display().to_string(), &e);
    if let Some(folder) = request.to.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let folder = folder.display();
        return Err(Failure::Unknown(Text::new(
            format!("没有目录 {folder}，文件无法写入。解决办法：先建立该目录，或换一个位置"),
            format!("there is no folder {folder} to write to; fix: make it first, or name another place"),
        )));
    }
    let mut file = std::fs::File::create(&request.to).map_err(io)?;
    file.write_all("\u{FEFF}".as_bytes()).map_err(io)?;
    let mut csv = csv::Writer::from_writer(file);
    let bad = |e: csv::Error| Failure::io(&request.to.display().to_string(), &std::io::Error::other(e));
    csv.write_record(["编号", "表", "数据源", "位置", "自然主键", "责任部门", "规则", "字段", "问题", "自", "原始内容"])
        .map_err(bad)?;
    for row in &rows {
        let raw = raw_text(&row.raw);
        for violation in &row.violations {
            csv.write_record([
                &row.id.to_string(),
                &row.table,
                &row.source,
                &row.origin,
                row.natural_key.as_deref().unwrap_or_default(),
                row.owner.as_deref().unwrap_or_default(),
                &violation.rule,
                violation.field.as_deref().unwrap_or_default(),
                &violation.text.zh,
                &row.since,
                &raw,
            ])
            .map_err(bad)?;
        }
    }
    let also = request.rows.source.is_none() && request.rows.rule.is_none() && request.rows.id.is_none();
    let refused = if also { refused(hub, request.rows.table.as_deref())? } else { Vec::new() };
    for row in &refused {
        let field = row.field.as_deref().unwrap_or_default();
        // The platform's own word for the record stands where the origin of a quarantined row does.
        let cells = [
            "",
            row.table.as_str(),
            row.upstream.as_str(),
            row.key.as_str(),
            row.natural_key.as_deref().unwrap_or_default(),
            "",
            "refused",
            field,
            row.text.as_str(),
            row.since.as_str(),
            "",
        ];
        csv.write_record(cells).map_err(bad)?;
    }
    csv.flush().map_err(io)?;
    Ok(ExportAnswer { file: request.to.clone(), rows: (rows.len() + refused.len()) as u64 })
}

/// A raw row in one cell: `column=text`, nothing there as `∅`.
fn raw_text(raw: &[(String, Option<String>)]) -> String {
    let cells: Vec<String> = raw.iter().map(|(name, cell)| format!("{name}={}", cell.as_deref().unwrap_or("∅"))).collect();
    cells.join("；")
}

/// Runs quarantined rows again and offers refused records again.
pub(super) fn retry(hub: &Hub, request: &QuarantineRequest) -> Result<RetryAnswer, Failure> {
    let rows = stored(hub, request)?;
    let sources = rows.iter().map(|row| Arc::clone(&row.source)).collect();
    let mut streams = Streams::of(hub).only(&sources);
    streams.take();
    streams.must_be_whole()?;
    let Retried { tried, landed, unread } = hub.pipeline.retry(&rows).map_err(super::hub::pipeline_failure)?;
    let mut reoffered = 0;
    if request.id.is_none() && request.rule.is_none() && request.source.is_none() {
        let feed = feed_of(hub, request.table.as_deref())?;
        let filter = ExceptionFilter { feed, reason: Some(Reason::Refused), ..ExceptionFilter::default() };
        reoffered = hub.runtime.block_on(hub.store.release(&filter, (hub.clock)())).map_err(|e| Failure::part(&e))?;
    }
    Ok(RetryAnswer { tried, landed, rejected: tried - landed, unread, reoffered })
}

fn rows(hub: &Hub, request: &QuarantineRequest, with_raw: bool) -> Result<Vec<QuarantineRow>, Failure> {
    let tables = tables(hub)?;
    let row = |row: &QuarantinedRow| {
        let table = tables.get(&row.feed).map_or("", String::as_str);
        let mut line = view::quarantine_row(row, table, hub.plan.owner(table, &row.source), with_raw);
        line.natural_key = row.natural_key.as_ref().and_then(|key| hub.plan.natural_key_words(table, key));
        let shown = hub.plan.shown_columns(table, &row.source);
        for (name, cell) in &mut line.raw {
            if !shown.contains(name.as_str()) && cell.is_some() {
                *cell = Some("***".to_owned());
            }
        }
        line
    };
    Ok(stored(hub, request)?.iter().map(row).collect())
}

fn stored(hub: &Hub, request: &QuarantineRequest) -> Result<Vec<QuarantinedRow>, Failure> {
    if let Some(rule) = &request.rule {
        named::rule(rule)?;
    }
    if let Some(id) = request.id {
        let row = hub.runtime.block_on(hub.store.quarantined_row(id)).map_err(|e| Failure::part(&e))?;
        return row.map(|row| vec![row]).ok_or_else(|| named::no_row(id));
    }
    if let Some(source) = &request.source {
        named::source(&hub.plan, source)?;
    }
    let filter = QuarantineFilter {
        feed: feed_of(hub, request.table.as_deref())?,
        source: request.source.as_deref().map(Into::into),
        rule: request.rule.clone(),
        limit: request.limit,
    };
    hub.runtime.block_on(hub.store.quarantined(&filter)).map_err(|e| Failure::part(&e))
}

fn tables(hub: &Hub) -> Result<HashMap<FeedId, String>, Failure> {
    let rows = hub.runtime.block_on(hub.store.table_rows()).map_err(|e| Failure::part(&e))?;
    Ok(rows.into_iter().map(|row| (row.feed, row.table)).collect())
}

/// The feed of a table that the user named.
pub(super) fn feed_of(hub: &Hub, table: Option<&str>) -> Result<Option<FeedId>, Failure> {
    let Some(table) = table else { return Ok(None) };
    let found = tables(hub)?.into_iter().find(|(_, name)| name == table).map(|(feed, _)| feed);
    if found.is_none() {
        named::table(&hub.plan, table)?;
    }
    let unknown = || {
        Failure::Unknown(Text::new(
            format!("表 {table} 尚未采集：先运行 `xiaoshu run`"),
            format!("the table {table} was not read yet: start `xiaoshu run` first"),
        ))
    };
    found.map(Some).ok_or_else(unknown)
}
