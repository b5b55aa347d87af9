//! The producer: settings, acknowledgements, replacement.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{Partitioner, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::Notify;

use super::ledger::{Delivered, Ledger, Ticket};
use super::settings::KafkaSettings;
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::report::transport::{Fate, Reach, TransportError};
use crate::wire::kafka::{Trouble, Watch, partition_of};

/// All records of a school go to one partition, whatever their keys.
#[derive(Clone)]
pub(super) struct BySchool(pub(super) Arc<str>);

impl Partitioner for BySchool {
    fn partition(&self, _: &str, _: Option<&[u8]>, partitions: i32, _: impl Fn(i32) -> bool) -> i32 {
        partition_of(&self.0, partitions)
    }
}

/// Listens to one producer.
pub(super) struct Clerk {
    watch: Watch,
    school: BySchool,
    ledger: Arc<Ledger>,
    /// Told when the queue has room again.
    room: Arc<Notify>,
}

impl ClientContext for Clerk {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(error, reason);
        if self.watch.is_refused() {
            // What it has under way need not wait for its time to run out.
            self.ledger.wake.notify_one();
        }
    }
}

impl ProducerContext<BySchool> for Clerk {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let what = match result {
            Ok(message) => {
                self.watch.came_through();
                Delivered::Acknowledged { partition: message.partition(), offset: message.offset() }
            }
            Err((error, message)) => match self.watch.trouble().filter(|_| ran_out(error)) {
                Some(why) => Delivered::Failed(transport_error(why, Fate::Lost)),
                None => undelivered(error, message.topic()),
            },
        };
        self.ledger.delivered(*ticket, what);
        self.room.notify_one();
    }

    fn get_custom_partitioner(&self) -> Option<&BySchool> {
        Some(&self.school)
    }
}

/// Whether time ran out, or the producer ended: why, the connection's own errors may tell.
fn ran_out(error: &KafkaError) -> bool {
    use Code::{AllBrokersDown, MessageTimedOut, PurgeInflight, PurgeQueue};
    matches!(error.rdkafka_error_code(), Some(AllBrokersDown | MessageTimedOut | PurgeInflight | PurgeQueue))
}

/// It is not known whether the brokers have it.
pub(super) fn lost() -> TransportError {
    let text = Text::new(
        "代理没有确认收到，无法得知是否写入，稍后重发",
        "the brokers did not acknowledge, and it is not known whether they have it; it is sent again",
    );
    TransportError { fate: Fate::Lost, class: FaultClass::Transient, reach: Reach::Batch, text }
}

/// What a row's failure means.
pub(super) fn undelivered(error: &KafkaError, topic: &str) -> Delivered {
    let trouble = Trouble::of(error, topic);
    if trouble.class == FaultClass::Data {
        return Delivered::Refused(trouble.text);
    }
    // Whatever was on its way may have arrived.
    Delivered::Failed(transport_error(trouble, Fate::Lost))
}

pub(super) fn transport_error(trouble: Trouble, fate: Fate) -> TransportError {
    let reach = if trouble.topic { Reach::Table } else { Reach::Upstream };
    TransportError { fate, class: trouble.class, reach, text: trouble.text }
}

/// A producer and what is known of it.
pub(super) struct Producer {
    pub(super) handle: ThreadedProducer<Clerk, BySchool>,
    pub(super) watch: Watch,
    /// Tells producers apart.
    pub(super) number: u64,
}

impl Producer {
    pub(super) fn new(
        number: u64,
        mut config: ClientConfig,
        settings: &KafkaSettings,
        watch: Watch,
        school: Arc<str>,
        ledger: Arc<Ledger>,
        room: Arc<Notify>,
    ) -> KafkaResult<Self> {
        let queue = settings.own.unsettled.saturating_mul(2).max(10_000);
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", settings.own.compression.name())
            .set("linger.ms", "20")
            .set("message.timeout.ms", settings.own.timeout.0.as_millis().to_string())
            .set("queue.buffering.max.messages", queue.to_string())
            .set("queue.buffering.max.kbytes", "65536");
        let clerk = Clerk { watch: watch.clone(), school: BySchool(school), ledger, room };
        let handle = ThreadedProducer::from_config_and_context(&config, clerk)?;
        Ok(Self { handle, watch, number })
    }

    /// Whether it cannot go on.
    pub(super) fn has_ended(&self) -> bool {
        self.watch.is_fatal() || self.watch.is_refused() || self.handle.client().fatal_error().is_some()
    }

    /// What is said of the batches that it had under way when it ended.
    pub(super) fn why_ended(&self) -> TransportError {
        let refused = self.watch.trouble().filter(|_| self.watch.is_refused());
        refused.map_or_else(lost, |trouble| transport_error(trouble, Fate::Lost))
    }
}

/// Whether the queue of the producer is full for the moment.
pub(super) fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(Code::QueueFull)
}
