//! Sources: what a school's systems hold, read as rows of text cells.
//!
//! A connector is one folder: code, settings schema, texts. The one list of connectors is [`registry`]; the
//! conformance suite runs over all of it.

mod batch;
mod begin;
mod bytes;
mod csv;
mod excel;
mod files;
mod guest;
mod header;
mod http;
mod hub;
mod incremental;
mod json;
mod kafka;
mod mysql;
mod need;
mod odbc;
mod outline;
mod postgres;
mod product;
mod push;
mod reader;
mod select;
mod server;
mod shape;
mod sqlite;
mod sqlserver;
mod statement;
mod window;

pub use batch::{Cell, Column, ColumnKind, Position, RawFault, SourceBatch, SourceBatchBuilder};
pub use begin::{Begin, Progress};
pub use guest::{Guest, Pace};
pub use incremental::{ChangesBy, ChangesSpec, ChunksSpec, Incremental, Overlap, Period};
pub use need::Need;
pub use outline::{Outline, OutlineColumn};
pub use product::{Account, Product};
pub use shape::{ColumnShape, SampleBounds, Samples, TableReference, TableShape, introspect};
pub use sqlite::load_script;

use std::path::Path;
use std::sync::Arc;

use crate::fault::{Classified, FaultClass};
use crate::finding::Text;

/// All connectors there are.
pub fn registry() -> &'static [&'static dyn Connector] {
    &[
        &csv::Csv,
        &excel::Excel,
        &sqlite::Sqlite,
        &postgres::Postgres,
        &mysql::Mysql,
        &sqlserver::Sqlserver,
        &odbc::Odbc,
        &kafka::Kafka,
        &http::Http,
        &push::Push,
        &hub::Hub,
    ]
}

/// The connector of a kind.
pub fn connector(kind: &str) -> Option<&'static dyn Connector> {
    registry().iter().copied().find(|connector| connector.kind() == kind)
}

/// How long to wait for rows when the settings do not say, in seconds.
fn five_minutes() -> u64 {
    300
}

/// A connector's settings as its own type. The reason of a refusal is not passed on: it could quote a secret.
fn parse_settings<T: serde::de::DeserializeOwned>(place: &SourcePlace<'_>) -> Result<T, SourceError> {
    T::deserialize(place.settings).map_err(|_| SourceError::Settings {
        source_name: place.name.clone(),
        what: "the settings do not fit the connector's schema".into(),
        remedy: "run `xiaoshu check`, which names each setting that is wrong".into(),
    })
}

/// A kind of source: makes [`Source`]s out of settings.
pub trait Connector: Send + Sync {
    /// The name in `kind = "…"`.
    fn kind(&self) -> &'static str;

    /// JSON Schema (2020-12) of the settings of one source of this kind, `kind` included; unknown keys are refused.
    fn settings_schema(&self) -> &'static str;

    /// Whether rows come by themselves: nobody reads such a source, a producer hands its rows to the pipeline.
    fn is_pushed(&self) -> bool {
        false
    }

    /// What the kind knows of `[read.changes]` and `[read.chunks]`.
    fn incremental(&self) -> Incremental {
        Incremental::No
    }

    /// Whether a run goes on where the last one ended, instead of reading everything again: [`Begin::Since`] is then asked
    /// for.
    fn continues(&self, _place: &SourcePlace<'_>, read: &ReadSpec) -> bool {
        self.incremental() != Incremental::No && read.changes.is_some()
    }

    /// Whether an interrupted run goes on exactly behind its last landing, whatever happened to the object meanwhile: such
    /// a run stays open when the line breaks or the source asks for less.
    fn resumes(&self, _place: &SourcePlace<'_>, read: &ReadSpec) -> bool {
        self.incremental() != Incremental::No && read.chunks.is_some()
    }

    /// How far a read of everything had come at a position; `None` where that is not known.
    fn progress(&self, _read: &ReadSpec, position: &Position) -> Option<Progress> {
        (self.incremental() != Incremental::No).then(|| incremental::progress(position)).flatten()
    }

    /// Why the database's log could not be read by the run that came to a position, or by one before it, and since when, in
    /// milliseconds since 1970; `None` where the log is read, or none is to be.
    fn without_log(&self, read: &ReadSpec, position: &Position) -> Option<(Text, i64)> {
        let by_log = read.changes.as_ref().is_some_and(|changes| changes.by == ChangesBy::Log);
        by_log.then(|| incremental::without_log(position)).flatten()
    }

    /// Connects, looks, and says what it found; reads no rows.
    ///
    /// # Errors
    /// What keeps the source from being read.
    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError>;

    /// A day as the source's texts of dates have it, for queries that name days.
    fn written_day(&self, day: jiff::civil::Date) -> String {
        day.to_string()
    }

    /// What the way in which mappings read this source needs of it, a log of changes say, and whether it is there; and what
    /// was left behind there that no mapping uses any more. Reads no rows and changes nothing.
    ///
    /// # Errors
    /// What keeps the source from being looked at.
    fn needs(&self, _place: &SourcePlace<'_>, _reads: &[&ReadSpec]) -> Result<Vec<Need>, SourceError> {
        Ok(Vec::new())
    }

    /// The tables, views or files that can be read.
    ///
    /// # Errors
    /// What keeps the source from being read.
    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError>;

    /// SQL that makes an account which can read these objects and do nothing else, for the source's administrator; `None`
    /// where a kind has no such accounts. Connects to nothing.
    fn account_sql(&self, _place: &SourcePlace<'_>, _objects: &[String]) -> Option<String> {
        None
    }

