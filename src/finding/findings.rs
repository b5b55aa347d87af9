//! All violations found in a batch, by row.

use std::sync::Arc;

use super::{Severity, Violation};

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
    /// Values that must first exist elsewhere; each belongs to an error of rule `reference`.
    pub waits: Vec<Waits>,
}

/// A value that must first exist in another table. It may be sensitive: it is kept in the store only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Waits {
    /// The table's name.
    pub table: Arc<str>,
    /// The field in it.
    pub field: Arc<str>,
    /// The value.
    pub value: String,
}

impl std::fmt::Debug for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waits").field("table", &self.table).field("field", &self.field).finish_non_exhaustive()
    }
}

impl Findings {
    /// Adds a violation of a row. Cheap when the row is the one added last.
    pub fn add(&mut self, row: usize, violation: Violation) {
        self.entry(row).violations.push(violation);
    }

    /// Adds a value that a row waits for.
    pub fn add_wait(&mut self, row: usize, waits: Waits) {
        let entry = self.entry(row);
        if !entry.waits.contains(&waits) {
            entry.waits.push(waits);
        }
    }

    fn entry(&mut self, row: usize) -> &mut RowFindings {
        let at = match self.rows.last() {
            Some(last) if last.row == row => self.rows.len() - 1,
            Some(last) if last.row > row => match self.rows.binary_search_by_key(&row, |r| r.row) {
                Ok(at) => at,
                Err(at) => {
                    self.rows.insert(at, RowFindings { row, violations: Vec::new(), waits: Vec::new() });
                    at
                }
            },
            _ => {
                self.rows.push(RowFindings { row, violations: Vec::with_capacity(1), waits: Vec::new() });
                self.rows.len() - 1
            }
        };
        &mut self.rows[at]
    }

    /// The rows with findings, in row order.
    pub fn rows(&self) -> &[RowFindings] {
        &self.rows
    }

    /// The findings of a row.
    pub fn of(&self, row: usize) -> &[Violation] {
        self.rows.binary_search_by_key(&row, |r| r.row).map_or(&[], |at| &self.rows[at].violations)
    }

    /// What a row waits for.
    pub fn waits_of(&self, row: usize) -> &[Waits] {
        self.rows.binary_search_by_key(&row, |r| r.row).map_or(&[], |at| &self.rows[at].waits)
    }

    /// Whether a row has an error.
    pub fn has_error(&self, row: usize) -> bool {
        self.of(row).iter().any(|v| v.severity == Severity::Error)
    }

    /// Forgets everything, keeping the room.
    pub fn clear(&mut self) {
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Expected, Found, RuleId};

    fn violation(name: &'static str, severity: Severity) -> Violation {
        Violation { rule: RuleId::new(name), severity, field: None, found: Found::Missing, expected: Expected::Value, fix: None }
    }

    #[test]
    fn rows_stay_in_order_whatever_the_order_of_adding() {
        let mut findings = Findings::default();
        for row in [5, 2, 9, 2, 7, 5, 0] {
            findings.add(row, violation("required", Severity::Warning));
        }
        let rows: Vec<(usize, usize)> = findings.rows().iter().map(|r| (r.row, r.violations.len())).collect();
        assert_eq!(rows, [(0, 1), (2, 2), (5, 2), (7, 1), (9, 1)]);
        assert!(!findings.has_error(2));
        findings.add(2, violation("format", Severity::Error));
        assert!(findings.has_error(2) && !findings.has_error(3));
    }

    #[test]
    fn what_a_row_waits_for_is_noted_once_and_not_printed() {
        let mut findings = Findings::default();
        let waits = Waits { table: "T".into(), field: "F".into(), value: "secret".into() };
        findings.add_wait(1, waits.clone());
        findings.add_wait(1, waits);
        assert_eq!(findings.waits_of(1).len(), 1);
        assert!(!format!("{findings:?}").contains("secret"));
    }
}
