//! Verdicts as types: only [`Accepted`] can be landed as a record.

use crate::finding::{Findings, Locator, RuleId, Severity, Violation, Waits};
use crate::record::{Record, RecordBatch};

/// Rows of a batch that may be landed: no error among their findings, keys sealed.
#[derive(Debug)]
pub struct Accepted {
    batch: RecordBatch,
    rows: Vec<u32>,
}

impl Accepted {
    /// The batch that the rows are in.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Indices of the accepted rows in the batch, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
}

/// A row that waits in quarantine, with its raw input and every fault.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// What identifies it: its natural key where it has one, else the hash of its raw row. Never its line.
    pub ident: RowIdent,
    /// The raw row, a JSON object of column names to texts, in column order.
    pub raw: String,
    /// Where it came from.
    pub origin: Locator,
    /// Every fault.
    pub violations: Vec<Violation>,
    /// What it waits for, when the only errors are missing parents.
    pub waits_for: Vec<Waits>,
}

/// What identifies a quarantined row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowIdent {
    /// Its natural key's bytes.
    NaturalKey(Vec<u8>),
    /// xxh3-128 of the raw row.
    RawHash([u8; 16]),
}

/// Splits a checked batch: rows without an error may land, the others wait. `raw` gives the raw row and the place of
/// a record; it is asked for rejected rows only.
pub fn judge(
    batch: RecordBatch,
    findings: &Findings,
    raw: &dyn Fn(&Record<'_>) -> (String, Locator),
) -> (Accepted, Vec<Rejected>) {
    let mut rows = Vec::with_capacity(batch.len());
    let mut rejected = Vec::new();
    let mut found = findings.rows().iter().peekable();
    for record in batch.iter() {
        while found.next_if(|f| f.row < record.index()).is_some() {}
        let here = found.peek().filter(|f| f.row == record.index());
        let violations = here.map_or(&[][..], |f| &f.violations);
        let sealed = !record.natural_key().is_empty();
        if sealed && !violations.iter().any(|v| v.severity == Severity::Error) {
            rows.push(record.index() as u32);
            continue;
        }
        let (raw, origin) = raw(&record);
        let ident = if sealed {
            RowIdent::NaturalKey(record.natural_key().to_vec())
        } else {
            RowIdent::RawHash(xxhash_rust::xxh3::xxh3_128(raw.as_bytes()).to_be_bytes())
        };
        let only_parents = violations.iter().all(|v| v.severity != Severity::Error || v.rule == RuleId::REFERENCE);
        let waits_for = here.filter(|_| only_parents).map_or_else(Vec::new, |f| f.waits.clone());
        rejected.push(Rejected { ident, raw, origin, violations: violations.to_vec(), waits_for });
    }
    (Accepted { batch, rows }, rejected)
}
