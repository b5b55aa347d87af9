//! Which version of a record stands, by its seq. Pure.

use std::collections::HashMap;

use super::streams::StreamRow;
use super::upsert::{Held, NewRow, Operation, Outcome, Write, operation, usable};

/// A version that stands.
#[derive(Debug, Clone)]
pub(super) struct Version<'a> {
    pub(super) school: &'a str,
    pub(super) deleted: bool,
    pub(super) body: &'a str,
    pub(super) seq: u64,
    /// Its place in the batch; `None` when it stood before.
    pub(super) row: Option<usize>,
}

/// Sorts the rows of a batch into writes and refusals. `held` is what stands under their keys before, and afterwards.
/// A row with a lower or an equal seq is a write without effect: what the sender wants is held, or newer.
pub(super) fn sort_versions<'a>(
    rows: &'a [StreamRow],
    lost: &[usize],
    school: &'a str,
    held: &mut HashMap<&'a str, Version<'a>>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (place, StreamRow { judged: row, seq }) in rows.iter().enumerate() {
        if lost.contains(&place) {
            continue;
        }
        if let Some(error) = &row.error {
            outcome.refused.push((place, error.clone()));
            continue;
        }
        let key = match usable(row.key.as_deref()) {
            Ok(key) => key,
            Err(why) => {
                outcome.refused.push((place, why));
                continue;
            }
        };
        let before = held.get(key);
        if before.is_some_and(|b| b.school != school) {
            outcome.refused.push((place, "主键重复：该主键已被其他学校使用".to_owned()));
            continue;
        }
        if before.is_some_and(|b| b.seq >= *seq) {
            outcome.writes.push(Write { place, operation: Operation::Same });
            continue;
        }
        let standing = before.map(|b| Held { school: b.school, deleted: b.deleted, body: b.body });
        outcome.writes.push(Write { place, operation: operation(row, standing.as_ref(), true) });
        held.insert(key, Version { school, deleted: row.deletes, body: &row.body, seq: *seq, row: Some(place) });
    }
    outcome
}

/// The versions of a batch that stand afterwards, by key: in this order every transaction locks them.
pub(super) fn new_versions<'a>(rows: &'a [StreamRow], after: &HashMap<&'a str, Version<'a>>) -> Vec<NewRow<'a>> {
    let version = |(key, version): (&&'a str, &Version<'a>)| {
        let row = &rows.get(version.row?)?.judged;
        let (deleted, body, seq) = (version.deleted, version.body, version.seq);
        Some(NewRow { key, deleted, digest: row.digest, body, seq, comparable: row.comparable })
    };
    let mut standing: Vec<NewRow<'a>> = after.iter().filter_map(version).collect();
    standing.sort_unstable_by_key(|row| row.key);
    standing
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::brain::judge::Judged;

    fn row(key: u8, seq: u64, body: u8, deletes: bool) -> StreamRow {
        let judged = Judged { key: Some(key.to_string()), body: body.to_string(), deletes, ..Judged::default() };
        StreamRow { judged, seq }
    }

    proptest! {
        /// Whatever the order and however often: the highest seq of each key stands, and each is an effect at most once.
        #[test]
        fn the_highest_seq_stands(order in prop::collection::vec((0u8..4, 1u64..9), 0..60)) {
            let rows: Vec<StreamRow> = order.iter().map(|(k, s)| row(*k, *s, (*s % 3) as u8, *s % 5 == 0)).collect();
            let mut held = HashMap::new();
            let outcome = sort_versions(&rows, &[], "s", &mut held);
            prop_assert_eq!(outcome.writes.len(), rows.len());
            for (key, version) in &held {
                let best = order.iter().filter(|(k, _)| k.to_string() == **key).map(|(_, s)| *s).max().unwrap();
                prop_assert_eq!(version.seq, best);
                prop_assert_eq!(version.deleted, best % 5 == 0);
            }
            let again = sort_versions(&rows, &[], "s", &mut held);
            prop_assert!(again.writes.iter().all(|w| w.operation == Operation::Same));
        }
    }

    #[test]
    fn a_deletion_that_comes_before_what_it_deletes_holds() {
        let rows = [row(1, 5, 1, true), row(1, 4, 1, false)];
        let mut held = HashMap::new();
        let outcome = sort_versions(&rows, &[], "s", &mut held);
        assert!(outcome.writes.iter().all(|w| w.operation == Operation::Same));
        assert!(held["1"].deleted);
    }
}
