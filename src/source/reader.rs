//! Rows of a database server, handed out on demand.
//!
//! The drivers are asynchronous, a [`Source`] is not: each source has a thread of its own with a small runtime on it.
//! The thread holds connection, transaction and result; it takes rows off the wire only when a batch is asked for, so
//! no more than a batch is ever in memory.

use std::cell::Cell;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};

use super::{Column, Outline, Position, Source, SourceBatch, SourceBatchBuilder, SourceError};
use crate::finding::Text;

/// A batch of long cells ends early.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

type Reply = Result<Option<SourceBatch>, SourceError>;
type Opened = Result<(Arc<[Column]>, Outline), SourceError>;

/// A digest of a text that defines something.
pub(super) fn digest(text: &str) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
}

/// Runs `job` on a thread of its own to its end: for checks and listings, callable from anywhere.
pub(super) fn run<T, F, Fut>(source: &Arc<str>, job: F) -> Result<T, SourceError>
where
    T: Send,
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output = Result<T, SourceError>>,
{
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| runtime(source)?.block_on(job()));
        worker.join().unwrap_or_else(|_| Err(stopped(source)))
    })
}

fn runtime(source: &Arc<str>) -> Result<tokio::runtime::Runtime, SourceError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| SourceError::Connection { source_name: source.clone(), what: format!("no runtime: {error}") })
}

fn stopped(source: &Arc<str>) -> SourceError {
    SourceError::Connection { source_name: source.clone(), what: "the reading thread stopped".into() }
}

/// The thread's end of the line.
pub(super) struct Courier {
    source: Arc<str>,
    opened: SyncSender<Opened>,
    requests: Receiver<usize>,
    replies: SyncSender<Reply>,
    /// The longest wait for the next rows.
    patience: Duration,
    /// What was asked for and not given yet, when a statement ended and another follows.
    owed: Cell<Option<usize>>,
    /// The newest position that has landed.
    landed: Arc<Mutex<Option<Position>>>,
    /// Ends when the reader goes.
    gone: Receiver<()>,
}

/// What a thread says when it has read to the end. Nothing is said until it is.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// All was read in one consistent view.
    pub complete: AtomicBool,
    /// All was read.
    pub whole: AtomicBool,
    /// More can be read at once.
    pub more: AtomicBool,
}

/// How a hand-out of rows ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handout {
    /// All rows were asked for and given.
    Finished,
    /// The receiving end has gone.
    Abandoned,
    /// No row came in time, which the receiving end has been told.
    TimedOut,
}

impl Courier {
    /// Says that the object is open, and which columns it has.
    pub fn opened(&self, columns: &Arc<[Column]>) {
        self.opened_as(columns, Outline::of(columns));
    }

    /// The same, with all that the source says of the columns.
    pub fn opened_as(&self, columns: &Arc<[Column]>, outline: Outline) {
        // A receiver that has gone shows at the next request.
        let _ = self.opened.send(Ok((columns.clone(), outline)));
    }

    /// Hands out the rows of a stream, batch by batch as they are asked for. `push` puts one row into the batch.
    pub async fn hand_out<S, R, E>(
        &self,
        columns: &Arc<[Column]>,
        rows: S,
        push: impl FnMut(&R, &mut SourceBatchBuilder, u64),
        classify: impl Fn(E) -> SourceError,
    ) -> Result<Handout, SourceError>
    where
        S: Stream<Item = Result<R, E>> + Unpin,
    {
        self.hand_out_sealed(columns, rows, push, &mut |batch| batch, classify).await
    }

