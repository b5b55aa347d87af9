//! What a mapping says of incremental reading.

use serde::{Deserialize, Serialize};

/// How changed rows are found: `[read.changes]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesSpec {
    /// What tells them.
    pub by: ChangesBy,
    /// By watermark: a row's mark is the greatest of these columns that is not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// By watermark: how far back each run reads again; without it twice the greatest lateness observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// Everything is read again this often.
    #[serde(default = "one_day")]
    pub compare_every: Period,
    /// By log: what identifies a row; without it the primary key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
}

/// What a kind of source knows of reading by parts and of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incremental {
    /// Neither `[read.changes]` nor `[read.chunks]`; it may have its own way to go on.
    No,
    /// Ranges of a key, and changes by watermark.
    ByWatermark,
    /// The same, and changes by the database's log.
    ByLog,
}

/// What tells that a row has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangesBy {
    /// Columns that grow with every change.
    Watermark,
    /// The database's own log of changes.
    Log,
}

/// How far back a watermark is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Overlap {
    /// Where marks are numbers: as many of them.
    Count(u64),
    /// Where marks are times.
    Time(Period),
}

/// Reading by ranges of a key: `[read.chunks]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunksSpec {
    /// What rows are ordered and told apart by; without it the primary key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Rows of one range.
    #[serde(default = "many_rows")]
    pub rows: u64,
}

/// A length of time, written `90s`, `10m`, `6h`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    seconds: u64,
}

impl Period {
    /// In milliseconds.
    pub fn millis(self) -> i64 {
        i64::try_from(self.seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    /// In seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

impl TryFrom<String> for Period {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "a length of time is a number and s, m, h or d";
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(WRONG),
        };
        let number: u64 = text[..text.len() - 1].parse().map_err(|_| WRONG)?;
        number.checked_mul(unit).map(|seconds| Self { seconds }).ok_or(WRONG)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        let fits = [(86_400, 'd'), (3_600, 'h'), (60, 'm')].into_iter().find(|(unit, _)| period.seconds.is_multiple_of(*unit));
        let (unit, letter) = fits.filter(|_| period.seconds > 0).unwrap_or((1, 's'));
        format!("{}{letter}", period.seconds / unit)
    }
}

fn one_day() -> Period {
    Period { seconds: 86_400 }
}

fn many_rows() -> u64 {
    20_000
}

#[cfg(test)]
mod tests {
    use super::Period;

    #[test]
    fn lengths_of_time_are_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("6h", 21_600), ("1d", 86_400), ("0s", 0)] {
            let period = Period::try_from(text.to_owned()).unwrap();
            assert_eq!(period.seconds(), seconds, "{text}");
            assert_eq!(String::from(period), text);
        }
        for wrong in ["", "10", "m", "-1h", "1.5h", "1w", "10 m", "99999999999999999999d", "年"] {
            assert!(Period::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
