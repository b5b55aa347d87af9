//! Connectors. One suite of promises runs over all of the registry; what only one kind promises stands beside it.

mod csv;
mod encodings;
mod excel;
mod files;
pub mod fixtures;
mod guest;
mod http;
mod incremental;
pub mod interface;
pub(crate) mod mariadb;
mod mysql;
mod mysql_log;
mod odbc;
mod postgres;
pub(crate) mod postgres_log;
mod promises;
mod push;
mod request;
mod sqlite;
mod sqlserver;
pub mod tds;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use xiaoshu::finding::Place;
use xiaoshu::source::{Begin, Connector, Position, ReadSpec, Source, SourceError, SourcePlace, connector};

/// A cell as tests write it.
pub type Cell = Option<String>;

/// All that a reading gave.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    places: Vec<Place>,
    /// Row, column, English text.
    faults: Vec<(usize, Option<usize>, String)>,
}

/// A source's settings with the folder they stand in.
struct Configured<'a> {
    kind: &'a str,
    settings: Value,
    base: &'a Path,
}

impl Configured<'_> {
    fn connector(&self) -> &'static dyn Connector {
        connector(self.kind).expect("a registered kind")
    }

    fn with<T>(&self, act: impl FnOnce(&SourcePlace<'_>) -> T) -> T {
        let name: Arc<str> = "tested".into();
        act(&SourcePlace { name: &name, settings: &self.settings, base: self.base })
    }

    fn open(&self, read: &ReadSpec, resume: Option<&Position>) -> Result<Box<dyn Source>, SourceError> {
        self.begin(read, resume.map_or(Begin::AFRESH, Begin::Resume))
    }

    fn begin(&self, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        self.with(|place| self.connector().open(place, read, begin))
    }

    /// Reads all of an object.
    fn read(&self, read: &ReadSpec) -> Reading {
        let mut source = self.open(read, None).expect("opens");
        drain(&mut *source, 1000)
    }
}

fn table(object: impl Into<String>) -> ReadSpec {
    ReadSpec { object: Some(object.into()), ..ReadSpec::default() }
}

fn query(sql: impl Into<String>) -> ReadSpec {
    ReadSpec { query: Some(sql.into()), ..ReadSpec::default() }
}

fn some(text: &str) -> Cell {
    Some(text.to_owned())
}

/// Reads to the end.
fn drain(source: &mut dyn Source, max_rows: usize) -> Reading {
    let mut reading = Reading { columns: source.columns().iter().map(|c| c.name.to_string()).collect(), ..Reading::default() };
    while let Some(batch) = source.next_batch(max_rows).expect("reads") {
        assert!(!batch.is_empty() && batch.len() <= max_rows, "{} rows where at most {max_rows} were asked for", batch.len());
        assert_eq!(batch.columns(), source.columns());
        let before = reading.rows.len();
        for row in 0..batch.len() {
            reading.rows.push((0..batch.columns().len()).map(|column| batch.cell(row, column).map(str::to_owned)).collect());
            reading.places.push(batch.place(row).clone());
        }
        let faults = batch.faults().iter().map(|fault| (before + fault.row, fault.column, fault.what.en.clone()));
        reading.faults.extend(faults);
    }
    reading
}
