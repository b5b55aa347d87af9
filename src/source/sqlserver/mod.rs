//! SQL Server, by its own protocol (TDS) over a line that is not encrypted: one transaction an object, rows streamed.
//!
//! Nothing is asked of the server that SQL Server 2008 does not know. There is no transaction that only reads: what is not one
//! SELECT is refused before it is sent, the account has to be one that cannot write, and the transaction is never committed.

mod catalogue;
mod cell;
mod connect;
mod faults;
mod line;
mod moment;
mod read;
mod settings;

use std::sync::OnceLock;

use super::product::READER;
use super::{Begin, Checked, Connector, Product, ReadSpec, Source, SourceError, SourcePlace, TableShape, guest, reader};
use connect::Session;

/// The connector.
pub(super) struct Sqlserver;

impl Connector for Sqlserver {
    fn kind(&self) -> &'static str {
        "sqlserver"
    }

    fn settings_schema(&self) -> &'static str {
        static MADE: OnceLock<String> = OnceLock::new();
        guest::with_guest(&MADE, include_str!("settings.json"))
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let session = Session::of(place)?;
        reader::run(place.name, || session.look())
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let session = Session::of(place)?;
        reader::run(place.name, || catalogue::list(&session))
    }

    fn account_sql(&self, place: &SourcePlace<'_>, objects: &[String]) -> Option<String> {
        let session = Session::of(place).ok()?;
        let product = Product::SqlServer;
        // A user belongs to the database that is in use.
        let database = product.quoted(&session.settings.database);
        let grants = product.grants(objects, None, &product.grantee(&READER));
        Some(format!("USE {database};\n{}{grants}", product.make(&READER)))
    }

    fn describe(&self, place: &SourcePlace<'_>) -> Result<Vec<TableShape>, SourceError> {
        let session = Session::of(place)?;
        reader::run(place.name, || catalogue::describe(&session))
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, _begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        read::open(Session::of(place)?, read)
    }
}