    /// The same; `seal` sees each batch before it is given. Other statements may follow: what is asked for when the stream
    /// ends stays owed.
    pub async fn hand_out_sealed<S, R, E>(
        &self,
        columns: &Arc<[Column]>,
        mut rows: S,
        mut push: impl FnMut(&R, &mut SourceBatchBuilder, u64),
        seal: &mut dyn FnMut(SourceBatch) -> SourceBatch,
        classify: impl Fn(E) -> SourceError,
    ) -> Result<Handout, SourceError>
    where
        S: Stream<Item = Result<R, E>> + Unpin,
    {
        let mut ordinal = 0;
        while let Some(max_rows) = self.asked() {
            let mut batch = SourceBatchBuilder::new(columns.clone(), max_rows.min(4096));
            let mut ended = false;
            while batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
                match self.next(&mut rows).await {
                    Some(Some(Ok(row))) => {
                        ordinal += 1;
                        push(&row, &mut batch, ordinal);
                    }
                    Some(Some(Err(error))) => return Err(classify(error)),
                    Some(None) => {
                        ended = true;
                        break;
                    }
                    None => {
                        let _ = self.replies.send(Err(self.too_slow()));
                        return Ok(Handout::TimedOut);
                    }
                }
            }
            if ended && batch.is_empty() {
                self.owe(max_rows);
                return Ok(Handout::Finished);
            }
            if !self.give(seal(batch.finish(Position(Vec::new())))) {
                break;
            }
            if ended {
                return Ok(Handout::Finished);
            }
        }
        Ok(Handout::Abandoned)
    }

    /// Hands out batches that `next` makes, as they are asked for, until it has no more. What is asked for then stays owed.
    pub async fn hand_out_batches(
        &self,
        mut next: impl AsyncFnMut(usize) -> Result<Option<SourceBatch>, SourceError>,
    ) -> Result<Handout, SourceError> {
        while let Some(max_rows) = self.asked() {
            let Some(batch) = next(max_rows).await? else {
                self.owe(max_rows);
                return Ok(Handout::Finished);
            };
            if !self.give(batch) {
                break;
            }
        }
        Ok(Handout::Abandoned)
    }

    /// Waits until rows are asked for, and says how many at most; `None` when nobody asks any more.
    pub fn asked(&self) -> Option<usize> {
        self.owed.take().or_else(|| self.requests.recv().ok())
    }

    /// Leaves rows that were asked for to the statement that follows.
    pub fn owe(&self, rows: usize) {
        self.owed.set(Some(rows));
    }

    /// Says that all was given, waits until the reader goes, and says what had landed by then.
    pub fn finished(&self) -> Option<Position> {
        // Nobody who asks any more needs no answer.
        let _ = self.replies.send(Ok(None));
        let _ = self.gone.recv();
        self.landed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gives what was asked for; false when nobody takes it.
    pub fn give(&self, batch: SourceBatch) -> bool {
        self.replies.send(Ok(Some(batch))).is_ok()
    }

    /// The next row; `None` when it does not come in time.
    async fn next<S: Stream + Unpin>(&self, rows: &mut S) -> Option<Option<S::Item>> {
        // Most rows are in the buffer already: no timer for those.
        if let Some(item) = rows.next().now_or_never() {
            return Some(item);
        }
        tokio::time::timeout(self.patience, rows.next()).await.ok()
    }

    fn too_slow(&self) -> SourceError {
        SourceError::Connection {
            source_name: self.source.clone(),
            what: format!("no rows within {} s (statement_timeout)", self.patience.as_secs()),
        }
    }
}

/// An object being read through a thread.
pub(super) struct RowReader {
    source: Arc<str>,
    object: Arc<str>,
    columns: Arc<[Column]>,
    outline: Outline,
    requests: Option<SyncSender<usize>>,
    replies: Receiver<Reply>,
    worker: Option<JoinHandle<()>>,
    complete: bool,
    proof: Proof,
    /// Set by the thread before its end, where that can be of several kinds.
    ending: Option<Arc<Ending>>,
    landed: Arc<Mutex<Option<Position>>>,
    going: Option<SyncSender<()>>,
}

/// What the thread says, before its end, of what it has read: nothing else makes a read complete.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof(Arc<Mutex<(bool, Option<Text>)>>);

impl Proof {
    /// Everything was read in one view, and its count agrees.
    pub fn whole(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (true, None);
    }

    /// The same, but something speaks against taking for gone what did not come.
    pub fn whole_but(&self, doubt: Text) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (true, Some(doubt));
    }

    /// Not everything is known to have been read, and that is not as it should be.
    pub fn lacking(&self, why: Text) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (false, Some(why));
    }

    /// What a count in the same view says: `None` when it could not be had.
    pub fn counted(&self, read: u64, counted: Option<u64>) {
        match counted {
            Some(counted) if counted == read => self.whole(),
            Some(counted) => self.lacking(Text::new(
                format!("读到 {read} 行，而同一事务中计数为 {counted} 行；这次读取不能说明删除"),
                format!("{read} rows were read and {counted} counted in the same transaction; the read proves no deletions"),
            )),
            None => self.lacking(Text::new(
                "行数无法在同一事务中核对（计数语句失败）；这次读取不能说明删除",
                "the rows could not be counted in the same transaction (the count failed); the read proves no deletions",
            )),
        }
    }
}

