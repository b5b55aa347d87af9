//! What is remembered of a run under way, and the forms in which it is kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use roaring::RoaringBitmap;

use super::sort::{Contents, Fate, Found, Group, Sighting};
use super::{FeedId, Landed, LandingBatch, StoreError};
use crate::record::ContentHash;

/// Rids a chunk of the seen set covers: 2 to this power.
pub(super) const CHUNK_BITS: u32 = 16;

/// What this process remembers of a run that goes on.
pub(super) struct OpenRun {
    pub(super) feed: FeedId,
    pub(super) source: i64,
    /// Landings so far, where somebody else may go on with the run.
    pub(super) landings: i64,
    /// Rids seen, by chunk.
    pub(super) seen: BTreeMap<u32, RoaringBitmap>,
    /// Frozen keys seen.
    pub(super) sightings: HashMap<u32, Sighting>,
    /// Keys in conflict under which no record stands.
    pub(super) conflicts: HashSet<Vec<u8>>,
    /// Whether keys that come in order are worth a walk along the heads.
    pub(super) walks: bool,
}

impl OpenRun {
    /// Whether the run has seen a record.
    pub(super) fn has_seen(&self, rid: u32) -> bool {
        self.seen.get(&(rid >> CHUNK_BITS)).is_some_and(|chunk| chunk.contains(rid))
    }

    /// Whether the run has seen several contents under a key under which no record stands.
    pub(super) fn in_conflict(&self, natural_key: &[u8]) -> bool {
        !self.conflicts.is_empty() && self.conflicts.contains(natural_key)
    }

    /// All rids seen.
    pub(super) fn all_seen(&self) -> RoaringBitmap {
        self.seen.values().fold(RoaringBitmap::new(), |all, chunk| all | chunk)
    }
}

/// A bitmap from its stored form.
pub(super) fn bitmap(bytes: &[u8]) -> Result<RoaringBitmap, StoreError> {
    RoaringBitmap::deserialize_from(bytes).map_err(|_| StoreError::Inconsistent("a set of rows cannot be read".to_owned()))
}

/// A bitmap in its stored form.
pub(super) fn bitmap_bytes(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut packed = bitmap.clone();
    packed.optimize();
    let mut bytes = Vec::with_capacity(packed.serialized_size());
    // Writing to memory cannot fail.
    let _ = packed.serialize_into(&mut bytes);
    bytes
}

/// A hash from its column.
pub(super) fn hash_of(bytes: &[u8]) -> ContentHash {
    ContentHash(bytes.try_into().unwrap_or_default())
}

/// Totals from their columns.
pub(super) fn landed(columns: [i64; 7]) -> Landed {
    let [read, changed, unchanged, duplicate, quarantined, filtered, consumed] = columns.map(|n| n.unsigned_abs());
    Landed { read, changed, unchanged, duplicate, quarantined, filtered, consumed }
}

/// What a landing came to.
pub(super) fn totals(batch: &LandingBatch<'_>, fate: &Fate) -> Landed {
    let rejected = batch.rejected.len() as u64;
    Landed {
        read: batch.read,
        changed: fate.writes.len() as u64,
        unchanged: fate.unchanged,
        duplicate: fate.duplicate,
        quarantined: rejected + (fate.conflicts.len() + fate.clashes.len() + fate.rivals.len()) as u64,
        filtered: batch.filtered,
        consumed: batch.consumed,
    }
}

/// Changes of a landing that reading what changed had missed.
pub(super) fn missed(batch: &LandingBatch<'_>, landed: &Landed) -> u64 {
    if batch.settled { landed.changed } else { 0 }
}

/// Takes over into memory what has been committed.
pub(super) fn remember(open: &mut OpenRun, fate: &Fate, found: &[Option<Found>], groups: &[Group], batch: &LandingBatch<'_>) {
    open.sightings.extend(&fate.sightings);
    if fate.conflicts.is_empty() {
        return;
    }
    let records = batch.accepted.batch();
    for (group, _) in groups.iter().zip(found).filter(|(_, f)| !f.is_some_and(Found::stands)) {
        if let Contents::Several(_) = group.contents {
            open.conflicts.insert(records.row(group.first()).natural_key().to_vec());
        }
    }
}
