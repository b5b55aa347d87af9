//! What streams write: versions of records, each with its seq, so that nothing has an effect twice.
//!
//! [`StreamEffects`] is all that the interfaces of streams know of the database.

use serde::{Deserialize, Serialize};

use super::NewBatch;
use super::upsert::Outcome;
use super::versions::Version;
use crate::brain::error::BrainError;
use crate::brain::judge::Judged;

/// A stream begins.
#[derive(Debug)]
pub(in crate::brain) struct Opening<'a> {
    pub(in crate::brain) school: &'a str,
    pub(in crate::brain) instance: &'a str,
    pub(in crate::brain) epoch: u64,
    pub(in crate::brain) edition: &'a str,
    pub(in crate::brain) software: &'a str,
    /// The stream, as no other is called, behind the process that holds it and a stroke; none where records come over topics.
    pub(in crate::brain) holder: Option<&'a str>,
    /// Batches asked for: id and digest.
    pub(in crate::brain) unsettled: &'a [(u64, Vec<u8>)],
    /// Verdicts on batches below are wanted no more.
    pub(in crate::brain) oldest: u64,
    pub(in crate::brain) at: i64,
}

/// What is told at the beginning of a stream.
#[derive(Debug)]
pub(in crate::brain) enum Opened {
    /// A hub with a higher epoch has the school.
    Superseded { epoch: u64 },
    /// The highest seq of each table, and the batches asked for that did arrive.
    Ready { positions: Vec<(String, u64)>, known: Vec<KeptVerdict> },
}

/// The verdict on a batch, as it is kept.
#[derive(Debug, Clone)]
pub(in crate::brain) struct KeptVerdict {
    pub(in crate::brain) id: u64,
    /// When it shows.
    pub(in crate::brain) visible: i64,
    pub(in crate::brain) said: Said,
}

impl KeptVerdict {
    /// As the database has it.
    pub(super) fn read(id: u64, visible: i64, said: &str) -> Result<Self, BrainError> {
        let said = serde_json::from_str(said).map_err(|error| BrainError::Internal(error.to_string()))?;
        Ok(Self { id, visible, said })
    }
}

/// What is said of a batch's rows: stored unless named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::brain) struct Said {
    pub(in crate::brain) rows: u32,
    pub(in crate::brain) refused: Vec<(u32, String)>,
    /// Rows of which nothing is said.
    pub(in crate::brain) silent: Vec<u32>,
}

/// One version of a record, judged.
#[derive(Debug)]
pub(in crate::brain) struct StreamRow {
    pub(in crate::brain) judged: Judged,
    pub(in crate::brain) seq: u64,
}

/// A batch of a stream.
pub(in crate::brain) struct StreamBatch<'a> {
    pub(in crate::brain) instance: &'a str,
    pub(in crate::brain) epoch: u64,
    /// Its id, and what it consists of; `None` where it must not be found again.
    pub(in crate::brain) name: Option<(u64, [u8; 16])>,
    pub(in crate::brain) rows: &'a [StreamRow],
    /// Places of rows that vanish unnamed.
    pub(in crate::brain) lost: &'a [usize],
    /// Places of rows of which nothing is said.
    pub(in crate::brain) silent: &'a [usize],
    /// How it is shown among all batches; counts and remark are filled in.
    pub(in crate::brain) shown: NewBatch,
}

/// What came of a batch.
#[derive(Debug)]
pub(in crate::brain) enum Taken {
    /// A hub with a higher epoch has the school: nothing was written.
    Superseded { epoch: u64 },
    /// Written, in one transaction with its verdict.
    Written(Said),
}

/// A range of keys: count and XOR of the records' digests, and the records themselves.
#[derive(Debug, Default, Clone)]
pub(in crate::brain) struct HeldVersion {
    pub(in crate::brain) key: String,
    pub(in crate::brain) seq: u64,
    pub(in crate::brain) comparable: Vec<u8>,
}

/// What is known of a school.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in crate::brain) struct SchoolRow {
    pub(in crate::brain) school: String,
    pub(in crate::brain) epoch: u64,
    pub(in crate::brain) edition: String,
    pub(in crate::brain) software: String,
    pub(in crate::brain) seen: i64,
    pub(in crate::brain) health: Option<String>,
    /// Its stream, as [`Opening::holder`]; of a process that was killed it stays.
    pub(in crate::brain) holder: Option<String>,
}

/// What streams need of a database. All of it holds whichever platform process is asked: where several share a database,
/// a hub that goes from one to the other finds the same, and the old one may still be writing.
#[async_trait::async_trait]
pub(in crate::brain) trait StreamEffects: Send + Sync {
    /// Notes a stream, unless a higher epoch is known, and finds what it asks for.
    async fn open_stream(&self, opening: &Opening<'_>) -> Result<Opened, BrainError>;

    /// Writes a batch: of two versions of a key the one with the higher seq stands, whatever their order; a lower or
    /// equal seq changes nothing. Rows, writes, verdict and positions in one transaction, which a lower epoch ends: a
    /// stream that begins with a higher epoch waits for it.
    async fn take_batch(&self, batch: &StreamBatch<'_>) -> Result<Taken, BrainError>;

    /// A stream is over; the school's next one may have begun by now.
    async fn close_stream(&self, school: &str, holder: &str) -> Result<(), BrainError>;

    /// A sign of life; verdicts on batches below `oldest` are wanted no more.
    async fn note_sign(&self, school: &str, at: i64, oldest: u64, health: Option<&str>) -> Result<(), BrainError>;

    /// Every version of a table that a school holds, deleted ones left out, and the table's highest seq.
    async fn versions(&self, school: &str, table: &str) -> Result<(Vec<HeldVersion>, u64), BrainError>;

    /// All schools that ever opened a stream.
    async fn school_rows(&self) -> Result<Vec<SchoolRow>, BrainError>;
}

/// The database's whole numbers are signed; the top bit of a seq or an id is never set.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A version as the database has it.
pub(super) struct OwnedVersion {
    pub(super) school: String,
    pub(super) deleted: bool,
    pub(super) body: String,
    pub(super) seq: u64,
}

impl OwnedVersion {
    pub(super) fn as_version(&self) -> Version<'_> {
        Version { school: &self.school, deleted: self.deleted, body: &self.body, seq: self.seq, row: None }
    }
}

impl StreamBatch<'_> {
    /// What is to be said of its rows.
    pub(super) fn said(&self, outcome: &Outcome) -> Said {
        let place = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let silent = self.lost.iter().chain(self.silent).filter(|at| **at < self.rows.len());
        let mut silent: Vec<u32> = silent.map(|at| place(*at)).collect();
        silent.sort_unstable();
        silent.dedup();
        let refused = outcome.refused.iter().map(|(at, error)| (place(*at), error.clone()));
        Said { rows: place(self.rows.len()), refused: refused.filter(|(at, _)| !silent.contains(at)).collect(), silent }
    }

    /// How it is shown, counts filled in.
    pub(super) fn shown(&self, outcome: &Outcome) -> NewBatch {
        let mut shown = self.shown.clone();
        shown.storage_num = i64::try_from(outcome.writes.len()).unwrap_or(i64::MAX);
        shown.collect_num = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        shown
    }

    /// The highest seq among the rows written.
    pub(super) fn highest(&self, outcome: &Outcome) -> Option<u64> {
        outcome.writes.iter().filter_map(|w| self.rows.get(w.place)).map(|r| r.seq).max()
    }
}
