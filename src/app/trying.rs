//! `try`: some rows of a table before and after.

use super::hub::Hub;
use super::{Failure, TryAnswer, TryRequest, TryRow, TryVerdict, ViolationLine};
use crate::finding::{Severity, Text};
use crate::pipeline::{Job, PreviewRow, preview};

/// Reads the first rows and shows them; nothing lands. Values of sensitive fields are withheld on both sides.
pub(super) fn answer(hub: &Hub, request: &TryRequest) -> Result<TryAnswer, Failure> {
    let wanted = |job: &&Job| *job.plan.name == *request.table && request.source.as_ref().is_none_or(|s| **s == *job.source);
    let job = hub.pipeline.jobs().iter().find(wanted).ok_or_else(|| unknown(hub, request))?;
    let rows = preview(job, hub.pipeline.around(), request.rows).map_err(super::hub::pipeline_failure)?;
    Ok(TryAnswer {
        table: job.plan.name.to_string(),
        label: job.plan.label_zh.to_string(),
        source: job.source.to_string(),
        rows: rows.into_iter().map(|row| try_row(hub, job, row)).collect(),
    })
}

fn try_row(hub: &Hub, job: &Job, row: PreviewRow) -> TryRow {
    let hidden = hub.plan.sensitive_columns(&job.plan.name, &job.source);
    let before = row.before.into_iter().map(|(name, cell)| {
        let cell = if hidden.contains(name.as_str()) { cell.map(|_| "***".to_owned()) } else { cell };
        (name, cell)
    });
    let verdict = match &row.after {
        None => TryVerdict::Filtered,
        Some(_) if row.violations.iter().any(|v| v.severity == Severity::Error) => TryVerdict::Rejected,
        Some(_) => TryVerdict::Accepted,
    };
    let after = row.after.into_iter().flatten().zip(&job.plan.fields).map(|(value, field)| {
        let value = if field.sensitivity.is_sensitive() { value.map(|_| "***".to_owned()) } else { value };
        (field.name.to_string(), value)
    });
    let line = |v: &crate::finding::Violation| ViolationLine {
        rule: v.rule.to_string(),
        severity: v.severity.name().to_owned(),
        field: v.field.as_ref().map(|f| f.name.to_string()),
        text: v.text(),
    };
    TryRow {
        origin: row.origin.to_string(),
        before: before.collect(),
        after: after.collect(),
        verdict,
        violations: row.violations.iter().map(line).collect(),
    }
}

fn unknown(hub: &Hub, request: &TryRequest) -> Failure {
    let named = super::named::table(&hub.plan, &request.table);
    let named = named.and_then(|()| request.source.as_deref().map_or(Ok(()), |name| super::named::source(&hub.plan, name)));
    let (table, source) = (&request.table, request.source.as_deref().unwrap_or_default());
    let parked = || {
        Failure::Unknown(match request.source {
            Some(_) => Text::new(
                format!("表 {table} 不由数据源 {source} 提供；解决办法：去掉 --source，或改用映射文件中的名称"),
                format!(
                    "the source {source} does not fill the table {table}; fix: leave --source out, or name the mapping's source"
                ),
            ),
            None => Text::new(
                format!("表 {table} 已停放，见 `xiaoshu rekey {table}`"),
                format!("the table {table} is parked, see `xiaoshu rekey {table}`"),
            ),
        })
    };
    named.err().unwrap_or_else(parked)
}
