//! Transactions: batches are written in them where the settings say so, so that the brokers themselves refuse a producer
//! that another one of the same upstream has replaced.
//!
//! A transaction takes the batches of a short while; they are acknowledged when it is committed. Who reads only what is
//! committed, as most clients do, never sees what a replaced producer had begun.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaError};
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::Instant;

use super::ledger::Ledger;
use super::producer::lost;
use super::producer::{Producer, transport_error};
use crate::report::transport::{Fate, TransportError};
use crate::store::BatchId;
use crate::wire::kafka::Trouble;

/// How long a transaction stays open for further batches.
const OPEN_FOR: Duration = Duration::from_millis(100);
/// Between two attempts to end one.
const PAUSE: Duration = Duration::from_millis(200);

/// The transactions of one producer, one after another.
#[derive(Default)]
pub(super) struct Transactions {
    state: Mutex<Open>,
    opened: Notify,
}

/// The one under way.
#[derive(Default)]
pub(super) struct Open {
    begun: bool,
    /// Its batches, each with its sending.
    pub(super) batches: Vec<(BatchId, u64)>,
}

impl Transactions {
    /// A place in the transaction under way, or in a new one; it is not ended while this is held.
    pub(super) async fn enter(&self, producer: &Producer) -> Result<MutexGuard<'_, Open>, TransportError> {
        let mut open = self.state.lock().await;
        if !open.begun {
            producer.handle.begin_transaction().map_err(|error| failed(&error))?;
            open.begun = true;
            self.opened.notify_one();
        }
        Ok(open)
    }
}

fn failed(error: &KafkaError) -> TransportError {
    transport_error(Trouble::of(error, "transaction"), Fate::Lost)
}

/// Ends each transaction of a producer a little after it was begun, as long as there is the producer.
pub(super) async fn end_each(producer: Weak<Producer>, ledger: Arc<Ledger>, patience: Duration) {
    loop {
        let Some(now) = producer.upgrade() else { return };
        let Some(transactions) = now.transactions.clone() else { return };
        drop(now);
        // The producer goes without a word when it is replaced.
        if tokio::time::timeout(Duration::from_secs(1), transactions.opened.notified()).await.is_err() {
            continue;
        }
        tokio::time::sleep(OPEN_FOR).await;
        let mut open = transactions.state.lock().await;
        let Some(now) = producer.upgrade() else { return };
        let batches = std::mem::take(&mut open.batches);
        match end(now, patience).await {
            Ok(()) => ledger.committed(&batches),
            Err(error) => {
                for (batch, sending) in batches {
                    ledger.fail_sending(batch, sending, error.clone());
                }
            }
        }
        open.begun = false;
    }
}

/// Commits; where that cannot be done, takes everything back.
async fn end(producer: Arc<Producer>, patience: Duration) -> Result<(), TransportError> {
    let ended = tokio::task::spawn_blocking(move || {
        let until = Instant::now() + patience;
        // A producer that cannot go on brings nothing through any more: it is not waited for.
        let commit = || if producer.has_ended() { Err(KafkaError::Canceled) } else { producer.handle.commit_transaction(PAUSE) };
        let Err(error) = attempts(until, commit) else { return Ok(()) };
        let abort = || producer.handle.abort_transaction(PAUSE);
        if !producer.has_ended() && attempts(Instant::now() + patience, abort).is_err() {
            // It may neither go on nor begin anew.
            producer.given_up.store(true, Ordering::SeqCst);
        }
        Err(if producer.has_ended() { lost() } else { failed(&error) })
    });
    ended.await.unwrap_or_else(|_| Err(lost()))
}

/// Again and again while that may help.
fn attempts(until: Instant, mut attempt: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    loop {
        let Err(error) = attempt() else { return Ok(()) };
        let again = match &error {
            KafkaError::Transaction(cause) => retriable(cause),
            // Records are still on their way.
            KafkaError::Flush(code) => *code == Code::OperationTimedOut,
            _ => false,
        };
        if !again || Instant::now() > until {
            return Err(error);
        }
    }
}

fn retriable(cause: &RDKafkaError) -> bool {
    cause.is_retriable() && !cause.is_fatal() && !cause.txn_requires_abort()
}
