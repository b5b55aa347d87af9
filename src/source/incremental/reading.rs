//! A reading by parts or of changes, on the reading thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::log::{ChangeLog, Changes, LogMark, Watched};
use super::plan::{Plan, Start};
use super::position::{Reached, UnderWay};
use super::ranges::Ranges;
use super::table::Table;
use super::watermark::{Marks, number};
use super::window::Observer;
use crate::source::reader::{Courier, Ending, Handout, RowReader};
use crate::source::{Column, Position, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// Keys asked for in one statement.
const KEYS: usize = 500;
/// Keys that a log is asked for in one run.
const CHANGES: usize = 20_000;

/// Opens a reading. `connect` runs on the reading thread and gives the table; `log` the log of changes where the mapping
/// wants one.
///
/// # Errors
/// What keeps the table from being read.
pub(in crate::source) fn open<T, L, C, F>(
    plan: Plan,
    patience: Duration,
    connect: C,
    log: impl FnOnce(Watched) -> Result<L, SourceError> + Send + 'static,
) -> Result<Box<dyn Source>, SourceError>
where
    T: Table,
    L: ChangeLog,
    C: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<T, SourceError>>,
{
    let ending = Arc::new(Ending::default());
    let said = Arc::clone(&ending);
    let (source, object) = (Arc::clone(&plan.source), plan.object.as_str().into());
    let reader = RowReader::start(&source, object, patience, move |courier| async move {
        let mut table = connect().await?;
        let columns = table.columns(&plan.dialect.all(&plan.object)).await?;
        let (mut key, mut changes) = (Vec::new(), None);
        if plan.by_log() {
            let given = plan.spec.changes.as_ref().map(|changes| changes.key.clone()).unwrap_or_default();
            key = plan.key(&mut table, &columns, &given, "changes").await?;
            changes = Some(log(Watched {
                source: Arc::clone(&plan.source),
                object: plan.object.clone(),
                key: key.iter().map(|at| columns[*at].name.to_string()).collect(),
                reader: plan.spec.reader.clone(),
            })?);
        }
        Reading { plan, table, log: changes, columns, key, courier, ending: said }.run().await
    })?;
    Ok(Box::new(reader.ending_as(ending)))
}

struct Reading<T, L> {
    plan: Plan,
    table: T,
    log: Option<L>,
    columns: Arc<[Column]>,
    /// What the log tells rows by.
    key: Vec<usize>,
    courier: Arc<Courier>,
    ending: Arc<Ending>,
}

/// What a reading came to.
struct End {
    reached: Reached,
    complete: bool,
    more: bool,
}

/// What is to be done.
enum Task {
    Whole(Option<Reached>),
    Rest(Reached, UnderWay),
    Marked(Reached),
    Keys {
        keys: Vec<Box<[Box<str>]>>,
        reached: Reached,
        more: bool,
    },
    /// All was read before the run was interrupted.
    Done(Reached),
}

impl<T: Table, L: ChangeLog> Reading<T, L> {
    async fn run(mut self) -> Result<Handout, SourceError> {
        let task = self.task().await?;
        let end = match task {
            Task::Whole(before) => self.whole(before).await?,
            Task::Rest(reached, way) => self.rest(reached, way).await?,
            Task::Marked(before) => self.marked(before).await?,
            Task::Keys { keys, reached, more } => self.keys(&keys, reached, more).await?,
            Task::Done(reached) => self.done(reached),
        };
        let Some(end) = end else { return Ok(Handout::Abandoned) };
        if self.courier.asked().is_none() || !self.courier.give(self.empty(end.reached.position())) {
            return Ok(Handout::Abandoned);
        }
        self.ending.complete.store(end.complete, Ordering::Release);
        self.ending.whole.store(end.reached.whole, Ordering::Release);
        self.ending.more.store(end.more, Ordering::Release);
        let landed = self.courier.finished().as_ref().and_then(Reached::of);
        if let Some(mark) = landed.filter(|landed| landed.under_way.is_none()).and_then(|landed| landed.log()) {
            self.forget(&mark).await;
        }
        Ok(Handout::Abandoned)
    }

    fn empty(&self, position: Position) -> SourceBatch {
        SourceBatchBuilder::new(Arc::clone(&self.columns), 0).finish(position)
    }

    /// Tells the log what has landed. It is told again next time.
    async fn forget(&mut self, mark: &LogMark) {
        let Some(log) = &mut self.log else { return };
        if let Err(error) = log.forget(mark).await {
            tracing::warn!(source = %self.plan.source, object = self.plan.object, %error, "the log of changes could not be told what has landed");
        }
    }

    async fn task(&mut self) -> Result<Task, SourceError> {
        Ok(match self.plan.start.clone() {
            Start::Whole(before) => Task::Whole(before),
            Start::Resume(mut reached) => match reached.under_way.take() {
                Some(way) if self.plan.spec.chunks.is_some() => Task::Rest(reached, way),
                Some(_) => Task::Whole(None),
                None => Task::Done(reached),
            },
            Start::Since(reached) if reached.removed || reached.under_way.is_some() => Task::Whole(Some(reached)),
            Start::Since(reached) if self.log.is_some() => self.told(reached).await?,
            Start::Since(reached) if reached.watermark.is_some() && self.plan.watermark().is_some() => Task::Marked(reached),
            Start::Since(reached) => Task::Whole(Some(reached)),
        })
    }

    /// What the log tells of changes.
    async fn told(&mut self, reached: Reached) -> Result<Task, SourceError> {
        let Some(from) = reached.log() else { return Ok(Task::Whole(Some(reached))) };
        self.forget(&from).await;
        let Some(log) = &mut self.log else { return Ok(Task::Whole(Some(reached))) };
        match log.changes(&from, CHANGES).await? {
            Changes::Found { keys, removed, upto, more } => {
                let reached = Reached { removed, ..Reached::new() }.with_log(Some(&upto));
                Ok(Task::Keys { keys, reached, more })
            }
            Changes::Lost { why } => {
                tracing::warn!(source = %self.plan.source, object = self.plan.object, why = why.en, "the log of changes was lost; everything is read again");
                Ok(Task::Whole(Some(reached)))
            }
        }
    }

    /// Everything, in one view.
    async fn whole(&mut self, before: Option<Reached>) -> Result<Option<End>, SourceError> {
        let mark = match &mut self.log {
            Some(log) => Some(log.mark().await?),
            None => None,
        };
        self.table.begin().await?;
        let marks = Marks::ask(&self.plan, &mut self.table, &self.columns).await?;
        let watermark = before.as_ref().and_then(|before| before.watermark.clone());
        let mut observer = marks.as_ref().and_then(|marks| marks.observer(watermark.clone()));
        let parted = marks.as_ref().zip(watermark.as_ref()).and_then(|(marks, before)| marks.part(&self.plan, before));
        let ranges = Ranges::of(&self.plan, &mut self.table, &self.columns).await?;
        self.courier.opened(&self.columns);
        let mut way = UnderWay { key: Vec::new(), done: 0, total: 0, rest: None };
        if ranges.is_some() {
            way.total = number(&self.table.texts(&self.plan.dialect.count(&self.plan.object, None)).await?);
        }
        let mut rest = None;
        if let Some(parted) = parted {
            let sql = self.plan.select(Some(&parted.again));
            if !self.give(&sql, &mut |batch| way.done += batch.len() as u64, marks.as_ref(), observer.as_mut(), false).await? {
                return Ok(None);
            }
            rest = Some(parted.rest);
        }
        let removed = before.is_some_and(|before| before.removed);
        if let Some(ranges) = ranges {
            way.rest = rest;
            let watermark = observer.as_ref().map(Observer::forgetful);
            let reached = Reached { watermark, removed, ..Reached::new() }.with_log(mark.as_ref());
            let seen = marks.as_ref().zip(observer.as_mut());
            if !ranges.give(&self.plan, &mut self.table, &self.courier, &mut way, &reached, seen).await? {
                return Ok(None);
            }
            way.agrees(&self.plan)?;
        } else {
            let sql = self.plan.select(rest.as_deref());
            if !self.give(&sql, &mut |_| {}, marks.as_ref(), observer.as_mut(), rest.is_some()).await? {
                return Ok(None);
            }
        }
        let watermark = observer.map(|observer| observer.finish());
        let reached = Reached { whole: true, watermark, ..Reached::new() }.with_log(mark.as_ref());
        Ok(Some(End { reached, complete: true, more: false }))
    }

    /// Hands out the rows of a statement; false when nobody takes them any more.
    async fn give(
        &mut self,
        sql: &str,
        count: &mut dyn FnMut(&SourceBatch),
        marks: Option<&Marks>,
        mut observer: Option<&mut Observer>,
        settled: bool,
    ) -> Result<bool, SourceError> {
        let mut seal = |batch: SourceBatch| {
            if let Some((marks, observer)) = marks.zip(observer.as_deref_mut()) {
                marks.watch(observer, &batch);
            }
            count(&batch);
            if settled { batch.settled() } else { batch }
        };
        Ok(self.table.hand_out(&self.courier, sql, &mut seal).await? == Handout::Finished)
    }

    /// What was left of everything when the run was interrupted. Read in another view: it proves nothing gone.
    async fn rest(&mut self, reached: Reached, mut way: UnderWay) -> Result<Option<End>, SourceError> {
        self.table.begin().await?;
        let Some(ranges) = Ranges::of(&self.plan, &mut self.table, &self.columns).await? else { return Ok(None) };
        self.courier.opened(&self.columns);
        if !ranges.give(&self.plan, &mut self.table, &self.courier, &mut way, &reached, None).await? {
            return Ok(None);
        }
        Ok(Some(End { reached: Reached { whole: true, ..reached }, complete: false, more: false }))
    }

    /// What a watermark says has changed.
    async fn marked(&mut self, before: Reached) -> Result<Option<End>, SourceError> {
        self.table.begin().await?;
        let marks = Marks::ask(&self.plan, &mut self.table, &self.columns).await?;
        let watermark = before.watermark.clone();
        let parted = marks.as_ref().zip(watermark.as_ref()).and_then(|(marks, before)| marks.part(&self.plan, before));
        let (Some(marks), Some(parted)) = (marks, parted) else {
            // Marks of another kind: nothing known of them holds.
            return self.whole(None).await;
        };
        let mut observer = marks.observer(watermark);
        let condition = marks.changed(&self.plan, &mut self.table, parted).await?;
        self.courier.opened(&self.columns);
        let sql = self.plan.select(Some(&condition));
        if !self.give(&sql, &mut |_| {}, Some(&marks), observer.as_mut(), false).await? {
            return Ok(None);
        }
        // Where all marked rows are gone, what was known of them is kept.
        let watermark = observer.map(|observer| observer.finish()).or(before.watermark);
        Ok(Some(End { reached: Reached { watermark, ..Reached::new() }, complete: false, more: false }))
    }

    /// The rows that the log named, as they are now.
    async fn keys(&mut self, keys: &[Box<[Box<str>]>], reached: Reached, more: bool) -> Result<Option<End>, SourceError> {
        self.table.begin().await?;
        self.courier.opened(&self.columns);
        let key = Plan::compared(&self.columns, &self.key);
        for some in keys.chunks(KEYS) {
            let sql = self.plan.dialect.of_keys(&self.plan.object, &key, some);
            if !self.give(&sql, &mut |_| {}, None, None, false).await? {
                return Ok(None);
            }
        }
        let more = more || reached.removed;
        Ok(Some(End { reached, complete: false, more }))
    }

    /// Nothing is left. What a log told to be gone is not proven gone by a run that was interrupted at its end.
    fn done(&self, reached: Reached) -> Option<End> {
        self.courier.opened(&self.columns);
        let removed = reached.removed || self.log.is_some() && reached.whole;
        Some(End { reached: Reached { removed, ..reached }, complete: false, more: false })
    }
}
