//! A sheet as a table: header, rows, and what is wrong with them, whatever the file's format.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::finding::{Place, Text};
use crate::source::bytes::push_text;
use crate::source::files::{BATCH_BYTES, Document, Table};
use crate::source::header::{self, Row, Wish};
use crate::source::{Column, SourceBatchBuilder, SourceError};

/// Rows with something in them that are looked at to find the header.
const SAMPLE: usize = 60;

/// One row of a sheet; reused from row to row.
#[derive(Debug, Clone, Default)]
pub(super) struct SheetRow {
    /// Its number, counted from 1; 0 is none.
    pub number: u64,
    text: String,
    cells: Vec<Option<(u32, u32)>>,
    faults: Vec<(usize, Text)>,
}

impl SheetRow {
    /// Empties it, for the row of that number.
    pub fn begin(&mut self, number: u64) {
        self.number = number;
        self.text.clear();
        self.cells.clear();
        self.faults.clear();
    }

    /// Puts a cell's text there, as `write` appends it.
    pub fn put(&mut self, column: usize, write: impl FnOnce(&mut String)) {
        let start = self.text.len() as u32;
        write(&mut self.text);
        if self.cells.len() <= column {
            self.cells.resize(column + 1, None);
        }
        self.cells[column] = Some((start, self.text.len() as u32));
    }

    /// Notes what is wrong with a cell, which then holds nothing.
    pub fn fault(&mut self, column: usize, what: Text) {
        self.faults.push((column, what));
    }

    /// A cell's text.
    pub fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).copied().flatten().map(|(start, end)| &self.text[start as usize..end as usize])
    }

    /// Whether nothing is in it; formulas drawn down over empty rows give empty texts.
    fn is_blank(&self) -> bool {
        self.text.is_empty() && self.faults.is_empty()
    }

    fn span(&self, column: usize) -> Option<std::ops::Range<usize>> {
        self.cells.get(column).copied().flatten().map(|(start, end)| start as usize..end as usize)
    }
}

/// The rows of a sheet, in order.
pub(super) trait Rows: Send {
    /// Reads the next row; false at the end, behind which it is not called. Rows with nothing in them may be left out.
    ///
    /// # Errors
    /// When reading cannot go on.
    fn next(&mut self, row: &mut SheetRow) -> Result<bool, SourceError>;

    /// What makes the sheet look cut off, though it could be read.
    fn doubt(&self) -> Option<Text> {
        None
    }
}

/// One of the first rows, for the search of the header.
struct Sampled {
    cells: Vec<String>,
    line: u64,
}

impl Row for Sampled {
    fn cells(&self) -> &[String] {
        &self.cells
    }

    fn line(&self) -> u64 {
        self.line
    }
}

impl Sampled {
    fn of(row: &SheetRow) -> Self {
        let cells = (0..row.cells.len()).map(|column| row.cell(column).unwrap_or_default().to_owned()).collect();
        Self { cells, line: row.number }
    }
}

/// A sheet being read.
pub(super) struct SheetTable {
    document: Document,
    rows: Box<dyn Rows>,
    format: &'static str,
    part: Option<String>,
    columns: Arc<[Column]>,
    header: u64,
    notes: Vec<Text>,
    content: u128,
    /// Rows read in search of the header.
    ahead: VecDeque<SheetRow>,
    row: SheetRow,
    /// Whether `row` has been read and not given.
    pending: bool,
    ended: bool,
    /// The row that reading is at.
    at: u64,
}

/// A sheet in which the header was looked for.
pub(super) struct Opening {
    rows: Box<dyn Rows>,
    columns: Arc<[Column]>,
    notes: Vec<Text>,
    header: u64,
    ahead: VecDeque<SheetRow>,
    ended: bool,
    at: u64,
}

