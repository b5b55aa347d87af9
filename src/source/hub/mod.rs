//! The hub's own landed data as a source, for tables that are derived from others.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::sqlite::{self, Database};
use super::{Checked, Connector, Position, ReadSpec, Source, SourceError, SourcePlace};

/// The connector.
pub(super) struct Hub;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    database: PathBuf,
    #[serde(default)]
    prelude: Vec<String>,
    #[serde(default = "super::five_minutes")]
    statement_timeout: u64,
}

fn database(place: &SourcePlace<'_>) -> Result<Database, SourceError> {
    let settings: Settings = super::parse_settings(place)?;
    Ok(Database {
        source: place.name.clone(),
        path: place.base.join(settings.database),
        prelude: settings.prelude.into(),
        patience: Duration::from_secs(settings.statement_timeout),
        reinterpret: None,
    })
}

impl Connector for Hub {
    fn kind(&self) -> &'static str {
        "hub"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        Ok(Checked { about: format!("own store, {}", sqlite::version(&database(place)?)?), notes: Vec::new() })
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        sqlite::list(&database(place)?)
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, _resume: Option<&Position>) -> Result<Box<dyn Source>, SourceError> {
        sqlite::open(database(place)?, read)
    }
}
