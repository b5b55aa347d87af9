//! `try`: some rows of a table before and after.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::hub::{Hub, system_clock};
use super::jobs::jobs;
use super::opening::{hub_settings, open_feeds, open_store_to_read};
use super::plan::Plan;
use super::{Context, Failure, TryAnswer, TryRequest, TryRow, TryVerdict, ViolationLine};
use crate::finding::{Severity, Text};
use crate::pipeline::{BatchRoom, Job, Pipeline, PreviewRow, School, Silent, Surroundings, preview};
use crate::record::Namespace;
use crate::store::{FeedId, Store, StoreError};

/// The hub to try rows with, beside the service if one runs. Where no store is yet, one is made: there is no service then.
pub(super) fn hub(context: &Context<'_>) -> Result<Hub, Failure> {
    let plan = Plan::load(context)?;
    let runtime = Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    match open_store_to_read(context, &plan, &runtime) {
        Ok(Some(store)) => beside(plan, runtime, store),
        _ => Hub::open(context, plan, system_clock(), Arc::new(Silent)),
    }
}

/// A hub with jobs over a store that is open for reading only.
fn beside(plan: Plan, runtime: Runtime, store: Arc<dyn Store>) -> Result<Hub, Failure> {
    let read = async {
        let school = school(&plan, store.as_ref()).await?;
        let (feeds, parked) = open_feeds(&plan, store.as_ref()).await?;
        let settings = hub_settings(&plan, store.as_ref(), &feeds).await?;
        Ok::<_, StoreError>((school, feeds, parked, settings))
    };
    let (school, feeds, parked, settings) = runtime.block_on(read).map_err(|e| Failure::part(&e))?;
    let clock = system_clock();
    let around = Surroundings {
        store: Arc::clone(&store),
        standard: Arc::clone(&plan.standard),
        school,
        feeds,
        runtime: runtime.handle().clone(),
        clock: Arc::clone(&clock),
        observer: Arc::new(Silent),
        room: BatchRoom::default(),
        likeness: super::drift::likeness(&plan.standard),
    };
    // Nothing lands, so a table that was never read needs no feed of its own.
    let jobs = jobs(&plan, &around, &settings, Some(FeedId(u32::MAX)))?;
    Ok(Hub { plan: Arc::new(plan), runtime, store, pipeline: Arc::new(Pipeline::new(jobs, around)), clock, parked })
}

/// The school as the store knows it, without writing anything.
pub(super) async fn school(plan: &Plan, store: &dyn Store) -> Result<School, StoreError> {
    let code: Arc<str> = plan.loaded.settings.school.code.as_str().into();
    let name = store.get_meta("key_namespace").await?.map(|name| String::from_utf8_lossy(&name).into());
    let secret = store.get_meta("school_secret").await?.unwrap_or_default();
    let namespace = Namespace { name: name.unwrap_or_else(|| Arc::clone(&code)), secret: secret.into() };
    Ok(School { code, namespace })
}

/// Reads the first rows and shows them; nothing lands. Values of sensitive fields are withheld on both sides,
/// and those of columns that the mapping does not use.
pub(super) fn answer(hub: &Hub, request: &TryRequest) -> Result<TryAnswer, Failure> {
    // A source of a merged table gives a part of it, which is tried by the table's name and the source's.
    let wanted = |job: &&Job| match &request.source {
        Some(source) => **source == *job.source && (*job.plan.name == *request.table || job.document.table() == request.table),
        None => *job.plan.name == *request.table,
    };
    let job = hub.pipeline.jobs().iter().find(wanted).ok_or_else(|| unknown(hub, request))?;
    let rows = preview(job, hub.pipeline.around(), request.rows).map_err(super::hub::pipeline_failure)?;
    Ok(TryAnswer {
        table: job.plan.name.to_string(),
        label: job.plan.label_zh.to_string(),
        source: job.source.to_string(),
        rows: rows.into_iter().map(|row| try_row(job, row)).collect(),
    })
}

fn try_row(job: &Job, row: PreviewRow) -> TryRow {
    let shown = job.document.shown_columns(&job.plan);
    let before = row.before.into_iter().map(|(name, cell)| {
        let cell = if shown.contains(name.as_str()) { cell } else { cell.map(|_| "***".to_owned()) };
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
