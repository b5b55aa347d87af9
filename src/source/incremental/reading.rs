//! A reading by parts or of changes, on the reading thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::log::{ChangeLog, Changes, LogMark, Watched};
use super::plan::{Plan, Start, Wanted};
use super::position::{Reached, UnderWay, Without};
use super::ranges::Ranges;
use super::table::{Table, View};
use super::watermark::{Marks, number};
use super::window::Observer;
use crate::finding::Text;
use crate::source::reader::{Courier, Ending, Handout, Proof, RowReader};
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
    wanted: Wanted,
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
    let proof = Proof::default();
    let shown = proof.clone();
    let (source, object) = (Arc::clone(&wanted.source), wanted.object.as_str().into());
    let reader = RowReader::start(&source, object, patience, move |courier| async move {
        let mut table = connect().await?;
        let plan = wanted.of_product(table.product());
        let columns = table.columns(&plan.product.all(&plan.object)).await?;
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
        Reading { plan, table, log: changes, columns, key, courier, ending: said, proof: shown, patience }.run().await
    })?;
    Ok(Box::new(reader.ending_as(ending).proven_by(proof)))
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
    /// What a read of everything has to say for itself.
    proof: Proof,
    /// The longest wait for a count.
    patience: Duration,
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
                let without = Some(Without::of(why, reached.without.as_ref(), now()));
                Ok(Task::Whole(Some(Reached { without, ..reached })))
            }
        }
    }

    /// Everything, in one view where there is one.
    async fn whole(&mut self, before: Option<Reached>) -> Result<Option<End>, SourceError> {
        let mark = match &mut self.log {
            Some(log) => Some(log.mark().await?),
            None => None,
        };
        self.table.begin().await?;
        let view = self.table.view(&self.plan.object).await;
        let marks = Marks::ask(&self.plan, &mut self.table, &self.columns).await?;
        let watermark = before.as_ref().and_then(|before| before.watermark.clone());
        let mut observer = marks.as_ref().and_then(|marks| marks.observer(watermark.clone()));
        // Between two statements that see two moments a row could go from what comes second to what came first.
        let parted = marks.as_ref().zip(watermark.as_ref()).filter(|_| view.is_one());
        let parted = parted.and_then(|(marks, before)| marks.part(&self.plan, before));
        let ranges = Ranges::of(&self.plan, &mut self.table, &self.columns).await?;
        self.courier.opened(&self.columns);
        let mut way = UnderWay { key: Vec::new(), done: 0, total: 0, rest: None };
        if ranges.is_some() {
            way.total = number(&self.table.texts(&self.plan.product.count(&self.plan.object)).await?);
        }
        let mut rest = None;
        if let Some(parted) = parted {
            let sql = self.plan.select(Some(&parted.again));
            if !self.give(&sql, &mut |batch| way.done += batch.len() as u64, marks.as_ref(), observer.as_mut(), false).await? {
                return Ok(None);
            }
            rest = Some(parted.rest);
        }
        let without = self.without(mark.as_ref(), before.as_ref());
        let removed = before.is_some_and(|before| before.removed);
        let by_ranges = ranges.is_some();
        if let Some(ranges) = ranges {
            way.rest = rest;
            let watermark = observer.as_ref().map(Observer::forgetful);
            let without = without.clone();
            let reached = Reached { watermark, removed, without, ..Reached::new() }.with_log(mark.as_ref());
            let seen = marks.as_ref().zip(observer.as_mut());
            if !ranges.give(&self.plan, &mut self.table, &self.courier, &mut way, &reached, seen).await? {
                return Ok(None);
            }
        } else {
            let sql = self.plan.select(rest.as_deref());
            let settled = rest.is_some();
            let mut count = |batch: &SourceBatch| way.done += batch.len() as u64;
            if !self.give(&sql, &mut count, marks.as_ref(), observer.as_mut(), settled).await? {
                return Ok(None);
            }
        }
        let complete = self.prove(view, &way, by_ranges).await?;
        let watermark = observer.map(|observer| observer.finish());
        let reached = Reached { whole: true, watermark, without, ..Reached::new() }.with_log(mark.as_ref());
        Ok(Some(End { reached, complete, more: false }))
    }

    /// Why the log cannot be read from a mark on, or could not before it and has not been read since.
    fn without(&self, mark: Option<&LogMark>, before: Option<&Reached>) -> Option<Without> {
        let before = before.and_then(|before| before.without.as_ref());
        let log = self.log.as_ref()?;
        match mark.and_then(|mark| log.without(mark)) {
            Some(why) => Some(Without::of(why, before, now())),
            None => before.cloned(),
        }
    }

    /// Whether a read of everything proves what is gone: the rows are counted once more in the same transaction.
    async fn prove(&mut self, view: View, way: &UnderWay, by_ranges: bool) -> Result<bool, SourceError> {
        if view == View::Moving {
            return Ok(false);
        }
        if view == View::ByStatement && by_ranges {
            self.proof.lacking(statements());
            return Ok(false);
        }
        let count = self.plan.product.count(&self.plan.object);
        let counted = tokio::time::timeout(self.patience, self.table.texts(&count)).await;
        let counted = counted.ok().and_then(Result::ok).map(|texts| number(&texts));
        // As many as there were at the beginning, and yet others have come.
        if by_ranges && counted == Some(way.total) {
            way.agrees(&self.plan)?;
        }
        match view {
            View::Part(doubt) if counted == Some(way.done) => self.proof.whole_but(doubt),
            _ => self.proof.counted(way.done, counted),
        }
        Ok(counted == Some(way.done))
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
            let sql = self.plan.product.of_keys(&self.plan.object, &key, some);
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

/// Milliseconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Why what several statements gave proves nothing.
fn statements() -> Text {
    Text::new(
        "分段读取用了多条语句，该数据库的每条语句各见一个时刻；这次读取不能说明删除",
        "the rows came by several statements, and each sees another moment of this database; the read proves no deletions",
    )
}
