//! Large sets of numbers, kept as bitmaps of 65,536 numbers each: what an upstream holds. Pure, no database.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::StoreError;
use super::open_run::bitmap;

/// Numbers a chunk covers: 2 to this power.
const BITS: u32 = 16;

/// Which set of an (upstream, feed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Row ids of records that the upstream holds in some version.
    Rids,
    /// Seqs that it has stored, of versions that were the newest ones then. Those of versions replaced since stay until their
    /// chunk has no row of the feed any more.
    Seqs,
}

impl Kept {
    /// How it is written in a database.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Rids => 0,
            Self::Seqs => 1,
        }
    }
}

/// A set by chunks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chunks(pub(super) BTreeMap<u64, RoaringBitmap>);

impl Chunks {
    /// From numbers in any order.
    pub(super) fn of(numbers: &[u64]) -> Self {
        let mut chunks: BTreeMap<u64, RoaringBitmap> = BTreeMap::new();
        // Neighbours share a chunk most of the time.
        for run in numbers.chunk_by(|a, b| a >> BITS == b >> BITS) {
            let Some(first) = run.first() else { continue };
            chunks.entry(first >> BITS).or_default().extend(run.iter().map(|n| (n & ((1 << BITS) - 1)) as u32));
        }
        Self(chunks)
    }

    /// From rows of a database: chunk, bits.
    pub(super) fn read(rows: Vec<(i64, Vec<u8>)>) -> Result<Self, StoreError> {
        let one = |(chunk, bits): (i64, Vec<u8>)| Ok((chunk as u64, bitmap(&bits)?));
        rows.into_iter().map(one).collect::<Result<_, StoreError>>().map(Self)
    }

    /// Whether a number is in it.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.get(&(number >> BITS)).is_some_and(|bits| bits.contains((number & ((1 << BITS) - 1)) as u32))
    }

    /// How many of these row ids are in it.
    pub(super) fn common(&self, rids: &RoaringBitmap) -> u64 {
        rids.iter().filter(|rid| self.contains(u64::from(*rid))).count() as u64
    }

    /// The chunks' numbers, as a database has them.
    pub(super) fn keys(&self) -> Vec<i64> {
        self.0.keys().map(|chunk| *chunk as i64).collect()
    }

    /// The chunks of `self` that change when `more` comes to it, as they are afterwards.
    pub(super) fn with(mut self, more: Self) -> Self {
        let mut out = BTreeMap::new();
        for (chunk, new) in more.0 {
            let old = self.0.remove(&chunk).unwrap_or_default();
            let before = old.len();
            let both = old | new;
            if both.len() > before {
                out.insert(chunk, both);
            }
        }
        Self(out)
    }

    /// The chunks of `self` that change when `less` is taken from it, as they are afterwards.
    pub(super) fn without(mut self, less: &Self) -> Self {
        let mut out = BTreeMap::new();
        for (chunk, gone) in &less.0 {
            let Some(old) = self.0.remove(chunk) else { continue };
            let before = old.len();
            let left = old - gone;
            if left.len() < before {
                out.insert(*chunk, left);
            }
        }
        Self(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn chunks_are_a_set(first in prop::collection::vec(0u64..300_000, 0..50), then in prop::collection::vec(0u64..300_000, 0..50)) {
            let seen: BTreeSet<u64> = first.iter().copied().collect();
            let set = Chunks::of(&first);
            prop_assert!((0..300_000).step_by(97).chain(first.iter().copied()).all(|n| set.contains(n) == seen.contains(&n)));
            let mut changed = set.clone();
            changed.0.extend(set.clone().with(Chunks::of(&then)).0);
            prop_assert!(first.iter().chain(&then).all(|n| changed.contains(*n)));
            let more = changed.0.values().map(|c| c.len()).sum::<u64>() as usize;
            prop_assert_eq!(more, seen.iter().chain(&then).collect::<BTreeSet<_>>().len());
            prop_assert!(changed.clone().with(Chunks::of(&first)).0.is_empty(), "what is there already changes no chunk");
            let mut left = changed.clone();
            left.0.extend(changed.without(&Chunks::of(&then)).0);
            prop_assert!(first.iter().all(|n| left.contains(*n) != then.contains(n)));
        }
    }
}
