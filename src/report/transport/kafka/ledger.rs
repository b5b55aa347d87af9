//! The books over open batches: what was acknowledged, what was judged, what is to be told. No input or output.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::fault::FaultClass;
use crate::finding::Text;
use crate::record::RecordKey;
use crate::report::transport::{Fate, News, OpenBatch, Reach, Settled, TransportError};
use crate::store::{BatchId, MemberVerdict, Outcome};

/// What became of one row at the broker.
#[derive(Debug)]
pub(super) enum Delivered {
    /// All replicas have it.
    Acknowledged { partition: i32, offset: i64 },
    /// The broker will never take this row.
    Refused(Text),
    /// It did not get through.
    Failed(TransportError),
}

/// A row's place, given back with its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) batch: BatchId,
    /// Tells sendings of one batch apart.
    pub(super) sending: u64,
    pub(super) ordinal: u32,
}

/// The books.
pub(super) struct Ledger {
    state: Mutex<State>,
    pub(super) wake: Arc<Notify>,
    /// Whether verdicts come from a return topic.
    judged: bool,
}

#[derive(Default)]
struct State {
    open: HashMap<BatchId, Open>,
    news: Vec<Settled>,
    /// Rows without a verdict, where verdicts come from a return topic.
    rows: HashMap<(RecordKey, u64), (BatchId, u32)>,
    sendings: u64,
    /// The offset of the return topic behind the last verdict read.
    next: Option<i64>,
    /// The lowest offset of verdicts handed out by the last call, which the store may not hold yet.
    handed: Option<i64>,
}

struct Open {
    sending: u64,
    /// Which producer has it.
    producer: u64,
    table: Arc<str>,
    rows: u32,
    /// Rows whose fate at the broker is open.
    left: u32,
    accepted: bool,
    /// Written in a transaction that has not ended.
    uncommitted: bool,
    failure: Option<TransportError>,
    /// Verdicts that are to be told.
    ready: Vec<MemberVerdict>,
    /// Rows without a verdict.
    missing: u32,
    /// The lowest offset of its verdicts.
    first: Option<i64>,
    /// Where its rows are.
    span: Option<(i32, i64, i64)>,
    /// Rows were refused by the broker, so no verdict will be read for them.
    unread: bool,
}

