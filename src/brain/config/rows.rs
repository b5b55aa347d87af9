//! Settings of how rows are judged and kept.

use serde::Deserialize;

/// How rows are judged and kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowsConfig {
    /// Whether every field of the table must be in each row, null where there is nothing.
    pub all_fields: bool,
    /// What is expected in fields that must be sealed before reporting.
    pub sealed: SealedFields,
    /// The form of date-times.
    pub date_time: DateTimes,
    /// Whether a deleted row lives again when it is sent without the deletion.
    pub revive: bool,
    /// Most rows in one submit; 0 means any number.
    pub max_rows: usize,
}

impl Default for RowsConfig {
    fn default() -> Self {
        Self { all_fields: true, sealed: SealedFields::Opaque, date_time: DateTimes::Edition, revive: true, max_rows: 0 }
    }
}

/// What is expected in fields that must be sealed before reporting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealedFields {
    /// Something sealed: any text, only its presence is checked.
    Opaque,
    /// The plain value, checked like every other.
    Plain,
}

/// The form of date-times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateTimes {
    /// As the edition prints it.
    Edition,
    /// `YYYYMMDD hhmmss`.
    Blank,
    /// `YYYYMMDDhhmmss`.
    Joined,
    /// Both.
    Either,
}
