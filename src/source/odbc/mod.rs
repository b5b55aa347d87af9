//! Databases with an ODBC driver. Statements only read: SELECTs, within a transaction that is rolled back.
//!
//! Drivers differ in what they know. Texts are taken as UTF-16 or as bytes of a known encoding; values of any length row
//! by row; errors are classed by SQLSTATE and, for drivers that give one state for all, by a list of what they say
//! ([`faults`]).

#[cfg(feature = "odbc")]
mod cell;
#[cfg(feature = "odbc")]
mod connect;
#[cfg(feature = "odbc")]
mod faults;
#[cfg(feature = "odbc")]
mod needs;
#[cfg(feature = "odbc")]
mod product;
#[cfg(feature = "odbc")]
mod read;
#[cfg(feature = "odbc")]
mod rows;
mod settings;
#[cfg(feature = "odbc")]
mod table;

use std::sync::OnceLock;

use super::product::READER;
use super::{Begin, Checked, Connector, Incremental, Need, Product, ReadSpec, Source, SourceError, SourcePlace, guest};
use settings::Settings;

/// The connector.
pub(super) struct Odbc;

impl Connector for Odbc {
    fn kind(&self) -> &'static str {
        "odbc"
    }

    fn settings_schema(&self) -> &'static str {
        static MADE: OnceLock<String> = OnceLock::new();
        guest::with_guest(&MADE, include_str!("settings.json"))
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        driver::check(place, Settings::of(place)?)
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        driver::objects(place, Settings::of(place)?)
    }

    fn incremental(&self) -> Incremental {
        Incremental::ByWatermark
    }

    fn account_sql(&self, _place: &SourcePlace<'_>, objects: &[String]) -> Option<String> {
        // Which product it is shows only in a connection; most quote names as the standard does.
        let grants = Product::Oracle.grants(objects, None, READER.name);
        Some(format!("-- make the account xiaoshu_reader as the product has it, with the right to log in, then:\n{grants}"))
    }

    fn needs(&self, place: &SourcePlace<'_>, reads: &[&ReadSpec]) -> Result<Vec<Need>, SourceError> {
        driver::needs(place, Settings::of(place)?, reads)
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        driver::open(place, Settings::of(place)?, read, begin)
    }
}

/// What a binary without ODBC says.
#[cfg(not(feature = "odbc"))]
mod driver {
    use super::{Begin, Checked, Need, ReadSpec, Settings, Source, SourceError, SourcePlace};

    fn absent(place: &SourcePlace<'_>, settings: &Settings) -> SourceError {
        tracing::debug!(source = %place.name, seconds = settings.statement_timeout, "asked for a driver that is not there");
        SourceError::Settings {
            source_name: place.name.clone(),
            what: "this binary was built without ODBC".into(),
            remedy: "build it with `cargo build --release --features odbc` (needs unixodbc-dev)".into(),
        }
    }

    pub(super) fn check(place: &SourcePlace<'_>, settings: Settings) -> Result<Checked, SourceError> {
        Err(absent(place, &settings))
    }

    pub(super) fn objects(place: &SourcePlace<'_>, settings: Settings) -> Result<Vec<String>, SourceError> {
        Err(absent(place, &settings))
    }

    pub(super) fn needs(place: &SourcePlace<'_>, settings: Settings, _: &[&ReadSpec]) -> Result<Vec<Need>, SourceError> {
        Err(absent(place, &settings))
    }

    pub(super) fn open(
        place: &SourcePlace<'_>,
        settings: Settings,
        _: &ReadSpec,
        _: Begin<'_>,
    ) -> Result<Box<dyn Source>, SourceError> {
        Err(absent(place, &settings))
    }
}

#[cfg(feature = "odbc")]
mod driver {
    use super::connect::Session;
    use super::{Begin, Checked, Need, ReadSpec, Settings, Source, SourceError, SourcePlace, read, table};
    use crate::finding::Text;
    use crate::source::{guest, incremental, reader};

    pub(super) fn check(place: &SourcePlace<'_>, settings: Settings) -> Result<Checked, SourceError> {
        let session = Session::new(place, settings);
        let (about, writes) = reader::run(place.name, || async { session.look() })?;
        let mut checked = Checked { about, can_write: writes == Some(true), ..Checked::default() };
        match writes {
            Some(true) => {
                let accepted = session.settings.guest.permit(place.name, "", true).is_ok();
                checked.notes.push(guest::writer_note(&session.settings.user, accepted));
            }
            Some(false) => {}
            None => checked.notes.push(Text::new(
                "无法判断账号在该数据库产品中是否有写权限，请管理员确认其只读",
                "whether the account can write is not known for this product; have the administrator see that it cannot",
            )),
        }
        Ok(checked)
    }

    pub(super) fn objects(place: &SourcePlace<'_>, settings: Settings) -> Result<Vec<String>, SourceError> {
        let session = Session::new(place, settings);
        reader::run(place.name, || async { session.list() })
    }

    pub(super) fn needs(place: &SourcePlace<'_>, settings: Settings, reads: &[&ReadSpec]) -> Result<Vec<Need>, SourceError> {
        let session = Session::new(place, settings);
        reader::run(place.name, || async { session.needs(reads) })
    }

    pub(super) fn open(
        place: &SourcePlace<'_>,
        settings: Settings,
        spec: &ReadSpec,
        begin: Begin<'_>,
    ) -> Result<Box<dyn Source>, SourceError> {
        let session = Session::new(place, settings);
        if incremental::wanted(spec) { table::open_table(session, spec, begin) } else { read::open(session, spec) }
    }
}
