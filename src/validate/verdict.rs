//! Verdicts as types: only [`Accepted`] can be landed as a record.

use crate::finding::{Locator, Severity, Violation};
use crate::record::RecordBatch;

/// All violations found in a batch, by row, in row order.
#[derive(Debug, Default)]
pub struct Findings {
    rows: Vec<RowFindings>,
}

/// The violations of one row.
#[derive(Debug, Clone)]
pub struct RowFindings {
    /// The row's index in the record batch.
    pub row: usize,
    /// Its violations.
    pub violations: Vec<Violation>,
}

impl Findings {
    /// Adds a violation of a row. Cheap when the row is the one added last.
    pub fn add(&mut self, row: usize, violation: Violation) {
        match self.rows.last_mut() {
            Some(last) if last.row == row => last.violations.push(violation),
            Some(last) if last.row > row => match self.rows.binary_search_by_key(&row, |r| r.row) {
                Ok(at) => self.rows[at].violations.push(violation),
                Err(at) => self.rows.insert(at, RowFindings { row, violations: vec![violation] }),
            },
            _ => self.rows.push(RowFindings { row, violations: vec![violation] }),
        }
    }

    /// The rows with findings, in row order.
    pub fn rows(&self) -> &[RowFindings] {
        &self.rows
    }

    /// The findings of a row.
    pub fn of(&self, row: usize) -> &[Violation] {
        self.rows.binary_search_by_key(&row, |r| r.row).map_or(&[], |at| &self.rows[at].violations)
    }

    /// Whether a row has an error.
    pub fn has_error(&self, row: usize) -> bool {
        self.of(row).iter().any(|v| v.severity == Severity::Error)
    }
}

/// Rows of a batch that may be landed: no error among their findings, keys sealed.
#[derive(Debug)]
pub struct Accepted {
    batch: RecordBatch,
    rows: Vec<u32>,
}

impl Accepted {
    /// Only validation makes one.
    pub(super) fn new(batch: RecordBatch, rows: Vec<u32>) -> Self {
        Self { batch, rows }
    }

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

/// A value that must first exist in another table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waits {
    /// The table's name.
    pub table: std::sync::Arc<str>,
    /// The field in it.
    pub field: std::sync::Arc<str>,
    /// The value; a key, kept in the store only.
    pub value: String,
}
