//! What became of pushed rows, as answers say it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding;
use crate::pipeline::{Pushed, PushedTable, RefusedPush};
use crate::wire::schoolhub::v1::{PushResponse, Refusal, Severity, TableCounts, Text, Violation};

/// Refusals that one answer to a whole push lists.
const REFUSALS: usize = 1_000;

/// A push summed up; its size does not grow with the push.
#[derive(Default)]
pub(super) struct Sum {
    tables: BTreeMap<Arc<str>, TableCounts>,
    refusals: Vec<Refusal>,
    left_out: u64,
    repeated: u32,
}

impl Sum {
    pub(super) fn add(&mut self, position: u64, pushed: &Pushed) {
        self.repeated += u32::from(pushed.already_landed);
        for table in &pushed.tables {
            let sum = self.tables.entry(Arc::clone(&table.table)).or_default();
            add(sum, table);
            let room = REFUSALS.saturating_sub(self.refusals.len());
            self.refusals.extend(table.refused.iter().take(room).map(|row| refusal_of(position, &table.table, row)));
            self.left_out += table.refused.len().saturating_sub(room) as u64;
        }
    }

    pub(super) fn answer(self) -> PushResponse {
        PushResponse {
            tables: self.tables.into_values().collect(),
            refusals: self.refusals,
            refusals_left_out: self.left_out,
            repeated_messages: self.repeated,
        }
    }
}

/// The end of a snapshot tells the snapshot's totals: its rows were counted as they came.
fn add(sum: &mut TableCounts, table: &PushedTable) {
    let more = counts(table);
    sum.table = more.table;
    sum.missing += more.missing;
    sum.deleted += more.deleted;
    if !table.ends_snapshot {
        sum.read += more.read;
        sum.changed += more.changed;
        sum.unchanged += more.unchanged;
        sum.duplicate += more.duplicate;
        sum.quarantined += more.quarantined;
        sum.filtered += more.filtered;
    }
}

/// Counts of one table.
pub(super) fn counts(table: &PushedTable) -> TableCounts {
    TableCounts {
        table: table.table.to_string(),
        read: table.landed.read,
        changed: table.landed.changed,
        unchanged: table.landed.unchanged,
        duplicate: table.landed.duplicate,
        quarantined: table.landed.quarantined,
        filtered: table.landed.filtered,
        missing: table.missing,
        deleted: table.deleted,
    }
}

/// A row that waits.
pub(super) fn refusal_of(position: u64, table: &str, row: &RefusedPush) -> Refusal {
    Refusal {
        position,
        row: u32::try_from(row.row).unwrap_or(u32::MAX),
        table: table.to_owned(),
        violations: row.violations.iter().map(violation).collect(),
        waits_for_parent: row.waits,
    }
}

fn violation(found: &finding::Violation) -> Violation {
    let severity = match found.severity {
        finding::Severity::Hint => Severity::Hint,
        finding::Severity::Warning => Severity::Warning,
        finding::Severity::Error => Severity::Error,
    };
    let text = found.text();
    Violation {
        rule: found.rule.as_str().to_owned(),
        severity: severity.into(),
        field: found.field.as_ref().map(|field| field.name.to_string()).unwrap_or_default(),
        text: Some(Text { zh: text.zh, en: text.en }),
    }
}
