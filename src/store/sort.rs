//! What becomes of the accepted rows of one landing: pure, no database.

use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;

use super::holder::Clash;
use super::open_run::OpenRun;
use crate::record::{ContentHash, RecordBatch, RecordKey};
use crate::validate::Accepted;

/// flags of a head: its newest version is a tombstone.
pub(super) const GONE: i64 = 1;
/// flags of a head: a conflict froze it.
pub(super) const FROZEN: i64 = 2;

/// Rows of one landing that share a natural key.
pub(super) struct Group {
    /// The first row of each content, by index in the record batch.
    pub(super) contents: Contents,
    /// Further rows equal to one of these.
    pub(super) repeats: u64,
}

/// The contents that a key has in one landing.
pub(super) enum Contents {
    /// One, as it should be.
    One(u32),
    /// Several: a conflict.
    Several(Vec<u32>),
}

impl Group {
    /// The first row.
    pub(super) fn first(&self) -> usize {
        match &self.contents {
            Contents::One(row) => *row as usize,
            Contents::Several(rows) => rows.first().map_or(0, |r| *r as usize),
        }
    }

    /// The content to be compared with what stands; nothing stands for several, so that all is told of the head.
    pub(super) fn content(&self, batch: &RecordBatch) -> Option<ContentHash> {
        match &self.contents {
            Contents::One(row) => Some(batch.row(*row as usize).content_hash()),
            Contents::Several(_) => None,
        }
    }
}

/// Groups accepted rows by natural key, in key order.
pub(super) fn groups(accepted: &Accepted) -> Vec<Group> {
    let batch = accepted.batch();
    let mut order: Vec<u32> = accepted.rows().to_vec();
    let key = |row: u32| batch.row(row as usize).natural_key();
    if !order.is_sorted_by(|a, b| key(*a) < key(*b)) {
        order.sort_by(|a, b| key(*a).cmp(key(*b)));
    }
    let mut groups: Vec<Group> = Vec::with_capacity(order.len());
    for run in order.chunk_by(|a, b| key(*a) == key(*b)) {
        groups.push(match run {
            [row] => Group { contents: Contents::One(*row), repeats: 0 },
            rows => group_of(batch, rows),
        });
    }
    groups
}

fn group_of(batch: &RecordBatch, rows: &[u32]) -> Group {
    let hash = |row: u32| batch.row(row as usize).content_hash();
    let mut distinct: Vec<u32> = Vec::new();
    for row in rows {
        if !distinct.iter().any(|d| hash(*d) == hash(*row)) {
            distinct.push(*row);
        }
    }
    let repeats = (rows.len() - distinct.len()) as u64;
    let contents = match distinct.as_slice() {
        [row] => Contents::One(*row),
        _ => Contents::Several(distinct),
    };
    Group { contents, repeats }
}

/// What the store holds under a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) rid: u32,
    /// `None`: the same content as the group's only one, live and not frozen.
    pub(super) odd: Option<Odd>,
}

impl Found {
    /// Whether a live record stands under the key.
    pub(super) fn stands(self) -> bool {
        self.odd.is_none_or(|odd| odd.flags & GONE == 0)
    }
}

/// A head that is not simply equal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd {
    pub(super) seq: u64,
    pub(super) flags: i64,
    pub(super) hash: ContentHash,
    /// The source that holds the record.
    pub(super) source: i64,
}

/// What a source may replace of the records that others hold.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// Sources that it has taken over from.
    pub(super) yielding: HashSet<i64>,
    /// Records that their holders miss, by holder.
    pub(super) missed: HashMap<i64, RoaringBitmap>,
}

impl Grants {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.yielding.is_empty() && self.missed.is_empty()
    }

    fn gives(&self, head: &Found, holder: i64) -> bool {
        self.yielding.contains(&holder) || self.missed.get(&holder).is_some_and(|rids| rids.contains(head.rid))
    }
}

/// A row whose record another source holds with another content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    /// Its index in the record batch.
    pub(super) row: u32,
    pub(super) rid: u32,
    /// The version that stands.
    pub(super) seq: u64,
    /// The source that holds the record.
    pub(super) holder: i64,
    /// A conflict of the holder's froze the record.
    pub(super) frozen: bool,
}

