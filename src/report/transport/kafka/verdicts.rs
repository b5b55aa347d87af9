//! The reader of the return topic: a thread that follows this school's partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::dialogue::Dialogue;
use super::ledger::Ledger;
use super::settings::KafkaSettings;
use super::topics::unusable;
use crate::record::RecordKey;
use crate::store::Outcome;
use crate::wire::kafka::{Trouble, VerdictMessage, Watch, ask, describe, partition_of};

/// How often the thread looks whether it is to end.
const SLICE: Duration = Duration::from_millis(100);

/// Where verdicts are read, and for whom.
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) school: Arc<str>,
    /// The group that offsets are kept under: one an instance of the hub.
    pub(super) group: String,
    pub(super) name: Arc<str>,
    pub(super) patience: Duration,
}

/// A reader at work. Dropping it tells it to end, and waits for nothing: closing a consumer can take seconds.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    /// It ended of its own accord: the brokers refused its account.
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Finds the partition and the offset to begin at, then follows it. When it returns, no verdict on a row sent from
    /// then on can be missed. Waits; not for async threads.
    pub(super) fn start(
        settings: &KafkaSettings,
        config: &ClientConfig,
        place: Place,
        ledger: Arc<Ledger>,
        dialogue: Arc<Dialogue>,
    ) -> Result<Self, Trouble> {
        let mut config = config.clone();
        config
            .set("group.id", &place.group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "4096");
        let watch = Watch::new(Arc::clone(&place.name), Arc::new(settings.connection.clone()));
        let consumer: BaseConsumer<Watch> =
            config.create_with_context(watch).map_err(|error| unusable(settings, &error.to_string()))?;
        let partitions = describe(&consumer, std::slice::from_ref(&place.topic), place.patience)?.remove(0)?;
        let partition = partition_of(&place.school, partitions);
        let begin = beginning(&consumer, &place, partition)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&place.topic, partition, Offset::Offset(begin))
            .and_then(|()| consumer.assign(&list))
            .map_err(|error| Trouble::of(&error, &place.topic))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, over) = (Arc::clone(&stop), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&over);
        let follow = move || {
            follow(&consumer, &place, (partition, begin), &ledger, &dialogue, &stopping);
            ended.store(true, Ordering::SeqCst);
            ledger.wake.notify_one();
        };
        let thread = std::thread::Builder::new()
            .name("kafka verdicts".into())
            .spawn(follow)
            .map_err(|error| unusable(settings, &error.to_string()))?;
        Ok(Self { stop, over, thread: Some(thread) })
    }

    /// Whether it has ended, so that another one is needed.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Ends it and waits until it has kept its offset, so that another one can go on from there. Not for async threads.
    pub(super) fn end(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic there has already been printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// The offset that an earlier reader left; without one the present end, which is kept at once.
fn beginning(consumer: &BaseConsumer<Watch>, place: &Place, partition: i32) -> Result<i64, Trouble> {
    let topic = &place.topic;
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    let kept = ask(consumer, topic, place.patience, |c, slice| c.committed_offsets(list.clone(), slice))?;
    if let Some(Offset::Offset(offset)) = kept.find_partition(topic, partition).map(|p| p.offset()) {
        return Ok(offset);
    }
    let (_, end) = ask(consumer, topic, place.patience, |c, slice| c.fetch_watermarks(topic, partition, slice))?;
    ask(consumer, topic, place.patience, |c, _| commit(c, topic, partition, end, CommitMode::Sync))?;
    Ok(end)
}

fn commit(consumer: &BaseConsumer<Watch>, topic: &str, partition: i32, offset: i64, mode: CommitMode) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    consumer.commit(&list, mode)
}

fn follow(
    consumer: &BaseConsumer<Watch>,
    place: &Place,
    (partition, begin): (i32, i64),
    ledger: &Ledger,
    dialogue: &Dialogue,
    stop: &AtomicBool,
) {
    let mut kept = begin;
    while !stop.load(Ordering::SeqCst) && !consumer.context().is_refused() {
        match consumer.poll(SLICE) {
            Some(Ok(message)) => {
                let payload = message.payload().unwrap_or_default();
                let verdict = serde_json::from_slice::<VerdictMessage>(payload).ok();
                ledger.verdict(message.offset(), verdict.as_ref().and_then(|v| row(v, &place.school)));
                if verdict.is_none() && dialogue.heard(&place.school, payload) {
                    ledger.wake.notify_one();
                }
            }
            Some(Err(error)) => tracing::warn!(upstream = %place.name, topic = %place.topic, "reading verdicts: {error}"),
            None => {}
        }
        // Once a batch is settled in the store its verdicts need not be read again.
        if let Some(safe) = ledger.safe().filter(|safe| *safe > kept && (ledger.is_idle() || *safe - kept > 1000)) {
            match commit(consumer, &place.topic, partition, safe, CommitMode::Async) {
                Ok(()) => kept = safe,
                Err(error) => tracing::debug!(upstream = %place.name, "offset not kept: {error}"),
            }
        }
    }
    if let Some(safe) = ledger.safe().filter(|safe| *safe > kept) {
        // Not kept means read again, which changes nothing.
        let _ = commit(consumer, &place.topic, partition, safe, CommitMode::Sync);
    }
}

fn row<'a>(verdict: &'a VerdictMessage, school: &str) -> Option<(&'a str, RecordKey, u64, Outcome)> {
    let key = RecordKey::parse(&verdict.key).filter(|_| verdict.school == school)?;
    let outcome = match verdict.outcome.as_str() {
        "stored" => Outcome::Stored,
        "refused" => Outcome::Refused { text: verdict.reason.clone().unwrap_or_default(), field: verdict.field.clone() },
        _ => return None,
    };
    Some((&verdict.table, key, verdict.seq, outcome))
}
