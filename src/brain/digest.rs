//! Digests of what is held, for comparison: the algorithm stands in `proto/smartbrain/v1/report.proto`.

use sha2::{Digest as _, Sha256};

use super::effects::{HeldVersion, StreamEffects};
use super::error::BrainError;

/// Records themselves are named of ranges up to this size.
const RECORDS: usize = 1_000;

/// One range of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Range {
    /// The hexadecimal digits that the SHA-256 of its keys begins with.
    pub(super) prefix: String,
    pub(super) count: u64,
    /// XOR of its records' digests.
    pub(super) digest: [u8; 16],
}

/// A range, its parts by the next digit, its records where they were wanted.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) whole: Range,
    pub(super) parts: Vec<Range>,
    pub(super) records: Vec<HeldVersion>,
    /// The highest seq of the table.
    pub(super) position: u64,
}

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("prefix must be lower-case hexadecimal digits")]
    Prefix,
    #[error("the range holds more than 1000 records: ask for its parts")]
    TooMany,
    #[error("what is held cannot be read")]
    Database(#[source] BrainError),
}

/// Of a range of what a school holds of a table.
pub(super) async fn of(
    effects: &dyn StreamEffects,
    school: &str,
    table: &str,
    prefix: &str,
    with_records: bool,
) -> Result<Digest, Unanswered> {
    let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if prefix.len() > 64 || !prefix.chars().all(digits) {
        return Err(Unanswered::Prefix);
    }
    let (versions, position) = effects.versions(school, table).await.map_err(Unanswered::Database)?;
    let of_part = |digit: u32| Range { prefix: format!("{prefix}{digit:x}"), ..Range::default() };
    let mut parts: Vec<Range> = (0..16).map(of_part).collect();
    let mut whole = Range { prefix: prefix.to_owned(), ..Range::default() };
    let mut records = Vec::new();
    for version in versions {
        let place = hex::encode(Sha256::digest(&version.key));
        let Some(rest) = place.strip_prefix(prefix) else { continue };
        let mut hasher = Sha256::new();
        hasher.update(&version.key);
        hasher.update([0]);
        hasher.update(&version.comparable);
        let own = hasher.finalize();
        whole.add(&own);
        if let Some(part) = rest.chars().next().and_then(|c| c.to_digit(16)).and_then(|d| parts.get_mut(d as usize)) {
            part.add(&own);
        }
        if with_records && records.len() <= RECORDS {
            records.push(version);
        }
    }
    if records.len() > RECORDS {
        return Err(Unanswered::TooMany);
    }
    parts.retain(|part| part.count > 0);
    Ok(Digest { whole, parts, records, position })
}

impl Range {
    fn add(&mut self, digest: &[u8]) {
        self.count += 1;
        self.digest.iter_mut().zip(digest).for_each(|(a, b)| *a ^= b);
    }
}