/// A record to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write {
    /// Its index in the record batch.
    pub(super) row: u32,
    /// The version it replaces.
    pub(super) old: Option<Old>,
    /// The record key that the record keeps, where its row has another one.
    pub(super) key: Option<RecordKey>,
}

/// The version that a write replaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Old {
    pub(super) rid: u32,
    pub(super) seq: u64,
    pub(super) gone: bool,
}

/// With which content a run has seen a frozen key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) hash: ContentHash,
    pub(super) several: bool,
}

/// What becomes of one landing.
#[derive(Default)]
pub(super) struct Fate {
    /// New and changed records, in key order.
    pub(super) writes: Vec<Write>,
    /// Rows to quarantine because their key has several contents.
    pub(super) conflicts: Vec<u32>,
    /// Rows to quarantine because of their record key.
    pub(super) clashes: Vec<(u32, Clash)>,
    /// Another source holds a record of these rows.
    pub(super) foreign: bool,
    /// Rows that wait because another source holds their records with other contents.
    pub(super) rivals: Vec<Rival>,
    /// Rows whose records are to be frozen.
    pub(super) freeze: Vec<u32>,
    /// Sightings of frozen keys, to be written.
    pub(super) sightings: HashMap<u32, Sighting>,
    /// Records seen, of those the store knew.
    pub(super) seen: Vec<u32>,
    /// Rows whose key stands in a good version now, so that what waits under it is settled.
    pub(super) landed: Vec<u32>,
    /// Records as they were.
    pub(super) unchanged: u64,
    /// Rows equal to one seen before in this run.
    pub(super) duplicate: u64,
}

impl Fate {
    /// Takes rows back that may not land under their record keys.
    pub(super) fn clash(&mut self, clashes: Vec<(u32, Clash)>) {
        if clashes.is_empty() {
            return;
        }
        let rows: HashSet<u32> = clashes.iter().map(|(row, _)| *row).collect();
        let back = |write: &&Write| rows.contains(&write.row);
        let rids: HashSet<u32> = self.writes.iter().filter(back).filter_map(|w| Some(w.old?.rid)).collect();
        self.seen.retain(|rid| !rids.contains(rid));
        self.landed.retain(|row| !rows.contains(row));
        self.writes.retain(|write| !rows.contains(&write.row));
        self.clashes = clashes;
    }

    /// A row that differs from the record only in that it brings no record key of its own says what the record says.
    pub(super) fn agree(&mut self, agrees: impl Fn(&Rival) -> bool, run: &OpenRun) {
        let (agreeing, rivals): (Vec<Rival>, Vec<Rival>) = std::mem::take(&mut self.rivals).into_iter().partition(agrees);
        self.rivals = rivals;
        for rival in agreeing {
            if run.has_seen(rival.rid) {
                self.duplicate += 1;
            } else {
                self.unchanged += 1;
            }
            if !rival.frozen {
                self.landed.push(rival.row);
            }
        }
    }
}

/// Decides. `found` is parallel to `groups`.
pub(super) fn decide(batch: &RecordBatch, groups: &[Group], found: &[Option<Found>], run: &OpenRun, grants: &Grants) -> Fate {
    let mut fate = Fate { writes: Vec::with_capacity(groups.len()), ..Fate::default() };
    for (group, found) in groups.iter().zip(found) {
        fate.duplicate += group.repeats;
        match (&group.contents, found) {
            (Contents::One(row), None) => {
                if run.in_conflict(batch.row(*row as usize).natural_key()) {
                    fate.conflicts.push(*row);
                } else {
                    fate.writes.push(Write { row: *row, old: None, key: None });
                    fate.landed.push(*row);
                }
            }
            (Contents::One(row), Some(head)) => match holder(head, run, grants) {
                None => one(&mut fate, *row, batch, head, run),
                Some(odd) => {
                    fate.foreign = true;
                    rival(&mut fate, *row, batch, head.rid, &odd, run);
                }
            },
            (Contents::Several(rows), None) => fate.conflicts.extend(rows),
            (Contents::Several(rows), Some(head)) => {
                let holder = holder(head, run, grants);
                fate.foreign |= holder.is_some();
                several(&mut fate, rows, batch, head, run, holder);
            }
        }
    }
    fate
}

