//! Records and verdicts as they stand on topics.

use rdkafka::message::{Header, Headers, OwnedHeaders};
use serde::{Deserialize, Serialize};

/// The version of CloudEvents that headers follow, in binary mode.
pub const CLOUD_EVENTS: &str = "1.0";
/// `op` of an insert or update.
pub const UPSERT: &str = "upsert";
/// `op` of a deletion: the value is null.
pub const DELETE: &str = "delete";

/// The key of a record's message: `<school code>:<record key>`.
pub fn message_key(school: &str, key: &str) -> String {
    format!("{school}:{key}")
}

/// School code and record key of a message's key.
pub fn split_key(key: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(key).ok()?.split_once(':').filter(|(school, key)| !school.is_empty() && !key.is_empty())
}

/// What a record's headers say beside CloudEvents' own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// The school's code.
    pub school: &'a str,
    /// The table.
    pub table: &'a str,
    /// The edition that the record follows.
    pub edition: &'a str,
    /// The hub's epoch: a lower one than a consumer has seen of the school has no effect.
    pub epoch: u64,
    /// The version.
    pub seq: u64,
    /// `upsert` or `delete`.
    pub op: &'a str,
    /// Content hash, 32 lower-case hexadecimal digits.
    pub hash: &'a str,
}

impl<'a> Head<'a> {
    /// Appends these as headers.
    pub fn write(&self, headers: OwnedHeaders) -> OwnedHeaders {
        let (epoch, seq) = (self.epoch.to_string(), self.seq.to_string());
        let all = [
            ("school", self.school),
            ("table", self.table),
            ("edition", self.edition),
            ("epoch", &epoch),
            ("seq", &seq),
            ("op", self.op),
            ("hash", self.hash),
        ];
        all.into_iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
    }

    /// Reads them; the name of the first that is missing or wrong otherwise.
    ///
    /// # Errors
    /// The header's name.
    pub fn read<H: Headers>(headers: &'a H) -> Result<Self, &'static str> {
        let text = |name: &'static str| {
            let found = headers.iter().find(|h| h.key == name).and_then(|h| h.value);
            found.and_then(|v| std::str::from_utf8(v).ok()).ok_or(name)
        };
        let number = |name: &'static str| text(name)?.parse().map_err(|_| name);
        let head = Self {
            school: text("school")?,
            table: text("table")?,
            edition: text("edition")?,
            epoch: number("epoch")?,
            seq: number("seq")?,
            op: text("op")?,
            hash: text("hash")?,
        };
        if head.op != UPSERT && head.op != DELETE {
            return Err("op");
        }
        Ok(head)
    }
}

/// A verdict on the return topic: a JSON object, the message's key is the school code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictMessage {
    /// The school's code.
    pub school: String,
    /// The table.
    pub table: String,
    /// The record key.
    pub key: String,
    /// The version.
    pub seq: u64,
    /// `stored` or `refused`.
    pub outcome: String,
    /// Why it was refused, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The field in question, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
