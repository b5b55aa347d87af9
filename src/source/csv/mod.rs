//! Text tables: CSV, TSV and their relatives, as spreadsheets and old systems write them.
//!
//! A file is decoded before it is split, by an encoding decided on its whole content ([`encoding`]); it is read as a
//! stream ([`decode`], [`split`]), so its size does not matter. An unquoted empty cell is nothing, a quoted one (`""`)
//! an empty text; rows without any content are left out. A position holds a hash of the files' content: a changed
//! file is read from its start.

mod decode;
mod encoding;
mod files;
mod layout;
mod read;
mod row;
mod settings;
mod split;

use super::{Checked, Connector, Position, ReadSpec, Source, SourceError, SourcePlace};
use crate::finding::Text;
use read::{CsvSource, Opened, file_name, open_file};
use settings::Settings;

/// More files than these are not all looked into by a check.
const CHECKED_FILES: usize = 50;

/// The connector.
pub(super) struct Csv;

impl Connector for Csv {
    fn kind(&self) -> &'static str {
        "csv"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let settings = Settings::of(place)?;
        let path = settings.path(place);
        let found = files::tables(place.name, &path)?;
        let mut checked = Checked::default();
        let mut lines = Vec::new();
        for file in found.iter().take(CHECKED_FILES) {
            match open_file(place.name, file, &settings) {
                Ok(opened) => {
                    lines.push(describe(&file_name(file), &opened));
                    checked.notes.extend(notes(&file_name(file), &opened));
                }
                Err(SourceError::Content { object, what, .. }) => {
                    checked
                        .notes
                        .push(Text::new(format!("{object} 不能读取：{what}"), format!("{object} cannot be read: {what}")));
                }
                Err(error) => return Err(error),
            }
        }
        checked.about = format!("{} files; {}", found.len(), lines.join("; "));
        Ok(checked)
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let settings = Settings::of(place)?;
        Ok(files::tables(place.name, &settings.path(place))?.iter().map(|file| file_name(file)).collect())
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, resume: Option<&Position>) -> Result<Box<dyn Source>, SourceError> {
        let settings = Settings::of(place)?;
        if read.query.is_some() || !read.order_by.is_empty() {
            return Err(SourceError::Settings {
                source_name: place.name.clone(),
                what: "files take neither `query` nor `order_by`".into(),
                remedy: "name the file by `object` in [read]; its rows come in their own order".into(),
            });
        }
        let files = files::matching(place.name, &settings.path(place), read.object.as_deref())?;
        Ok(Box::new(CsvSource::open(place.name, settings, files, resume)?))
    }
}

fn describe(name: &str, opened: &Opened) -> String {
    let delimiter = match opened.layout.dialect.delimiter {
        b',' => "comma".to_owned(),
        b'\t' => "tab".to_owned(),
        b';' => "semicolon".to_owned(),
        b'|' => "pipe".to_owned(),
        other => char::from(other).to_string(),
    };
    format!(
        "{name}: {}, {delimiter}, header on line {}, {} columns",
        opened.scan.name(),
        opened.layout.header_line,
        opened.layout.columns.len()
    )
}

fn notes(name: &str, opened: &Opened) -> Vec<Text> {
    let mut notes: Vec<Text> = Vec::new();
    for note in &opened.layout.notes {
        notes.push(Text::new(format!("{name}：{}", note.zh), format!("{name}: {}", note.en)));
    }
    if opened.scan.undecodable > 0 {
        let (encoding, places) = (opened.scan.name(), opened.scan.undecodable);
        notes.push(Text::new(
            format!("{name}：按 {encoding} 读取，有 {places} 处无法解码，所在行将作为错误行列出"),
            format!("{name}: read as {encoding}; {places} places cannot be decoded, and their rows will be listed as faulty"),
        ));
    }
    notes
}
