//! What a source holds, without its rows: tables with their columns, keys and comments, and a bounded sample of values.
//!
//! Samples stay in memory: nothing here writes or prints them, and `Debug` shows counts alone.

use std::fmt;
use std::sync::Arc;

use super::{Begin, ColumnKind, Connector, ReadSpec, SourceError, SourcePlace};

/// Longer cells are cut in samples: a form shows in its first characters.
const CELL_CHARS: usize = 120;

/// One table, view or file.
#[derive(Debug, Clone, Default)]
pub struct TableShape {
    /// What [`ReadSpec::object`] calls it.
    pub name: String,
    /// What its makers say that it holds.
    pub comment: Option<String>,
    /// How many rows it has, as far as the source tells without counting; an estimate.
    pub rows: Option<u64>,
    /// Its columns, in order.
    pub columns: Vec<ColumnShape>,
    /// The columns of its primary key.
    pub primary: Vec<String>,
    /// Sets of columns that are declared unique, the primary key left out.
    pub uniques: Vec<Vec<String>>,
    /// Declared references to other tables.
    pub references: Vec<TableReference>,
    /// Some of its rows.
    pub samples: Samples,
    /// Why it could not be read, where it could not: a view that is broken, a missing right.
    pub unreadable: Option<String>,
}

/// One column.
#[derive(Debug, Clone)]
pub struct ColumnShape {
    /// Its name.
    pub name: Arc<str>,
    /// Its type in the source's own words; empty where there is none.
    pub declared: String,
    /// What the source says that it holds.
    pub kind: ColumnKind,
    /// Whether it may be without a value, where the source says so.
    pub nullable: Option<bool>,
    /// What its makers say that it holds.
    pub comment: Option<String>,
}

/// A declared reference to another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReference {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// Its columns, in the same order; empty for its primary key.
    pub targets: Vec<String>,
}

/// Some rows, column by column. `Debug` shows how many.
#[derive(Clone, Default)]
pub struct Samples {
    columns: Vec<Vec<Option<Box<str>>>>,
    rows: usize,
}

impl Samples {
    /// No rows of so many columns.
    pub fn new(columns: usize) -> Self {
        Self { columns: vec![Vec::new(); columns], rows: 0 }
    }

    /// Adds a row; cells past a bound are cut.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell.map(|text| text.chars().take(CELL_CHARS).collect::<String>().into_boxed_str()));
        }
        self.rows += 1;
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The cells of a column, `None` for nothing; empty when there is no such column.
    pub fn column(&self, at: usize) -> impl Iterator<Item = Option<&str>> {
        self.columns.get(at).into_iter().flatten().map(Option::as_deref)
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samples").field("columns", &self.columns.len()).field("rows", &self.rows).finish()
    }
}

/// How much of each table is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleBounds {
    /// Rows a table.
    pub rows: usize,
    /// Bytes a table: of wide tables fewer rows are taken.
    pub bytes: usize,
}

impl Default for SampleBounds {
    fn default() -> Self {
        Self { rows: 300, bytes: 2 * 1024 * 1024 }
    }
}

/// Describes a source and takes samples of its tables. Reads only; `seen` is told each table's name, its place and how many
/// there are, and says whether to take samples of it.
///
/// A table that cannot be read is no error: it says so itself.
///
/// # Errors
/// What keeps the source from being looked at as a whole.
pub fn introspect(
    connector: &dyn Connector,
    place: &SourcePlace<'_>,
    bounds: SampleBounds,
    seen: &mut dyn FnMut(&str, usize, usize) -> bool,
) -> Result<Vec<TableShape>, SourceError> {
    let mut tables = connector.describe(place)?;
    let count = tables.len();
    for (at, table) in tables.iter_mut().enumerate() {
        if !seen(&table.name, at, count) {
            continue;
        }
        if let Err(error) = sample(connector, place, bounds, table) {
            table.unreadable = Some(error.to_string());
        }
    }
    Ok(tables)
}

fn sample(
    connector: &dyn Connector,
    place: &SourcePlace<'_>,
    bounds: SampleBounds,
    table: &mut TableShape,
) -> Result<(), SourceError> {
    let read = ReadSpec { object: Some(table.name.clone()), ..ReadSpec::default() };
    let mut source = connector.open(place, &read, Begin::AFRESH)?;
    let columns = source.columns().clone();
    if table.columns.is_empty() {
        let plain = |column: &super::Column| ColumnShape {
            name: column.name.clone(),
            declared: String::new(),
            kind: column.kind,
            nullable: None,
            comment: None,
        };
        table.columns = columns.iter().map(plain).collect();
    }
    // The catalogue's order of columns need not be that of the rows.
    let places: Vec<Option<usize>> =
        table.columns.iter().map(|own| columns.iter().position(|column| column.name == own.name)).collect();
    for (own, place) in table.columns.iter_mut().zip(&places) {
        if let Some(column) = place.and_then(|at| columns.get(at)).filter(|_| own.kind == ColumnKind::Unknown) {
            own.kind = column.kind;
        }
    }
    table.samples = Samples::new(places.len());
    let mut bytes = 0;
    while table.samples.rows() < bounds.rows && bytes < bounds.bytes {
        let Some(batch) = source.next_batch((bounds.rows - table.samples.rows()).min(100))? else {
            table.rows = Some(table.samples.rows() as u64);
            break;
        };
        for row in 0..batch.len() {
            let cells: Vec<Option<&str>> = places.iter().map(|at| at.and_then(|at| batch.cell(row, at))).collect();
            bytes += cells.iter().flatten().map(|cell| cell.len()).sum::<usize>();
            table.samples.push(cells);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_show_counts_and_never_a_value() {
        let mut samples = Samples::new(2);
        samples.push([Some("不可见的值"), None]);
        let shown = format!("{samples:?}");
        assert_eq!(shown, "Samples { columns: 2, rows: 1 }");
        assert_eq!(samples.column(0).collect::<Vec<_>>(), [Some("不可见的值")]);
        assert_eq!(samples.column(1).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn long_cells_are_cut() {
        let mut samples = Samples::new(1);
        samples.push([Some("长".repeat(500).as_str())]);
        assert_eq!(samples.column(0).flatten().map(|cell| cell.chars().count()).sum::<usize>(), CELL_CHARS);
    }
}