impl Opening {
    /// Looks for the header; `None` when there is none.
    pub fn find(mut rows: Box<dyn Rows>, wish: Wish) -> Result<Option<Self>, SourceError> {
        let mut ahead = VecDeque::new();
        let mut row = SheetRow::default();
        let mut ended = false;
        while ahead.len() < SAMPLE && !ended {
            ended = !rows.next(&mut row)?;
            if !ended && !row.is_blank() {
                ahead.push_back(row.clone());
            }
        }
        let sampled: Vec<Sampled> = ahead.iter().map(Sampled::of).collect();
        // A remark far beside the table does not make it wider: rows that are mostly gaps have no say.
        let (_, width) = header::usual(&sampled, |row| if row.filled() * 2 > row.reach() { row.reach() } else { 0 });
        let Some(found) = header::find(&sampled, width, wish) else { return Ok(None) };
        let names = &sampled[found.clone()];
        let width = names.iter().map(Row::reach).max().unwrap_or(0).max(width);
        let (columns, notes) =
            if found.is_empty() { (header::numbered(width), Vec::new()) } else { header::columns(names, width) };
        let header = names.first().map_or(0, |first| first.line);
        let at = names.last().map_or(1, |last| last.line + 1);
        ahead.drain(..found.end);
        Ok(Some(Self { rows, columns, notes, header, ahead, ended, at }))
    }

    /// The table.
    pub fn table(self, document: Document, format: &'static str, part: Option<String>) -> Result<SheetTable, SourceError> {
        let content = document.hash()?;
        let Self { rows, columns, notes, header, ahead, ended, at } = self;
        Ok(SheetTable {
            document,
            rows,
            format,
            part,
            columns,
            header,
            notes,
            content,
            ahead,
            row: SheetRow::default(),
            pending: false,
            ended,
            at,
        })
    }
}

impl SheetTable {
    /// Reads on to the next row with something in it; false at the end.
    fn find_row(&mut self) -> Result<bool, SourceError> {
        while !self.pending {
            if let Some(row) = self.ahead.pop_front() {
                self.row = row;
            } else if self.ended || !self.rows.next(&mut self.row)? {
                self.ended = true;
                return Ok(false);
            }
            self.pending = !self.row.is_blank();
        }
        Ok(true)
    }
}

impl Table for SheetTable {
    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    fn content(&self) -> u128 {
        self.content
    }

    fn about(&self) -> String {
        format!("{}, header on row {}, {} columns", self.format, self.header, self.columns.len())
    }

    fn notes(&self) -> Vec<Text> {
        self.notes.clone()
    }

    fn fill(&mut self, order: &[usize], batch: &mut SourceBatchBuilder, max_rows: usize) -> Result<(), SourceError> {
        while batch.len() < max_rows && batch.bytes() < BATCH_BYTES && self.find_row()? {
            emit(&self.row, order, batch);
            self.pending = false;
            self.at = self.row.number + 1;
        }
        Ok(())
    }

    fn has_more(&mut self) -> Result<bool, SourceError> {
        self.find_row()
    }

    fn place(&self) -> (u64, u64) {
        (0, self.at)
    }

    fn go_to(&mut self, (_, row): (u64, u64)) -> Result<(), SourceError> {
        while self.find_row()? && self.row.number < row {
            self.pending = false;
        }
        self.at = row;
        Ok(())
    }

    fn doubt(&self) -> Option<Text> {
        self.rows.doubt()
    }

    fn is_unchanged(&mut self) -> Result<bool, SourceError> {
        Ok(self.document.hash()? == self.content)
    }
}

/// Puts a row into the batch, in the order of columns, with all that is wrong with it.
fn emit(row: &SheetRow, order: &[usize], batch: &mut SourceBatchBuilder) {
    if row.text.contains('\u{FFFD}') || row.text.contains('\0') {
        for (column, cell) in order.iter().enumerate() {
            match row.cell(*cell) {
                Some(text) => push_text(batch, column, text),
                None => batch.push(None),
            }
        }
    } else {
        batch.push_all(&row.text, order.iter().map(|cell| row.span(*cell)));
    }
    for (cell, what) in &row.faults {
        batch.fault(order.iter().position(|other| other == cell), what.clone());
    }
    if let Some(cell) = (order.len()..row.cells.len()).find(|cell| row.cell(*cell).is_some_and(|text| !text.trim().is_empty())) {
        batch.fault(None, beyond(cell));
    }
    batch.end_row(Place::Line(row.number));
}

/// What is said of a cell that no column stands over.
fn beyond(cell: usize) -> Text {
    let (mut name, mut rest) = (String::new(), cell + 1);
    while rest > 0 {
        name.insert(0, char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    Text::new(
        format!("{name} 列有内容，但表头在此之前已结束；请补上列名，或删除表外的内容"),
        format!(
            "column {name} holds something, and the header ends before it; give it a name, or delete what stands beside the table"
        ),
    )
}