/// The head, where another source holds the record and does not give it up.
fn holder(head: &Found, run: &OpenRun, grants: &Grants) -> Option<Odd> {
    head.odd.filter(|odd| odd.flags & GONE == 0 && odd.source != run.source && !grants.gives(head, odd.source))
}

/// The holder's record stands, whatever another source says; what says the same waits for nothing.
fn rival(fate: &mut Fate, row: u32, batch: &RecordBatch, rid: u32, odd: &Odd, run: &OpenRun) {
    let frozen = odd.flags & FROZEN != 0;
    fate.seen.push(rid);
    fate.rivals.push(Rival { row, rid, seq: odd.seq, holder: odd.source, frozen });
    if batch.row(row as usize).content_hash() == odd.hash {
        fate.agree(|rival| rival.row == row, run);
    }
}

fn one(fate: &mut Fate, row: u32, batch: &RecordBatch, head: &Found, run: &OpenRun) {
    let hash = batch.row(row as usize).content_hash();
    let before = run.has_seen(head.rid);
    match head.odd {
        None => {
            fate.seen.push(head.rid);
            fate.landed.push(row);
            if before {
                fate.duplicate += 1;
            } else {
                fate.unchanged += 1;
            }
        }
        Some(odd) if odd.flags & GONE != 0 => {
            if run.in_conflict(batch.row(row as usize).natural_key()) {
                fate.conflicts.push(row);
                return;
            }
            fate.seen.push(head.rid);
            fate.writes.push(Write { row, old: Some(Old { rid: head.rid, seq: odd.seq, gone: true }), key: None });
            fate.landed.push(row);
        }
        Some(odd) if odd.flags & FROZEN != 0 => frozen(fate, row, hash, head.rid, &odd, run),
        Some(odd) if before => {
            fate.conflicts.push(row);
            fate.freeze.push(row);
            fate.sightings.insert(head.rid, Sighting { hash: odd.hash, several: true });
        }
        Some(odd) => {
            fate.seen.push(head.rid);
            fate.writes.push(Write { row, old: Some(Old { rid: head.rid, seq: odd.seq, gone: false }), key: None });
            fate.landed.push(row);
        }
    }
}

/// A frozen record keeps its content until a run has seen its key with one content only; what differs waits.
fn frozen(fate: &mut Fate, row: u32, hash: ContentHash, rid: u32, odd: &Odd, run: &OpenRun) {
    fate.seen.push(rid);
    match run.sightings.get(&rid) {
        None => {
            fate.sightings.insert(rid, Sighting { hash, several: false });
            if hash == odd.hash {
                fate.unchanged += 1;
            } else {
                fate.conflicts.push(row);
            }
        }
        Some(sighting) if sighting.hash == hash => fate.duplicate += 1,
        Some(sighting) => {
            fate.sightings.insert(rid, Sighting { several: true, ..*sighting });
            fate.conflicts.push(row);
        }
    }
}

/// Rows of one key that contradict each other all wait. They freeze the record, unless another source holds it.
fn several(fate: &mut Fate, rows: &[u32], batch: &RecordBatch, head: &Found, run: &OpenRun, holder: Option<Odd>) {
    let first = rows.first().map(|r| batch.row(*r as usize).content_hash()).unwrap_or_default();
    let (flags, stands) = head.odd.map_or((0, first), |odd| (odd.flags, odd.hash));
    let before = run.has_seen(head.rid);
    for row in rows {
        if before && flags & GONE == 0 && batch.row(*row as usize).content_hash() == stands {
            fate.duplicate += 1;
        } else {
            fate.conflicts.push(*row);
        }
    }
    if flags & GONE == 0 {
        fate.seen.push(head.rid);
    }
    if flags & GONE == 0 && holder.is_none() {
        fate.freeze.extend(rows.first());
        fate.sightings.insert(head.rid, Sighting { hash: stands, several: true });
    }
}
