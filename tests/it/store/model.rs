//! What a store is, in plain maps: slow, whole, and easy to read beside the promises.

use std::collections::{BTreeMap, BTreeSet};

use xiaoshu::store::{Landed, Millis, Reason, RunSummary, Stock};

use super::desk::DAY;
use super::holding::{Content, RecordKey, adopted};
use super::table::{Fault, Row};

pub type Key = u32;

/// A record, live or gone.
#[derive(Debug, Clone)]
pub struct Record {
    pub alive: bool,
    /// What is hashed: the plain content, and the adopted key that came with it.
    pub content: Content,
    pub source: &'static str,
    pub frozen: bool,
    /// The record key: another one than its own only where it was adopted.
    pub record_key: RecordKey,
    /// Counts versions over the whole store, so that a later one is greater.
    pub version: u64,
}

/// Where a key's newest version is, for the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Ahead,
    Backfill,
    InFlight,
    Stored,
    Excepted(Reason, Option<Millis>),
    Again,
}

/// What identifies a quarantined row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ident {
    Key(Key),
    Raw(u32, u32),
    Conflict(Key, Content),
}

impl Ident {
    fn key(&self) -> Option<Key> {
        match self {
            Self::Key(key) | Self::Conflict(key, _) => Some(*key),
            Self::Raw(..) => None,
        }
    }
}

/// A run under way.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub id: u64,
    pub seen: BTreeSet<Key>,
    sightings: BTreeMap<Key, (Content, bool)>,
    pub conflicts: BTreeSet<Key>,
    pub landed: Landed,
}

/// A batch in flight: (key, version, was it a deletion).
pub type Members = Vec<(Key, u64, bool)>;

