//! Which source holds a record, in plain maps.

use std::collections::BTreeSet;

use xiaoshu::store::Landed;

use super::holding::Content;
use super::model::{Ident, Key, Model, Run};

impl Model {
    /// Whether another source holds a record and does not give it up to this one.
    pub fn foreign(&self, source: &'static str, key: Key) -> bool {
        let Some(record) = self.records.get(&key).filter(|r| r.alive && r.source != source) else { return false };
        let yields = self.yields.get(record.source) == Some(&source);
        let missed = self.held.get(record.source).is_some_and(|held| held.contains(&key));
        !yields && !missed
    }

    /// Counts a row of a record that another source holds, if it says the same.
    pub fn agrees(&self, run: &mut Run, key: Key, content: Content, landed: &mut Landed, closing: &mut Vec<Key>) -> bool {
        let record = &self.records[&key];
        let first = run.seen.insert(key);
        let same_key = content.1.is_none_or(|key| key == record.record_key);
        if record.content != content && !(record.content.0 == content.0 && same_key) {
            return false;
        }
        if first {
            landed.unchanged += 1;
        } else {
            landed.duplicate += 1;
        }
        if !record.frozen {
            closing.push(key);
        }
        true
    }

    /// Marks of rows that are no longer in quarantine go.
    pub fn forget_closed(&mut self) {
        let open = &self.quarantine;
        self.collisions.retain(|(s, key)| open.contains_key(&(*s, Ident::Key(*key))));
        self.rivals.retain(|(s, key)| open.contains_key(&(*s, Ident::Key(*key))));
    }

    /// What others miss or yield and a source has seen is its own now; what it gives is remembered.
    pub fn share(&mut self, source: &'static str, seen: &BTreeSet<Key>, complete: bool) {
        for (other, held) in self.held.iter_mut().filter(|(other, _)| **other != source) {
            let taken: Vec<Key> = held.intersection(seen).copied().collect();
            for key in taken {
                held.remove(&key);
                let record = self.records.get_mut(&key).unwrap();
                if record.source == *other {
                    record.source = source;
                }
            }
        }
        self.held.retain(|_, held| !held.is_empty());
        for key in seen {
            if let Some(record) = self.records.get_mut(key).filter(|r| r.alive)
                && self.yields.get(record.source) == Some(&source)
            {
                record.source = source;
            }
        }
        let takes = self.yields.values().any(|taker| *taker == source);
        if self.begun.len() > 1 || takes {
            let given = self.given.entry(source).or_default();
            if complete {
                given.clear();
            }
            given.extend(seen);
        }
    }

    /// What a complete run of a source misses and the other gives is the other's now.
    pub fn give_up(&mut self, source: &'static str, missing: &mut BTreeSet<Key>) {
        for (other, given) in self.given.iter().filter(|(other, _)| **other != source) {
            for key in given {
                if missing.remove(key) {
                    self.records.get_mut(key).unwrap().source = other;
                }
            }
        }
    }

    /// Returns how many records one source held, how many of them the other gives, and how many of those with another content.
    pub fn take_over(&mut self, from: &'static str, to: &'static str) -> (u64, u64, u64) {
        let held: BTreeSet<Key> = self.records.iter().filter(|(_, r)| r.alive && r.source == from).map(|(k, _)| *k).collect();
        let given: BTreeSet<Key> = self.given.get(to).into_iter().flatten().filter(|k| held.contains(k)).copied().collect();
        let differing = self.rivals.iter().filter(|(s, key)| *s == to && held.contains(key)).count() as u64;
        if self.yields.get(to) == Some(&from) {
            self.yields.remove(to);
        }
        self.yields.insert(from, to);
        for key in &given {
            self.records.get_mut(key).unwrap().source = to;
        }
        if let Some(missed) = self.held.get_mut(from) {
            missed.retain(|key| !self.given.get(to).is_some_and(|given| given.contains(key)));
        }
        self.held.retain(|_, held| !held.is_empty());
        (held.len() as u64, given.len() as u64, differing)
    }
}
