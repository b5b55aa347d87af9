//! The settings of a `csv` source.

use std::path::PathBuf;
use std::time::Duration;

use encoding_rs::Encoding;
use serde::Deserialize;

use super::encoding;
use super::layout::Wishes;
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
    encoding: Option<String>,
    delimiter: Option<String>,
    quote: Option<String>,
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

    /// Settings of a text that turned up among other files.
    pub fn unknown(header: Wish) -> Self {
        Self {
            _kind: None,
            path: PathBuf::new(),
            encoding: None,
            delimiter: None,
            quote: None,
            header_row: header.row,
            header_rows: header.rows,
            files: Take::All,
            settle: 0,
        }
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

    /// The encoding, when it is fixed.
    pub fn encoding(&self) -> Option<&'static Encoding> {
        encoding::by_name(self.encoding.as_deref()?)
    }

    /// What is fixed of a file's layout.
    pub fn wishes(&self, file: &str) -> Wishes {
        let tab = file.to_ascii_lowercase().ends_with(".tsv") || file.to_ascii_lowercase().ends_with(".tab");
        Wishes {
            delimiter: self.delimiter.as_deref().filter(|d| *d != "auto").and_then(single_byte),
            likely_delimiter: if tab { b'\t' } else { b',' },
            quote: match self.quote.as_deref() {
                None => Some(b'"'),
                Some("none") => None,
                Some(quote) => single_byte(quote),
            },
            header: Wish { row: self.header_row, rows: self.header_rows },
        }
    }

    /// Tells readings apart that give other rows of the same bytes.
    pub fn fingerprint(&self) -> String {
        let Self { encoding, delimiter, quote, header_row, header_rows, .. } = self;
        format!("{encoding:?}|{delimiter:?}|{quote:?}|{header_row:?}|{header_rows:?}")
    }
}

fn single_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => None,
    }
}
