//! Workbooks as Excel writes them since 2007, row by row.
//!
//! Only the texts that sheets share are held in memory. Hidden rows and columns are read like others: filters hide them.

use std::collections::HashSet;
use std::io::BufReader;

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx, XlsxCellReader, XlsxError};
use self_cell::{MutBorrow, self_cell};

use super::cell::{NumberStyle, error_value, no_result, put_date, put_number};
use super::gaps;
use super::sheet::{Rows, SheetRow};
use crate::source::SourceError;
use crate::source::files::{Document, Reader};

pub(super) type Book = Xlsx<BufReader<Reader>>;
type Cells<'a> = XlsxCellReader<'a, BufReader<Reader>>;

self_cell!(
    struct Open {
        owner: MutBorrow<Book>,
        #[not_covariant]
        dependent: Cells,
    }
);

/// Opens a workbook.
pub(super) fn open(document: &Document) -> Result<Book, SourceError> {
    Xlsx::new(BufReader::new(document.reader()?)).map_err(|error| trouble(document, &error))
}

/// The worksheets that are not hidden.
pub(super) fn visible(sheets: &[calamine::Sheet]) -> Vec<String> {
    let shown = |sheet: &&calamine::Sheet| sheet.visible == SheetVisible::Visible && sheet.typ == SheetType::WorkSheet;
    sheets.iter().filter(shown).map(|sheet| sheet.name.clone()).collect()
}

/// What keeps a workbook from being read. The library's own words could quote a cell.
pub(super) fn trouble(document: &Document, error: &XlsxError) -> SourceError {
    match error {
        XlsxError::Password => document.refused(PASSWORD),
        XlsxError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof && error.raw_os_error().is_some() => {
            document.trouble(error)
        }
        XlsxError::CellError(_) => {
            document.refused("a cell holds an error value of a newer Excel; mend the formula, or save its result")
        }
        _ => document.broken("is no whole workbook, or is damaged"),
    }
}

/// What is said of a workbook that is locked.
pub(super) const PASSWORD: &str = "it is protected by a password; save it without one (Excel: File, Info, Protect Workbook)";

/// The rows of one sheet.
pub(super) struct XlsxRows {
    document: Document,
    sheet: String,
    open: Open,
    styles: Vec<NumberStyle>,
    is_1904: bool,
    /// The first cells of the row behind the one given last.
    held: SheetRow,
    /// Whether the last cell was read: the library takes another question for a broken file.
    ended: bool,
    /// Formulas without result, once an empty cell gave reason to look for them.
    gaps: Option<HashSet<(u32, u32)>>,
}

impl XlsxRows {
    /// Opens a sheet of a workbook.
    pub fn open(document: Document, book: Book, sheet: &str) -> Result<Self, SourceError> {
        let is_1904 = book.has_1904_epoch();
        let open = Open::try_new(MutBorrow::new(book), |book| book.borrow_mut().worksheet_cells_reader(sheet));
        let open = open.map_err(|error| trouble(&document, &error))?;
        let code = |style: &calamine::Style| style.number_format.as_ref().map(|format| NumberStyle::of(&format.format_code));
        let styles =
            open.with_dependent(|_, cells| cells.styles().iter().map(|s| code(s).unwrap_or(NumberStyle::Plain)).collect());
        Ok(Self { document, sheet: sheet.to_owned(), open, styles, is_1904, held: SheetRow::default(), ended: false, gaps: None })
    }
}

impl Rows for XlsxRows {
    fn next(&mut self, row: &mut SheetRow) -> Result<bool, SourceError> {
        let Self { document, sheet, open, styles, is_1904, held, ended, gaps } = self;
        std::mem::swap(row, held);
        held.begin(0);
        if *ended {
            return Ok(row.number != 0);
        }
        open.with_dependent_mut(|_, cells| {
            while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(|error| trouble(document, &error))? {
                let (line, column) = cell.get_position();
                let number = u64::from(line) + 1;
                let place = column as usize;
                let into = if row.number == 0 || row.number == number { &mut *row } else { &mut *held };
                if into.number == 0 {
                    into.begin(number);
                }
                match cell.get_value() {
                    DataRef::Empty => {
                        if gaps.is_none() {
                            *gaps = Some(gaps::find(document, sheet)?);
                        }
                        if gaps.as_ref().is_some_and(|gaps| gaps.contains(&(line, column))) {
                            into.fault(place, no_result());
                        }
                    }
                    value => put(into, place, value, styles.get(style).unwrap_or(&NumberStyle::Plain), *is_1904),
                }
                if held.number != 0 {
                    return Ok(true);
                }
            }
            *ended = true;
            Ok(row.number != 0)
        })
    }
}

fn put(row: &mut SheetRow, column: usize, value: &DataRef<'_>, style: &NumberStyle, is_1904: bool) {
    match value {
        DataRef::SharedString(text) => row.put(column, |into| into.push_str(text)),
        DataRef::String(text) => row.put(column, |into| into.push_str(text)),
        DataRef::Float(number) => put_number(row, column, *number, style, is_1904),
        DataRef::Int(number) => put_number(row, column, *number as f64, style, is_1904),
        DataRef::Bool(value) => row.put(column, |into| into.push_str(if *value { "TRUE" } else { "FALSE" })),
        DataRef::DateTime(date) => put_date(row, column, date, is_1904),
        DataRef::DateTimeIso(text) => row.put(column, |into| into.push_str(&text.replace('T', " "))),
        DataRef::DurationIso(text) => row.put(column, |into| into.push_str(text)),
        DataRef::Error(error) => row.fault(column, error_value(error)),
        DataRef::Empty => {}
    }
}
