//! A topic and its partitions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::settings::Settings;
use crate::fault::FaultClass;
use crate::source::{SourceError, SourcePlace};
use crate::wire::kafka::{Trouble, Watch, ask, describe};

/// How long one poll waits before time is looked at.
const SLICE: Duration = Duration::from_millis(200);

/// A stretch of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stretch {
    pub partition: i32,
    pub begin: i64,
    pub end: i64,
}

/// One topic, and a client to read it with.
pub(super) struct Topic {
    pub source: Arc<str>,
    pub name: Arc<str>,
    pub stretches: Vec<Stretch>,
    /// Whether old messages go only when a newer one of their key is there.
    pub compacted: bool,
    consumer: BaseConsumer<Watch>,
    patience: Duration,
}

/// A fault of the client library as one of the source.
pub(super) fn fault(source: &Arc<str>, trouble: Trouble) -> SourceError {
    let (source_name, what) = (source.clone(), trouble.text.en);
    match trouble.class {
        FaultClass::Configuration => {
            SourceError::Settings { source_name, what, remedy: "correct brokers, topic or certificates".into() }
        }
        FaultClass::Credentials => SourceError::Denied { source_name, what },
        _ => SourceError::Connection { source_name, what },
    }
}

fn consumer(place: &SourcePlace<'_>, settings: &Settings) -> Result<BaseConsumer<Watch>, SourceError> {
    let mut config = settings.connection.client(place.base);
    config
        // Offsets are kept with the rows; the name only satisfies the protocol.
        .set("group.id", "xiaoshu-source")
        .set("client.id", format!("xiaoshu-source-{}", place.name))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.message.max.bytes", "1048576")
        .set("queued.max.messages.kbytes", "4096");
    let watch = Watch::new(place.name.clone(), Arc::new(settings.connection.clone()));
    config.create_with_context(watch).map_err(|error| unusable(place, settings, &error))
}

fn unusable(place: &SourcePlace<'_>, settings: &Settings, error: &KafkaError) -> SourceError {
    SourceError::Settings {
        source_name: place.name.clone(),
        what: settings.connection.scrub(&error.to_string()),
        remedy: "correct the source's settings".into(),
    }
}

/// Number of brokers, and the topics that are not Kafka's own.
pub(super) fn list(place: &SourcePlace<'_>, settings: &Settings) -> Result<(usize, Vec<String>), SourceError> {
    let consumer = consumer(place, settings)?;
    let metadata = ask(&consumer, "metadata", settings.patience(), |c, slice| c.fetch_metadata(None, slice))
        .map_err(|trouble| fault(place.name, trouble))?;
    let mut names: Vec<String> =
        metadata.topics().iter().map(|t| t.name().to_owned()).filter(|name| !name.starts_with("__")).collect();
    names.sort();
    Ok((metadata.brokers().len(), names))
}

impl Topic {
    /// Finds a topic's partitions and how far each reaches now.
    pub fn open(place: &SourcePlace<'_>, settings: &Settings, name: &str) -> Result<Self, SourceError> {
        let (source, patience) = (place.name, settings.patience());
        let faulty = |trouble| fault(source, trouble);
        let consumer = consumer(place, settings)?;
        let partitions =
            describe(&consumer, &[name.to_owned()], patience).and_then(|mut found| found.remove(0)).map_err(faulty)?;
        let mut stretches = Vec::new();
        for partition in 0..partitions {
            let (begin, end) =
                ask(&consumer, name, patience, |c, slice| c.fetch_watermarks(name, partition, slice)).map_err(faulty)?;
            stretches.push(Stretch { partition, begin, end });
        }
        let compacted = is_compacted(place, settings, name);
        Ok(Self { source: source.clone(), name: name.into(), stretches, compacted, consumer, patience })
    }

    /// Takes a stretch up at an offset.
    pub fn begin(&self, partition: i32, offset: i64) -> Result<(), SourceError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| fault(&self.source, Trouble::of(&error, &self.name)))
    }

    /// The next message of the stretch taken up; `None` at its end.
    pub fn next(&self, stretch: &Stretch) -> Result<Option<BorrowedMessage<'_>>, SourceError> {
        let until = Instant::now() + self.patience;
        loop {
            match self.consumer.poll(SLICE) {
                Some(Ok(message)) if message.partition() != stretch.partition => {}
                Some(Ok(message)) => return Ok(Some(message).filter(|m| m.offset() < stretch.end)),
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == stretch.partition => return Ok(None),
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => {
                    let trouble = Trouble::of(&error, &self.name);
                    // The library tries again by itself until patience ends.
                    if trouble.class != FaultClass::Transient || Instant::now() >= until {
                        return Err(fault(&self.source, trouble));
                    }
                }
                None if Instant::now() >= until => {
                    let what = format!("{}: no messages within {} s (timeout)", self.name, self.patience.as_secs());
                    return Err(SourceError::Connection { source_name: self.source.clone(), what });
                }
                None => {}
            }
        }
    }
}

/// Whether a topic is compacted and nothing else; when that cannot be found out, it counts as not.
fn is_compacted(place: &SourcePlace<'_>, settings: &Settings, name: &str) -> bool {
    let watch = Watch::new(place.name.clone(), Arc::new(settings.connection.clone()));
    let config = settings.connection.client(place.base);
    let Ok(admin) = AdminClient::from_config_and_context(&config, watch) else { return false };
    let options = AdminOptions::new().request_timeout(Some(settings.patience()));
    let topic = [ResourceSpecifier::Topic(name)];
    let asked = admin.describe_configs(&topic, &options);
    let answer = crate::source::reader::run(place.name, || async {
        asked.await.map_err(|error| fault(place.name, Trouble::of(&error, name)))
    });
    let Ok(answer) = answer else { return false };
    let policy = answer.into_iter().flatten().find_map(|resource| {
        let entry = resource.entries.into_iter().find(|entry| entry.name == "cleanup.policy")?;
        entry.value
    });
    policy.as_deref() == Some("compact")
}
