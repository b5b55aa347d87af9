//! Batches on their way: which rows have no verdict yet. Pure.

use std::collections::BTreeMap;

use crate::store::{BatchId, MemberVerdict, Outcome};
use crate::wire::smartbrain::v1::{self as wire, BatchRef};

/// The longest reason that is kept.
const REASON: usize = 500;

struct Awaited {
    digest: [u8; 16],
    answered: Vec<bool>,
    missing: usize,
}

/// All of one upstream.
#[derive(Default)]
pub(super) struct Unsettled {
    batches: BTreeMap<i64, Awaited>,
    /// One above the highest id ever seen.
    next: i64,
}

impl Unsettled {
    /// A batch is sent, or taken up from its beginning.
    pub(super) fn add(&mut self, id: BatchId, rows: usize, digest: [u8; 16]) {
        self.next = self.next.max(id.0.saturating_add(1));
        self.batches.insert(id.0, Awaited { digest, answered: vec![false; rows], missing: rows });
    }

    /// It was not sent after all, or nobody wants to know any more.
    pub(super) fn remove(&mut self, id: BatchId) {
        self.batches.remove(&id.0);
    }

    /// What the Hello says.
    pub(super) fn refs(&self) -> Vec<BatchRef> {
        let one = |(id, b): (&i64, &Awaited)| BatchRef { id: id.unsigned_abs(), digest: b.digest.to_vec().into() };
        self.batches.iter().map(one).collect()
    }

    /// Every batch below is settled; 0 when nothing is known.
    pub(super) fn oldest(&self) -> u64 {
        self.batches.keys().next().copied().unwrap_or(self.next).unsigned_abs()
    }

    /// After a new Welcome: batches that did not arrive are let go, and named.
    pub(super) fn keep(&mut self, known: &[u64]) -> Vec<BatchId> {
        let lost: Vec<i64> = self.batches.keys().copied().filter(|id| !known.contains(&id.unsigned_abs())).collect();
        for id in &lost {
            self.batches.remove(id);
        }
        lost.into_iter().map(BatchId).collect()
    }

    /// The news in verdicts: each row once, whatever comes how often. `None` for a batch that is not awaited.
    pub(super) fn verdicts(&mut self, message: wire::Verdicts) -> Option<(BatchId, Vec<MemberVerdict>)> {
        let id = i64::try_from(message.batch_id).ok()?;
        let batch = self.batches.get_mut(&id)?;
        let mut news = Vec::with_capacity(if message.rest_stored { batch.missing } else { message.verdicts.len() });
        for verdict in message.verdicts {
            let Some(outcome) = outcome(&verdict) else { continue };
            if let Some(answered) = batch.answered.get_mut(verdict.ordinal as usize).filter(|a| !**a) {
                *answered = true;
                batch.missing -= 1;
                news.push(MemberVerdict { ordinal: verdict.ordinal, outcome });
            }
        }
        if message.rest_stored {
            let rest = (0u32..).zip(&mut batch.answered).filter(|(_, answered)| !**answered);
            for (ordinal, answered) in rest {
                *answered = true;
                news.push(MemberVerdict { ordinal, outcome: Outcome::Stored });
            }
            batch.missing = 0;
        }
        if batch.missing == 0 {
            self.batches.remove(&id);
        }
        (!news.is_empty()).then_some((BatchId(id), news))
    }
}

/// What came of a row; `None` for an outcome that this version does not know: the row stays unsettled.
fn outcome(verdict: &wire::Verdict) -> Option<Outcome> {
    match verdict.outcome() {
        wire::Outcome::Stored => Some(Outcome::Stored),
        wire::Outcome::Refused => Some(Outcome::Refused {
            text: verdict.reason.chars().take(REASON).collect(),
            field: Some(verdict.field.clone()).filter(|f| !f.is_empty()),
        }),
        wire::Outcome::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(batch_id: u64, ordinals: &[u32], rest_stored: bool) -> wire::Verdicts {
        let verdict = |ordinal: &u32| wire::Verdict { ordinal: *ordinal, outcome: 2, reason: "x".into(), field: String::new() };
        wire::Verdicts { batch_id, rest_stored, verdicts: ordinals.iter().map(verdict).collect() }
    }

    #[test]
    fn each_row_is_told_of_once_whatever_comes_how_often() {
        let mut all = Unsettled::default();
        all.add(BatchId(7), 4, [0; 16]);
        let ordinals = |news: Option<(BatchId, Vec<MemberVerdict>)>| -> Vec<u32> {
            news.map(|(_, v)| v.iter().map(|v| v.ordinal).collect()).unwrap_or_default()
        };
        assert_eq!(ordinals(all.verdicts(said(7, &[2], false))), [2]);
        assert_eq!(ordinals(all.verdicts(said(7, &[2, 9], false))), [0u32; 0], "told already, or no such row");
        assert_eq!(all.oldest(), 7);
        assert_eq!(ordinals(all.verdicts(said(7, &[0], true))), [0, 1, 3]);
        assert!(all.verdicts(said(7, &[], true)).is_none(), "settled and gone");
        assert_eq!(all.oldest(), 8);
    }

    #[test]
    fn what_the_platform_does_not_know_is_lost() {
        let mut all = Unsettled::default();
        for id in 1..=3 {
            all.add(BatchId(id), 1, [0; 16]);
        }
        assert_eq!(all.keep(&[2, 9]), [BatchId(1), BatchId(3)]);
        assert_eq!(all.refs().iter().map(|r| r.id).collect::<Vec<_>>(), [2]);
    }
}
