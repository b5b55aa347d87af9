//! Workbooks as Excel wrote them before 2007. They are read into memory whole, so their size is bounded.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Range, Reader as _, Sheet, Xls, XlsError};

use super::cell::{NumberStyle, error_value, no_result, put_date, put_number};
use super::sheet::{Rows, SheetRow};
use super::xlsx::PASSWORD;
use crate::source::SourceError;
use crate::source::files::{Document, Reader};

/// A workbook in memory.
pub(super) struct Book(Xls<BufReader<Reader>>);

impl Book {
    /// Reads a workbook.
    pub fn open(document: &Document) -> Result<Self, SourceError> {
        let reader = BufReader::new(document.reader()?);
        // The library trusts the lengths that a file states: a cut one can make it index out of bounds.
        let opened = catch_unwind(AssertUnwindSafe(|| Xls::new(reader)));
        match opened {
            Ok(Ok(book)) => Ok(Self(book)),
            Ok(Err(XlsError::Password)) => Err(document.refused(PASSWORD)),
            Ok(Err(_)) | Err(_) if is_locked(document)? => Err(document.refused(PASSWORD)),
            Ok(Err(_)) | Err(_) => Err(document.broken("is no whole workbook, or is damaged")),
        }
    }

    /// Its sheets.
    pub fn sheets(&self) -> &[Sheet] {
        self.0.sheets_metadata()
    }

    /// The rows of one sheet.
    pub fn rows(&mut self, document: &Document, sheet: &str) -> Result<XlsRows, SourceError> {
        let damaged = |_: XlsError| document.broken("is no whole workbook, or is damaged");
        let is_1904 = self.0.has_1904_epoch();
        let formulas = self.0.worksheet_formula(sheet).map_err(damaged)?;
        Ok(XlsRows { range: self.0.worksheet_range(sheet).map_err(damaged)?, formulas, is_1904, next: 0 })
    }
}

/// Whether the file is the envelope of an encrypted workbook of the newer kind.
fn is_locked(document: &Document) -> Result<bool, SourceError> {
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let whole = document.head(64 << 20)?;
    Ok(whole.windows(name.len()).any(|window| window == name))
}

/// The rows of one sheet in memory.
pub(super) struct XlsRows {
    range: Range<Data>,
    formulas: Range<String>,
    is_1904: bool,
    next: u32,
}

impl Rows for XlsRows {
    fn next(&mut self, row: &mut SheetRow) -> Result<bool, SourceError> {
        let (Some((first, left)), Some((last, right))) = (self.range.start(), self.range.end()) else { return Ok(false) };
        let line = self.next.max(first);
        if line > last {
            return Ok(false);
        }
        self.next = line + 1;
        row.begin(u64::from(line) + 1);
        for column in left..=right {
            let place = column as usize;
            match self.range.get_value((line, column)) {
                None | Some(Data::Empty) => {
                    if self.formulas.get_value((line, column)).is_some_and(|formula| !formula.is_empty()) {
                        row.fault(place, no_result());
                    }
                }
                Some(value) => put(row, place, value, self.is_1904),
            }
        }
        Ok(true)
    }
}

fn put(row: &mut SheetRow, column: usize, value: &Data, is_1904: bool) {
    match value {
        Data::String(text) | Data::DurationIso(text) => row.put(column, |into| into.push_str(text)),
        Data::Float(number) => put_number(row, column, *number, &NumberStyle::Plain, is_1904),
        Data::Int(number) => put_number(row, column, *number as f64, &NumberStyle::Plain, is_1904),
        Data::Bool(value) => row.put(column, |into| into.push_str(if *value { "TRUE" } else { "FALSE" })),
        Data::DateTime(date) => put_date(row, column, date, is_1904),
        Data::DateTimeIso(text) => row.put(column, |into| into.push_str(&text.replace('T', " "))),
        Data::Error(error) => row.fault(column, error_value(error)),
        Data::Empty => {}
    }
}
