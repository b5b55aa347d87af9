//! Comparison with what the platform holds: digests of ranges of keys, split where they differ, down to the records.
//!
//! A table is compared while nothing of it is on its way. A difference counts when it is seen twice; then exactly those
//! records go again. Records with an exception (refused, held) may differ and do not count. The algorithm stands in
//! `proto/smartbrain/v1/report.proto`.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::Upstream;
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::record::{BatchBuilder, Decoder, RecordKey};
use crate::report::ReportError;
use crate::report::transport::{RangeDigest, Reach, TransportError};
use crate::store::{Again, ExceptionFilter, Millis, Op};

/// Between the two looks at a difference.
const SECOND_LOOK: Millis = 2_000;
/// Between two comparisons of everything, while the service runs.
const DAY: Millis = 86_400_000;
/// Rows read at a time.
const PAGE: u32 = 2_000;
/// Ranges up to this size are compared record by record.
const RECORDS: u64 = 500;

/// A comparison under way.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// What differed at the first look.
    suspects: Option<BTreeSet<RecordKey>>,
    not_before: Millis,
}

/// One of our records: its key's place, its digest.
struct Own {
    place: u64,
    digest: [u8; 16],
    key: RecordKey,
}

/// What differs.
#[derive(Debug, Default)]
struct Differences {
    keys: BTreeSet<RecordKey>,
    /// Held there with a seq not below ours, and with another content.
    newer_there: bool,
    /// Held there and not here.
    foreign: u64,
}

enum Trouble {
    Call(TransportError),
    Report(ReportError),
}

impl From<TransportError> for Trouble {
    fn from(error: TransportError) -> Self {
        Self::Call(error)
    }
}

impl From<ReportError> for Trouble {
    fn from(error: ReportError) -> Self {
        Self::Report(error)
    }
}

impl Upstream {
    /// Puts a table on the list, or all.
    pub(super) fn want_comparison(&mut self, table: Option<&str>) {
        let wanted = self.tables.iter().enumerate().filter(|(_, t)| table.is_none_or(|name| *t.plan.name == *name));
        let wanted: Vec<usize> = wanted.map(|(at, _)| at).collect();
        for at in wanted {
            self.comparisons.entry(at).or_default();
        }
    }

