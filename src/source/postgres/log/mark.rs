//! A place in the log as the hub keeps it, and reasons to do without the log. Pure.

use serde::{Deserialize, Serialize};

use super::message::Lsn;
use crate::finding::Text;
use crate::source::incremental::LogMark;

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Mark {
    /// A place in a log.
    At(At),
    /// There was none to be had; everything is read each time.
    Without(Without),
}

/// A place in a log: everything up to it has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    /// The cluster, by the number that it was made with.
    pub system: String,
    /// Its timeline: another one after each failover.
    pub timeline: String,
    /// Table and publication as they were: another one when rows may have changed past the log.
    pub table: String,
    /// The place.
    #[serde(with = "place")]
    pub lsn: Lsn,
}

/// Why there is no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Without {
    /// In words.
    pub why: Text,
    /// When it is tried again, in seconds since 1970 by the server's clock; at the next read without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl Mark {
    /// From what the hub kept; `None` when that is of another making.
    pub fn read(mark: &LogMark) -> Option<Self> {
        serde_json::from_slice(&mark.0).ok()
    }

    /// As the hub keeps it.
    pub fn write(&self) -> LogMark {
        // A struct of texts and numbers can always be written.
        LogMark(serde_json::to_vec(self).unwrap_or_default())
    }
}

mod place {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Lsn;

    pub fn serialize<S: Serializer>(lsn: &Lsn, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(lsn)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Lsn, D::Error> {
        let text = String::deserialize(from)?;
        Lsn::parse(&text).ok_or_else(|| de::Error::custom("no place in a log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_as_they_were_written() {
        let at = At { system: "7301".into(), timeline: "00000001".into(), table: "t".into(), lsn: Lsn(0x1_0000_00FF) };
        let written = Mark::At(at.clone()).write();
        assert_eq!(
            String::from_utf8_lossy(&written.0),
            r#"{"at":{"system":"7301","timeline":"00000001","table":"t","lsn":"1/FF"}}"#
        );
        assert_eq!(Mark::read(&written), Some(Mark::At(at)));
        let without = Mark::Without(Without { why: Text::new("无", "none"), until: Some(7) });
        assert_eq!(Mark::read(&without.write()), Some(without));
        for wrong in ["", "{}", r#"{"at":{"system":"1","timeline":"1","table":"t","lsn":"x"}}"#, r#"{"else":1}"#] {
            assert_eq!(Mark::read(&LogMark(wrong.into())), None, "{wrong}");
        }
    }
}
