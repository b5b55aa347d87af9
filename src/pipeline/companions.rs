//! What the tables of one source say about each other's deletions: where one could not be read, or came out empty, the
//! source itself may be ailing, and no table of it deletes. Pure but for the store's calls at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Job, JobReport, PipelineError, Surroundings};
use crate::finding::Text;

/// How one table of a source fared in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fared {
    Well,
    Empty,
    Failed,
    Unread,
}

fn fared(table: &str, source: &str, reports: &[JobReport]) -> Fared {
    let mut own = reports.iter().filter(|report| *report.table == *table && *report.source == *source).peekable();
    if own.peek().is_none() {
        return Fared::Unread;
    }
    let mut worst = Fared::Well;
    for report in own {
        match &report.outcome {
            Err(_) => return Fared::Failed,
            Ok(outcome) if outcome.summary.emptied => worst = Fared::Empty,
            Ok(_) => {}
        }
    }
    worst
}

/// What speaks against deletions, of how the tables of a source fared; the worst first.
fn against(tables: &[(Arc<str>, Fared)]) -> Option<Text> {
    let first = |wanted: Fared| tables.iter().find(|(_, fared)| *fared == wanted).map(|(table, _)| Arc::clone(table));
    if let Some(table) = first(Fared::Failed) {
        return Some(Text::new(
            format!("同一来源的表 {table} 在本次采集中读取失败"),
            format!("the table {table} of the same source could not be read in the same collection"),
        ));
    }
    if let Some(table) = first(Fared::Empty) {
        return Some(Text::new(
            format!("同一来源的表 {table} 在本次采集中读出为空，而以前有数据"),
            format!("the table {table} of the same source came out empty in the same collection, and had rows before"),
        ));
    }
    first(Fared::Unread).map(|table| {
        Text::new(
            format!("同一来源的表 {table} 在本次采集中没有读到"),
            format!("the table {table} of the same source was not read in the same collection"),
        )
    })
}

/// Lets the deletions of a collection go, source by source, or holds them. `jobs` are those of the collection, all of them
/// whether they ran or not.
///
/// # Errors
/// The store. What was not settled stays held.
pub(super) fn settle(jobs: &[&Job], reports: &mut [JobReport], around: &Surroundings) -> Result<(), PipelineError> {
    let mut tables: BTreeMap<Arc<str>, Vec<(Arc<str>, Fared)>> = BTreeMap::new();
    for job in jobs {
        let fared = fared(&job.plan.name, &job.source, reports);
        tables.entry(Arc::clone(&job.source)).or_default().push((Arc::clone(&job.plan.name), fared));
    }
    for report in reports {
        let Ok(outcome) = &mut report.outcome else { continue };
        if outcome.summary.due == 0 {
            continue;
        }
        let doubt = tables.get(&report.source).and_then(|tables| against(tables));
        let settled = around.store.settle_deletions(outcome.run, doubt.as_ref(), (around.clock)());
        outcome.summary.deleted += around.wait(settled)?;
        outcome.summary.due = 0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::RunOutcome;
    use crate::store::{RunId, RunSummary};

    fn report(table: &str, outcome: Result<bool, ()>) -> JobReport {
        let ended = |emptied| RunOutcome {
            run: RunId(1),
            summary: RunSummary { emptied, ..RunSummary::default() },
            warnings: 0,
            unchecked: Vec::new(),
            took_ms: 0,
            more: false,
        };
        let outcome = outcome.map(ended).map_err(|()| PipelineError::Bug("scripted"));
        JobReport { source: "jw".into(), table: table.into(), outcome }
    }

    #[test]
    fn a_table_that_failed_was_not_read_or_came_out_empty_speaks_against_all_of_its_source() {
        let reports =
            [report("a", Ok(false)), report("a", Ok(false)), report("b", Ok(true)), report("c", Err(())), report("c", Ok(false))];
        let fared = |table: &str| (Arc::from(table), fared(table, "jw", &reports));
        assert_eq!(["a", "b", "c", "d"].map(|t| fared(t).1), [Fared::Well, Fared::Empty, Fared::Failed, Fared::Unread]);
        assert_eq!(super::fared("a", "other", &reports), Fared::Unread, "of another source");
        assert_eq!(against(&[fared("a")]), None);
        let named = |tables: &[&str]| against(&tables.iter().map(|t| fared(t)).collect::<Vec<_>>()).unwrap();
        for (tables, table) in [(&["a", "b"][..], "b"), (&["a", "d", "b"], "b"), (&["a", "b", "c", "d"], "c"), (&["a", "d"], "d")]
        {
            let text = named(tables);
            assert!(text.en.contains(&format!("table {table} ")) && text.zh.contains(&format!("表 {table} ")), "{text:?}");
        }
    }
}
