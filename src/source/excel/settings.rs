//! The settings of an `excel` source.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::source::files::{Folder, Take, three_seconds};
use crate::source::header::Wish;
use crate::source::{SourceError, SourcePlace};

/// The settings as written; the schema beside this file says what they mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    path: PathBuf,
    header_row: Option<u64>,
    header_rows: Option<u64>,
    #[serde(default)]
    files: Take,
    #[serde(default = "three_seconds")]
    settle: u64,
}

impl Settings {
    /// Settings of one source.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        crate::source::parse_settings(place)
    }

    /// Where the files are.
    pub fn folder(&self, place: &SourcePlace<'_>) -> Folder {
        Folder {
            source: place.name.clone(),
            path: place.base.join(&self.path),
            take: self.files,
            settle: Duration::from_secs(self.settle),
        }
    }

    /// Where the header of a sheet is.
    pub fn header(&self) -> Wish {
        Wish { row: self.header_row, rows: self.header_rows }
    }
}
