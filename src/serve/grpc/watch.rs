//! A table watched: everything there is, then every change.
//!
//! The store keeps the newest version of each key in the order of seqs, so it is itself the buffer: what waits here is a page
//! and a few messages, however slow the watcher is.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tonic::{Code, Status};

use super::door::{Caller, failed, refusal, stopping};
use super::projection::Projection;
use super::records::sent;
use crate::finding::Text;
use crate::store::{FeedId, Millis, Op, Store};
use crate::wire::schoolhub::v1::watch_records_response::Event;
use crate::wire::schoolhub::v1::{CaughtUp, WatchRecordsResponse};

/// Rows read at once.
const PAGE: u32 = 256;
/// Messages between reading and sending.
const AHEAD: usize = 64;
/// The store is looked at this often when nobody tells of news: another process may write it.
const POLL: Duration = Duration::from_secs(2);
/// A sign of life.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// What is watched, by whom.
pub(super) struct Watch {
    pub(super) caller: Caller,
    pub(super) store: Arc<dyn Store>,
    pub(super) feed: FeedId,
    pub(super) projection: Projection,
    pub(super) clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    pub(super) news: watch::Receiver<u64>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) slow: Duration,
}

/// Where a watcher is: the store's generation when it began, and the last seq sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    generation: u16,
    seq: u64,
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (generation, seq) = text.split_once('.')?;
        Some(Self { generation: generation.parse().ok()?, seq: seq.parse().ok()? })
    }

    fn text(self) -> String {
        format!("{}.{}", self.generation, self.seq)
    }
}

/// Begins to watch.
pub(super) async fn watch(watch: Watch, after: &str) -> Result<Watched, Status> {
    let generation = watch.store.generation().await.map_err(|e| failed(&e))?;
    let newest = watch.store.newest_seq(watch.feed).await.map_err(|e| failed(&e))?;
    let (seq, stale) = match after {
        // Of what is gone already, somebody who begins need not hear.
        "" => (0, newest),
        text => {
            let wrong = || refusal(Code::InvalidArgument, &Text::new("after_position 无效", "this is no position"));
            let position = Position::parse(text).ok_or_else(wrong)?;
            if position.generation != generation || position.seq > newest {
                return Err(refusal(
                    Code::OutOfRange,
                    &Text::new(
                        "该位置不属于当前存储（可能已从备份恢复）：请从头开始",
                        "the position is not of the present store, which may have been restored from a backup: begin anew",
                    ),
                ));
            }
            (position.seq, 0)
        }
    };
    let (send, take) = channel(AHEAD);
    let last = Arc::new(Mutex::new(None));
    let told = Arc::clone(&last);
    tokio::spawn(async move {
        let mut teller = Teller { watch, send, at: Position { generation, seq }, stale };
        let end = teller.tell().await;
        *told.lock().unwrap_or_else(PoisonError::into_inner) = end;
        // The last word is there before the channel closes.
        drop(teller);
    });
    Ok(Watched { take, last })
}

/// What a watcher receives. Its last word does not need a place among the messages ahead.
pub(super) struct Watched {
    take: Receiver<WatchRecordsResponse>,
    last: Arc<Mutex<Option<Status>>>,
}

impl Stream for Watched {
    type Item = Result<WatchRecordsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.take.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(message)) => Poll::Ready(Some(Ok(message))),
            Poll::Ready(None) => {
                let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
                Poll::Ready(last.map(Err))
            }
        }
    }
}

/// The sending side.
struct Teller {
    watch: Watch,
    send: Sender<WatchRecordsResponse>,
    at: Position,
    /// Tombstones up to here are nothing new.
    stale: u64,
}

/// Why telling ends: with a last word, or because nobody listens.
type Ended = Option<Status>;

impl Teller {
    /// Tells until somebody ends it; returns the last word.
    async fn tell(&mut self) -> Ended {
        let mut told = None;
        loop {
            match self.catch_up().await {
                Err(end) => return end,
                Ok(sent) => {
                    let due = told.is_none_or(|at: tokio::time::Instant| at.elapsed() >= HEARTBEAT);
                    if sent || due {
                        let now = (self.watch.clock)();
                        if let Err(end) = self.say(Event::CaughtUp(CaughtUp { at_unix_millis: now })).await {
                            return end;
                        }
                        told = Some(tokio::time::Instant::now());
                    }
                }
            }
            tokio::select! {
                _ = self.watch.stop.wait_for(|stop| *stop) => return Some(stopping()),
                () = self.send.closed() => return None,
                changed = self.watch.news.changed() => if changed.is_err() {
                    return Some(stopping());
                },
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Sends everything that has landed; says whether there was anything.
    async fn catch_up(&mut self) -> Result<bool, Ended> {
        let mut sent_any = false;
        loop {
            if *self.watch.stop.borrow() {
                return Err(Some(stopping()));
            }
            let rows = self.watch.store.changes(self.watch.feed, self.at.seq, PAGE).await;
            let rows = rows.map_err(|error| Some(failed(&error)))?;
            let Some(last) = rows.last().map(|row| row.seq) else { return Ok(sent_any) };
            for row in rows.iter().filter(|row| row.op == Op::Upsert || row.seq > self.stale) {
                let mut record = sent(&self.watch.projection, row).map_err(Some)?;
                self.at.seq = row.seq;
                record.withheld_fields.clone_from(&self.watch.projection.withheld);
                self.say(Event::Record(record)).await?;
                sent_any = true;
            }
            self.at.seq = last;
        }
    }

    async fn say(&self, event: Event) -> Result<(), Ended> {
        let message = WatchRecordsResponse { position: self.at.text(), event: Some(event) };
        match tokio::time::timeout(self.watch.slow, self.send.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => {
                tracing::info!(client = %self.watch.caller.client.name, "a watcher was too slow and is told to resume");
                Err(Some(refusal(
                    Code::Aborted,
                    &Text::new("接收过慢：请从最后收到的位置继续", "too slow: go on from the last position received"),
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn positions_are_read_as_they_are_written() {
        let position = Position { generation: 3, seq: u64::MAX };
        assert_eq!(Position::parse(&position.text()), Some(position));
        for wrong in ["", "3", "3.", ".5", "a.5", "3.5.6", "-1.5"] {
            assert_eq!(Position::parse(wrong), None, "{wrong}");
        }
    }
}
