//! Pushed rows as source rows, and their landing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::handle::{PushError, RefusedPush};
use super::push::Taker;
use super::run::{Ready, with_landing_batch};
use super::{Job, PipelineError, Surroundings};
use crate::finding::{Expected, Found, Place, RuleId, Severity, Text, Violation};
use crate::source::{Position, SourceBatch, SourceBatchBuilder};
use crate::store::{Landed, PushMark};
use crate::validate::Accepted;

/// Rows as a source would have given them; `from` is how many rows of the message lie before.
pub(super) fn source_rows(taker: &Taker<'_>, rows: &[HashMap<String, String>], from: usize) -> Result<SourceBatch, PushError> {
    let mut batch = SourceBatchBuilder::new(taker.columns.clone(), rows.len());
    for (at, row) in rows.iter().enumerate() {
        let mut found = 0;
        for column in taker.columns.iter() {
            let cell = row.get(&*column.name).map(String::as_str);
            found += usize::from(cell.is_some());
            batch.push(cell);
        }
        if found < row.len() {
            return Err(undeclared(taker, row));
        }
        batch.end_row(Place::Row((from + at) as u64 + 1));
    }
    Ok(batch.finish(Position(Vec::new())))
}

fn undeclared(taker: &Taker<'_>, row: &HashMap<String, String>) -> PushError {
    let known = |name: &str| taker.columns.iter().any(|column| *column.name == *name);
    let mut names: Vec<&str> = row.keys().map(String::as_str).filter(|name| !known(name)).collect();
    names.sort_unstable();
    names.truncate(10);
    let names = names.join(", ");
    PushError::Invalid(Text::new(
        format!("对象 {} 未声明这些列：{names}", taker.job.object),
        format!("the settings declare no such columns of {}: {names}", taker.job.object),
    ))
}

/// Where changes have to be parted, so that no part holds two versions of one key: source rows that begin a new part.
pub(super) fn cuts(accepted: &Accepted, rows: usize) -> Vec<usize> {
    let batch = accepted.batch();
    let mut cuts = Vec::new();
    let mut seen = HashMap::with_capacity(rows);
    for record in accepted.rows().iter().map(|row| batch.row(*row as usize)) {
        let (key, hash) = (record.natural_key().to_vec(), record.content_hash());
        if seen.get(&key).is_some_and(|before| *before != hash) {
            cuts.push(record.origin());
            seen.clear();
        }
        seen.insert(key, hash);
    }
    cuts
}

/// The landing of pushed rows.
pub(super) struct Landing<'a> {
    pub(super) job: &'a Job,
    pub(super) around: &'a Surroundings,
    pub(super) mark: &'a PushMark,
}

impl Landing<'_> {
    /// Lands, and says which rows wait.
    pub(super) fn land(&self, ready: &Ready) -> Result<(Landed, Vec<RefusedPush>), PipelineError> {
        // The store asks for the raw form of rows that it puts into quarantine by itself, and names their neighbours.
        let asked = Mutex::new(Vec::new());
        let note = |origin: usize| asked.lock().unwrap_or_else(PoisonError::into_inner).push(origin);
        let digest = self.job.document.digest();
        let landed = with_landing_batch(self.job, self.around, ready, &note, |batch| {
            self.around.wait(self.around.store.land_pushed(self.mark, digest, batch))
        })?;
        self.around.observer.landed(self.job, &landed);
        let mut refused = rejected(ready);
        let mut clashes = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        clashes.sort_unstable();
        clashes.dedup();
        // Where a neighbour was asked for too, the counts tell how many wait, and the quarantine which.
        if landed.quarantined == (refused.len() + clashes.len()) as u64 {
            refused.extend(clashes.into_iter().map(clash));
        }
        refused.sort_by_key(|row| row.row);
        Ok((landed, refused))
    }
}

fn rejected(ready: &Ready) -> Vec<RefusedPush> {
    let batch = ready.accepted.batch();
    // Rejected rows are, in order, those of the batch that were not accepted.
    let others = (0..batch.len()).filter(|row| ready.accepted.rows().binary_search(&(*row as u32)).is_err());
    let refused = |(row, rejected): (usize, &crate::validate::Rejected)| RefusedPush {
        row: batch.row(row).origin(),
        violations: rejected.violations.clone(),
        waits: !rejected.waits_for.is_empty(),
    };
    others.zip(&ready.rejected).map(refused).collect()
}

fn clash(row: usize) -> RefusedPush {
    let violation = Violation {
        rule: RuleId::DUPLICATE_KEY,
        severity: Severity::Error,
        field: None,
        found: Found::Several,
        expected: Expected::Words(Text::new(
            "每个主键只有一种内容，每个记录编号只属于一行，其他来源持有的记录内容一致",
            "one content under one key, a record key that no other row has, and no other content than that of the source that \
             holds the record",
        )),
        fix: None,
    };
    RefusedPush { row, violations: vec![violation], waits: false }
}
