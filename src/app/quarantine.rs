//! `quarantine`: rows that wait, by cause and one by one.

use std::collections::HashMap;
use std::io::Write;

use super::hub::Hub;
use super::{
    CauseLine, ExportAnswer, ExportRequest, Failure, QuarantineList, QuarantineRequest, QuarantineRow, RetryAnswer, view,
};
use crate::finding::Text;
use crate::store::{ExceptionFilter, FeedId, QuarantineFilter, QuarantinedRow, Reason};

/// Causes, and the rows when a filter is given.
pub(super) fn list(hub: &Hub, request: &QuarantineRequest) -> Result<QuarantineList, Failure> {
    let causes = causes(hub)?;
    let asked = request.table.is_some()
        || request.source.is_some()
        || request.rule.is_some()
        || request.id.is_some()
        || request.limit > 0;
    let rows = if asked { rows(hub, request, false)? } else { Vec::new() };
    Ok(QuarantineList { causes, rows })
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
    row.ok_or_else(|| {
        Failure::Unknown(Text::new(format!("没有编号为 {id} 的隔离行"), format!("there is no quarantined row {id}")))
    })
}

/// Writes rows as CSV (UTF-8 with byte-order mark, so that Excel reads it).
pub(super) fn export(hub: &Hub, request: &ExportRequest) -> Result<ExportAnswer, Failure> {
    let rows = rows(hub, &request.rows, false)?;
    let io = |e: std::io::Error| Failure::io(&request.to.display().to_string(), &e);
    let mut file = std::fs::File::create(&request.to).map_err(io)?;
    file.write_all("\u{FEFF}".as_bytes()).map_err(io)?;
    let mut csv = csv::Writer::from_writer(file);
    let bad = |e: csv::Error| Failure::io(&request.to.display().to_string(), &std::io::Error::other(e));
    csv.write_record(["编号", "表", "数据源", "位置", "责任部门", "规则", "字段", "问题", "since"]).map_err(bad)?;
    for row in &rows {
        for violation in &row.violations {
            csv.write_record([
                &row.id.to_string(),
                &row.table,
                &row.source,
                &row.origin,
                row.owner.as_deref().unwrap_or_default(),
                &violation.rule,
                violation.field.as_deref().unwrap_or_default(),
                &violation.text.zh,
                &row.since,
            ])
            .map_err(bad)?;
        }
    }
    csv.flush().map_err(io)?;
    Ok(ExportAnswer { file: request.to.clone(), rows: rows.len() as u64 })
}

/// Runs quarantined rows again and offers refused records again.
pub(super) fn retry(hub: &Hub, request: &QuarantineRequest) -> Result<RetryAnswer, Failure> {
    let rows = stored(hub, request)?;
    let (tried, landed) = hub.pipeline.retry(&rows).map_err(|e| Failure::part(&e))?;
    let mut reoffered = 0;
    if request.id.is_none() && request.rule.is_none() && request.source.is_none() {
        let feed = feed_of(hub, request.table.as_deref())?;
        let filter = ExceptionFilter { feed, reason: Some(Reason::Refused), ..ExceptionFilter::default() };
        reoffered = hub.runtime.block_on(hub.store.release(&filter, (hub.clock)())).map_err(|e| Failure::part(&e))?;
    }
    Ok(RetryAnswer { tried, landed, rejected: tried - landed, reoffered })
}

fn rows(hub: &Hub, request: &QuarantineRequest, with_raw: bool) -> Result<Vec<QuarantineRow>, Failure> {
    let tables = tables(hub)?;
    let row = |row: &QuarantinedRow| {
        let table = tables.get(&row.feed).map_or("", String::as_str);
        let mut line = view::quarantine_row(row, table, hub.plan.owner(table, &row.source), with_raw);
        let hidden = hub.plan.sensitive_columns(table, &row.source);
        for (name, cell) in &mut line.raw {
            if hidden.contains(name.as_str()) && cell.is_some() {
                *cell = Some("***".to_owned());
            }
        }
        line
    };
    Ok(stored(hub, request)?.iter().map(row).collect())
}

fn stored(hub: &Hub, request: &QuarantineRequest) -> Result<Vec<QuarantinedRow>, Failure> {
    if let Some(id) = request.id {
        let row = hub.runtime.block_on(hub.store.quarantined_row(id)).map_err(|e| Failure::part(&e))?;
        return Ok(row.into_iter().collect());
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
    let unknown =
        || Failure::Unknown(Text::new(format!("表 {table} 尚无数据"), format!("nothing is known of the table {table} yet")));
    found.map(Some).ok_or_else(unknown)
}
