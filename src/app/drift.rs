//! `drift`: sources that show something else than before, and tables that pause because of it.

use std::sync::{Arc, OnceLock};

use super::hub::Hub;
use super::plan::Plan;
use super::{AcceptRequest, DriftAnswer, Failure, NotedLine, PausedLine, named, view};
use crate::finding::Text;
use crate::pipeline::{Change, ChangeKind, Drift, Likeness};
use crate::propose::{Terms, names_alike};
use crate::standard::Standard;
use crate::store::{NotedRow, PausedRow, StoreError};

/// How alike two names of columns are, by the vocabulary of campus systems. It is read when somebody asks first.
pub(super) fn likeness(standard: &Arc<Standard>) -> Arc<Likeness> {
    let (standard, terms) = (Arc::clone(standard), OnceLock::<Option<Terms>>::new());
    Arc::new(move |one, other| {
        let terms = terms.get_or_init(|| Terms::new(None, &standard).ok());
        terms.as_ref().map_or(0.0, |terms| names_alike(terms, one, other))
    })
}

/// The tables that pause, as far as their mappings are still the same: another mapping ends a pause.
pub(super) fn paused(plan: &Plan, rows: Vec<PausedRow>) -> Vec<PausedLine> {
    let line = |row: PausedRow| {
        let own = plan.active().find(|(document, table)| *table.name == *row.table && document.source() == row.source);
        let (document, _) = own.filter(|(document, _)| document.digest() == row.mapping_digest)?;
        let drift = Drift::read(&row.body);
        let owner = plan.owner(&row.table, &row.source).map(str::to_owned);
        let todo = match row.accepted && drift.is_acceptable() {
            true => Text::new("已接受，下次采集时继续", "it is accepted and goes on with the next collection"),
            false => todo(&row, &drift, owner.as_deref(), document.file()),
        };
        Some(PausedLine {
            class: drift.class().name(),
            since: view::minute(row.since),
            records: row.records,
            owner,
            text: drift.text(),
            todo,
            acceptable: drift.is_acceptable(),
            accepted: row.accepted,
            changes: drift.changes,
            table: row.table,
            source: row.source,
        })
    };
    rows.into_iter().filter_map(line).collect()
}

/// What somebody has to do.
fn todo(row: &PausedRow, drift: &Drift, owner: Option<&str>, file: &str) -> Text {
    let PausedRow { table, source, records, .. } = row;
    let (zh, en) = (owner.unwrap_or("信息中心"), owner.unwrap_or("the information centre"));
    let stands = Text::new(
        format!("已有的 {records} 条记录保持原样，不会改成空值"),
        format!("the {records} records there are stand as they are and are not emptied"),
    );
    if drift.is_acceptable() {
        return Text::new(
            format!(
                "请{zh}用 `xiaoshu try {table} --source {source}` 核对：含义没有变，就执行 `xiaoshu drift accept {table} {source}`；\
                 变了，就改正映射文件 {file}，或请系统厂商恢复原状。改正或恢复后，下次采集自动继续。{}",
                stands.zh
            ),
            format!(
                "{en}: look with `xiaoshu try {table} --source {source}`; if everything means what it did, run `xiaoshu drift accept \
                 {table} {source}`; if not, correct the mapping {file} or have the source put right. Then it goes on by itself with the \
                 next collection; {}",
                stands.en
            ),
        );
    }
    let renamed = |change: &Change| Some((change.column.clone(), change.likely.first()?.clone()));
    let hints: Vec<(String, String)> = drift.pausing().filter(|c| c.kind == ChangeKind::Renamed).filter_map(renamed).collect();
    let list = |arrow: &str, by: &str| hints.iter().map(|(old, new)| format!("{old}{arrow}{new}")).collect::<Vec<_>>().join(by);
    let (hint_zh, hint_en) = match hints.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("（建议：{}）", list(" → ", "，")), format!(" (likely: {})", list(" → ", ", "))),
    };
    Text::new(
        format!(
            "请{zh}与系统厂商确认后，改正映射文件 {file} 中的列名{hint_zh}；若列是误改或误删，请厂商恢复。改正或恢复后，\
             下次采集自动继续。{}",
            stands.zh
        ),
        format!(
            "{en}: ask the system's keeper, then correct the columns in the mapping {file}{hint_en}, or have the source put right. \
             Then it goes on by itself with the next collection; {}",
            stands.en
        ),
    )
}

/// What pauses, and what has changed without pausing anything.
pub(super) fn list(hub: &Hub) -> Result<DriftAnswer, Failure> {
    let read = async { Ok::<_, StoreError>((hub.store.paused().await?, hub.store.noted().await?)) };
    let (rows, noted) = hub.runtime.block_on(read).map_err(|e| Failure::part(&e))?;
    let noted =
        noted.into_iter().map(|NotedRow { table, source, text, at }| NotedLine { table, source, text, at: view::minute(at) });
    Ok(DriftAnswer { paused: paused(&hub.plan, rows), noted: noted.collect(), ..DriftAnswer::default() })
}

/// Accepts what a source shows now, where that can be accepted.
pub(super) fn accept(hub: &Hub, request: &AcceptRequest) -> Result<DriftAnswer, Failure> {
    named::table(&hub.plan, &request.table)?;
    named::source(&hub.plan, &request.source)?;
    let mut answer = list(hub)?;
    let is_meant = |line: &PausedLine| line.table == request.table && line.source == request.source;
    answer.noted.clear();
    answer.paused.retain(is_meant);
    let Some(line) = answer.paused.first_mut() else {
        return Err(Failure::Unknown(Text::new(
            format!("表 {} 没有因来源 {} 而暂停，无需接受。`xiaoshu drift list` 列出暂停的表", request.table, request.source),
            format!("{} does not pause for {}; `xiaoshu drift list` shows what does", request.table, request.source),
        )));
    };
    if !line.acceptable {
        answer.refused = Some(Text::new(
            "映射用到的列已经没有了或有重名，不能接受，只能改正映射或恢复来源",
            "columns that the mapping uses are gone or doubled; that cannot be accepted: correct the mapping or the source",
        ));
        return Ok(answer);
    }
    let own = hub.plan.active().find(|(document, plan)| *plan.name == *request.table && document.source() == request.source);
    let feed = own.and_then(|(_, plan)| hub.pipeline.around().feeds.get(&plan.id).copied());
    if let Some(feed) = feed {
        let accepted = hub.runtime.block_on(hub.store.accept_shape(feed, &request.source)).map_err(|e| Failure::part(&e))?;
        line.accepted = accepted;
        answer.accepted = accepted;
    }
    Ok(answer)
}
