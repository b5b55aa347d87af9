//! What an accepted row does to what is held. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::brain::judge::Judged;

/// What a write does to what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A key that was not held.
    Insert,
    /// Another content under a key that is held.
    Update,
    /// A key that was held is deleted.
    Delete,
    /// Nothing: the same again. No effect.
    Same,
}

impl Operation {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Same => "same",
        }
    }

    pub(super) fn parse(name: &str) -> Self {
        match name {
            "insert" => Self::Insert,
            "update" => Self::Update,
            "delete" => Self::Delete,
            _ => Self::Same,
        }
    }
}

/// A row as it is held.
#[derive(Debug, Clone)]
pub(super) struct Held<'a> {
    pub(super) school: &'a str,
    pub(super) deleted: bool,
    pub(super) body: &'a str,
}

/// One accepted row.
#[derive(Debug)]
pub(in crate::brain) struct Write {
    /// Its place in the submit.
    pub(super) place: usize,
    pub(super) operation: Operation,
}

/// What comes of a submit: accepted rows and, by place, the reasons of those that are not.
#[derive(Debug, Default)]
pub(in crate::brain) struct Outcome {
    pub(in crate::brain) writes: Vec<Write>,
    pub(in crate::brain) refused: Vec<(usize, String)>,
}

/// A row to be put in the place of what is held under its key.
pub(super) struct NewRow<'a> {
    pub(super) key: &'a str,
    pub(super) deleted: bool,
    pub(super) digest: [u8; 16],
    pub(super) body: &'a str,
    /// 0 where it came without one.
    pub(super) seq: u64,
    pub(super) comparable: [u8; 16],
}

/// A write to be noted.
pub(super) struct NewWrite<'a> {
    pub(super) place: i64,
    pub(super) key: &'a str,
    pub(super) operation: Operation,
    pub(super) digest: [u8; 16],
}

/// The rows of a submit that stand afterwards, by key: in this order every transaction locks them.
pub(super) fn new_rows<'a>(rows: &'a [Judged], outcome: &Outcome, after: &HashMap<&str, Held<'_>>) -> Vec<NewRow<'a>> {
    let mut standing = BTreeMap::new();
    for write in &outcome.writes {
        let Some((row, key)) = rows.get(write.place).and_then(|row| Some((row, row.key.as_deref()?))) else { continue };
        // A write without effect may still set the mark of a key deleted before it was ever held.
        let marks = row.deletes && write.operation == Operation::Same;
        if write.operation != Operation::Same || marks {
            let deleted = after.get(key).is_some_and(|h| h.deleted);
            let (digest, comparable) = (row.digest, row.comparable);
            standing.insert(key, NewRow { key, deleted, digest, body: &row.body, seq: 0, comparable });
        }
    }
    standing.into_values().collect()
}

/// The writes of an outcome; `row` gives the row at a place.
pub(super) fn new_writes<'a>(outcome: &Outcome, row: impl Fn(usize) -> Option<&'a Judged>) -> Vec<NewWrite<'a>> {
    let write = |write: &Write| {
        let row = row(write.place)?;
        let place = i64::try_from(write.place).unwrap_or(i64::MAX);
        Some(NewWrite { place, key: row.key.as_deref()?, operation: write.operation, digest: row.digest })
    };
    outcome.writes.iter().filter_map(write).collect()
}

/// The key of a row, or why it has none.
pub(super) fn usable(key: Option<&str>) -> Result<&str, String> {
    match key {
        None => Err("主键为空".to_owned()),
        // Not every database can keep it.
        Some(key) if key.contains('\0') => Err("主键含有空字符".to_owned()),
        Some(key) => Ok(key),
    }
}

/// Sorts the rows of a submit into writes and refusals. `held` is what is held under their keys before; rows of the
/// submit count one after another. Places in `lost` vanish unnamed.
pub(super) fn sort_rows<'a>(
    rows: &'a [Judged],
    lost: &[usize],
    school: &'a str,
    revive: bool,
    held: &mut HashMap<&'a str, Held<'a>>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (place, row) in rows.iter().enumerate() {
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
        let operation = operation(row, before, revive);
        outcome.writes.push(Write { place, operation });
        let stays_deleted = operation == Operation::Same && before.is_some_and(|b| b.deleted);
        held.insert(key, Held { school, deleted: row.deletes || stays_deleted, body: &row.body });
    }
    outcome
}

pub(super) fn operation(row: &Judged, before: Option<&Held<'_>>, revive: bool) -> Operation {
    match (before, row.deletes) {
        (None, true) => Operation::Same,
        (None, false) => Operation::Insert,
        (Some(b), true) if b.deleted => Operation::Same,
        (Some(_), true) => Operation::Delete,
        (Some(b), false) if b.deleted => {
            if revive {
                Operation::Insert
            } else {
                Operation::Same
            }
        }
        (Some(b), false) if b.body == row.body => Operation::Same,
        (Some(_), false) => Operation::Update,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, body: &str, deletes: bool) -> Judged {
        Judged { key: Some(key.to_owned()), body: body.to_owned(), deletes, ..Judged::default() }
    }

    fn operations(rows: &[Judged], revive: bool) -> Vec<Operation> {
        sort_rows(rows, &[], "s", revive, &mut HashMap::new()).writes.iter().map(|w| w.operation).collect()
    }

    #[test]
    fn only_a_change_is_an_effect() {
        use Operation::{Delete, Insert, Same, Update};
        let rows = [
            row("k", "1", false),
            row("k", "1", false),
            row("k", "2", false),
            row("k", "2", true),
            row("k", "2", true),
            row("k", "2", false),
        ];
        assert_eq!(operations(&rows, true), [Insert, Same, Update, Delete, Same, Insert]);
        assert_eq!(operations(&rows, false), [Insert, Same, Update, Delete, Same, Same]);
        assert_eq!(operations(&[row("k", "1", true), row("k", "1", false)], true), [Same, Insert]);
        assert_eq!(operations(&[row("k", "1", true), row("k", "1", false), row("k", "2", false)], false), [Same, Same, Same]);
    }

    #[test]
    fn refused_lost_and_foreign_rows_write_nothing() {
        let bad = Judged { error: Some("x".to_owned()), ..row("b", "1", false) };
        let rows = [bad, row("l", "1", false), row("f", "1", false), Judged::default(), row("n\0", "1", false)];
        let foreign = Held { school: "other", deleted: false, body: "1" };
        let outcome = sort_rows(&rows, &[1], "s", true, &mut HashMap::from([("f", foreign)]));
        assert!(outcome.writes.is_empty());
        assert_eq!(outcome.refused.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 2, 3, 4]);
    }
}
