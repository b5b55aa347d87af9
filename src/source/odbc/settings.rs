//! The settings of an `odbc` source; the schema beside this file says what they mean.

#[cfg(feature = "odbc")]
use encoding_rs::Encoding;
use serde::Deserialize;

use crate::source::{Guest, SourceError, SourcePlace};

/// One source. Not printable: it holds a password.
#[derive(Clone, Deserialize)]
#[cfg_attr(not(feature = "odbc"), expect(dead_code, reason = "settings are judged by a binary that has no driver, too"))]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    pub connection: String,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub password: String,
    #[serde(default)]
    text: TextForm,
    #[serde(default)]
    pub fetch: Fetch,
    pub consistent: Option<bool>,
    #[serde(default = "crate::source::five_minutes")]
    pub statement_timeout: u64,
    #[serde(default)]
    pub guest: Guest,
}

/// How texts are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum TextForm {
    #[default]
    #[serde(rename = "wide")]
    Wide,
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "gb18030")]
    Gb18030,
}

/// How rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fetch {
    /// One by one, values of any length.
    #[default]
    Rows,
    /// Many at once.
    Blocks,
}

impl Settings {
    /// Settings of one source.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        let settings: Self = crate::source::parse_settings(place)?;
        let named = |part: &str| {
            let name = part.split('=').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("pwd") || name.eq_ignore_ascii_case("password")
        };
        if settings.connection.split(';').any(named) {
            return Err(SourceError::Settings {
                source_name: place.name.clone(),
                what: "`connection` holds a password".into(),
                remedy: "give it as `password`, by reference".into(),
            });
        }
        Ok(settings)
    }

    #[cfg(feature = "odbc")]
    /// The encoding of texts that come as bytes; `None` where they come as UTF-16.
    pub fn encoding(&self) -> Option<&'static Encoding> {
        match self.text {
            TextForm::Wide => None,
            TextForm::Utf8 => Some(encoding_rs::UTF_8),
            TextForm::Gb18030 => Some(encoding_rs::GB18030),
        }
    }
}
