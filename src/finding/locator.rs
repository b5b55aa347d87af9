//! Where a row came from.

use std::fmt;
use std::sync::Arc;

/// A row's place in its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locator {
    /// The source's name in the settings.
    pub source: Arc<str>,
    /// The file, sheet, table or query read.
    pub object: Arc<str>,
    /// Where in it.
    pub place: Place,
}

/// The place within a file or table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A line of a text file or a row of a sheet, counted from 1.
    Line(u64),
    /// The ordinal of a row in a result set, counted from 1.
    Row(u64),
    /// A key of the source's own.
    Key(Arc<str>),
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(line) => write!(f, "{}:{}:{line}", self.source, self.object),
            Place::Row(row) => write!(f, "{}:{}#{row}", self.source, self.object),
            Place::Key(key) => write!(f, "{}:{}[{key}]", self.source, self.object),
        }
    }
}
