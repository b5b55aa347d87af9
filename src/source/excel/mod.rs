//! Workbooks of Excel and WPS, and what is exported under their name.
//!
//! What a file is is told by its content ([`content`]): `.xlsx` is read as a stream ([`xlsx`]), an old `.xls` ([`xls`])
//! and a page with a table ([`html`]) in memory within a bound; a text under that name goes to the reader of text
//! tables. Sheets are named behind their workbook; hidden ones are read only when named outright. How cells become texts
//! stands in [`cell`].

mod cell;
mod content;
mod gaps;
mod html;
mod settings;
mod sheet;
mod xls;
mod xlsx;

use super::csv;
use super::files::{Document, Format, Table, fits};
use super::{Begin, Checked, Connector, ReadSpec, Source, SourceError, SourcePlace};
use content::{Content, tell};
use settings::Settings;
use sheet::Opening;

/// The connector.
pub(super) struct Excel;

impl Connector for Excel {
    fn kind(&self) -> &'static str {
        "excel"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn continues(&self, place: &SourcePlace<'_>, _read: &ReadSpec) -> bool {
        Settings::of(place).is_ok_and(|settings| settings.folder(place).continues())
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let settings = Settings::of(place)?;
        settings.folder(place).check(&Workbook(settings))
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let settings = Settings::of(place)?;
        settings.folder(place).objects(&Workbook(settings))
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let settings = Settings::of(place)?;
        settings.folder(place).open(Box::new(Workbook(settings)), read, begin.position())
    }
}

/// Workbooks as the settings say.
struct Workbook(Settings);

impl Format for Workbook {
    fn endings(&self) -> &'static [&'static str] {
        &[".xlsx", ".xlsm", ".xls", ".et"]
    }

    fn has_parts(&self) -> bool {
        true
    }

    fn parts(&self, document: &Document, pattern: &str) -> Result<Vec<String>, SourceError> {
        let mut names = match tell(document)? {
            Content::Xlsx => xlsx::visible(calamine::Reader::sheets_metadata(&xlsx::open(document)?)),
            Content::Xls => xlsx::visible(xls::Book::open(document)?.sheets()),
            Content::Html | Content::Text => return Ok(Vec::new()),
        };
        names.retain(|name| fits(pattern, name));
        if names.is_empty() { Err(no_sheet(document, pattern)) } else { Ok(names) }
    }

    fn open(&self, document: Document, part: Option<&str>) -> Result<Box<dyn Table>, SourceError> {
        match tell(&document)? {
            Content::Xlsx => self.open_xlsx(document, part),
            Content::Xls => self.open_xls(document, part),
            Content::Html | Content::Text if part.is_some() => Err(no_sheet(&document, part.unwrap_or_default())),
            Content::Html => {
                let rows = Box::new(html::HtmlRows::read(&csv::decoded(&document)?));
                match Opening::find(rows, self.0.header())? {
                    Some(opening) => Ok(Box::new(opening.table(document, "HTML table", None)?)),
                    None => Err(self.no_header(&document)),
                }
            }
            Content::Text => csv::open_unknown(document, self.0.header()),
        }
    }

    fn fingerprint(&self) -> String {
        format!("{:?}", self.0.header())
    }
}

impl Workbook {
    fn open_xlsx(&self, document: Document, part: Option<&str>) -> Result<Box<dyn Table>, SourceError> {
        let mut book = xlsx::open(&document)?;
        let names = wanted(&document, calamine::Reader::sheets_metadata(&book), part)?;
        for name in names {
            let rows = xlsx::XlsxRows::open(document.clone(), book, &name)?;
            if let Some(opening) = Opening::find(Box::new(rows), self.0.header())? {
                return Ok(Box::new(opening.table(document, "xlsx", Some(name))?));
            }
            book = xlsx::open(&document)?;
        }
        Err(self.no_header(&document))
    }

    fn open_xls(&self, document: Document, part: Option<&str>) -> Result<Box<dyn Table>, SourceError> {
        let mut book = xls::Book::open(&document)?;
        for name in wanted(&document, book.sheets(), part)? {
            let rows = book.rows(&document, &name)?;
            if let Some(opening) = Opening::find(Box::new(rows), self.0.header())? {
                return Ok(Box::new(opening.table(document, "xls", Some(name))?));
            }
        }
        Err(self.no_header(&document))
    }

    fn no_header(&self, document: &Document) -> SourceError {
        document.refused(match self.0.header().row {
            Some(row) if row > 0 => format!("there is nothing on row {row}; correct `header_row`"),
            _ => "there is no row of column names; export it again with its header, or name its sheet behind it".into(),
        })
    }
}

/// The sheet that is named, or all that can be seen, in their order.
fn wanted(document: &Document, sheets: &[calamine::Sheet], part: Option<&str>) -> Result<Vec<String>, SourceError> {
    let Some(part) = part else { return Ok(xlsx::visible(sheets)) };
    if sheets.iter().any(|sheet| sheet.name == part) { Ok(vec![part.to_owned()]) } else { Err(no_sheet(document, part)) }
}

fn no_sheet(document: &Document, part: &str) -> SourceError {
    SourceError::Settings {
        source_name: document.source.clone(),
        what: format!("{} has no visible sheet {part}", document.name),
        remedy: "correct the sheet's name in `object`, which stands behind the file's; `*` is allowed in it".into(),
    }
}
