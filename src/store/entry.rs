//! Rows that are to be quarantined, as the tables take them: pure, no database.

use super::LandingBatch;
use super::clash::violation;
use super::holder::Clash;
use super::sort::Rival;
use crate::finding::{Expected, Found, Locator, RuleId, Severity, Text, Violation};
use crate::validate::{Rejected, RowIdent, Waits};

/// What a quarantined row conflicts with, as the database has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Conflict {
    /// Nothing.
    None = 0,
    /// Another content under its natural key.
    Content = 1,
    /// Another natural key under its record key.
    RecordKey = 2,
    /// Another content in the record that another source holds.
    OtherSource = 3,
}

/// A row to be quarantined.
pub(super) struct Entry {
    /// 0 ‖ natural key, 1 ‖ hash of the raw row, or 2 ‖ hash of both for a row in conflict.
    pub(super) ident: Vec<u8>,
    pub(super) nk: Option<Vec<u8>>,
    pub(super) conflict: Conflict,
    pub(super) origin: String,
    pub(super) raw: String,
    pub(super) violations: String,
    pub(super) waits: String,
}

/// Entries of rejected rows.
pub(super) fn rejected_entries(rejected: &[Rejected]) -> Vec<Entry> {
    rejected
        .iter()
        .map(|row| {
            let (ident, nk) = match &row.ident {
                RowIdent::NaturalKey(key) => (framed(0, key), Some(key.clone())),
                RowIdent::RawHash(hash) => (framed(1, hash), None),
            };
            Entry {
                ident,
                nk,
                conflict: Conflict::None,
                origin: row.origin.to_string(),
                raw: row.raw.clone(),
                violations: violations_json(&row.violations),
                waits: waits_json(&row.waits_for),
            }
        })
        .collect()
}

/// Entries of accepted rows whose key has several contents in one run.
pub(super) fn conflict_entries(batch: &LandingBatch<'_>, conflicts: &[u32]) -> Vec<Entry> {
    let records = batch.accepted.batch();
    conflicts
        .iter()
        .map(|row| {
            let key = records.row(*row as usize).natural_key();
            let (raw, origin) = place(batch, *row);
            let mut content = key.to_vec();
            content.extend_from_slice(&records.row(*row as usize).content_hash().0);
            Entry {
                ident: framed(2, &xxhash_rust::xxh3::xxh3_128(&content).to_be_bytes()),
                nk: Some(key.to_vec()),
                conflict: Conflict::Content,
                origin: origin.to_string(),
                raw,
                violations: violations_json(&[several_contents()]),
                waits: "[]".to_owned(),
            }
        })
        .collect()
}

/// Entries of accepted rows whose record key they may not have.
pub(super) fn clash_entries(batch: &LandingBatch<'_>, clashes: &[(u32, Clash)]) -> Vec<Entry> {
    let records = batch.accepted.batch();
    clashes
        .iter()
        .map(|(row, clash)| {
            let record = records.row(*row as usize);
            let (raw, origin) = place(batch, *row);
            let held = matches!(clash, Clash::Held { .. });
            Entry {
                ident: framed(0, record.natural_key()),
                nk: Some(record.natural_key().to_vec()),
                conflict: if held { Conflict::RecordKey } else { Conflict::None },
                origin: origin.to_string(),
                raw,
                violations: violations_json(&[violation(batch, &record, clash)]),
                waits: "[]".to_owned(),
            }
        })
        .collect()
}

/// Entries of accepted rows whose records other sources hold; `violations` is parallel to `rivals`.
pub(super) fn rival_entries(batch: &LandingBatch<'_>, rivals: &[Rival], violations: &[Vec<Violation>]) -> Vec<Entry> {
    let records = batch.accepted.batch();
    rivals
        .iter()
        .zip(violations)
        .map(|(rival, violations)| {
            let key = records.row(rival.row as usize).natural_key();
            let (raw, origin) = place(batch, rival.row);
            Entry {
                ident: framed(0, key),
                nk: Some(key.to_vec()),
                conflict: Conflict::OtherSource,
                origin: origin.to_string(),
                raw,
                violations: violations_json(violations),
                waits: "[]".to_owned(),
            }
        })
        .collect()
}

/// The raw row and the place of an accepted row, by its index in the record batch.
pub(super) fn place(batch: &LandingBatch<'_>, row: u32) -> (String, Locator) {
    (batch.raw)(batch.accepted.rows().binary_search(&row).unwrap_or_default() as u32)
}

fn framed(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut ident = Vec::with_capacity(bytes.len() + 1);
    ident.push(tag);
    ident.extend_from_slice(bytes);
    ident
}

fn several_contents() -> Violation {
    Violation {
        rule: RuleId::DUPLICATE_KEY,
        severity: Severity::Error,
        field: None,
        found: Found::Several,
        expected: Expected::Words(Text::new("同一主键在一次读取中只有一种内容", "one content under one key in one read")),
        fix: Some(Text::new("在来源系统中更正重复的行", "mend the duplicate rows in the source system")),
    }
}

fn violations_json(violations: &[Violation]) -> String {
    let list: Vec<serde_json::Value> = violations
        .iter()
        .map(|v| {
            let text = v.text();
            serde_json::json!({
                "rule": v.rule.as_str(),
                "severity": v.severity.name(),
                "field": v.field.as_ref().map_or("", |f| &*f.name),
                "label": v.field.as_ref().map_or("", |f| &*f.label),
                "zh": text.zh,
                "en": text.en,
            })
        })
        .collect();
    serde_json::Value::Array(list).to_string()
}

fn waits_json(waits: &[Waits]) -> String {
    let list: Vec<serde_json::Value> =
        waits.iter().map(|w| serde_json::json!({ "table": &*w.table, "field": &*w.field, "value": w.value })).collect();
    serde_json::Value::Array(list).to_string()
}
