//! Puts a question on the control topic: by a client of its own, because questions are rare and no part of what is
//! reported, however that is written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::producer::BySchool;
use super::settings::KafkaSettings;
use super::topics::unusable;
use crate::wire::kafka::{Trouble, Watch};

/// Who asks, and where.
pub(super) struct Asker {
    pub(super) settings: Arc<KafkaSettings>,
    pub(super) config: ClientConfig,
    pub(super) name: Arc<str>,
    pub(super) school: Arc<str>,
    pub(super) topic: String,
    pub(super) patience: Duration,
}

/// Listens to the client of one question.
struct Clerk {
    watch: Watch,
    school: BySchool,
    failed: Arc<Mutex<Option<KafkaError>>>,
}

impl ClientContext for Clerk {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.watch.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(error, reason);
    }
}

impl ProducerContext<BySchool> for Clerk {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }

    fn get_custom_partitioner(&self) -> Option<&BySchool> {
        Some(&self.school)
    }
}

impl Asker {
    /// Returns when the brokers have the question. Waits; not for async threads.
    pub(super) fn ask(&self, question: &[u8]) -> Result<(), Trouble> {
        let watch = Watch::new(Arc::clone(&self.name), Arc::new(self.settings.connection.clone()));
        let failed = Arc::default();
        let school = BySchool(Arc::clone(&self.school));
        let clerk = Clerk { watch: watch.clone(), school, failed: Arc::clone(&failed) };
        let mut config = self.config.clone();
        config.set("acks", "all").set("message.timeout.ms", self.patience.as_millis().to_string());
        let producer: BaseProducer<Clerk, BySchool> =
            config.create_with_context(clerk).map_err(|error| unusable(&self.settings, &error.to_string()))?;
        let record = BaseRecord::to(&self.topic).key(&*self.school).payload(question);
        producer.send(record).map_err(|(error, _)| Trouble::of(&error, &self.topic))?;
        let flushed = producer.flush(self.patience + Duration::from_secs(1));
        let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failed.or(flushed.err()) {
            Some(error) => Err(watch.trouble().unwrap_or_else(|| Trouble::of(&error, &self.topic))),
            None => Ok(()),
        }
    }
}
