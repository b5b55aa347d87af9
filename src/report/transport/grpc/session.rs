//! One stream, from the Hello to its end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use prost::bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tonic::Streaming;

use super::faults;
use super::unsettled::Unsettled;
use crate::finding::Text;
use crate::report::clock::Clock;
use crate::report::transport::{Fate, Health, News, Request, Settled, TransportError};
use crate::store::BatchId;
use crate::wire::smartbrain::v1::{
    self as wire, ReportRequest, ReportResponse, Welcome, demand, report_request, report_response,
};

/// Messages that wait for HTTP/2 to take them.
pub(super) const QUEUE: usize = 4;
/// Heartbeats of a platform that names no interval.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What client and stream share.
pub(super) struct Shared {
    clock: Arc<dyn Clock>,
    pub(super) wakes: Arc<Notify>,
    pub(super) up: AtomicBool,
    /// What both sides agreed on; 0 before the first Welcome.
    pub(super) agreed: AtomicU32,
    state: Mutex<State>,
}

/// What comes in until the dispatcher takes it, and what goes out with the next heartbeat.
#[derive(Default)]
pub(super) struct State {
    pub(super) unsettled: Unsettled,
    pub(super) news: Vec<Settled>,
    pub(super) requests: Vec<Request>,
    pub(super) warnings: Vec<Text>,
    pub(super) health: Option<Health>,
    /// Why the last stream ended, until somebody was told.
    pub(super) ended: Option<TransportError>,
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, wakes: Arc::default(), up: AtomicBool::default(), agreed: AtomicU32::default(), state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The platform's terms, and what they mean for batches sent earlier.
    pub(super) fn welcome(&self, welcome: &Welcome, own_most: u32) {
        let agreed = match welcome.max_unsettled_records {
            0 => own_most,
            theirs => theirs.min(own_most),
        };
        self.agreed.store(agreed, Ordering::Release);
        let mut state = self.state();
        for batch in state.unsettled.keep(&welcome.known_batches) {
            let lost = TransportError {
                fate: Fate::Lost,
                reach: crate::report::transport::Reach::Batch,
                class: crate::fault::FaultClass::Data,
                text: Text::new("批次未到达平台，重新上报", "the batch did not arrive; its rows go again"),
            };
            state.news.push(Settled { batch, news: News::Failed(lost) });
        }
        let holds = welcome.positions.iter().map(|p| Request::Holds { table: p.table.clone(), seq: p.seq });
        state.requests.extend(holds);
    }

    /// The stream is over.
    pub(super) fn end(&self, error: TransportError) {
        self.up.store(false, Ordering::Release);
        self.state().ended = Some(error);
        self.wakes.notify_one();
    }
}

/// The first message.
pub(super) async fn welcomed(inbound: &mut Streaming<ReportResponse>) -> Result<Welcome, TransportError> {
    match inbound.message().await {
        Ok(Some(ReportResponse { message: Some(report_response::Message::Welcome(welcome)) })) => Ok(welcome),
        Ok(Some(_)) => Err(faults::astray("its first message is no Welcome")),
        Ok(None) => Err(faults::astray("it ended the stream without a word")),
        Err(status) => Err(faults::of_status(&status)),
    }
}

/// One stream at work, until it ends.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut inbound: Streaming<ReportResponse>,
    outbox: mpsc::Sender<Bytes>,
    heartbeat: u32,
) {
    let every = if heartbeat == 0 { HEARTBEAT } else { Duration::from_millis(heartbeat.into()) };
    let mut beat = tokio::time::interval(every);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut patience = Instant::now() + every * 3;
    let error = loop {
        tokio::select! {
            message = inbound.message() => match message {
                Ok(Some(message)) => {
                    patience = Instant::now() + every * 3;
                    if let Some(message) = message.message {
                        take(&shared, message);
                    }
                }
                Ok(None) => break faults::of_status(&tonic::Status::unavailable("the platform ended the stream")),
                Err(status) => break faults::of_status(&status),
            },
            // A full queue is on its way: that is sign of life enough.
            _ = beat.tick() => drop(outbox.try_send(heartbeat_message(&shared))),
            () = tokio::time::sleep_until(patience) => break faults::silent(),
        }
    };
    shared.end(error);
}

fn take(shared: &Shared, message: report_response::Message) {
    let mut state = shared.state();
    match message {
        report_response::Message::Verdicts(verdicts) => {
            let Some((batch, verdicts)) = state.unsettled.verdicts(verdicts) else { return };
            state.news.push(Settled { batch, news: News::Verdicts(verdicts) });
        }
        report_response::Message::Demand(demand) => {
            let request = match demand.demand {
                Some(demand::Demand::Resend(wire::ResendTable { table })) => Request::Resend { table },
                Some(demand::Demand::Reconcile(wire::ReconcileTable { table })) => {
                    Request::Reconcile { table: Some(table).filter(|t| !t.is_empty()) }
                }
                None => return,
            };
            state.requests.push(request);
        }
        report_response::Message::Heartbeat(_) | report_response::Message::Welcome(_) => return,
    }
    drop(state);
    shared.wakes.notify_one();
}

fn heartbeat_message(shared: &Shared) -> Bytes {
    let mut state = shared.state();
    let beat = wire::Heartbeat {
        at_unix_millis: shared.clock.now(),
        health: state.health.take().map(|h| health(&h)),
        oldest_unsettled_batch: state.unsettled.oldest(),
    };
    Bytes::from(ReportRequest { message: Some(report_request::Message::Heartbeat(beat)) }.encode_to_vec())
}

fn health(health: &Health) -> wire::Health {
    wire::Health {
        tables: health.tables,
        overdue_tables: health.overdue,
        live: health.live,
        stored: health.stored,
        in_flight: health.in_flight,
        waiting: health.waiting,
        refused: health.refused,
        unknown: health.unknown,
        held: health.held,
        quarantined: health.quarantined,
    }
}

impl State {
    /// Forgets a batch, with what has come of it.
    pub(super) fn forget(&mut self, batch: BatchId) {
        self.unsettled.remove(batch);
        self.news.retain(|n| n.batch != batch);
    }
}
