//! The consumer's thread.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::answer;
use super::chunk;
use super::outbox::Outbox;
use super::verdicts::Publisher;
use crate::brain::config::KafkaConfig;
use crate::brain::error::BrainError;
use crate::brain::platform::Platform;
use crate::standard::Domain;
use crate::wire::kafka::{DemandMessage, Watch};

/// The longest wait for a message before the end is looked for.
const SLICE: Duration = Duration::from_millis(100);
/// Messages that are taken together.
const MOST: usize = 2000;
/// After a trouble.
const REST: Duration = Duration::from_millis(500);

/// A running consumer.
pub(in crate::brain) struct Consuming(JoinHandle<()>);

impl Consuming {
    /// Waits for its end, which the platform's stop brings about.
    pub(in crate::brain) fn join(self) -> Result<(), BrainError> {
        self.0.join().map_err(|_| BrainError::Internal("the consumer's thread panicked".to_owned()))
    }
}

/// Why a turn ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    /// The brokers.
    #[error("{0}")]
    Brokers(#[from] KafkaError),
    /// The database.
    #[error("{0}")]
    Effects(#[from] BrainError),
    /// A scripted fault.
    #[error("scripted")]
    Scripted,
}

/// Starts consuming where the settings say so.
pub(in crate::brain) fn start(platform: &Arc<Platform>) -> Result<Option<Consuming>, BrainError> {
    let Some(config) = platform.config.kafka.clone() else { return Ok(None) };
    if platform.config.directory.is_none() && platform.config.effects.postgres.is_none() {
        tracing::warn!("rows of topics are kept in memory alone, and their offsets are committed: a restart loses them");
    }
    let (platform, runtime) = (Arc::clone(platform), Handle::current());
    let thread = std::thread::Builder::new()
        .name("kafka consumer".to_owned())
        .spawn(move || run(&platform, &config, &runtime))
        .map_err(|error| BrainError::Internal(error.to_string()))?;
    Ok(Some(Consuming(thread)))
}

fn run(platform: &Platform, config: &KafkaConfig, runtime: &Handle) {
    let mut outbox = Outbox::default();
    while !stopping(platform) {
        match turn(platform, config, runtime, &mut outbox) {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, "topics are taken up anew at the committed offsets");
                runtime.block_on(rest(platform));
            }
        }
    }
}

fn stopping(platform: &Platform) -> bool {
    // Whoever held the other end has gone: that is an end as well.
    *platform.stopping.borrow() || platform.stopping.has_changed().is_err()
}

/// Waits a little, but not past the platform's end.
async fn rest(platform: &Platform) {
    let mut stopping = platform.stopping.clone();
    let _ = tokio::time::timeout(REST, stopping.wait_for(|stopping| *stopping)).await;
}

/// Consumes from the committed offsets on, until the platform stops or something fails.
fn turn(platform: &Platform, config: &KafkaConfig, runtime: &Handle, outbox: &mut Outbox) -> Result<(), Interrupted> {
    let watch = Watch::new("brain".into(), Arc::new(config.connection.clone()));
    let base = config.connection.client(std::path::Path::new("."));
    let publisher = Publisher::new(config, base.clone(), watch.clone())?;
    let consumer: BaseConsumer<Watch> = member(base, &config.group).create_with_context(watch)?;
    let mut topics: Vec<String> = Domain::ALL.iter().map(|d| format!("{}.{}", config.topic_prefix, d.name())).collect();
    topics.extend(config.control_topic.clone());
    consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut seen = chunk::Seen::default();
    while !stopping(platform) {
        let messages = take(&consumer)?;
        let besides = demanded(platform);
        if messages.is_empty() {
            publisher.publish(&outbox.take(platform.now(), true), &besides)?;
            continue;
        }
        let _running = runtime.block_on(platform.running.read());
        let (asked, records): (Vec<_>, Vec<_>) =
            messages.iter().partition(|m| config.control_topic.as_deref() == Some(m.topic()));
        runtime.block_on(chunk::write(platform, &mut seen, &records, config.batch_rows, outbox))?;
        let answers = runtime.block_on(answered(platform, &asked));
        publisher.publish(&outbox.take(platform.now(), false), &[besides, answers].concat())?;
        consumer.commit(&behind(&messages)?, CommitMode::Sync).or_else(passing)?;
    }
    Ok(())
}

/// What the platform is to ask of hubs. Where publishing fails it has to be asked for again.
fn demanded(platform: &Platform) -> Vec<(String, Vec<u8>)> {
    let said = |demand: DemandMessage| Some((serde_json::to_vec(&demand).ok()?, demand.school));
    std::iter::from_fn(|| platform.demands.take()).filter_map(said).map(|(value, school)| (school, value)).collect()
}

async fn answered(platform: &Platform, asked: &[&OwnedMessage]) -> Vec<(String, Vec<u8>)> {
    let mut answers = Vec::new();
    for message in asked {
        let Some(answer) = answer::answer(platform, message).await else { continue };
        answers.extend(serde_json::to_vec(&answer).ok().map(|value| (answer.school, value)));
    }
    answers
}

/// The settings of a member of the group. Nothing but [`turn`] commits, and it commits what is written alone: a client that
/// stored or committed offsets by itself would do so for what it has merely handed over.
fn member(mut client: ClientConfig, group: &str) -> ClientConfig {
    client
        .set("group.id", group)
        .set("client.id", "smartbrain")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "2000")
        .set("queued.max.messages.kbytes", "16384");
    client
}

/// Some messages; none when none came for a while.
fn take(consumer: &BaseConsumer<Watch>) -> Result<Vec<OwnedMessage>, KafkaError> {
    let mut messages = Vec::new();
    while messages.len() < MOST {
        let wait = if messages.is_empty() { SLICE } else { Duration::ZERO };
        match consumer.poll(wait) {
            None => break,
            Some(Ok(message)) => messages.push(message.detach()),
            // The library goes on by itself, and topics may be made later.
            Some(Err(KafkaError::MessageConsumption(code))) => {
                tracing::debug!("consuming: {code}");
                break;
            }
            Some(Err(error)) => return Err(error),
        }
    }
    Ok(messages)
}

/// The offsets behind these messages.
fn behind(messages: &[OwnedMessage]) -> Result<TopicPartitionList, KafkaError> {
    let mut ends = std::collections::BTreeMap::new();
    for message in messages {
        ends.insert((message.topic(), message.partition()), message.offset() + 1);
    }
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in ends {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    Ok(list)
}

/// A commit that fails because partitions have gone to another brain leaves it the same messages, which then have no
/// effect.
fn passing(error: KafkaError) -> Result<(), KafkaError> {
    use rdkafka::types::RDKafkaErrorCode::{IllegalGeneration, RebalanceInProgress, UnknownMemberId};
    match error.rdkafka_error_code() {
        Some(IllegalGeneration | RebalanceInProgress | UnknownMemberId) => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Either of them alone does no harm, so no behaviour shows it; both together lose what a killed process had taken.
    #[test]
    fn the_client_commits_nothing_by_itself() {
        let client = member(ClientConfig::new(), "g");
        assert_eq!((client.get("enable.auto.commit"), client.get("enable.auto.offset.store")), (Some("false"), Some("false")));
    }
}
