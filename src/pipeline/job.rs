//! What a run needs: one mapping of one source onto one table, and what surrounds all of them.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle as Runtime;

use super::derived::Derived;
use super::{BatchRoom, Likeness, PipelineError};
use crate::finding::{Locator, Place};
use crate::normalize::{Derivation, DeriveContext, LandedLesson, MappingContext, MappingDocument, MappingPlan, TeachingCalendar};
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
    /// What may be told of persons.
    pub privacy: Privacy,
    /// The hub's own records, for rows that are made with them.
    pub own: Option<OwnRecords>,
    /// The parts that its rows are put together of, where they come from several sources.
    pub merged_of: Vec<Part>,
}

/// What one source gives to a merged table.
#[derive(Debug, Clone)]
pub struct Part {
    /// The source.
    pub source: Arc<str>,
    /// The part's feed.
    pub feed: FeedId,
    /// Digest of the source's mapping.
    pub mapping_digest: [u8; 16],
    /// Rows are pushed, so that no run has to have read them.
    pub pushed: bool,
}

/// The connector over the hub's own records.
pub struct OwnRecords {
    /// The connector.
    pub connector: &'static dyn Connector,
    /// Its settings.
    pub settings: Arc<serde_json::Value>,
}

/// What may be told of persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privacy {
    /// The classes of sensitive items that portraits say.
    pub portraits: Vec<String>,
    /// The fewest cases that a row of an anonymous table stands for.
    pub smallest_group: u32,
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

    /// Opens what the mapping reads of the day's rows, and what it makes of them.
    pub(super) fn open(&self, around: &Surroundings, begin: Begin<'_>) -> Result<Box<dyn Source>, PipelineError> {
        self.open_as(around, self.document.read(), begin)
    }

    /// Opens the object to look at its columns and first rows: neither by parts nor by what changed.
    pub(super) fn open_to_look(&self, around: &Surroundings) -> Result<Box<dyn Source>, PipelineError> {
        let read = ReadSpec { changes: None, chunks: None, ..self.document.read().clone() };
        self.open_as(around, &read, Begin::AFRESH)
    }

    /// The columns of the object as it is.
    pub(super) fn object_columns(&self) -> Result<Arc<[Column]>, SourceError> {
        let source = self.connector.open(&self.place(), self.document.read(), Begin::AFRESH)?;
        Ok(Arc::clone(source.columns()))
    }

    fn open_as(&self, around: &Surroundings, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, PipelineError> {
        let today = super::time::day((around.clock)());
        let since = read.since(today).map(|since| self.document.reads_since(since));
        let read = read.on(since, today, &|day| self.connector.written_day(day));
        // Rows that are made of many begin at the first.
        let begin = if self.document.derives() { Begin::AFRESH } else { begin };
        let inner = self.connector.open(&self.place(), &read, begin)?;
        let context = DeriveContext {
            today: super::time::today((around.clock)()),
            shown: self.privacy.portraits.clone(),
            smallest_group: self.privacy.smallest_group,
            calendar: self.calendar(around)?,
            landed: self.landed_lessons()?,
        };
        match Derivation::compile(&self.document, &around.standard, inner.columns(), &context) {
            Ok(None) => Ok(inner),
            Ok(Some(how)) => Ok(Box::new(Derived::new(inner, how, self.source.clone()))),
            Err(faults) => Err(PipelineError::Mapping { table: self.plan.name.clone(), faults }),
        }
    }

    /// The teaching calendar, where lessons are made with it.
    fn calendar(&self, around: &Surroundings) -> Result<Option<Arc<TeachingCalendar>>, PipelineError> {
        let Some(source) = around.standard.teaching_source().filter(|_| self.document.is_timetable()) else { return Ok(None) };
        let cells = |rows: Vec<LandedLesson>, names: &[&str]| {
            let row = |row: LandedLesson| names.iter().map(|name| row.get(*name).cloned()).collect();
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        let terms = cells(self.own_rows(&source.terms)?, &["year", "term", "monday", "weeks"]);
        let days = cells(self.own_rows(&source.days)?, &["day", "kind", "instead"]);
        let calendar = TeachingCalendar::new(source, &terms, &days)
            .map_err(|why| super::derived::refusal(&self.source, &self.object, why))?;
        Ok(Some(Arc::new(calendar)))
    }

    /// The lessons that have landed, as the mapping asks for them.
    fn landed_lessons(&self) -> Result<Vec<LandedLesson>, PipelineError> {
        self.document.landed_lessons().map_or(Ok(Vec::new()), |query| self.own_rows(query))
    }

    /// All rows of a query over the hub's own records, by column.
    fn own_rows(&self, query: &str) -> Result<Vec<LandedLesson>, PipelineError> {
        let Some(own) = &self.own else { return Ok(Vec::new()) };
        let place = SourcePlace { name: &self.source, settings: &own.settings, base: &self.base };
        let read = ReadSpec { query: Some(query.to_owned()), ..ReadSpec::default() };
        let mut source = own.connector.open(&place, &read, Begin::AFRESH)?;
        let mut rows = Vec::new();
        while let Some(batch) = source.next_batch(super::derived::TAKEN)? {
            let cells = |row: usize| {
                let named = batch.columns().iter().enumerate();
                named.filter_map(|(at, column)| Some((column.name.to_string(), batch.cell(row, at)?.to_owned()))).collect()
            };
            rows.extend((0..batch.len()).map(cells));
        }
        Ok(rows)
    }

    /// Whether its rows are put together of what a source gives, among others.
    pub(super) fn merges(&self, source: &str) -> bool {
        self.merged_of.iter().any(|part| *part.source == *source)
    }

    /// That every part of a merged table has been read by the mapping there is. Before that a field that nothing has given yet would
    /// look like one that is empty.
    pub(super) fn parts_were_read(&self, around: &Surroundings) -> Result<(), PipelineError> {
        for part in self.merged_of.iter().filter(|part| !part.pushed) {
            let known = around.wait(around.store.shape(part.feed, &part.source, part.mapping_digest))?;
            if known.body.is_none() {
                return Err(PipelineError::Unread { table: self.plan.name.clone(), source_name: Arc::clone(&part.source) });
            }
        }
        Ok(())
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
        MappingPlan::compile_onto(&self.document, (&self.plan, &around.standard), columns, context)
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
