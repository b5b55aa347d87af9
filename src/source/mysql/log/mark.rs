//! Places in the binary log.

use serde::{Deserialize, Serialize};

use crate::finding::Text;
use crate::source::incremental::LogMark;

/// A place in the log of one server: where one event ends and the next begins, outside any transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Point {
    /// The log's file, as the server names it.
    pub file: String,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// A point with what tells that the same log is met again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// The server: its UUID, or for MariaDB its server id.
    pub server: String,
    /// When the file was begun, in seconds of the server's clock. After RESET MASTER, or on another server with the same id, a
    /// file of the same name was begun at another time.
    pub born: u32,
    /// Where in the log.
    pub at: Point,
}

/// What the hub keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Kept {
    /// A place in a log.
    At(Mark),
    /// There was none to be had, in words; everything is read each time.
    Without(Text),
}

impl Kept {
    /// As it is kept.
    pub fn packed(&self) -> LogMark {
        // Numbers and texts always become JSON.
        LogMark(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From how it was kept; nothing when that is of another making.
    pub fn unpacked(mark: &LogMark) -> Option<Self> {
        serde_json::from_slice(&mark.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_as_it_was_kept() {
        let at = Point { file: "binlog.000012".into(), offset: 4711 };
        let mark = Kept::At(Mark { server: "mariadb 7".into(), born: 1_725_000_000, at });
        let packed = mark.packed();
        assert_eq!(
            String::from_utf8_lossy(&packed.0),
            r#"{"at":{"server":"mariadb 7","born":1725000000,"at":{"file":"binlog.000012","offset":4711}}}"#
        );
        assert_eq!(Kept::unpacked(&packed), Some(mark));
        let without = Kept::Without(Text::new("无", "none"));
        assert_eq!(Kept::unpacked(&without.packed()), Some(without));
        for wrong in ["", "{}", r#"{"at":{"server":"a","born":1}}"#, r#"{"else":1}"#] {
            assert_eq!(Kept::unpacked(&LogMark(wrong.into())), None, "{wrong}");
        }
    }
}
