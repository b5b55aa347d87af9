//! What a recount finds, whatever the database.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::chunks::Chunks;
use super::place::{AGAIN, is_ahead};
use super::{Cursor, Imbalance, Reason};

/// Notes a counter that does not agree.
pub(super) fn note(found: &mut Vec<Imbalance>, what: String, counted: i64, recounted: i64) {
    if counted != recounted {
        found.push(Imbalance { what, counted, found: recounted });
    }
}

/// Compares the stock of one (upstream, feed): its counters (stored, in flight, waiting, then the reasons in their order) with
/// the live keys found in each place, and their sum with the live keys.
pub(super) fn compare(name: &str, counters: [i64; 11], places: Vec<(String, i64)>, live: i64, found: &mut Vec<Imbalance>) {
    let mut recounted = [0; 11];
    for (place, n) in places {
        let at = match place.as_str() {
            "stored" => Some(0),
            "in_flight" => Some(1),
            "waiting" => Some(2),
            other => other.strip_prefix("reason ").and_then(|r| r.parse::<usize>().ok()).map(|r| r + 3),
        };
        match at.and_then(|at| recounted.get_mut(at)) {
            Some(slot) => *slot += n,
            None => note(found, format!("{name}: live keys in {place}"), 0, n),
        }
    }
    let names = ["stored", "in_flight", "waiting"].into_iter().chain(Reason::ALL.iter().map(|r| r.name()));
    for (label, (counted, recounted)) in names.zip(counters.into_iter().zip(recounted)) {
        note(found, format!("{name}: {label}"), counted, recounted);
    }
    note(found, format!("{name}: the stock equation"), live, counters.iter().sum());
}

/// What the tables hold of one (upstream, feed), for a recount.
pub(super) struct Held {
    pub(super) cursor: Cursor,
    /// Members of unsettled batches: version by row id.
    pub(super) flying: HashMap<u32, u64>,
    /// Exceptions by row id: version and reason.
    pub(super) excepted: HashMap<u32, (u64, i64)>,
    /// Versions that the upstream has stored.
    pub(super) stored: Chunks,
}

/// Live keys found in each place.
#[derive(Default)]
pub(super) struct Places(BTreeMap<Cow<'static, str>, i64>);

impl Places {
    /// Counts the newest version of one live key. It is stored when the upstream holds that very version and it is nowhere else.
    pub(super) fn count(&mut self, held: &Held, rid: u32, seq: u64) {
        let ahead = is_ahead(&held.cursor, seq);
        let flying = held.flying.get(&rid) == Some(&seq);
        let excepted = held.excepted.get(&rid);
        let place: Cow<'static, str> = match (excepted, ahead, flying) {
            (Some((about, _)), ..) if *about != seq => "an exception about an old version".into(),
            (None, true, false) | (Some((_, AGAIN)), false, false) => "waiting".into(),
            (None, false, true) => "in_flight".into(),
            (Some((_, reason)), false, false) => format!("reason {reason}").into(),
            (None, false, false) if held.stored.contains(seq) => "stored".into(),
            (None, false, false) => "no place".into(),
            _ => "several places".into(),
        };
        *self.0.entry(place).or_default() += 1;
    }

    /// By place.
    pub(super) fn into_counts(self) -> Vec<(String, i64)> {
        self.0.into_iter().map(|(place, n)| (place.into_owned(), n)).collect()
    }
}
