//! Text tables: CSV, TSV and their relatives, as spreadsheets and old systems write them.
//!
//! A file is decoded before it is split, by an encoding decided on its whole content ([`encoding`]); it is read as a
//! stream ([`decode`], [`split`]), so its size does not matter. An unquoted empty cell is nothing, a quoted one (`""`)
//! an empty text; rows without any content are left out. Which files an object means, and in which order they are
//! read, is the same for all formats and stands in [`super::files`].

mod decode;
mod encoding;
mod layout;
mod read;
mod row;
mod settings;
mod split;

use super::files::{Document, Format, Table};
use super::{Begin, Checked, Connector, ReadSpec, Source, SourceError, SourcePlace};
use read::CsvTable;
use settings::Settings;

/// The connector.
pub(super) struct Csv;

impl Connector for Csv {
    fn kind(&self) -> &'static str {
        "csv"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn continues(&self, place: &SourcePlace<'_>, _read: &ReadSpec) -> bool {
        Settings::of(place).is_ok_and(|settings| settings.folder(place).continues())
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let settings = Settings::of(place)?;
        settings.folder(place).check(&TextFormat(settings))
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let settings = Settings::of(place)?;
        settings.folder(place).objects(&TextFormat(settings))
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let settings = Settings::of(place)?;
        settings.folder(place).open(Box::new(TextFormat(settings)), read, begin.position())
    }
}

/// Text tables as the settings say.
struct TextFormat(Settings);

impl Format for TextFormat {
    fn endings(&self) -> &'static [&'static str] {
        &[".csv", ".tsv", ".tab", ".txt"]
    }

    fn open(&self, document: Document, _part: Option<&str>) -> Result<Box<dyn Table>, SourceError> {
        Ok(Box::new(CsvTable::open(document, &self.0)?))
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }
}

/// Opens a text table whose layout nothing is known of but, if the settings say it, where its header is.
pub(super) fn open_unknown(document: Document, header: super::header::Wish) -> Result<Box<dyn Table>, SourceError> {
    Ok(Box::new(CsvTable::open(document, &Settings::unknown(header))?))
}

/// The whole of a text in memory, decoded by its content; what cannot be decoded shows as escapes.
pub(super) fn decoded(document: &Document) -> Result<String, SourceError> {
    let failed = |error: std::io::Error| document.trouble(&error);
    let scan = encoding::scan(&mut document.reader()?, None).map_err(failed)?;
    let mut text = decode::TextStream::new(document.reader()?, &scan).map_err(failed)?;
    let mut whole = String::new();
    loop {
        whole.push_str(text.text());
        text.consume(text.text().len());
        if text.ended() {
            return Ok(whole);
        }
        text.fill().map_err(failed)?;
    }
}
