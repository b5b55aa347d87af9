//! What hub and platform say to each other beside records and verdicts: JSON objects, the message's key is the school code.
//!
//! A hub asks on the control topic; the platform answers, and demands, on the return topic. The algorithm of digests
//! stands in `proto/smartbrain/v1/report.proto`.

use serde::{Deserialize, Serialize};

/// A hub asks for the platform's digest of a range of a table's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestQuestion {
    /// The school's code.
    pub school: String,
    /// Names the question; the answer repeats it.
    pub question: String,
    /// The table.
    pub table: String,
    /// The range: lower-case hexadecimal digits that the SHA-256 of its keys begins with; empty for the whole table.
    pub prefix: String,
    /// Whether the records themselves are wanted; not given of ranges above 1,000.
    #[serde(default)]
    pub records: bool,
}

/// The platform's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAnswer {
    /// The school's code.
    pub school: String,
    /// The question's name.
    pub answer: String,
    /// Why there is no digest, for people; everything else is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The range asked for.
    #[serde(default)]
    pub whole: DigestRange,
    /// Its parts by the next digit, those without records left out.
    #[serde(default)]
    pub parts: Vec<DigestRange>,
    /// The records, where they were wanted.
    #[serde(default)]
    pub records: Vec<DigestRecord>,
    /// The highest seq of the table that went into it.
    #[serde(default)]
    pub position: u64,
}

/// One range of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestRange {
    /// The digits that it begins with.
    pub prefix: String,
    /// Records in it.
    pub count: u64,
    /// XOR of their digests, 32 lower-case hexadecimal digits.
    pub digest: String,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestRecord {
    /// The key.
    pub key: String,
    /// The seq held.
    pub seq: u64,
    /// Its hash, 32 lower-case hexadecimal digits.
    pub hash: String,
}

/// What the platform asks of a school's hub of its own accord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemandMessage {
    /// The school's code.
    pub school: String,
    /// `resend`: a table once more; `reconcile`: a comparison.
    pub demand: String,
    /// The table; empty for all, which only a comparison can be of.
    #[serde(default)]
    pub table: String,
}

/// `demand` of a table once more.
pub const RESEND: &str = "resend";
/// `demand` of a comparison.
pub const RECONCILE: &str = "reconcile";
