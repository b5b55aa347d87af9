//! How the teaching calendar is read out of the hub's own masters.

use super::LoadError;
use super::folder::Folder;

const FILE: &str = "core/calendar.json";

/// What `core/calendar.json` says.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeachingSource {
    /// The tables that the queries name.
    pub tables: Vec<String>,
    /// Gives `year`, `term`, `monday` (the first of the first week) and `weeks`.
    pub terms: String,
    /// Gives `day`, `kind`, and `instead` (the day whose lessons are taught on it).
    pub days: String,
    /// Kinds of days without lessons.
    pub free: Vec<String>,
    /// Kinds of days with the lessons of another day.
    pub taught: Vec<String>,
}

/// Reads it; a folder without it has none.
pub(super) fn read(folder: &Folder) -> Result<Option<TeachingSource>, LoadError> {
    let text = match folder.text(FILE) {
        Err(LoadError::Absent { .. }) => return Ok(None),
        text => text?,
    };
    let wrong = |e: serde_json::Error| LoadError::Form { file: FILE.to_owned(), reason: e.to_string() };
    serde_json::from_str(&text).map(Some).map_err(wrong)
}
