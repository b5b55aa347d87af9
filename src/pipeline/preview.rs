//! Some rows before and after; nothing lands.

use super::run::Preparer;
use super::{Job, PipelineError, Surroundings};
use crate::finding::{Locator, Violation};
use crate::record::ValueRef;

/// A row before and after.
pub struct PreviewRow {
    /// Where it came from.
    pub origin: Locator,
    /// Columns and cells as read. They may be sensitive.
    pub before: Vec<(String, Option<String>)>,
    /// Fields and values as they would be reported, in plan order; `None` where the mapping's filter leaves the row out.
    /// They may be sensitive.
    pub after: Option<Vec<Option<String>>>,
    /// Its violations.
    pub violations: Vec<Violation>,
}

/// Reads the first rows of a job and shows what would become of them. Looks at what has landed, changes nothing.
///
/// # Errors
/// What keeps source, mapping or store from being read.
pub fn preview(job: &Job, around: &Surroundings, rows: usize) -> Result<Vec<PreviewRow>, PipelineError> {
    let mut source = job.open_to_look(around)?;
    let mapping = job.compile(around, source.columns())?;
    let mut preparer = Preparer::new(job, around, mapping.into(), source.object().clone(), false);
    let Some(batch) = source.next_batch(rows.max(1))? else { return Ok(Vec::new()) };
    let (normalized, findings) = preparer.examine(&batch)?;
    let mut out: Vec<PreviewRow> = (0..batch.len())
        .map(|row| PreviewRow {
            origin: job.locator(source.object(), &batch, row),
            before: batch
                .columns()
                .iter()
                .enumerate()
                .map(|(i, c)| (c.name.to_string(), batch.cell(row, i).map(str::to_owned)))
                .collect(),
            after: None,
            violations: Vec::new(),
        })
        .collect();
    for record in normalized.iter() {
        let row = &mut out[record.origin()];
        let value = |value: ValueRef<'_>| value.text().map(str::to_owned);
        row.after = Some(job.plan.indexed().map(|(field, _)| value(record.get(field))).collect());
        row.violations = findings.of(record.index()).to_vec();
    }
    Ok(out)
}
