//! SQLite database files, read-only, one read transaction an object.

mod catalogue;
mod cell;
mod connect;
mod remarks;
mod script;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Begin, Checked, Connector, Incremental, ReadSpec, Source, SourceError, SourcePlace, TableShape, incremental};
pub(super) use connect::{Database, list, open, version};
pub use script::load_script;

/// The connector.
pub(super) struct Sqlite;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    path: PathBuf,
    #[serde(default = "super::five_minutes")]
    statement_timeout: u64,
    reinterpret: Option<Reinterpret>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reinterpret {
    Gb18030,
}

fn database(place: &SourcePlace<'_>) -> Result<Database, SourceError> {
    let settings: Settings = super::parse_settings(place)?;
    Ok(Database {
        source: place.name.clone(),
        path: place.base.join(settings.path),
        prelude: Arc::new([]),
        patience: Duration::from_secs(settings.statement_timeout),
        reinterpret: settings.reinterpret.map(|Reinterpret::Gb18030| encoding_rs::GB18030),
    })
}

impl Connector for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        Ok(Checked { about: version(&database(place)?)?, ..Checked::default() })
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        list(&database(place)?)
    }

    fn describe(&self, place: &SourcePlace<'_>) -> Result<Vec<TableShape>, SourceError> {
        catalogue::describe(&database(place)?)
    }

    fn incremental(&self) -> Incremental {
        Incremental::ByWatermark
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let database = database(place)?;
        if incremental::wanted(read) { table::open_table(database, read, begin) } else { open(database, read) }
    }
}