    /// Compares one table of the list, if its time has come; everything goes on the list once a day.
    pub(super) async fn compare(&mut self) -> Result<bool, ReportError> {
        let now = self.now();
        if self.keep_up && now >= self.compare_at {
            if self.compare_at > 0 {
                self.want_comparison(None);
            }
            self.compare_at = now + DAY;
        }
        let due = self.comparisons.iter().find(|(at, c)| c.not_before <= now && self.is_quiet(**at)).map(|(at, _)| *at);
        let Some(at) = due else { return Ok(false) };
        match self.differences(at).await {
            Ok(Some(found)) => self.looked(at, found).await?,
            Ok(None) => drop(self.comparisons.remove(&at)),
            // Reporting goes on without; the next comparison comes.
            Err(Trouble::Call(error)) => {
                tracing::warn!(upstream = %self.name, table = %self.tables[at].plan.name, "not compared: {}", error.text.en);
                self.comparisons.remove(&at);
                if error.reach == Reach::Upstream {
                    // The others would wait for the same silence, and rows with them.
                    self.comparisons.clear();
                }
            }
            Err(Trouble::Report(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Whether nothing of a table is on its way.
    fn is_quiet(&self, at: usize) -> bool {
        self.tables.get(at).is_some_and(|t| t.idle && t.open.is_empty())
    }

    /// When the next comparison can be made.
    pub(super) fn next_comparison(&self) -> Option<Millis> {
        self.comparisons.iter().filter(|(at, _)| self.is_quiet(**at)).map(|(_, c)| c.not_before).min()
    }

    async fn looked(&mut self, at: usize, found: Differences) -> Result<(), ReportError> {
        let (now, name) = (self.now(), std::sync::Arc::clone(&self.tables[at].plan.name));
        let Some(comparison) = self.comparisons.get_mut(&at) else { return Ok(()) };
        if found.keys.is_empty() {
            self.comparisons.remove(&at);
            self.tables[at].compared = Some((now, 0));
            tracing::info!(upstream = %self.name, table = %name, foreign = found.foreign, "compared: both hold the same");
            return Ok(());
        }
        let Some(suspects) = comparison.suspects.take() else {
            comparison.suspects = Some(found.keys);
            comparison.not_before = now + SECOND_LOOK;
            return Ok(());
        };
        self.comparisons.remove(&at);
        let both: Vec<RecordKey> = suspects.intersection(&found.keys).copied().collect();
        self.tables[at].compared = Some((now, both.len() as u64));
        if both.is_empty() {
            return Ok(());
        }
        if found.newer_there {
            // Nothing below the seq held there would change anything.
            self.generation = self.around.store.raise_generation().await?;
        }
        let rows = self.around.store.resend(self.id, self.tables[at].feed, Again::Keys(&both), now).await?;
        self.tables[at].idle = false;
        tracing::warn!(upstream = %self.name, table = %name, differ = both.len(), rows, "compared: records that differ go again");
        Ok(())
    }

    /// What differs; `None` where the receiver cannot be read back.
    async fn differences(&self, at: usize) -> Result<Option<Differences>, Trouble> {
        let table = &self.tables[at];
        let name = &table.plan.name;
        let own = self.own(at).await?;
        let filter = ExceptionFilter { upstream: Some(self.id), feed: Some(table.feed), reason: None, limit: 0 };
        let held = self.around.store.exceptions(&filter).await.map_err(ReportError::from)?;
        let aside: BTreeSet<RecordKey> = held.into_iter().map(|e| e.record_key).collect();
        let (mut found, mut todo) = (Differences::default(), vec![String::new()]);
        while let Some(prefix) = todo.pop() {
            let mine = range(&own, &prefix);
            let Some(theirs) = self.transport.digest(name, &prefix, false).await? else { return Ok(None) };
            if same(mine, &theirs.whole) {
                continue;
            }
            if theirs.whole.count > RECORDS && prefix.len() < 15 {
                for digit in "0123456789abcdef".chars() {
                    let part = format!("{prefix}{digit}");
                    let their_part = theirs.parts.iter().find(|p| p.prefix == part).cloned().unwrap_or_default();
                    if !same(range(&own, &part), &their_part) {
                        todo.push(part);
                    }
                }
                continue;
            }
            let Some(theirs) = self.transport.digest(name, &prefix, true).await? else { return Ok(None) };
            let mut there: BTreeMap<RecordKey, (u64, [u8; 16])> =
                theirs.records.into_iter().map(|(key, seq, hash)| (key, (seq, digest(&key, &hash.0)))).collect();
            for record in mine {
                let other = there.remove(&record.key);
                if aside.contains(&record.key) || other.is_some_and(|(_, digest)| digest == record.digest) {
                    continue;
                }
                found.newer_there |= other.is_some();
                found.keys.insert(record.key);
            }
            found.foreign += there.keys().filter(|key| !aside.contains(*key)).count() as u64;
        }
        Ok(Some(found))
    }

    /// Our records as they were sent, by their keys' places.
    async fn own(&self, at: usize) -> Result<Vec<Own>, Trouble> {
        let table = &self.tables[at];
        let (mut own, mut after, mut decoder) = (Vec::new(), 0, Decoder::new());
        loop {
            let rows = self.around.store.changes(table.feed, after, PAGE).await.map_err(ReportError::from)?;
            let Some(last) = rows.last().map(|row| row.seq) else { break };
            after = last;
            let mut builder = BatchBuilder::new(std::sync::Arc::clone(&table.plan), rows.len());
            let mut keys = Vec::with_capacity(rows.len());
            let (mut wire, mut faults) = (Vec::new(), Vec::new());
            for row in rows.iter().filter(|row| row.op == Op::Upsert) {
                wire.clear();
                faults.clear();
                let rendered = table.renderer.render(&row.payload, false, &mut wire);
                let text = std::str::from_utf8(&wire).unwrap_or_default();
                // A row that may not leave unsealed is none that the platform could have.
                if rendered.is_err() || text.is_empty() {
                    continue;
                }
                if decoder.row(text, &table.plan, keys.len(), &mut builder, &mut faults).is_err() {
                    return Err(unreadable(&table.plan.name).into());
                }
                builder.end_row();
                keys.push(row.record_key);
            }
            let batch = builder.finish();
            for (i, key) in keys.into_iter().enumerate() {
                let hash = batch.row(i).comparable_hash();
                own.push(Own { place: place(&key), digest: digest(&key, &hash.0), key });
            }
        }
        own.sort_unstable_by_key(|o| o.place);
        Ok(own)
    }
}

fn unreadable(table: &str) -> TransportError {
    let text =
        Text::new(format!("{table} 的记录无法读出以供核对"), format!("records of {table} cannot be read for a comparison"));
    TransportError { reach: Reach::Table, ..TransportError::not_sent(FaultClass::Bug, text) }
}

fn place(key: &RecordKey) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(key.as_str())[..8]);
    u64::from_be_bytes(first)
}

fn digest(key: &RecordKey, hash: &[u8; 16]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(key.as_str());
    hasher.update([0]);
    hasher.update(hash);
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize()[..16]);
    out
}

/// The records whose keys' places begin with these hexadecimal digits (at most 15).
fn range<'a>(own: &'a [Own], prefix: &str) -> &'a [Own] {
    let bits = 64 - 4 * prefix.len() as u32;
    let Some(low) = u64::from_str_radix(prefix, 16).ok() else { return own };
    let (low, high) = (low << bits, (low << bits) | ((1u64 << bits) - 1));
    let from = own.partition_point(|o| o.place < low);
    let to = own.partition_point(|o| o.place <= high);
    &own[from..to]
}

fn same(mine: &[Own], theirs: &RangeDigest) -> bool {
    let mut sum = [0u8; 16];
    for record in mine {
        sum.iter_mut().zip(record.digest).for_each(|(a, b)| *a ^= b);
    }
    mine.len() as u64 == theirs.count && sum == theirs.digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_part_the_whole() {
        let mut own: Vec<Own> = (0..200u8)
            .map(|i| {
                let key = RecordKey::from_bits([i; 16]);
                Own { place: place(&key), digest: digest(&key, &[i; 16]), key }
            })
            .collect();
        own.sort_unstable_by_key(|o| o.place);
        for within in ["", "7", "a3"] {
            let whole = range(&own, within);
            let parts: usize = "0123456789abcdef".chars().map(|d| range(&own, &format!("{within}{d}")).len()).sum();
            assert_eq!(parts, whole.len());
            assert!(whole.iter().all(|o| hex::encode(Sha256::digest(o.key.as_str())).starts_with(within)));
        }
    }
}
