//! Records on their way into the feed: pure, no database.

use crate::record::{Record, RecordKey};
use crate::standard::FieldIdx;

/// A record with its numbers.
pub(super) struct Numbered<'a> {
    pub(super) seq: u64,
    pub(super) rid: u32,
    pub(super) record: Record<'a>,
    /// The record key that it keeps, where its row has another one.
    pub(super) key: Option<RecordKey>,
}

impl Numbered<'_> {
    /// The value of a field as it lands.
    pub(super) fn value(&self, field: FieldIdx) -> Option<&str> {
        match &self.key {
            Some(key) if self.record.plan().roles.record_key == Some(field) => Some(key.as_str()),
            _ => self.record.get(field).text(),
        }
    }
}

/// Puts the key that a record keeps in the place of the one that its row has.
pub(super) fn keep_key(record: &Record<'_>, key: &RecordKey, payload: &mut [u8]) {
    let Some(field) = record.plan().roles.record_key else { return };
    let lead = format!("\"{}\":\"", record.plan().field(field).name);
    let own = format!("{lead}{}\"", record.record_key());
    if let Some(at) = payload.windows(own.len()).position(|w| w == own.as_bytes()) {
        let from = at + lead.len();
        payload[from..from + key.as_str().len()].copy_from_slice(key.as_str().as_bytes());
    }
}
