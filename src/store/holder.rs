//! Who holds a record key: pure, no database.
//!
//! Two minted keys never meet: they are 128 bits of SHA-256. An adopted key may meet any other, so a feed that has one keeps
//! all its record keys in a table of their own. Rows that land as they are never come here, nor do feeds without adopted keys.

use std::collections::{HashMap, HashSet};

use super::sort::Write;
use crate::record::{RecordBatch, RecordKey};

/// Why a row may not land under its record key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Clash {
    /// Another natural key holds it.
    Held {
        /// That natural key.
        by: Vec<u8>,
        /// Its record was deleted.
        gone: bool,
        /// Its row, when it lands together with this one.
        row: Option<u32>,
    },
    /// The record may stand upstream under this key, which is another one.
    Changed(RecordKey),
}

/// Who holds a key.
pub(super) struct Holder {
    pub(super) natural_key: Vec<u8>,
    pub(super) gone: bool,
    pub(super) row: Option<u32>,
}

/// What the store knows of the keys that writes want and have.
pub(super) struct Known {
    /// Holders of wanted keys.
    pub(super) holders: HashMap<RecordKey, Holder>,
    /// The keys of the records that are to be replaced, by rid.
    pub(super) kept: HashMap<u32, RecordKey>,
    /// Records that an upstream may hold.
    pub(super) upstream: HashSet<u32>,
}

/// A record that takes a key, and perhaps leaves one.
pub(super) struct Claim {
    pub(super) row: u32,
    pub(super) key: RecordKey,
    pub(super) left: Option<RecordKey>,
}

/// Decides, in the order of the rows: the first one that wants a free key has it.
pub(super) fn decide(batch: &RecordBatch, writes: &mut [Write], mut known: Known) -> (Vec<Claim>, Vec<(u32, Clash)>) {
    let (mut claims, mut clashes) = (Vec::new(), Vec::new());
    let mut order: Vec<&mut Write> = writes.iter_mut().collect();
    order.sort_by_key(|w| w.row);
    for write in order {
        let record = batch.row(write.row as usize);
        let kept = write.old.and_then(|old| known.kept.get(&old.rid)).copied();
        if let Some(kept) = kept.filter(|_| !record.is_adopted()) {
            write.key = (kept != record.record_key()).then_some(kept);
            continue;
        }
        let key = record.record_key();
        if let Some(holder) = known.holders.get(&key).filter(|holder| holder.natural_key != record.natural_key()) {
            let clash = Clash::Held { by: holder.natural_key.clone(), gone: holder.gone, row: holder.row };
            clashes.push((write.row, clash));
            continue;
        }
        if let Some(kept) = kept.filter(|kept| *kept != key && write.old.is_some_and(|old| known.upstream.contains(&old.rid))) {
            clashes.push((write.row, Clash::Changed(kept)));
            continue;
        }
        if known.holders.contains_key(&key) {
            continue;
        }
        known.holders.insert(key, Holder { natural_key: record.natural_key().to_vec(), gone: false, row: Some(write.row) });
        claims.push(Claim { row: write.row, key, left: kept.filter(|kept| *kept != key) });
    }
    (claims, clashes)
}
