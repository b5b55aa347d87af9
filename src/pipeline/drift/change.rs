//! Changes of a source, and what they affect.

use serde::{Deserialize, Serialize};

use super::words;
use crate::finding::Text;

/// What a change affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Nothing that is used.
    Harmless,
    /// A column that the mapping uses could be missing, or mean something else.
    MappingAffected,
    /// The same, and a field that the edition requires, the key or a reference depends on it.
    ReportingAffected,
}

impl Class {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::MappingAffected => "mapping_affected",
            Self::ReportingAffected => "reporting_affected",
        }
    }
}

/// What has become of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone, and nothing looks like it.
    Dropped,
    /// It is gone, and a new one looks like it.
    Renamed,
    /// It stands elsewhere among the others.
    Reordered,
    /// Another column has its name too.
    Doubled,
    /// It has another type.
    Retyped,
    /// Its values are printed otherwise.
    Reprinted,
    /// Its texts have another encoding.
    Encoding,
    /// Its texts are ordered and compared otherwise.
    Collation,
    /// It may be without a value now, or no longer.
    Nullability,
    /// It holds what another one held.
    Moved,
    /// It is known by its place alone, and the places have changed.
    Misplaced,
    /// Rows no longer have it.
    Emptied,
    /// The view has another definition, and its values do not prove that they mean the same.
    View,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The column as it was called, or as it is called now where it is new.
    pub column: String,
    /// What has become of it.
    pub kind: ChangeKind,
    /// What that affects.
    pub class: Class,
    /// The fields that depend on it.
    pub fields: Vec<String>,
    /// The columns that it may have become, the likeliest first.
    pub likely: Vec<String>,
    /// Whether somebody may say that all is well.
    pub acceptable: bool,
    /// What has happened and why it matters. No value is in it.
    pub text: Text,
}

/// All that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Drift {
    /// The changes.
    pub changes: Vec<Change>,
}

impl Drift {
    /// What all of it affects.
    pub fn class(&self) -> Class {
        self.changes.iter().map(|change| change.class).max().unwrap_or(Class::Harmless)
    }

    /// Whether the table has to pause.
    pub fn pauses(&self) -> bool {
        self.class() > Class::Harmless
    }

    /// Whether everything that pauses may be accepted.
    pub fn is_acceptable(&self) -> bool {
        self.changes.iter().all(|change| change.class == Class::Harmless || change.acceptable)
    }

    /// The changes that pause the table.
    pub fn pausing(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.class > Class::Harmless)
    }

    /// What pauses the table, in a sentence.
    pub fn text(&self) -> Text {
        words::joined(self.pausing())
    }

    /// What is harmless, in a sentence; `None` when nothing is.
    pub(super) fn noted(&self) -> Option<Text> {
        let harmless = || self.changes.iter().filter(|change| change.class == Class::Harmless);
        harmless().next().map(|_| words::joined(harmless()))
    }

    /// As it is kept.
    pub(super) fn written(&self) -> String {
        let changes = self.pausing().cloned().collect();
        serde_json::to_string(&Self { changes }).unwrap_or_default()
    }

    /// From how it is kept; nothing for what another version wrote and this one cannot read.
    pub fn read(written: &str) -> Self {
        serde_json::from_str(written).unwrap_or_default()
    }
}
