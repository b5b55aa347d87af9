//! The hub's own landed data as a source, for tables that are derived from others: in the file of its store, or in the
//! database of one that several hubs share.

mod database;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::sqlite::{self, Database};
use super::{Begin, Checked, Connector, ReadSpec, Source, SourceError, SourcePlace, postgres};

/// The connector.
pub(super) struct Hub;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    database: String,
    #[serde(default)]
    prelude: Vec<String>,
    #[serde(default = "super::five_minutes")]
    statement_timeout: u64,
}

/// Without the database's address, which may hold a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("statement_timeout", &self.statement_timeout).finish_non_exhaustive()
    }
}

/// Where the hub's store is.
enum Store {
    File(Database),
    Server(Box<postgres::Session>),
}

fn store(place: &SourcePlace<'_>) -> Result<Store, SourceError> {
    let settings: Settings = super::parse_settings(place)?;
    if settings.database.starts_with("postgres") && settings.database.contains("://") {
        let session = database::session(place.name, &settings.database, settings.prelude, settings.statement_timeout)?;
        return Ok(Store::Server(Box::new(session)));
    }
    Ok(Store::File(Database {
        source: place.name.clone(),
        path: place.base.join(settings.database),
        prelude: settings.prelude.into(),
        patience: Duration::from_secs(settings.statement_timeout),
        reinterpret: None,
    }))
}

impl Connector for Hub {
    fn kind(&self) -> &'static str {
        "hub"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn written_day(&self, day: jiff::civil::Date) -> String {
        day.strftime("%Y%m%d").to_string()
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let version = match store(place)? {
            Store::File(database) => sqlite::version(&database)?,
            Store::Server(session) => {
                let (version, _) = super::reader::run(place.name, || session.look())?;
                format!("PostgreSQL {version}")
            }
        };
        Ok(Checked { about: format!("own store, {version}"), ..Checked::default() })
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        match store(place)? {
            Store::File(database) => sqlite::list(&database),
            Store::Server(session) => super::reader::run(place.name, || session.list()),
        }
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, _begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        match store(place)? {
            Store::File(database) => sqlite::open(database, read),
            Store::Server(session) => postgres::open(*session, read),
        }
    }
}
