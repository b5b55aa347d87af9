//! Rows of a source: text cells in one buffer.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::finding::Place;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name as the source gives it, trimmed.
    pub name: Arc<str>,
    /// What the source says it holds.
    pub kind: ColumnKind,
}

/// What a source says a column holds; text files say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Not said.
    Unknown,
    /// Text.
    Text,
    /// Numbers.
    Number,
    /// Dates, or dates with time.
    Date,
    /// Booleans.
    Bool,
    /// Bytes; cells come as lower-case hexadecimal digits.
    Bytes,
}

impl ColumnKind {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Text => "text",
            Self::Number => "number",
            Self::Date => "date",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
        }
    }
}

/// How far a read has come. Opaque to all but its connector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position(pub Vec<u8>);

/// A cell: a text or nothing (SQL `NULL`). An empty text is a text.
pub type Cell<'a> = Option<&'a str>;

/// A row that could not be read as it should: the cells hold what could be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFault {
    /// The row's index in the batch.
    pub row: usize,
    /// The column, when one is to blame.
    pub column: Option<usize>,
    /// What is wrong: undecodable bytes, too many cells ….
    pub what: crate::finding::Text,
    /// The rule that it breaks.
    pub rule: crate::finding::RuleId,
}

/// Some rows of one object.
pub struct SourceBatch {
    object: Option<Arc<str>>,
    columns: Arc<[Column]>,
    text: String,
    cells: Vec<(u32, u32)>,
    places: Vec<Place>,
    faults: Vec<RawFault>,
    settled: bool,
    position: Position,
}

const NOTHING: u32 = u32::MAX;

impl SourceBatch {
    /// The columns.
    pub fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    /// What the rows came from, where an object is made of several things: a file, a sheet.
    pub fn object(&self) -> Option<&Arc<str>> {
        self.object.as_ref()
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A cell.
    #[inline]
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let (start, end) = self.cells[row * self.columns.len() + column];
        (start != NOTHING).then(|| &self.text[start as usize..end as usize])
    }

    /// Where a row came from.
    pub fn place(&self, row: usize) -> &Place {
        &self.places[row]
    }

    /// Rows that could not be read whole, by row index.
    pub fn faults(&self) -> &[RawFault] {
        &self.faults
    }

    /// Whether the source holds these rows to be as they were at the last run: reading what changed would have passed
    /// them over.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// The position behind the last row.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The same rows with another position.
    pub(super) fn with_position(mut self, position: Position) -> Self {
        self.position = position;
        self
    }

    /// The same rows, held to be as they were.
    pub(super) fn settled(mut self) -> Self {
        self.settled = true;
        self
    }
}

impl fmt::Debug for SourceBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceBatch").field("columns", &self.columns.len()).field("rows", &self.len()).finish()
    }
}

/// Fills one [`SourceBatch`], row by row.
pub struct SourceBatchBuilder {
    batch: SourceBatch,
}

impl SourceBatchBuilder {
    /// An empty builder.
    pub fn new(columns: Arc<[Column]>, rows: usize) -> Self {
        let cells = Vec::with_capacity(rows * columns.len());
        let batch = SourceBatch {
            object: None,
            text: String::with_capacity(rows * columns.len() * 12),
            cells,
            places: Vec::with_capacity(rows),
            faults: Vec::new(),
            settled: false,
            position: Position(Vec::new()),
            columns,
        };
        Self { batch }
    }

    /// Appends the next cell of the current row.
    pub fn push(&mut self, cell: Cell<'_>) {
        match cell {
            None => self.batch.cells.push((NOTHING, NOTHING)),
            Some(text) => {
                let start = self.batch.text.len() as u32;
                self.batch.text.push_str(text);
                self.batch.cells.push((start, start + text.len() as u32));
            }
        }
    }

    /// Appends cells that are parts of one text, which is copied once.
    pub fn push_all(&mut self, text: &str, cells: impl Iterator<Item = Option<Range<usize>>>) {
        let start = self.batch.text.len() as u32;
        self.batch.text.push_str(text);
        let place = |cell: Range<usize>| (start + cell.start as u32, start + cell.end as u32);
        self.batch.cells.extend(cells.map(|cell| cell.map_or((NOTHING, NOTHING), place)));
    }

    /// Ends the current row: missing cells become nothing, surplus ones are dropped (report those with [`Self::fault`]).
    pub fn end_row(&mut self, place: Place) {
        let want = (self.batch.places.len() + 1) * self.batch.columns.len();
        self.batch.cells.resize(want, (NOTHING, NOTHING));
        self.batch.places.push(place);
    }

    /// Notes what is wrong with the row being filled (call before `end_row`).
    pub fn fault(&mut self, column: Option<usize>, what: crate::finding::Text) {
        let rule = crate::finding::RuleId::ENCODING;
        self.batch.faults.push(RawFault { row: self.batch.places.len(), column, what, rule });
    }

    /// Notes what is wrong with the row being filled, by another rule (call before `end_row`).
    pub fn refuse(&mut self, rule: crate::finding::RuleId, what: crate::finding::Text) {
        self.batch.faults.push(RawFault { row: self.batch.places.len(), column: None, what, rule });
    }

    /// Says what the rows come from, where the source's object is made of several things.
    pub fn of(&mut self, object: &Arc<str>) {
        self.batch.object = Some(object.clone());
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.batch.places.len()
    }

    /// Whether no row is in it yet.
    pub fn is_empty(&self) -> bool {
        self.batch.places.is_empty()
    }

    /// Bytes of text so far, for memory bounds.
    pub fn bytes(&self) -> usize {
        self.batch.text.len()
    }

    /// The finished batch.
    pub fn finish(mut self, position: Position) -> SourceBatch {
        self.batch.position = position;
        self.batch
    }
}
