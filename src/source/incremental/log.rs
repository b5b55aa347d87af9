//! The seam to the log of changes that a database keeps.

use std::sync::Arc;

use super::ChangesBy;
use crate::finding::Text;
use crate::source::{ReadSpec, SourceError};

/// The log of changes of a database, seen from one table. It runs on the reading thread, on a connection of its own.
///
/// The log says only *which* rows to read again; the rows themselves are read as they are now, by the same SELECT as
/// everything else. So no older image can land over a newer one, and what is told twice does no harm.
pub(in crate::source) trait ChangeLog: Send {
    /// Where the log is now; makes what has to be made at the server, a slot say. Called before a read of everything opens
    /// its transaction.
    ///
    /// # Errors
    /// When the log cannot be reached, or the account may not read it.
    async fn mark(&mut self) -> Result<LogMark, SourceError>;

    /// What changed behind `from` up to now: keys only, each once, in one go of about `most` keys, cut where a transaction
    /// ends.
    ///
    /// # Errors
    /// When the log cannot be reached. A log that no longer reaches back is no error: it is [`Changes::Lost`].
    async fn changes(&mut self, from: &LogMark, most: usize) -> Result<Changes, SourceError>;

    /// Everything up to `mark` has landed: the server may forget it. Called again with the same mark after a restart.
    ///
    /// # Errors
    /// When the server cannot be told; it is told again at the next run.
    async fn forget(&mut self, mark: &LogMark) -> Result<(), SourceError>;

    /// Why a mark is no place in the log, where none was to be had: everything is read each time until there is one.
    fn without(&self, _mark: &LogMark) -> Option<Text> {
        None
    }
}

/// A place in a log, opaque to all but the log: an LSN; file, offset and identity of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct LogMark(pub Vec<u8>);

/// What a log told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code, reason = "made by the logs of connectors")]
pub(in crate::source) enum Changes {
    /// What changed.
    Found {
        /// Rows to read again: cells in the order of the key columns, as the connector's SELECT gives them.
        keys: Vec<Box<[Box<str>]>>,
        /// A row was deleted, the table truncated, or a key changed: the next run reads everything.
        removed: bool,
        /// Behind the last change looked at, whether it concerned this table or not.
        upto: LogMark,
        /// Whether the log holds more already.
        more: bool,
    },
    /// The log no longer reaches back to where it was left (slot lost or dropped over its budget, binlog purged, another
    /// server, hub's store restored): everything is read.
    Lost {
        /// Words for log and status, without data.
        why: Text,
    },
}

/// The table that a log is asked about.
#[derive(Debug, Clone)]
pub(in crate::source) struct Watched {
    /// The source's name.
    pub source: Arc<str>,
    /// The table as the mapping names it, `schema.table` or `table`.
    pub object: String,
    /// Its key columns, as the mapping or the catalogue names them.
    pub key: Vec<String>,
    /// Who reads it: the table of the standard that the rows are for. Two mappings may read one object, and what one has
    /// landed the other may not have: what is made at the server is made for each reader.
    pub reader: String,
}

impl Watched {
    /// Those of a source's mappings that follow its log.
    pub fn of(source: &Arc<str>, reads: &[&ReadSpec]) -> Vec<Self> {
        let by_log = reads.iter().filter_map(|read| {
            let changes = read.changes.as_ref().filter(|changes| changes.by == ChangesBy::Log)?;
            let (source, object) = (source.clone(), read.object.clone()?);
            Some(Self { source, object, key: changes.key.clone(), reader: read.reader.clone() })
        });
        by_log.collect()
    }
}

/// The log of connectors that have none.
pub(in crate::source) enum NoLog {}

impl ChangeLog for NoLog {
    async fn mark(&mut self) -> Result<LogMark, SourceError> {
        match *self {}
    }

    async fn changes(&mut self, _from: &LogMark, _most: usize) -> Result<Changes, SourceError> {
        match *self {}
    }

    async fn forget(&mut self, _mark: &LogMark) -> Result<(), SourceError> {
        match *self {}
    }
}

/// What a connector without a log answers.
pub(in crate::source) fn no_log(source: &Arc<str>) -> SourceError {
    SourceError::Settings {
        source_name: source.clone(),
        what: "this kind of source has no log of changes that can be read".into(),
        remedy: "use by = \"watermark\" in [read.changes], or drop the section".into(),
    }
}
