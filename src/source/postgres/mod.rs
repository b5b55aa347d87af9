//! PostgreSQL: one read-only transaction an object (REPEATABLE READ), rows through a cursor.

mod catalogue;
mod cell;
mod connect;
mod log;
mod read;
mod table;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::incremental::Watched;
use super::product::READER;
use super::server::{Server, ZeroDates};
use super::{
    Begin, Checked, Connector, Incremental, Need, Product, ReadSpec, Source, SourceError, SourcePlace, TableShape, guest,
    incremental, reader,
};
pub(super) use connect::{Own, Session};
pub(super) use log::LogSettings;
pub(super) use read::open;

/// The connector.
pub(super) struct Postgres;

fn session(place: &SourcePlace<'_>) -> Result<Session, SourceError> {
    let mut server: Server = super::parse_settings(place)?;
    server.tls_ca = server.tls_ca.map(|file| place.base.join(file));
    server.zero_dates = Some(ZeroDates::Text);
    Ok(Session { source: place.name.clone(), server, log: LogSettings::of(place), own: None })
}

impl Connector for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn settings_schema(&self) -> &'static str {
        static MADE: OnceLock<String> = OnceLock::new();
        guest::with_guest(&MADE, include_str!("settings.json"))
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let session = session(place)?;
        let (version, writes) = reader::run(place.name, || session.look())?;
        Ok(session.server.checked(format!("PostgreSQL {version}"), writes))
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let session = session(place)?;
        reader::run(place.name, || session.list())
    }

    fn account_sql(&self, place: &SourcePlace<'_>, objects: &[String]) -> Option<String> {
        let session = session(place).ok()?;
        let (product, to) = (Product::Postgres, READER.name);
        let schemas: BTreeSet<&str> = objects.iter().map(|o| o.split_once('.').map_or("public", |(schema, _)| schema)).collect();
        let usage = schemas.iter().map(|schema| format!("GRANT USAGE ON SCHEMA {} TO {to};\n", product.quoted(schema)));
        Some(format!(
            "{}GRANT CONNECT ON DATABASE {} TO {to};\n{}{}",
            product.make(&READER),
            product.quoted(&session.server.database),
            usage.collect::<String>(),
            product.grants(objects, None, to)
        ))
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
        if incremental::wanted(read) { table::open_table(session, read, begin) } else { open(session, read) }
    }
}
