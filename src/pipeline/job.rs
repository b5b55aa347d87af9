//! What a run needs: one mapping of one source onto one table, and what surrounds all of them.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle as Runtime;

use super::{BatchRoom, Likeness, PipelineError};
use crate::finding::{Locator, Place};
use crate::normalize::{MappingContext, MappingDocument, MappingPlan};
use crate::record::Namespace;
use crate::source::{
    Begin, Column, Connector, Guest, Position, Progress, ReadSpec, Source, SourceBatch, SourceError, SourcePlace,
};
use crate::standard::{Standard, TableId, TablePlan};
use crate::store::{FeedId, Landed, Millis, Store};
use crate::validate::Checks;

/// One mapping of one source onto one table.
pub struct Job {
    /// The source's name in the settings.
    pub source: Arc<str>,
    /// Its connector.
    pub connector: &'static dyn Connector,
    /// Its settings, secrets resolved.
    pub settings: Arc<serde_json::Value>,
    /// The folder that relative paths start from.
    pub base: PathBuf,
    /// The number of the system that the source is.
    pub system: Arc<str>,
    /// The mapping.
    pub document: Arc<MappingDocument>,
    /// What is read, as messages name it before the source is open.
    pub object: Arc<str>,
    /// Columns by which a row can be found again in a database; a file's rows have their line.
    pub row_columns: Vec<String>,
    /// The text of the file with keys to adopt, where the mapping names one.
    pub adopted: Option<String>,
    /// The table's feed in the store.
    pub feed: FeedId,
    /// The table.
    pub plan: Arc<TablePlan>,
    /// Its checks.
    pub checks: Checks,
    /// Names of mapped tables that must be read before.
    pub needs: BTreeSet<Arc<str>>,
}

/// The school as records name it.
#[derive(Debug, Clone)]
pub struct School {
    /// The national school code that is reported.
    pub code: Arc<str>,
    /// The namespace of record keys.
    pub namespace: Namespace,
}

/// What all jobs share.
pub struct Surroundings {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The standard.
    pub standard: Arc<Standard>,
    /// The school.
    pub school: School,
    /// Feeds of the mapped tables.
    pub feeds: HashMap<TableId, FeedId>,
    /// Runs the store's calls.
    pub runtime: Runtime,
    /// The time.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    /// Told of every landing.
    pub observer: Arc<dyn Observer>,
    /// Shared by all runs.
    pub room: BatchRoom,
    /// Says how alike two names of columns are in what they mean, 0 to 1.
    pub likeness: Arc<Likeness>,
}

/// Told what goes on, to show it.
pub trait Observer: Send + Sync {
    /// A batch has landed.
    fn landed(&self, job: &Job, landed: &Landed);

    /// A read of everything has come this far; said at each tenth.
    fn reached(&self, _: &Job, _: Progress) {}

    /// A job has ended.
    fn ended(&self, job: &Job, outcome: &Result<super::RunOutcome, PipelineError>);
}

/// Shows nothing.
pub struct Silent;

impl Observer for Silent {
    fn landed(&self, _: &Job, _: &Landed) {}
    fn ended(&self, _: &Job, _: &Result<super::RunOutcome, PipelineError>) {}
}

impl Surroundings {
    /// Waits for a call of the store on a thread that is not the runtime's.
    pub(super) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }
}

impl Job {
    /// How the hub behaves towards the source.
    pub(super) fn guest(&self) -> Guest {
        Guest::of(&self.settings)
    }

    /// Opens the object to read.
    pub(super) fn open(&self, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        self.connector.open(&self.place(), self.document.read(), begin)
    }

    /// Whether a run goes on where the last one ended.
    pub(super) fn continues(&self) -> bool {
        self.connector.continues(&self.place(), self.document.read())
    }

    /// Whether an interrupted run can always be gone on with.
    pub(super) fn resumes(&self) -> bool {
        self.connector.resumes(&self.place(), self.document.read())
    }

    /// How far a read of everything had come at a position, where the source says that.
    pub(super) fn progress(&self, position: &Position) -> Option<Progress> {
        self.connector.progress(self.document.read(), position)
    }

    /// Opens the object to look at its columns and first rows: neither by parts nor by what changed.
    pub(super) fn open_to_look(&self) -> Result<Box<dyn Source>, SourceError> {
        let read = ReadSpec { changes: None, chunks: None, ..self.document.read().clone() };
        self.connector.open(&self.place(), &read, Begin::AFRESH)
    }

    fn place(&self) -> SourcePlace<'_> {
        SourcePlace { name: &self.source, settings: &self.settings, base: &self.base }
    }

    /// Compiles the mapping against the columns found.
    pub(super) fn compile(&self, around: &Surroundings, columns: &Arc<[Column]>) -> Result<MappingPlan, PipelineError> {
        let context = MappingContext {
            school_code: around.school.code.clone(),
            namespace: around.school.namespace.clone(),
            system: self.system.clone(),
            missing: MappingContext::default_missing(),
            adopted: self.adopted.clone(),
        };
        MappingPlan::compile(&self.document, &around.standard, columns, context)
            .map_err(|faults| PipelineError::Mapping { table: self.plan.name.clone(), faults })
    }

    /// A row's place: file and line, or table and key. `object` is what is read, where the batch does not say it closer.
    pub(super) fn locator(&self, object: &Arc<str>, batch: &SourceBatch, row: usize) -> Locator {
        let place = match batch.place(row) {
            Place::Row(_) if !self.row_columns.is_empty() => self.row_key(batch, row),
            place => place.clone(),
        };
        Locator { source: self.source.clone(), object: batch.object().unwrap_or(object).clone(), place }
    }

    fn row_key(&self, batch: &SourceBatch, row: usize) -> Place {
        let columns =
            batch.columns().iter().enumerate().filter(|(_, column)| self.row_columns.iter().any(|name| **name == *column.name));
        let cells: Vec<String> =
            columns.map(|(at, column)| format!("{}={}", column.name, batch.cell(row, at).unwrap_or("NULL"))).collect();
        if cells.is_empty() { batch.place(row).clone() } else { Place::Key(cells.join(", ").into()) }
    }
}
