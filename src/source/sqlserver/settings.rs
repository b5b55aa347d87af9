//! Settings of one source of this kind.

use std::time::Duration;

use serde::Deserialize;

use crate::source::{Guest, SourceError, SourcePlace, parse_settings};

/// Settings of one server. Not printable: it holds a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    pub host: String,
    #[serde(default = "usual_port")]
    pub port: u16,
    pub database: String,
    pub user: String,
    #[serde(default)]
    pub password: String,
    /// For readers of the settings; it has to be there.
    #[serde(rename = "plaintext")]
    _plaintext: Acceptance,
    #[serde(default = "crate::source::five_minutes")]
    statement_timeout: u64,
    #[serde(default)]
    pub guest: Guest,
}

/// Who accepted something, when and why.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    #[serde(rename = "by")]
    _by: String,
    #[serde(rename = "date")]
    _date: String,
    #[serde(rename = "reason")]
    _reason: String,
}

fn usual_port() -> u16 {
    1433
}

impl Settings {
    /// Settings of one source.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        parse_settings(place)
    }

    /// How long the server may take for the next rows.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.statement_timeout)
    }
}
