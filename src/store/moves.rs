//! What staging moves from where to where: pure, no database.

use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;

use super::flight::Member;
use super::place::{Delta, Place, is_ahead, reason_code};
use super::{Cursor, Op, Stage, StagedRow, StoreError};

/// Low bits of a seq that a [`Tally`] adds up.
pub(super) const LOW: u64 = 0xffff_ffff;

/// Live rows, counted, and their seqs' low bits added up. Rows of a feed only vanish, they never change, so that equal tallies
/// of what a stage names and of what its cursor passes mean that all of these rows still stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) sum: u64,
}

impl Tally {
    /// Of the live rows ahead of the cursor that a stage names.
    pub(super) fn of(stage: &Stage, old: &Cursor) -> Self {
        let mut tally = Self::default();
        let live = |(seq, op): (u64, Op)| (op == Op::Upsert && is_ahead(old, seq)).then_some(seq);
        for seq in named(stage).filter_map(live) {
            tally.add(1, seq & LOW);
        }
        tally
    }

    pub(super) fn add(&mut self, rows: u64, sum: u64) {
        self.rows += rows;
        self.sum = self.sum.wrapping_add(sum);
    }

    /// Less the deletions counted with it.
    pub(super) fn less(&mut self, rows: u64, sum: u64) {
        self.rows = self.rows.saturating_sub(rows);
        self.sum = self.sum.wrapping_sub(sum);
    }
}

fn named(stage: &Stage) -> impl Iterator<Item = (u64, Op)> {
    let members = stage.members.iter().map(|m| (m.seq, m.op));
    members.chain(stage.exceptions.iter().map(|e| (e.seq, e.op)))
}

/// The seqs of a stage that must be looked up in the feed; `all` where its tally is not the feed's.
pub(super) fn doubtful(stage: &Stage, old: &Cursor, all: bool) -> Vec<u64> {
    let sure = |(seq, op): &(u64, Op)| !all && *op == Op::Upsert && is_ahead(old, *seq);
    named(stage).filter(|row| !sure(row)).map(|(seq, _)| seq).collect()
}

/// An exception about a key that is staged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Excepted {
    pub(super) seq: u64,
    pub(super) reason: i64,
    pub(super) refusals: u32,
    pub(super) split: u32,
}

/// What the database has about the rows of a stage.
pub(super) struct Known {
    pub(super) old: Cursor,
    /// Live rows that the cursor would pass.
    pub(super) passed: u64,
    /// Named seqs that are in the feed no more.
    pub(super) gone: HashSet<u64>,
    /// Exceptions by row id.
    pub(super) excepted: HashMap<u32, Excepted>,
    /// Row ids in flight, in whatever version.
    pub(super) flying: RoaringBitmap,
}

/// What a stage changes.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub(super) delta: Delta,
    pub(super) members: Vec<Member>,
    pub(super) rids: RoaringBitmap,
    /// Members whose row changed after it was read: the old version goes out all the same, the newer one is ahead.
    pub(super) overtaken: RoaringBitmap,
    /// Row ids of exceptions about the members' very versions: they go.
    pub(super) lifted: Vec<u32>,
}

impl Moves {
    /// Works a stage out.
    pub(super) fn new(stage: &Stage, known: &Known) -> Result<Self, StoreError> {
        let mut out = Self::default();
        let mut ahead = 0;
        for row in &stage.members {
            let rid = number(row.rid)?;
            if !out.rids.insert(rid) || known.flying.contains(rid) {
                return Err(inconsistent("two unsettled versions of one key"));
            }
            if known.gone.contains(&row.seq) {
                out.overtaken.insert(rid);
                out.members.push(member(rid, row, 0, 0));
                continue;
            }
            if row.op == Op::Upsert {
                ahead += u64::from(out.leave(known, rid, row.seq, Place::InFlight)?);
            }
            let excepted = known.excepted.get(&rid);
            if excepted.is_some_and(|e| e.seq == row.seq) {
                out.lifted.push(rid);
            }
            out.members.push(member(rid, row, excepted.map_or(0, |e| e.refusals), excepted.map_or(0, |e| e.split)));
        }
        let live = |e: &&super::NewException| e.op == Op::Upsert && !known.gone.contains(&e.seq);
        for exception in stage.exceptions.iter().filter(live) {
            let place = Place::of_reason(reason_code(exception.reason));
            ahead += u64::from(out.leave(known, number(exception.rid)?, exception.seq, place)?);
        }
        if known.passed != ahead {
            let passed = known.passed;
            return Err(inconsistent(format!(
                "the cursor would pass {passed} rows, of which {ahead} are in the batch or an exception"
            )));
        }
        Ok(out)
    }

    /// Moves a live row to another place; whether it was ahead.
    fn leave(&mut self, known: &Known, rid: u32, seq: u64, to: Place) -> Result<bool, StoreError> {
        let (ahead, excepted) = (is_ahead(&known.old, seq), known.excepted.get(&rid));
        let from = match (excepted, ahead) {
            (Some(excepted), false) => Place::of_reason(excepted.reason),
            (None, true) => Place::Waiting,
            (None, false) => return Err(inconsistent("a staged row is neither ahead of the cursor nor an exception")),
            (Some(_), true) => return Err(inconsistent("a row is both ahead of the cursor and an exception")),
        };
        self.delta.add(from, -1);
        self.delta.add(to, 1);
        Ok(ahead)
    }
}

fn member(rid: u32, row: &StagedRow, refusals: u32, split: u32) -> Member {
    Member { rid, seq: row.seq, op: row.op, refusals, split, key: row.record_key }
}

fn number(rid: u64) -> Result<u32, StoreError> {
    u32::try_from(rid).map_err(|_| inconsistent("a batch names rows that the feed does not have"))
}

fn inconsistent(what: impl Into<String>) -> StoreError {
    StoreError::Inconsistent(what.into())
}