    /// The tables as their makers describe them: comments, columns, keys, as far as the source knows them. Reads no rows;
    /// [`introspect`] takes the samples. Without a catalogue there are only names.
    ///
    /// # Errors
    /// What keeps the source from being looked at.
    fn describe(&self, place: &SourcePlace<'_>) -> Result<Vec<TableShape>, SourceError> {
        let named = |name: String| TableShape { name, ..TableShape::default() };
        Ok(self.objects(place)?.into_iter().map(named).collect())
    }

    /// Opens one object for reading.
    ///
    /// # Errors
    /// What keeps the object from being read. Bad rows are no error: they come with the batch.
    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError>;
}

/// One source as configured.
#[derive(Debug, Clone, Copy)]
pub struct SourcePlace<'a> {
    /// Its name in the settings.
    pub name: &'a Arc<str>,
    /// Its settings, valid by the connector's schema, secrets resolved. Never logged.
    pub settings: &'a serde_json::Value,
    /// The folder that relative paths start from.
    pub base: &'a Path,
}

/// What to read of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadSpec {
    /// A table or view name, or the path of a file, an archive being a folder and `*` allowed in each part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// A query instead of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Columns to order a table by, so that rows come in key order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_by: Vec<String>,
    /// How many days back rows are read, where only the last days are: the query names the first of them `:since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// Tables of the hub that the query names and that this school need not map: they are empty then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<String>,
    /// How changed rows are found; without it every run reads everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesSpec>,
    /// How everything is read by parts; without it in one go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<ChunksSpec>,
    /// The table that the rows are for, which tells the readers of one object apart. Not written in `[read]`.
    #[serde(skip)]
    pub reader: String,
}

/// What a check of a source found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// One line about server or file: product, version, encoding.
    pub about: String,
    /// Things that work but should be mended, as code and detail.
    pub notes: Vec<Text>,
    /// Whether the account can write, which is among the notes, too.
    pub can_write: bool,
}

/// One object of a source being read. Blocking; runs on a thread of its own.
///
/// Contract: rows come in a fixed order within one read. `next_batch` returns at most `max_rows` rows, never the whole
/// result in memory, and `None` at the end, for ever after. A batch's position lies behind its last row. `committed`
/// is called after the rows up to a position have landed; until then a reopened source must give them again.
pub trait Source: Send {
    /// The columns, in the order of cells.
    fn columns(&self) -> &Arc<[Column]>;

    /// What is being read, as messages name it.
    fn object(&self) -> &Arc<str>;

    /// The columns with all that the source says of them, seen in the same view as the rows.
    fn outline(&self) -> Outline {
        Outline::of(self.columns())
    }

    /// The next rows.
    ///
    /// # Errors
    /// When reading cannot go on. Rows already returned stay good.
    fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError>;

    /// The rows up to `position` have landed.
    ///
    /// # Errors
    /// When the source cannot note it.
    fn committed(&mut self, position: &Position) -> Result<(), SourceError>;

    /// After the end: whether everything was read in one consistent view of the object and its count agrees, so that a row
    /// that did not come is known not to be there.
    ///
    /// What agreement means: databases count the rows of the object or query once more in the same transaction; files are
    /// read to their end and still have the content they were opened with, archives their checksums, workbooks the end of
    /// their sheets; HTTP interfaces give as many rows as they say there are, or the same pages twice; a compacted topic
    /// is read up to the ends that it had at the beginning; of pushed snapshots the producer says that it is whole.
    fn is_complete(&self) -> bool;

    /// After the end: of a complete read, what speaks against taking for gone what did not come, so that it waits for
    /// approval; of an incomplete one that no setting asks for, why it was not complete.
    fn doubt(&self) -> Option<Text> {
        None
    }

    /// Of how many files, or sheets of files, the object was read; 0 where it is not made of files. Fewer than in the last
    /// complete read make deletions wait.
    fn parts(&self) -> u32 {
        0
    }

    /// After the end: whether everything was read, be it in several views of the object.
    fn is_whole(&self) -> bool {
        self.is_complete()
    }

    /// After the end: whether more can be read at once, by a run of its own that goes on where this one ends.
    fn has_more(&self) -> bool {
        false
    }
}

/// What keeps a source from being read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A setting is wrong: file missing, unknown table, bad query.
    #[error("{source_name}: {what}; {remedy}")]
    Settings {
        /// The source.
        source_name: Arc<str>,
        /// What is wrong.
        what: String,
        /// How to mend it.
        remedy: String,
    },
    /// The account is not accepted or lacks a right.
    #[error("{source_name}: {what}; check user, password and grants")]
    Denied {
        /// The source.
        source_name: Arc<str>,
        /// What the server said, without secrets.
        what: String,
    },
    /// The connection failed or timed out.
    #[error("{source_name}: {what}")]
    Connection {
        /// The source.
        source_name: Arc<str>,
        /// What happened.
        what: String,
    },
    /// The source asks for less.
    #[error("{source_name}: {what}")]
    Throttled {
        /// The source.
        source_name: Arc<str>,
        /// What it said, and how long it wants to be left alone where it said that.
        what: String,
    },
    /// The content cannot be read at all: not text, not a database.
    #[error("{source_name}: {object}: {what}")]
    Content {
        /// The source.
        source_name: Arc<str>,
        /// The object.
        object: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Classified for SourceError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Settings { .. } => FaultClass::Configuration,
            Self::Denied { .. } => FaultClass::Credentials,
            Self::Connection { .. } => FaultClass::Transient,
            Self::Throttled { .. } => FaultClass::Throttled,
            Self::Content { .. } => FaultClass::Data,
        }
    }
}
