//! MySQL and MariaDB: one read-only transaction with a consistent snapshot an object, rows streamed as text.
//!
//! Nothing is asked of the server that MySQL 5.6 does not know.

mod catalogue;
mod cell;
mod connect;
mod log;
mod read;
mod table;

use std::sync::OnceLock;

use super::incremental::Watched;
use super::product::{Account, READER};
use super::server::Server;
use super::{
    Begin, Checked, Connector, Incremental, Need, Product, ReadSpec, Source, SourceError, SourcePlace, TableShape, guest,
    incremental, reader,
};
use connect::Session;
use log::LogSettings;

/// The connector.
pub(super) struct Mysql;

fn session(place: &SourcePlace<'_>) -> Result<Session, SourceError> {
    let mut server: Server = super::parse_settings(place)?;
    server.tls_ca = server.tls_ca.map(|file| place.base.join(file));
    Ok(Session { source: place.name.clone(), server, log: LogSettings::of(place) })
}

impl Connector for Mysql {
    fn kind(&self) -> &'static str {
        "mysql"
    }

    fn settings_schema(&self) -> &'static str {
        static MADE: OnceLock<String> = OnceLock::new();
        guest::with_guest(&MADE, include_str!("settings.json"))
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let session = session(place)?;
        let (about, writes) = reader::run(place.name, || session.look())?;
        Ok(session.server.checked(about, writes))
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let session = session(place)?;
        reader::run(place.name, || session.list())
    }

    fn account_sql(&self, place: &SourcePlace<'_>, objects: &[String]) -> Option<String> {
        let session = session(place).ok()?;
        let account = Account { host: "<address of the hub>", ..READER };
        let product = Product::Mysql;
        let grants = product.grants(objects, Some(&session.server.database), &product.grantee(&account));
        Some(format!("{}{grants}", product.make(&account)))
    }

    fn needs(&self, place: &SourcePlace<'_>, reads: &[&ReadSpec]) -> Result<Vec<Need>, SourceError> {
        let session = session(place)?;
        let watched = Watched::of(place.name, reads);
        reader::run(place.name, || log::needs(&session, &watched))
    }

    fn describe(&self, place: &SourcePlace<'_>) -> Result<Vec<TableShape>, SourceError> {
        let session = session(place)?;
        reader::run(place.name, || catalogue::describe(&session))
    }

    fn incremental(&self) -> Incremental {
        Incremental::ByLog
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let session = session(place)?;
        if incremental::wanted(read) { table::open_table(session, read, begin) } else { read::open(session, read) }
    }
}