impl Ledger {
    pub(super) fn new(judged: bool) -> Self {
        Self { state: Mutex::default(), wake: Arc::default(), judged }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch is about to be sent by a producer, in a transaction perhaps.
    pub(super) fn open(&self, id: BatchId, table: &str, by: (u64, bool), rows: &[(RecordKey, u64)]) -> u64 {
        let (producer, uncommitted) = by;
        let mut state = self.lock();
        state.forget(id);
        state.sendings += 1;
        let sending = state.sendings;
        if self.judged {
            state.rows.extend(rows.iter().enumerate().map(|(at, row)| (*row, (id, at as u32))));
        }
        let rows = rows.len() as u32;
        let open = Open {
            sending,
            producer,
            table: table.into(),
            rows,
            left: rows,
            accepted: false,
            uncommitted,
            failure: None,
            ready: Vec::new(),
            missing: rows,
            first: None,
            span: None,
            unread: false,
        };
        state.open.insert(id, open);
        sending
    }

    /// A batch that an earlier process left, acknowledged: its verdicts are still to come.
    pub(super) fn take_up(&self, batch: &OpenBatch) {
        let sending = self.open(batch.id, &batch.table, (0, false), &batch.rows);
        if let Some(open) = self.lock().open.get_mut(&batch.id).filter(|o| o.sending == sending) {
            (open.accepted, open.left) = (true, 0);
        }
    }

    /// A batch is given up: its sender tells why.
    pub(super) fn forget(&self, id: BatchId) {
        self.lock().forget(id);
    }

    /// A batch is given up, and the news say why.
    pub(super) fn fail(&self, id: BatchId, error: TransportError) {
        let mut state = self.lock();
        state.forget(id);
        state.news.push(Settled { batch: id, news: News::Failed(error) });
        drop(state);
        self.wake.notify_one();
    }

    /// A producer has ended: whatever it had not brought through may or may not have arrived.
    pub(super) fn producer_ended(&self, producer: u64, error: &TransportError) {
        let mut state = self.lock();
        let lost: Vec<BatchId> =
            state.open.iter().filter(|(_, o)| o.producer == producer && !o.accepted).map(|(id, _)| *id).collect();
        for id in lost {
            state.forget(id);
            state.news.push(Settled { batch: id, news: News::Failed(error.clone()) });
        }
        drop(state);
        self.wake.notify_one();
    }

    /// A row's fate at the broker is known.
    pub(super) fn delivered(&self, ticket: Ticket, what: Delivered) {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(&ticket.batch).filter(|o| o.sending == ticket.sending) else { return };
        open.left = open.left.saturating_sub(1);
        match what {
            Delivered::Acknowledged { partition, offset } => {
                let (_, low, high) = open.span.unwrap_or((partition, offset, offset));
                open.span = Some((partition, low.min(offset), high.max(offset)));
                if !self.judged {
                    open.judge(ticket.ordinal, Outcome::Stored);
                }
            }
            Delivered::Refused(text) => {
                open.unread = self.judged;
                open.judge(ticket.ordinal, Outcome::Refused { text: text.zh, field: None });
            }
            Delivered::Failed(error) => {
                open.failure.get_or_insert(error);
            }
        }
        self.conclude(&mut state, ticket.batch);
        drop(state);
        self.wake.notify_one();
    }

    /// Tells of a batch once every row's fate at the broker is known, and its transaction has ended.
    fn conclude(&self, state: &mut State, id: BatchId) {
        let Some(open) = state.open.get_mut(&id).filter(|o| o.left == 0 && !o.uncommitted && !o.accepted) else { return };
        if let Some(error) = open.failure.take() {
            state.forget(id);
            state.news.push(Settled { batch: id, news: News::Failed(error) });
        } else {
            open.accepted = true;
            if self.judged {
                let mark = open.mark();
                state.news.push(Settled { batch: id, news: News::Accepted { mark } });
            }
        }
    }

    /// A transaction with these sendings was committed.
    pub(super) fn committed(&self, batches: &[(BatchId, u64)]) {
        let mut state = self.lock();
        for (id, sending) in batches {
            if let Some(open) = state.open.get_mut(id).filter(|o| o.sending == *sending) {
                open.uncommitted = false;
                self.conclude(&mut state, *id);
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    /// A sending came to nothing with its transaction. Where the broker will never take one of its rows, the whole batch
    /// counts as refused, so that its rows go on apart.
    pub(super) fn fail_sending(&self, id: BatchId, sending: u64, error: TransportError) {
        let refused = match self.lock().open.get(&id).filter(|o| o.sending == sending) {
            Some(open) => open.ready.iter().find_map(|v| match &v.outcome {
                Outcome::Refused { text, .. } => Some(text.clone()),
                _ => None,
            }),
            None => return,
        };
        let whole = |zh: String| TransportError {
            fate: Fate::Refused,
            class: FaultClass::Data,
            reach: Reach::Batch,
            text: Text::new(zh, "the broker will never take one of the rows"),
        };
        self.fail(id, refused.map_or(error, whole));
    }

    /// A verdict stands at an offset of the return topic.
    pub(super) fn verdict(&self, offset: i64, row: Option<(&str, RecordKey, u64, Outcome)>) {
        let mut state = self.lock();
        state.next = Some(offset + 1);
        let Some((table, key, seq, outcome)) = row else { return };
        let Some((id, ordinal)) = state.rows.get(&(key, seq)).copied() else { return };
        let Some(open) = state.open.get_mut(&id).filter(|o| *o.table == *table) else { return };
        open.judge(ordinal, outcome);
        open.first = Some(open.first.map_or(offset, |first| first.min(offset)));
        let told = open.accepted;
        state.rows.remove(&(key, seq));
        drop(state);
        if told {
            self.wake.notify_one();
        }
    }

    /// News since the last call; the books of batches that have all their verdicts are closed.
    pub(super) fn settled(&self) -> Vec<Settled> {
        let mut state = self.lock();
        let mut news = std::mem::take(&mut state.news);
        let mut handed: Option<i64> = None;
        let mut closed = Vec::new();
        for (id, open) in &mut state.open {
            if !open.accepted || open.ready.is_empty() {
                continue;
            }
            news.push(Settled { batch: *id, news: News::Verdicts(std::mem::take(&mut open.ready)) });
            if open.missing == 0 {
                handed = least(handed, open.first);
                closed.push(*id);
            }
        }
        for id in closed {
            state.forget(id);
        }
        state.handed = handed;
        news
    }

    /// The offset of the return topic that reading may begin at after a restart: every verdict before it has been
    /// handed out and, because news were asked for since, been kept.
    pub(super) fn safe(&self) -> Option<i64> {
        let state = self.lock();
        let open = state.open.values().filter_map(|o| o.first).min();
        least(least(open, state.handed), state.next)
    }

    /// Whether no row is unsettled.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().open.is_empty()
    }
}

fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl State {
    fn forget(&mut self, id: BatchId) {
        if let Some(open) = self.open.remove(&id)
            && (open.missing > 0 || open.unread)
        {
            self.rows.retain(|_, (batch, _)| *batch != id);
        }
    }
}

impl Open {
    fn judge(&mut self, ordinal: u32, outcome: Outcome) {
        self.missing = self.missing.saturating_sub(1);
        self.ready.push(MemberVerdict { ordinal, outcome });
    }

    fn mark(&self) -> String {
        match self.span {
            Some((partition, low, high)) => format!("{}@{partition}:{low}-{high}/{}", self.table, self.rows),
            None => format!("{}/0", self.table),
        }
    }
}
