//! The verdicts on a batch, by outcome: pure, no database.

use super::{MemberVerdict, Outcome, StoreError};

/// Verdicts by outcome.
pub(super) struct Sorted<'a> {
    /// Ordinals of stored rows.
    pub(super) stored: Vec<u32>,
    /// Ordinal, text and field of refused ones.
    pub(super) refused: Vec<(u32, &'a str, Option<&'a str>)>,
    /// Ordinal of unknown ones, and the bound of the next batch; 0 keeps the one they had.
    pub(super) unknown: Vec<(u32, u32)>,
}

impl<'a> Sorted<'a> {
    /// Of a batch whose rows wait again, each under the bound that it had.
    pub(super) fn given_up(rows: u32) -> Self {
        Self { stored: Vec::new(), refused: Vec::new(), unknown: (0..rows).map(|ordinal| (ordinal, 0)).collect() }
    }

    /// Sorts verdicts; each of the batch's rows must have exactly one.
    pub(super) fn new(rows: u32, verdicts: &'a [MemberVerdict]) -> Result<Self, StoreError> {
        let mut seen = vec![false; rows as usize];
        let mut sorted = Self { stored: Vec::with_capacity(verdicts.len()), refused: Vec::new(), unknown: Vec::new() };
        for verdict in verdicts {
            match seen.get_mut(verdict.ordinal as usize) {
                Some(slot) if !*slot => *slot = true,
                Some(_) => return Err(inconsistent(format!("row {} has two verdicts", verdict.ordinal))),
                None => return Err(inconsistent(format!("a verdict on row {} of a batch of {rows}", verdict.ordinal))),
            }
            match &verdict.outcome {
                Outcome::Stored => sorted.stored.push(verdict.ordinal),
                Outcome::Refused { text, field } => sorted.refused.push((verdict.ordinal, text, field.as_deref())),
                Outcome::Unknown { split } => sorted.unknown.push((verdict.ordinal, *split)),
            }
        }
        match seen.iter().filter(|s| !**s).count() {
            0 => Ok(sorted),
            n => Err(inconsistent(format!("{n} rows of the batch have no verdict"))),
        }
    }
}

fn inconsistent(what: String) -> StoreError {
    StoreError::Inconsistent(what)
}
