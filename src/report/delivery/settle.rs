//! From a result to an outcome for every row.

use std::collections::HashMap;

use serde::Deserialize;

use super::ResultItem;
use crate::record::RecordKey;
use crate::store::{MemberVerdict, Outcome};

/// Whether `num` counts rows from 0 or 1; the standard does not print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumBase {
    /// Found out from the result itself, where it can be.
    #[default]
    Auto,
    /// From 0.
    Zero,
    /// From 1.
    One,
}

/// The text of a lone row of which the platform says nothing.
const SILENT: &str = "平台既未入库也未说明原因 (the platform neither stored the row nor named a reason)";

enum Mark {
    Unnamed,
    Refused(String),
    /// One of several rows that `num` may mean.
    Perhaps,
}

/// The outcome of every row of a batch. `members` are record keys in wire order; `field_of` finds the field that a
/// reason names. Counts and named rows decide, never the platform's word alone.
pub fn judge(
    members: &[RecordKey],
    result: &ResultItem,
    base: NumBase,
    field_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<MemberVerdict> {
    let marks = name_rows(members, result, base);
    let rows = members.len() as u64;
    let refused = marks.iter().filter(|m| matches!(m, Mark::Refused(_))).count() as u64;
    let perhaps = marks.iter().any(|m| matches!(m, Mark::Perhaps));
    // With rows that only `num` names, the faults listed stand for the rows refused.
    let named = if perhaps { result.faults.len() as u64 } else { refused };
    let counts_agree = result.received.is_none_or(|n| n == rows) && result.stored.is_some_and(|n| n + named == rows);
    let split = u32::try_from(rows / 2).unwrap_or(u32::MAX).max(1);
    marks
        .into_iter()
        .enumerate()
        .map(|(i, mark)| {
            let outcome = match mark {
                Mark::Refused(text) => Outcome::Refused { field: field_of(&text), text },
                Mark::Unnamed if counts_agree => Outcome::Stored,
                Mark::Unnamed | Mark::Perhaps if rows == 1 => lone(result, field_of),
                Mark::Unnamed | Mark::Perhaps => Outcome::Unknown { split },
            };
            MemberVerdict { ordinal: i as u32, outcome }
        })
        .collect()
}

/// A row that was sent alone and is not named: the stored count decides; without one the platform's word does.
fn lone(result: &ResultItem, field_of: &dyn Fn(&str) -> Option<String>) -> Outcome {
    let stored = match (result.stored, result.succeeded) {
        (Some(stored), _) => stored > 0,
        (None, word) => word == Some(true) && result.remark.is_none() && result.faults.is_empty(),
    };
    if stored {
        return Outcome::Stored;
    }
    let text = result
        .remark
        .clone()
        .or_else(|| result.faults.first().map(|f| f.text.clone()))
        .filter(|t| !t.trim().is_empty())
        .unwrap_or_else(|| SILENT.to_owned());
    Outcome::Refused { field: field_of(&text), text }
}

fn name_rows(members: &[RecordKey], result: &ResultItem, base: NumBase) -> Vec<Mark> {
    let place: HashMap<RecordKey, usize> = members.iter().enumerate().map(|(i, k)| (*k, i)).collect();
    let mut marks: Vec<Mark> = members.iter().map(|_| Mark::Unnamed).collect();
    let keyed = |fault: &super::RowFault| fault.key.as_deref().and_then(RecordKey::parse).and_then(|k| place.get(&k).copied());
    let bases = possible_bases(members.len(), result, base, &keyed);
    for fault in &result.faults {
        if let Some(at) = keyed(fault) {
            refuse(&mut marks[at], &fault.text);
            continue;
        }
        // A key that is not in the batch names no row of it, whatever `num` says.
        let Some(num) = fault.num.filter(|_| fault.key.is_none()) else { continue };
        let places: Vec<usize> =
            bases.iter().filter_map(|b| usize::try_from(num - b).ok()).filter(|at| *at < members.len()).collect();
        match places[..] {
            [at] => refuse(&mut marks[at], &fault.text),
            _ => {
                for at in places {
                    if matches!(marks[at], Mark::Unnamed) {
                        marks[at] = Mark::Perhaps;
                    }
                }
            }
        }
    }
    marks
}

fn refuse(mark: &mut Mark, text: &str) {
    let text = if text.trim().is_empty() { SILENT } else { text };
    match mark {
        Mark::Refused(before) if before.split('；').any(|t| t == text) => {}
        Mark::Refused(before) => {
            before.push('；');
            before.push_str(text);
        }
        _ => *mark = Mark::Refused(text.to_owned()),
    }
}

/// The bases that agree with every fault: with rows named by key and number alike, and with numbers that must lie in
/// the batch.
fn possible_bases(
    rows: usize,
    result: &ResultItem,
    base: NumBase,
    keyed: &dyn Fn(&super::RowFault) -> Option<usize>,
) -> Vec<i64> {
    let fits = |b: i64| {
        result.faults.iter().filter(|f| f.num.is_some()).all(|fault| {
            let at = fault.num.unwrap_or_default() - b;
            match keyed(fault) {
                Some(place) => at == place as i64,
                None => fault.key.is_some() || (0..rows as i64).contains(&at),
            }
        })
    };
    match base {
        NumBase::Zero => vec![0],
        NumBase::One => vec![1],
        NumBase::Auto => [0, 1].into_iter().filter(|b| fits(*b)).collect(),
    }
}

/// The outcome when a submit was refused as a whole for its data: a lone row is refused, others are sent in smaller
/// parts until the one to blame stands alone.
pub fn refused_whole(rows: u32, text: &str, field_of: &dyn Fn(&str) -> Option<String>) -> Vec<MemberVerdict> {
    let outcome = if rows <= 1 {
        Outcome::Refused { text: text.to_owned(), field: field_of(text) }
    } else {
        Outcome::Unknown { split: (rows / 2).max(1) }
    };
    (0..rows).map(|ordinal| MemberVerdict { ordinal, outcome: outcome.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::delivery::RowFault;
    use proptest::prelude::*;

    fn members(n: u8) -> Vec<RecordKey> {
        (0..n).map(|i| RecordKey::from_bits([i; 16])).collect()
    }

    fn by_key(i: u8) -> RowFault {
        RowFault { num: None, key: Some(RecordKey::from_bits([i; 16]).to_string()), text: format!("bad {i}") }
    }

    fn by_num(num: i64) -> RowFault {
        RowFault { num: Some(num), key: None, text: format!("bad #{num}") }
    }

    fn result(received: u64, stored: u64, faults: Vec<RowFault>) -> ResultItem {
        ResultItem { received: Some(received), stored: Some(stored), faults, ..ResultItem::default() }
    }

    /// One letter a row: stored, refused, unknown.
    fn letters(n: u8, item: &ResultItem, base: NumBase) -> String {
        judge(&members(n), item, base, &|_| None)
            .iter()
            .map(|v| match v.outcome {
                Outcome::Stored => 's',
                Outcome::Refused { .. } => 'r',
                Outcome::Unknown { .. } => 'u',
            })
            .collect()
    }

    #[test]
    fn verdicts_by_counts_and_names() {
        let cases = [
            (4, result(4, 4, vec![]), "ssss"),
            (4, result(4, 3, vec![by_key(2)]), "ssrs"),
            (4, result(4, 2, vec![by_key(2), by_key(2)]), "uuru"),
            (4, result(4, 2, vec![by_key(2)]), "uuru"),
            (4, result(3, 3, vec![]), "uuuu"),
            (4, result(4, 0, vec![]), "uuuu"),
            (4, result(4, 5, vec![]), "uuuu"),
            (1, result(1, 0, vec![]), "r"),
            (1, result(1, 1, vec![]), "s"),
            (1, result(1, 0, vec![by_num(7)]), "r"),
            // From 0, because 0 occurs; from 1, because 4 occurs; either, so both rows are unknown and the rest is sure.
            (4, result(4, 2, vec![by_num(0), by_num(3)]), "rssr"),
            (4, result(4, 2, vec![by_num(1), by_num(4)]), "rssr"),
            (4, result(4, 3, vec![by_num(2)]), "suus"),
        ];
        for (i, (n, item, want)) in cases.into_iter().enumerate() {
            assert_eq!(letters(n, &item, NumBase::Auto), want, "case {i}");
        }
        assert_eq!(letters(4, &result(4, 3, vec![by_num(2)]), NumBase::One), "srss");
    }

    #[test]
    fn a_key_beats_a_number_and_fixes_the_base() {
        let both = RowFault { num: Some(3), ..by_key(2) };
        assert_eq!(letters(5, &result(5, 3, vec![both, by_num(1)]), NumBase::Auto), "rsrss");
        let liar = RowFault { num: Some(9), ..by_key(2) };
        assert_eq!(letters(5, &result(5, 4, vec![liar]), NumBase::Auto), "ssrss");
    }

    #[test]
    fn without_counts_the_platforms_word_decides_only_for_a_lone_row() {
        let word = ResultItem { succeeded: Some(true), ..ResultItem::default() };
        assert_eq!(letters(1, &word, NumBase::Auto), "s");
        assert_eq!(letters(3, &word, NumBase::Auto), "uuu");
        let failed = ResultItem { succeeded: Some(false), remark: Some("字段KCH为空".into()), ..ResultItem::default() };
        let got = judge(&members(1), &failed, NumBase::Auto, &|t| t.contains("KCH").then(|| "KCH".to_owned()));
        assert_eq!(got[0].outcome, Outcome::Refused { text: "字段KCH为空".into(), field: Some("KCH".into()) });
    }

    proptest! {
        /// A platform that stores what it does not name, and loses some rows without a word: whatever the first
        /// result, sending the unknown rows again in the parts asked for ends with every row settled rightly.
        #[test]
        fn splitting_ends_with_the_lost_row_alone(n in 1u8..60, bad: u64, dropped: u64) {
            let all = members(n);
            let is = |set: u64, k: &RecordKey| all.iter().position(|m| m == k).is_some_and(|i| set >> i & 1 == 1);
            let mut work: Vec<(Vec<RecordKey>, u32)> = vec![(all.clone(), 0)];
            let (mut stored, mut refused, mut rounds) = (0, 0, 0);
            while let Some((batch, _)) = work.pop() {
                rounds += 1;
                prop_assert!(rounds < 1000);
                let faults: Vec<RowFault> = batch.iter().filter(|k| is(bad, k)).map(|k| RowFault {
                    key: Some(k.to_string()), num: None, text: "bad".into() }).collect();
                let lost = batch.iter().filter(|k| !is(bad, k) && is(dropped, k)).count();
                let item = result(batch.len() as u64, (batch.len() - faults.len() - lost) as u64, faults);
                let mut again = Vec::new();
                let mut bound = 1;
                for verdict in judge(&batch, &item, NumBase::Auto, &|_| None) {
                    let key = batch[verdict.ordinal as usize];
                    match verdict.outcome {
                        Outcome::Stored => { prop_assert!(!is(bad, &key) && !is(dropped, &key)); stored += 1; }
                        Outcome::Refused { .. } => { prop_assert!(is(bad, &key) || is(dropped, &key)); refused += 1; }
                        Outcome::Unknown { split } => { prop_assert!(split >= 1 && (split as usize) < batch.len()); bound = split; again.push(key); }
                    }
                }
                for part in again.chunks(bound as usize) { work.push((part.to_vec(), bound)); }
            }
            prop_assert_eq!(stored + refused, all.len());
        }
    }
}
