//! The settings of a `csv` source.

use std::path::PathBuf;
use std::sync::Arc;

use encoding_rs::Encoding;
use serde::Deserialize;

use super::encoding;
use super::layout::Wishes;
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
}

impl Settings {
    /// Settings of one source.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        crate::source::parse_settings(place)
    }

    /// The folder or file, from the settings' own folder.
    pub fn path(&self, place: &SourcePlace<'_>) -> PathBuf {
        place.base.join(&self.path)
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
            header_row: self.header_row,
        }
    }

    /// Tells readings apart that give other rows of the same bytes.
    pub fn fingerprint(&self) -> Arc<str> {
        format!("{:?}|{:?}|{:?}|{:?}", self.encoding, self.delimiter, self.quote, self.header_row).into()
    }
}

fn single_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => None,
    }
}
