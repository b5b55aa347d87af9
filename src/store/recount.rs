//! What a recount finds, whatever the database.

use super::{Imbalance, Reason};

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
