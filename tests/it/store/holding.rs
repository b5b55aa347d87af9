//! Who holds which record key, in plain maps.

use std::collections::BTreeMap;

use xiaoshu::store::Reason;

use super::model::{Key, Model, Place, Run};
use super::table::{Adopted, Row};

/// A content, and the record key that came with it.
pub type Content = (u32, Option<RecordKey>);

/// A record key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKey {
    Vendor(u32),
    Minted(Key),
}

/// The record key that comes with a row; its own minted one is none.
pub fn adopted(row: &Row) -> Option<RecordKey> {
    match row.adopted? {
        Adopted::Vendor(n) => Some(RecordKey::Vendor(n)),
        Adopted::MintedFor(key) => (key != row.key).then_some(RecordKey::Minted(key)),
    }
}

impl Model {
    /// Rows that may not land under their record keys, in the order of the rows: whether another key holds it, or the
    /// record may stand upstream under another one. What is granted is held from now on.
    pub fn clashes(
        &mut self,
        source: &'static str,
        run: &Run,
        groups: &BTreeMap<Key, Vec<Content>>,
        first: &BTreeMap<Key, usize>,
    ) -> BTreeMap<Key, bool> {
        let before = self.holders.clone();
        let mut clashes = BTreeMap::new();
        let mut keys: Vec<Key> = groups.keys().copied().collect();
        keys.sort_by_key(|k| first[k]);
        for key in keys {
            let [content] = groups[&key].as_slice() else { continue };
            let record = self.records.get(&key);
            let written = match record.filter(|r| r.alive) {
                None => !run.conflicts.contains(&key),
                Some(_) if self.foreign(source, key) => false,
                Some(r) => !r.frozen && r.content != *content && !run.seen.contains(&key),
            };
            let kept = record.map(|r| r.record_key);
            if !written || kept.is_some() && content.1.is_none() {
                continue;
            }
            let wanted = content.1.unwrap_or(RecordKey::Minted(key));
            let granted = self.holders.get(&wanted).or(before.get(&wanted));
            if granted.is_some_and(|holder| *holder != key) {
                clashes.insert(key, true);
            } else if kept.is_some_and(|kept| kept != wanted) && self.perhaps_upstream(key) {
                clashes.insert(key, false);
            } else {
                if let Some(kept) = kept {
                    self.holders.remove(&kept);
                }
                self.holders.insert(wanted, key);
            }
        }
        clashes
    }

    fn perhaps_upstream(&self, key: Key) -> bool {
        let unknown = matches!(self.places.get(&key), Some(Place::Excepted(Reason::Unknown, _)));
        self.delivered.contains(&key) || self.in_flight(key) || unknown
    }
}