#[derive(Debug, Default)]
pub struct Model {
    pub records: BTreeMap<Key, Record>,
    pub places: BTreeMap<Key, Place>,
    pub delivered: BTreeSet<Key>,
    pub batches: BTreeMap<i64, Members>,
    pub refusals: BTreeMap<Key, u32>,
    pub quarantine: BTreeMap<(&'static str, Ident), (u64, u64)>,
    /// Quarantined rows whose record key another key holds.
    pub collisions: BTreeSet<(&'static str, Key)>,
    /// Quarantined rows whose record another source holds.
    pub rivals: BTreeSet<(&'static str, Key)>,
    /// What sources of a shared table are known to give.
    pub given: BTreeMap<&'static str, BTreeSet<Key>>,
    /// Takeovers: who gave up, and to whom.
    pub yields: BTreeMap<&'static str, &'static str>,
    /// Sources that ever began to read.
    pub begun: BTreeSet<&'static str>,
    /// Who holds a record key.
    pub holders: BTreeMap<RecordKey, Key>,
    pub runs: BTreeMap<&'static str, Run>,
    pub held: BTreeMap<&'static str, BTreeSet<Key>>,
    deletions: Vec<(Millis, u64)>,
    versions: u64,
    run_count: u64,
}

impl Model {
    /// Begins a run or goes on with the one under way.
    pub fn begin(&mut self, source: &'static str) {
        let next = self.run_count + 1;
        self.begun.insert(source);
        let run = self.runs.entry(source).or_insert_with(|| Run { id: next, ..Run::default() });
        self.run_count = self.run_count.max(run.id);
    }

    pub fn land(&mut self, source: &'static str, rows: &[Row]) -> Landed {
        let mut run = self.runs.remove(source).unwrap();
        let mut landed = Landed { read: rows.len() as u64, ..Landed::default() };
        let mut groups: BTreeMap<Key, Vec<Content>> = BTreeMap::new();
        let mut first: BTreeMap<Key, usize> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate().filter(|(_, r)| r.fault == Fault::None) {
            let contents = groups.entry(row.key).or_default();
            first.entry(row.key).or_insert(at);
            if contents.contains(&(row.content, adopted(row))) {
                landed.duplicate += 1;
            } else {
                contents.push((row.content, adopted(row)));
            }
        }
        let clashes = self.clashes(source, &run, &groups, &first);
        let mut conflicts = Vec::new();
        let mut closing = Vec::new();
        let mut rivals = Vec::new();
        for (key, contents) in groups {
            if clashes.contains_key(&key) {
                landed.quarantined += 1;
                continue;
            }
            let before = conflicts.len();
            match contents.as_slice() {
                [content] if self.foreign(source, key) => {
                    if !self.agrees(&mut run, key, *content, &mut landed, &mut closing) {
                        rivals.push(key);
                        landed.quarantined += 1;
                    }
                }
                [content] => self.one(&mut run, source, key, *content, &mut landed, &mut conflicts, &mut closing),
                _ => self.several(&mut run, source, key, &contents, &mut landed, &mut conflicts),
            }
            landed.quarantined += (conflicts.len() - before) as u64;
        }
        let foreign = self.rivals.clone();
        self.quarantine.retain(|(s, ident), _| {
            let waits = |key: &Key| *ident == Ident::Key(*key) && *s != source && foreign.contains(&(*s, *key));
            !ident.key().is_some_and(|key| closing.contains(&key) && !waits(&key))
        });
        self.forget_closed();
        for row in rows.iter().filter(|r| r.fault != Fault::None) {
            landed.quarantined += 1;
            if row.fault == Fault::Bad {
                self.collisions.remove(&(source, row.key));
                self.rivals.remove(&(source, row.key));
            }
            let ident = if row.fault == Fault::Bad { Ident::Key(row.key) } else { Ident::Raw(row.key, row.content) };
            self.quarantine.entry((source, ident)).or_insert((run.id, run.id)).1 = run.id;
        }
        for (key, content) in conflicts {
            self.quarantine.entry((source, Ident::Conflict(key, content))).or_insert((run.id, run.id)).1 = run.id;
        }
        for (key, held) in clashes {
            self.quarantine.entry((source, Ident::Key(key))).or_insert((run.id, run.id)).1 = run.id;
            if held {
                self.collisions.insert((source, key));
            } else {
                self.collisions.remove(&(source, key));
            }
            self.rivals.remove(&(source, key));
        }
        for key in rivals {
            self.quarantine.entry((source, Ident::Key(key))).or_insert((run.id, run.id)).1 = run.id;
            self.rivals.insert((source, key));
            self.collisions.remove(&(source, key));
        }
        add(&mut run.landed, &landed);
        self.runs.insert(source, run);
        landed
    }

    #[expect(clippy::too_many_arguments, reason = "the plain words of one rule")]
    fn one(
        &mut self,
        run: &mut Run,
        source: &'static str,
        key: Key,
        content: Content,
        landed: &mut Landed,
        conflicts: &mut Vec<(Key, Content)>,
        closing: &mut Vec<Key>,
    ) {
        let record = self.records.get(&key).cloned().filter(|r| r.alive);
        let before = run.seen.contains(&key);
        match record {
            None if run.conflicts.contains(&key) => conflicts.push((key, content)),
            None => {
                self.write(key, content, source);
                landed.changed += 1;
                closing.push(key);
                run.seen.insert(key);
            }
            Some(record) if record.frozen => {
                run.seen.insert(key);
                match run.sightings.get(&key).copied() {
                    None => {
                        run.sightings.insert(key, (content, false));
                        if content == record.content {
                            landed.unchanged += 1;
                        } else {
                            conflicts.push((key, content));
                        }
                    }
                    Some((seen, _)) if seen == content => landed.duplicate += 1,
                    Some((seen, _)) => {
                        run.sightings.insert(key, (seen, true));
                        conflicts.push((key, content));
                    }
                }
            }
            Some(record) if record.content == content => {
                run.seen.insert(key);
                closing.push(key);
                if before {
                    landed.duplicate += 1;
                } else {
                    landed.unchanged += 1;
                }
            }
            Some(record) if before => {
                conflicts.push((key, content));
                run.sightings.insert(key, (record.content, true));
                self.records.get_mut(&key).unwrap().frozen = true;
            }
            Some(_) => {
                self.write(key, content, source);
                landed.changed += 1;
                closing.push(key);
                run.seen.insert(key);
            }
        }
    }

    fn several(
        &mut self,
        run: &mut Run,
        source: &'static str,
        key: Key,
        contents: &[Content],
        landed: &mut Landed,
        conflicts: &mut Vec<(Key, Content)>,
    ) {
        let before = run.seen.contains(&key);
        let foreign = self.foreign(source, key);
        match self.records.get_mut(&key).filter(|r| r.alive) {
            None => {
                run.conflicts.insert(key);
                conflicts.extend(contents.iter().map(|c| (key, *c)));
            }
            Some(record) => {
                for content in contents {
                    if before && *content == record.content {
                        landed.duplicate += 1;
                    } else {
                        conflicts.push((key, *content));
                    }
                }
                run.seen.insert(key);
                if !foreign {
                    run.sightings.insert(key, (record.content, true));
                    record.frozen = true;
                }
            }
        }
    }

    fn write(&mut self, key: Key, content: Content, source: &'static str) {
        self.versions += 1;
        let kept = self.records.get(&key).map_or(RecordKey::Minted(key), |r| r.record_key);
        let record_key = content.1.unwrap_or(kept);
        let version = self.versions;
        self.records.insert(key, Record { alive: true, content, source, frozen: false, record_key, version });
        self.places.insert(key, Place::Ahead);
        self.refusals.remove(&key);
    }

    fn bury(&mut self, keys: &BTreeSet<Key>) {
        let mut keys: Vec<Key> = keys.iter().copied().collect();
        keys.sort_by_key(|k| self.records[k].version);
        for key in keys {
            self.versions += 1;
            let record = self.records.get_mut(&key).unwrap();
            record.alive = false;
            record.frozen = false;
            record.version = self.versions;
            self.places.insert(key, Place::Ahead);
            self.refusals.remove(&key);
        }
    }

    pub fn finish(&mut self, source: &'static str, complete: bool, at: Millis) -> RunSummary {
        let run = self.runs.remove(source).unwrap();
        let mut summary = RunSummary { landed: run.landed, ..RunSummary::default() };
        self.share(source, &run.seen, complete);
        if !complete {
            if let Some(held) = self.held.get_mut(source) {
                held.retain(|k| !run.seen.contains(k));
                if held.is_empty() {
                    self.held.remove(source);
                }
            }
            return summary;
        }
        let open = self.quarantine.len();
        self.quarantine.retain(|(s, _), (_, last)| *s != source || *last == run.id);
        summary.closed = (open - self.quarantine.len()) as u64;
        self.forget_closed();
        for (key, (_, several)) in &run.sightings {
            if !several && let Some(record) = self.records.get_mut(key) {
                record.frozen = false;
            }
        }
        let had_rows = self.records.values().any(|r| r.alive && r.source == source);
        let spoilt = |key: &Key| self.quarantine.keys().any(|(s, i)| *s == source && i.key() == Some(*key));
        let mut missing: BTreeSet<Key> = self
            .records
            .iter()
            .filter(|(k, r)| r.alive && r.source == source && !run.seen.contains(k) && !spoilt(k))
            .map(|(k, _)| *k)
            .collect();
        self.give_up(source, &mut missing);
        summary.missing = missing.len() as u64;
        summary.emptied = run.landed.read <= run.landed.filtered && had_rows;
        self.held.remove(source);
        if missing.is_empty() {
            return summary;
        }
        let live = self.live();
        let recent: u64 = self.deletions.iter().filter(|(t, _)| *t > at - 7 * DAY).map(|(_, n)| n).sum();
        let bound = ((live + recent) / 20).clamp(3, 200);
        let keyless = self.quarantine.iter().any(|((s, i), runs)| *s == source && i.key().is_none() && *runs == (run.id, run.id));
        let own = self.records.values().filter(|r| r.alive && r.source == source).count() as u64;
        if summary.missing >= own || summary.missing + recent > bound || keyless {
            self.held.insert(source, missing);
        } else {
            self.bury(&missing);
            self.deletions.push((at, summary.missing));
            summary.deleted = summary.missing;
        }
        summary
    }

    pub fn approve(&mut self) -> u64 {
        let held: BTreeSet<Key> = std::mem::take(&mut self.held)
            .into_iter()
            .flat_map(|(source, keys)| keys.into_iter().map(move |key| (source, key)))
            .filter(|(source, key)| self.records[key].alive && self.records[key].source == *source)
            .filter(|(_, key)| !self.runs.values().any(|r| r.seen.contains(key)))
            .map(|(_, key)| key)
            .collect();
        self.bury(&held);
        held.len() as u64
    }

    pub fn live(&self) -> u64 {
        self.records.values().filter(|r| r.alive).count() as u64
    }

    /// Live, quarantined, stale.
    pub fn table(&self) -> (u64, u64, u64) {
        let waiting = |key: &Key| {
            let rival = |s, i: &Ident| *i == Ident::Key(*key) && self.rivals.contains(&(s, *key));
            self.quarantine.keys().any(|(s, i)| i.key() == Some(*key) && !rival(*s, i))
        };
        let stale = self.records.iter().filter(|(k, r)| r.alive && (r.frozen || waiting(k))).count();
        (self.live(), self.quarantine.len() as u64, stale as u64)
    }

    pub fn stock(&self) -> Stock {
        let mut stock = Stock { live: self.live(), ..Stock::default() };
        for (key, place) in &self.places {
            if !self.records[key].alive {
                continue;
            }
            match place {
                Place::Ahead | Place::Backfill | Place::Again => stock.waiting += 1,
                Place::InFlight => stock.in_flight += 1,
                Place::Stored => stock.stored += 1,
                Place::Excepted(Reason::Refused, _) => stock.refused += 1,
                Place::Excepted(Reason::Unknown, _) => stock.unknown += 1,
                Place::Excepted(reason, _) => *stock.held.entry(reason.name().to_owned()).or_default() += 1,
            }
        }
        stock
    }

    pub fn gone_upstream(&self) -> u64 {
        self.records.iter().filter(|(k, r)| !r.alive && self.delivered.contains(k)).count() as u64
    }

    pub fn in_flight(&self, key: Key) -> bool {
        self.batches.values().flatten().any(|(k, ..)| *k == key)
    }

    /// Keys that the live lane must give at a time.
    pub fn pending(&self, at: Millis) -> BTreeSet<Key> {
        let due = |place: &Place| match place {
            Place::Ahead | Place::Again => true,
            Place::Excepted(_, due) => due.is_some_and(|d| d <= at),
            _ => false,
        };
        self.places.iter().filter(|(_, p)| due(p)).map(|(k, _)| *k).collect()
    }

    pub fn stage(&mut self, batch: Option<i64>, members: &[Key], exceptions: &[(Key, Reason, Option<Millis>)]) {
        if let Some(batch) = batch {
            let rows = members.iter().map(|k| (*k, self.records[k].version, !self.records[k].alive)).collect();
            self.batches.insert(batch, rows);
        }
        for key in members {
            self.places.insert(*key, Place::InFlight);
        }
        for (key, reason, due) in exceptions {
            self.places.insert(*key, Place::Excepted(*reason, *due));
        }
    }

    /// The key's newest version was in the batch.
    fn newest(&self, key: Key, version: u64) -> bool {
        self.records[&key].version == version
    }

    pub fn settle(&mut self, batch: i64, outcomes: &[Settled], at: Millis) {
        let members = self.batches.remove(&batch).unwrap();
        for ((key, version, deletion), outcome) in members.into_iter().zip(outcomes) {
            let newest = self.newest(key, version);
            let place = match outcome {
                Settled::Stored => {
                    if deletion {
                        self.delivered.remove(&key);
                    } else {
                        self.delivered.insert(key);
                    }
                    if newest {
                        self.refusals.remove(&key);
                    }
                    Place::Stored
                }
                Settled::Refused => {
                    let n = if newest { self.refusals.entry(key).or_default() } else { &mut 0 };
                    *n += 1;
                    Place::Excepted(Reason::Refused, (*n == 1).then_some(at + 7 * DAY))
                }
                Settled::Unknown => Place::Excepted(Reason::Unknown, Some(at)),
            };
            if newest {
                self.places.insert(key, place);
            }
            if let Some(Place::Excepted(Reason::WaitsVerdict, due)) = self.places.get_mut(&key) {
                *due = Some(at);
            }
        }
    }

    pub fn release(&mut self, reason: Option<Reason>, at: Millis) -> u64 {
        let mut n = 0;
        for place in self.places.values_mut() {
            if let Place::Excepted(r, due) = place
                && reason.is_none_or(|wanted| wanted == *r)
                && due.is_none_or(|d| d > at)
            {
                *due = Some(at);
                n += 1;
            }
        }
        n
    }

    pub fn resend(&mut self) -> u64 {
        let mut n = 0;
        for (key, place) in &mut self.places {
            if *place == Place::Stored && self.records[key].alive && !self.batches.values().flatten().any(|(k, ..)| k == key) {
                *place = Place::Again;
                n += 1;
            }
        }
        n
    }

    pub fn open_backfill(&mut self, keep: usize) {
        if self.places.values().any(|p| *p == Place::Backfill) {
            return;
        }
        let mut ahead: Vec<Key> = self.places.iter().filter(|(_, p)| **p == Place::Ahead).map(|(k, _)| *k).collect();
        ahead.sort_by_key(|k| std::cmp::Reverse(self.records[k].version));
        for key in ahead.into_iter().skip(keep) {
            self.places.insert(key, Place::Backfill);
        }
    }
}

/// What became of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Stored,
    Refused,
    Unknown,
}

fn add(to: &mut Landed, more: &Landed) {
    to.read += more.read;
    to.changed += more.changed;
    to.unchanged += more.unchanged;
    to.duplicate += more.duplicate;
    to.quarantined += more.quarantined;
}
