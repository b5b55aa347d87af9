//! Publishing verdicts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Partitioner, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::brain::config::KafkaConfig;
use crate::wire::kafka::{VerdictMessage, Watch, partition_of};

/// How long the brokers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A school's verdicts are in one partition.
#[derive(Clone)]
struct ByKey;

impl Partitioner for ByKey {
    fn partition(&self, _: &str, key: Option<&[u8]>, partitions: i32, _: impl Fn(i32) -> bool) -> i32 {
        partition_of(key.and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default(), partitions)
    }
}

struct Clerk {
    watch: Watch,
    failed: Arc<AtomicBool>,
}

impl ClientContext for Clerk {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(error, reason);
    }
}

impl ProducerContext<ByKey> for Clerk {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::warn!("a verdict was not published: {error}");
            self.failed.store(true, Ordering::SeqCst);
        }
    }

    fn get_custom_partitioner(&self) -> Option<&ByKey> {
        Some(&ByKey)
    }
}

/// Publishes verdicts on the return topic, where there is one.
pub(super) struct Publisher {
    topic: Option<String>,
    producer: BaseProducer<Clerk, ByKey>,
    failed: Arc<AtomicBool>,
}

impl Publisher {
    pub(super) fn new(config: &KafkaConfig, mut client: ClientConfig, watch: Watch) -> KafkaResult<Self> {
        client
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let failed = Arc::new(AtomicBool::new(false));
        let clerk = Clerk { watch, failed: Arc::clone(&failed) };
        Ok(Self { topic: config.return_topic.clone(), producer: client.create_with_context(clerk)?, failed })
    }

    /// Publishes verdicts, and what there is to say besides: each with its school. Returns when the brokers have all.
    pub(super) fn publish(&self, verdicts: &[VerdictMessage], besides: &[(String, Vec<u8>)]) -> KafkaResult<()> {
        if verdicts.is_empty() && besides.is_empty() {
            return Ok(());
        }
        for verdict in verdicts {
            let Ok(value) = serde_json::to_vec(verdict) else { continue };
            self.hand_over(&verdict.school, &value)?;
        }
        for (school, value) in besides {
            self.hand_over(school, value)?;
        }
        self.producer.flush(PATIENCE)?;
        if self.failed.load(Ordering::SeqCst) {
            return Err(KafkaError::MessageProduction(Code::MessageTimedOut));
        }
        Ok(())
    }

    fn hand_over(&self, school: &str, value: &[u8]) -> KafkaResult<()> {
        let Some(topic) = &self.topic else { return Ok(()) };
        let mut record = BaseRecord::to(topic).key(school).payload(value);
        while let Err((error, back)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(Code::QueueFull) {
                return Err(error);
            }
            self.producer.poll(Duration::from_millis(100));
            record = back;
        }
        Ok(())
    }
}
