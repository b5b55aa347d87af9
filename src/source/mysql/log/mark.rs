//! Places in the binary log.

use serde::{Deserialize, Serialize};

use crate::source::incremental::LogMark;

/// The form that marks are kept in. One of another form is not understood, and everything is read.
const FORM: u32 = 1;

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
pub(super) struct Mark {
    form: u32,
    /// The server: its UUID, or for MariaDB its server id.
    pub server: String,
    /// When the file was begun, in seconds of the server's clock. After RESET MASTER, or on another server with the same id, a
    /// file of the same name was begun at another time.
    pub born: u32,
    /// Where in the log.
    pub at: Point,
}

impl Mark {
    /// A mark of today's form.
    pub fn new(server: String, born: u32, at: Point) -> Self {
        Self { form: FORM, server, born, at }
    }

    /// As it is kept.
    pub fn packed(&self) -> LogMark {
        // Numbers and texts always become JSON.
        LogMark(serde_json::to_vec(self).unwrap_or_default())
    }

    /// From how it was kept; nothing when it is of another form.
    pub fn unpacked(mark: &LogMark) -> Option<Self> {
        serde_json::from_slice(&mark.0).ok().filter(|mark: &Self| mark.form == FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_as_it_was_kept() {
        let mark = Mark::new("mariadb 7".into(), 1_725_000_000, Point { file: "binlog.000012".into(), offset: 4711 });
        assert_eq!(Mark::unpacked(&mark.packed()), Some(mark.clone()));
        let later = Mark { form: FORM + 1, ..mark };
        assert_eq!(Mark::unpacked(&later.packed()), None, "a later form is not guessed at");
        assert_eq!(Mark::unpacked(&LogMark(Vec::new())), None);
    }
}
