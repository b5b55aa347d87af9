//! Positions of reads by parts and of changes.

use serde::{Deserialize, Serialize};

use super::log::LogMark;
use super::window::Watermark;
use crate::finding::Text;
use crate::source::{Position, Progress};

/// The form that this version writes.
const VERSION: u32 = 1;

/// What a run comes to know. With [`Self::under_way`] it lies within a read of everything, without at the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reached {
    pub version: u32,
    /// The read of everything that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
    /// At the end: whether everything was read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub whole: bool,
    /// Where the watermark stood when the run began; `None` where there was no mark yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
    /// Up to where the log has been read, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The log told that something was removed, and no whole read has proven since what.
    #[serde(default, skip_serializing_if = "is_false")]
    pub removed: bool,
    /// The log could not be read, and has not been read since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<Without>,
}

/// Why everything is read instead of what a log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Without {
    /// The newest reason.
    pub why: Text,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

impl Without {
    /// For a reason, since `now` or whenever it was that it began.
    pub fn of(why: Text, before: Option<&Self>, now: i64) -> Self {
        Self { why, since: before.map_or(now, |before| before.since) }
    }
}

/// A read by ranges of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    /// The key of the last row given.
    pub key: Vec<String>,
    /// Rows given.
    pub done: u64,
    /// Rows there were when the run began.
    pub total: u64,
    /// By watermark: the condition on the rows that are still to come, those that changed having come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Reached {
    /// Nothing known.
    pub fn new() -> Self {
        Self { version: VERSION, ..Self::default() }
    }

    /// From a position; `None` when another version or connector wrote it.
    pub fn of(position: &Position) -> Option<Self> {
        serde_json::from_slice(&position.0).ok().filter(|reached: &Self| reached.version == VERSION)
    }

    /// As a position.
    pub fn position(&self) -> Position {
        Position(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Up to where the log has been read.
    pub fn log(&self) -> Option<LogMark> {
        self.log.as_ref().and_then(|digits| hex::decode(digits).ok()).map(LogMark)
    }

    /// The same, with the log read up to `mark`.
    pub fn with_log(mut self, mark: Option<&LogMark>) -> Self {
        self.log = mark.map(|mark| hex::encode(&mark.0));
        self
    }

    /// How far a read of everything has come.
    pub fn progress(&self) -> Option<Progress> {
        self.under_way.as_ref().map(|way| Progress { done: way.done, total: way.total })
    }
}

/// How far a read of everything had come at a position.
pub(in crate::source) fn progress(position: &Position) -> Option<Progress> {
    Reached::of(position)?.progress()
}

/// Why the log could not be read by the run that came to a position or one before it, and since when, in milliseconds since
/// 1970; nothing once the log has been read again.
pub(in crate::source) fn without_log(position: &Position) -> Option<(Text, i64)> {
    Reached::of(position)?.without.map(|without| (without.why, without.since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_as_they_were_and_foreign_ones_are_none() {
        let way = UnderWay { key: vec!["学'1".into()], done: 3, total: 9, rest: None };
        let first = Without::of(Text::new("无", "none"), None, 7);
        let without = Some(Without::of(Text::new("仍无", "still none"), Some(&first), 9));
        let reached = Reached { under_way: Some(way), removed: true, without, ..Reached::new() };
        let reached = reached.with_log(Some(&LogMark(vec![0, 255])));
        let again = Reached::of(&reached.position()).unwrap();
        assert_eq!(again, reached);
        assert_eq!(again.log(), Some(LogMark(vec![0, 255])));
        assert_eq!(progress(&reached.position()).map(Progress::percent), Some(33));
        assert_eq!(without_log(&reached.position()), Some((Text::new("仍无", "still none"), 7)));
        assert_eq!((progress(&Reached::new().position()), without_log(&Reached::new().position())), (None, None));
        for foreign in ["", "{}", r#"{"version":2}"#, r#"{"files":"x","file":0,"offset":1,"line":1}"#] {
            assert_eq!(Reached::of(&Position(foreign.into())), None, "{foreign}");
        }
    }
}
