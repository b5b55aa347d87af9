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

use super::{Begin, Checked, Connector, ReadSpec, Source, SourceError, SourcePlace, TableShape, guest, reader};
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
        let database = catalogue::name(&session.settings.database);
        let grants: Vec<String> =
            objects.iter().map(|object| format!("GRANT SELECT ON {} TO [xiaoshu_reader];", catalogue::path(object))).collect();
        Some(format!(
            "CREATE LOGIN [xiaoshu_reader] WITH PASSWORD = N'<password>', DEFAULT_DATABASE = {database};\n\
             USE {database};\n\
             CREATE USER [xiaoshu_reader] FOR LOGIN [xiaoshu_reader];\n{}",
            grants.join("\n")
        ))
    }

    fn describe(&self, place: &SourcePlace<'_>) -> Result<Vec<TableShape>, SourceError> {
        let session = Session::of(place)?;
        reader::run(place.name, || catalogue::describe(&session))
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, _begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        read::open(Session::of(place)?, read)
    }
}