impl RowReader {
    /// Starts the thread and waits until `job` has opened the object. `job` ends by `Ok` when all rows were handed out.
    pub fn start<F, Fut>(source: &Arc<str>, object: Arc<str>, patience: Duration, job: F) -> Result<Self, SourceError>
    where
        F: FnOnce(Arc<Courier>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Handout, SourceError>>,
    {
        let (opened, opening) = sync_channel(1);
        let (requests, incoming) = sync_channel(1);
        let (outgoing, replies) = sync_channel(1);
        let (going, gone) = sync_channel(1);
        let landed: Arc<Mutex<Option<Position>>> = Arc::default();
        let courier = Courier {
            source: source.clone(),
            opened: opened.clone(),
            requests: incoming,
            replies: outgoing.clone(),
            patience,
            owed: Cell::new(None),
            landed: landed.clone(),
            gone,
        };
        let name = source.clone();
        let work = move || {
            let result = runtime(&name).and_then(|runtime| {
                #[expect(clippy::arc_with_non_send_sync, reason = "shared within this thread's own future only")]
                let courier = Arc::new(courier);
                runtime.block_on(job(courier))
            });
            match result {
                Ok(Handout::Finished) => {
                    let _ = outgoing.send(Ok(None));
                }
                Ok(Handout::Abandoned | Handout::TimedOut) => {}
                Err(error) => {
                    // Only one of the two ends is waiting: the opener before the first row, the reader after.
                    if let Err(unsent) = opened.try_send(Err(error))
                        && let std::sync::mpsc::TrySendError::Disconnected(Err(error)) = unsent
                    {
                        let _ = outgoing.send(Err(error));
                    }
                }
            }
        };
        let worker = std::thread::Builder::new().name(format!("source {source}")).spawn(work).map_err(|error| {
            SourceError::Connection { source_name: source.clone(), what: format!("no thread for reading: {error}") }
        })?;
        let (columns, outline) = opening.recv().unwrap_or_else(|_| Err(stopped(source)))?;
        drop(opening);
        Ok(Self {
            source: source.clone(),
            object,
            columns,
            outline,
            requests: Some(requests),
            replies,
            worker: Some(worker),
            complete: false,
            proof: Proof::default(),
            ending: None,
            landed,
            going: Some(going),
        })
    }

    /// The same, whose columns are promised and not shown.
    pub fn promising(mut self) -> Self {
        self.outline.promised = true;
        self
    }

    /// The same, complete only if the thread has said so there.
    pub fn proven_by(mut self, proof: Proof) -> Self {
        self.proof = proof;
        self
    }

    /// The same; what the end means the thread has said in `ending`.
    pub fn ending_as(mut self, ending: Arc<Ending>) -> Self {
        self.ending = Some(ending);
        self
    }

    fn ended(&self, flag: impl Fn(&Ending) -> &AtomicBool, without: bool) -> bool {
        self.complete && self.ending.as_ref().map_or(without, |ending| flag(ending).load(Ordering::Acquire))
    }
}

impl Source for RowReader {
    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn object(&self) -> &Arc<str> {
        &self.object
    }

    fn outline(&self) -> Outline {
        self.outline.clone()
    }

    fn next_batch(&mut self, max_rows: usize) -> Reply {
        let Some(requests) = &self.requests else {
            return Ok(None);
        };
        // A thread that has stopped left its reason among the replies.
        let _ = requests.send(max_rows.max(1));
        let reply = self.replies.recv().unwrap_or_else(|_| Err(stopped(&self.source)));
        if !matches!(reply, Ok(Some(_))) {
            self.complete = reply.is_ok();
            self.requests = None;
        }
        reply
    }

    fn committed(&mut self, position: &Position) -> Result<(), SourceError> {
        *self.landed.lock().unwrap_or_else(PoisonError::into_inner) = Some(position.clone());
        Ok(())
    }

    fn is_complete(&self) -> bool {
        match &self.ending {
            Some(_) => self.ended(|ending| &ending.complete, false),
            None => self.complete && self.proof.0.lock().unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    fn doubt(&self) -> Option<Text> {
        self.proof.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn is_whole(&self) -> bool {
        self.is_complete() || self.ended(|ending| &ending.whole, false)
    }

    fn has_more(&self) -> bool {
        self.ended(|ending| &ending.more, false)
    }
}

impl Drop for RowReader {
    fn drop(&mut self) {
        self.requests = None;
        self.going = None;
        if let Some(worker) = self.worker.take() {
            // A panic there has already shown as a stopped thread.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_whole_when_its_count_agrees_and_says_why_when_not() {
        let said = |read, counted| {
            let proof = Proof::default();
            proof.counted(read, counted);
            let said = proof.0.lock().unwrap();
            (said.0, said.1.clone())
        };
        assert_eq!(said(5, Some(5)), (true, None));
        let (whole, why) = said(5, Some(6));
        assert!(!whole && why.is_some_and(|why| why.en.contains("5 rows were read and 6 counted") && why.zh.contains('6')));
        let (whole, why) = said(5, None);
        assert!(!whole && why.is_some());
        assert!(!Proof::default().0.lock().unwrap().0, "nothing is proven by saying nothing");
    }
}
