//! Which result belongs to which batch.
//!
//! No batch id comes back, so a batch goes by (table, reply time). A batch whose answer was lost has no reply time: its
//! result is the only one of the table in the stretch in which it can have arrived that no known batch claims, with as
//! many rows received as were sent and no key named that is not in it.

use std::collections::HashSet;

use super::ResultItem;
use crate::record::RecordKey;
use crate::store::{BatchId, Millis};

/// A batch whose result is looked for.
#[derive(Debug)]
pub struct Open<'a> {
    /// The batch.
    pub id: BatchId,
    /// Rows sent.
    pub rows: u64,
    /// Its reply time; `None` when the answer was lost.
    pub mark: Option<&'a str>,
    /// When it can have arrived, on the platform's clock.
    pub window: (Millis, Millis),
    /// The keys in it.
    pub keys: &'a HashSet<RecordKey>,
}

/// What matches what.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Batch and index of its result.
    pub found: Vec<(BatchId, usize)>,
    /// Indices of results that belong to nothing known: portal imports, other clients. They are shown, never used.
    pub foreign: Vec<usize>,
}

/// Matches the results of one table to its unsettled batches. `known` are the reply times of all its batches, settled
/// or not: what they claim is taken.
pub fn match_results(open: &[Open<'_>], known: &HashSet<String>, items: &[ResultItem]) -> Matching {
    let mut taken: HashSet<usize> = HashSet::new();
    let mut found = Vec::new();
    for batch in open {
        let Some(mark) = batch.mark else { continue };
        let named = |item: &ResultItem| item.marks.iter().any(|m| m == mark);
        let mut fits: Vec<usize> = (0..items.len()).filter(|i| named(&items[*i]) && no_foreign_key(&items[*i], batch)).collect();
        let rivals = open.iter().any(|other| other.id != batch.id && other.mark == Some(mark));
        if fits.len() > 1 || rivals {
            fits.retain(|i| items[*i].received == Some(batch.rows));
        }
        if rivals {
            // Two batches of one second: only a result that cannot be the other's is this one's.
            fits.retain(|i| {
                !open.iter().any(|other| {
                    other.id != batch.id
                        && other.mark == Some(mark)
                        && items[*i].received == Some(other.rows)
                        && no_foreign_key(&items[*i], other)
                })
            });
        }
        if let [only] = fits[..] {
            taken.insert(only);
            found.push((batch.id, only));
        }
    }
    let claimed = |i: usize, taken: &HashSet<usize>| taken.contains(&i) || items[i].marks.iter().any(|m| known.contains(m));
    for batch in open.iter().filter(|b| b.mark.is_none()) {
        let fits: Vec<usize> = (0..items.len())
            .filter(|i| {
                let item = &items[*i];
                !claimed(*i, &taken)
                    && item.at.iter().any(|at| (batch.window.0..=batch.window.1).contains(at))
                    && item.received == Some(batch.rows)
                    && no_foreign_key(item, batch)
            })
            .collect();
        if let [only] = fits[..] {
            taken.insert(only);
            found.push((batch.id, only));
        }
    }
    let foreign = (0..items.len()).filter(|i| !claimed(*i, &taken)).collect();
    Matching { found, foreign }
}

fn no_foreign_key(item: &ResultItem, batch: &Open<'_>) -> bool {
    item.faults
        .iter()
        .filter_map(|fault| fault.key.as_deref())
        .all(|key| RecordKey::parse(key).is_some_and(|key| batch.keys.contains(&key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::delivery::RowFault;

    fn keys(range: std::ops::Range<u8>) -> HashSet<RecordKey> {
        range.map(|i| RecordKey::from_bits([i; 16])).collect()
    }

    fn item(mark: &str, at: Millis, received: u64, named: &[u8]) -> ResultItem {
        ResultItem {
            table: "T".into(),
            marks: vec![mark.into()],
            at: vec![at],
            received: Some(received),
            stored: Some(received - named.len() as u64),
            faults: named
                .iter()
                .map(|k| RowFault { key: Some(RecordKey::from_bits([*k; 16]).to_string()), ..RowFault::default() })
                .collect(),
            ..ResultItem::default()
        }
    }

    fn open<'a>(id: i64, rows: u64, mark: Option<&'a str>, keys: &'a HashSet<RecordKey>) -> Open<'a> {
        Open { id: BatchId(id), rows, mark, window: (1_000, 9_000), keys }
    }

    #[test]
    fn by_reply_time() {
        let k = keys(0..3);
        let items = [item("m2", 2_000, 3, &[]), item("m1", 1_000, 3, &[1])];
        let got = match_results(&[open(7, 3, Some("m1"), &k)], &HashSet::from(["m1".into()]), &items);
        assert_eq!(got, Matching { found: vec![(BatchId(7), 1)], foreign: vec![0] });
    }

    #[test]
    fn another_clients_result_of_the_same_second_is_not_ours() {
        let k = keys(0..3);
        let items = [item("m1", 1_000, 3, &[9])];
        assert_eq!(match_results(&[open(7, 3, Some("m1"), &k)], &HashSet::new(), &items).found, []);
    }

    #[test]
    fn a_lost_batch_by_window_count_and_keys() {
        let k = keys(0..3);
        let lost = [open(7, 3, None, &k)];
        let known = HashSet::from(["claimed".to_owned()]);
        let ours = item("x", 5_000, 3, &[2]);
        let cases = [
            (vec![ours.clone()], true),
            (vec![item("x", 9_001, 3, &[])], false),
            (vec![item("x", 999, 3, &[])], false),
            (vec![item("x", 5_000, 4, &[])], false),
            (vec![item("x", 5_000, 3, &[8])], false),
            (vec![item("claimed", 5_000, 3, &[])], false),
            (vec![ours.clone(), item("y", 6_000, 3, &[])], false),
            (vec![ours.clone(), item("y", 6_000, 5, &[])], true),
        ];
        for (i, (items, fits)) in cases.into_iter().enumerate() {
            assert_eq!(!match_results(&lost, &known, &items).found.is_empty(), fits, "case {i}");
        }
    }

    #[test]
    fn two_batches_of_one_second_are_told_apart_by_counts_or_not_at_all() {
        let (a, b) = (keys(0..3), keys(3..8));
        let items = [item("m", 1_000, 3, &[]), item("m", 1_000, 5, &[])];
        let got = match_results(&[open(1, 3, Some("m"), &a), open(2, 5, Some("m"), &b)], &HashSet::new(), &items);
        assert_eq!(got.found, [(BatchId(1), 0), (BatchId(2), 1)]);
        let same = [item("m", 1_000, 3, &[]), item("m", 1_000, 3, &[])];
        let c = keys(3..6);
        assert_eq!(match_results(&[open(1, 3, Some("m"), &a), open(2, 3, Some("m"), &c)], &HashSet::new(), &same).found, []);
    }
}
