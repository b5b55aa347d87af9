//! Where a live key is for an upstream, and the counters of that: pure, no database.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::{Cursor, Reason, StoreError};

/// The reason, within the store, of a stored row that is to be sent again; it counts as waiting.
pub(super) const AGAIN: i64 = 8;

/// A place in the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Stored,
    InFlight,
    Waiting,
    Excepted(usize),
}

impl Place {
    /// The place of an exception.
    pub(super) fn of_reason(reason: i64) -> Self {
        match usize::try_from(reason) {
            Ok(at) if at < Reason::ALL.len() => Self::Excepted(at),
            _ => Self::Waiting,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Stored => 0,
            Self::InFlight => 1,
            Self::Waiting => 2,
            Self::Excepted(at) => 3 + at,
        }
    }
}

/// How a reason is written in the database.
pub(super) fn reason_code(reason: Reason) -> i64 {
    Reason::ALL.iter().position(|r| *r == reason).map_or(AGAIN, |at| at as i64)
}

/// Changes of the counters of one (feed, upstream).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delta([i64; 11]);

impl Delta {
    pub(super) fn add(&mut self, place: Place, n: i64) {
        self.0[place.index()] += n;
    }

    /// The changes in the order of the columns.
    pub(super) fn columns(&self) -> [i64; 11] {
        self.0
    }
}

/// Whether a seq is ahead of a cursor.
pub(super) fn is_ahead(cursor: &Cursor, seq: u64) -> bool {
    seq > cursor.seq || cursor.backfill.is_some_and(|(from, to)| seq > from && seq <= to)
}

pub(super) type CursorColumns = (i64, Option<i64>, Option<i64>);

/// A cursor from its columns.
pub(super) fn cursor_of((seq, from, to): CursorColumns) -> Cursor {
    Cursor { seq: seq as u64, backfill: from.zip(to).map(|(from, to)| (from as u64, to as u64)) }
}

/// One version that is about to be replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    pub(super) rid: u32,
    pub(super) seq: u64,
    /// Whether it is counted: tombstones are not.
    pub(super) live: bool,
}

/// What leaves the counters when versions are replaced. `excepted` gives the reasons by rid, `flying` the rids whose newest
/// version is in flight.
pub(super) fn left(cursor: &Cursor, leaving: &[Leaving], excepted: &HashMap<u32, i64>, flying: &RoaringBitmap) -> Delta {
    let mut delta = Delta::default();
    for old in leaving.iter().filter(|l| l.live) {
        let place = if let Some(reason) = excepted.get(&old.rid) {
            Place::of_reason(*reason)
        } else if is_ahead(cursor, old.seq) {
            Place::Waiting
        } else if flying.contains(old.rid) {
            Place::InFlight
        } else {
            Place::Stored
        };
        delta.add(place, -1);
    }
    delta
}

/// The seqs, in `(from, to]`, that a cursor passes on its way; it may not go back, nor its back-fill range grow.
pub(super) fn ranges(old: &Cursor, new: &Cursor) -> Result<Vec<(u64, u64)>, StoreError> {
    let inconsistent = |what: &str| Err(StoreError::Inconsistent(what.to_owned()));
    if new.seq < old.seq {
        return inconsistent("the cursor would go back");
    }
    let mut ranges = vec![(old.seq, new.seq)];
    match (old.backfill, new.backfill) {
        (Some((from, to)), Some((new_from, new_to))) if new_from >= from && new_to <= to && new_from <= new_to => {
            ranges.extend([(from, new_from), (new_to, to)]);
        }
        (Some((from, to)), None) => ranges.push((from, to)),
        (None, None) => {}
        _ => return inconsistent("the back-fill range would grow"),
    }
    ranges.retain(|(from, to)| from < to);
    Ok(ranges)
}
