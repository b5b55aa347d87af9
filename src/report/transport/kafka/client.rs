//! The transport: submits to the producer, tells what came of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::BaseRecord;
use tokio::sync::{Mutex, Notify};

use super::asker::Asker;
use super::dialogue::{self, Dialogue};
use super::ledger::{Ledger, Ticket};
use super::message::Envelope;
use super::producer::{Producer, is_full, lost, transport_error, undelivered};
use super::settings::KafkaSettings;
use super::verdicts::{Place, Reader};
use super::{ledger::Delivered, topics};
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::record::RecordKey;
use crate::report::delivery::ResultItem;
use crate::report::render::Style;
use crate::report::transport::{
    Fate, Limits, OpenBatch, Reply, Request, Settled, TableDigest, Transport, TransportContext, TransportError, VerdictQuery,
    WireBatch,
};
use crate::store::{BatchId, Millis, Op};
use crate::wire::kafka::{DigestQuestion, Trouble, Watch, message_key};

/// How long a look at the brokers may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// An upstream over Kafka.
pub struct KafkaClient {
    settings: Arc<KafkaSettings>,
    config: ClientConfig,
    style: Style,
    context: TransportContext,
    ledger: Arc<Ledger>,
    dialogue: Arc<Dialogue>,
    room: Arc<Notify>,
    producers: AtomicU64,
    producer: Mutex<Option<Arc<Producer>>>,
    reader: Mutex<Option<Reader>>,
    /// Topics known to be there.
    known: Mutex<HashSet<String>>,
}

impl fmt::Debug for KafkaClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaClient").field("upstream", &self.context.name).finish_non_exhaustive()
    }
}

impl KafkaClient {
    /// A client; connects to nothing.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: KafkaSettings, context: TransportContext) -> Result<Self, Text> {
        let style = settings.own.rows.style(true)?;
        let mut config = settings.connection.client(&context.base);
        config.set("client.id", format!("xiaoshu-{}", context.identity.instance));
        let ledger = Arc::new(Ledger::new(settings.own.return_topic.is_some()));
        Ok(Self {
            settings: Arc::new(settings),
            config,
            style,
            context,
            ledger,
            dialogue: Arc::default(),
            room: Arc::default(),
            producers: AtomicU64::new(0),
            producer: Mutex::default(),
            reader: Mutex::default(),
            known: Mutex::default(),
        })
    }

    fn now(&self) -> Millis {
        self.context.clock.now()
    }

    /// The producer, or a new one where the former cannot go on.
    async fn producer(&self) -> Result<Arc<Producer>, TransportError> {
        let mut slot = self.producer.lock().await;
        if let Some(producer) = slot.as_ref().filter(|p| !p.has_ended()) {
            return Ok(Arc::clone(producer));
        }
        if let Some(ended) = slot.take() {
            tracing::warn!(upstream = %self.context.name, "the producer is replaced; what it had under way is sent again");
            self.ledger.producer_ended(ended.number, &ended.why_ended());
        }
        let number = self.producers.fetch_add(1, Ordering::Relaxed) + 1;
        let settings = &self.settings;
        let watch = Watch::new(Arc::clone(&self.context.name), Arc::new(settings.connection.clone()));
        let school = Arc::clone(&self.context.identity.school);
        let (ledger, room) = (Arc::clone(&self.ledger), Arc::clone(&self.room));
        let producer = Producer::new(number, self.config.clone(), settings, watch, school, ledger, room)
            .map_err(|error| transport_error(topics::unusable(settings, &error.to_string()), Fate::NotSent))?;
        let producer = Arc::new(producer);
        *slot = Some(Arc::clone(&producer));
        Ok(producer)
    }

    /// Looks at topics, away from async threads.
    async fn look(&self, topics: Vec<String>) -> Result<Vec<(String, Result<i32, Trouble>)>, Trouble> {
        let (settings, config, name) = (Arc::clone(&self.settings), self.config.clone(), Arc::clone(&self.context.name));
        let look = move || {
            let found = topics::look(&settings, &config, &name, &topics, PATIENCE)?;
            Ok(topics.into_iter().zip(found).collect())
        };
        blocking(look).await
    }

    /// Makes sure that a topic is there before anything is sent to it.
    async fn topic(&self, topic: &str) -> Result<(), TransportError> {
        let mut known = self.known.lock().await;
        if known.contains(topic) {
            return Ok(());
        }
        let found = self.look(vec![topic.to_owned()]).await.map_err(|t| transport_error(t, Fate::NotSent))?;
        for (topic, state) in found {
            match (state, &self.settings.own.create) {
                (Ok(_), _) => {}
                (Err(trouble), Some(how)) if topics::is_missing(&trouble) => {
                    let made = topics::make(&self.settings, &self.config, how, &topic, PATIENCE).await;
                    made.map_err(|t| transport_error(t, Fate::NotSent))?;
                }
                (Err(trouble), _) => return Err(transport_error(trouble, Fate::NotSent)),
            }
        }
        known.insert(topic.to_owned());
        Ok(())
    }

    /// Follows the return topic, from where an earlier reader stopped; `anew` reads again what the store does not hold.
    async fn follow(&self, anew: bool) -> Result<(), TransportError> {
        let Some(topic) = self.settings.own.return_topic.clone() else { return Ok(()) };
        let mut slot = self.reader.lock().await;
        if slot.as_ref().is_some_and(|reader| !reader.is_over()) && !anew {
            return Ok(());
        }
        self.topic(&topic).await?;
        let former = slot.take();
        let (settings, config, ledger) = (Arc::clone(&self.settings), self.config.clone(), Arc::clone(&self.ledger));
        let dialogue = Arc::clone(&self.dialogue);
        let identity = &self.context.identity;
        let place = Place {
            topic,
            school: Arc::clone(&identity.school),
            group: format!("xiaoshu-{}-{}", self.context.name, identity.instance),
            name: Arc::clone(&self.context.name),
            patience: PATIENCE,
        };
        let start = move || {
            if let Some(former) = former {
                former.end();
            }
            Reader::start(&settings, &config, place, ledger, dialogue)
        };
        *slot = Some(blocking(start).await.map_err(|t| transport_error(t, Fate::NotSent))?);
        Ok(())
    }

    /// Hands one row to the producer, waiting for room where its queue is full.
    async fn hand_over(&self, producer: &Producer, topic: &str, row: Row<'_>) -> Result<(), TransportError> {
        let key = message_key(&self.context.identity.school, row.head.key.as_str());
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(row.ticket))
            .key(key.as_str())
            .timestamp(self.now())
            .headers(row.envelope.headers(row.head));
        if row.head.op != Op::Delete {
            record = record.payload(row.value);
        }
        loop {
            // Asked for before the attempt, so that room made meanwhile is not missed.
            let room = self.room.notified();
            let (error, unsent) = match producer.handle.send(record) {
                Ok(()) => return Ok(()),
                Err(back) => back,
            };
            if producer.has_ended() {
                return Err(producer.why_ended());
            }
            if !is_full(&error) {
                return match undelivered(&error, topic) {
                    Delivered::Failed(error) => Err(error),
                    what => {
                        self.ledger.delivered(row.ticket, what);
                        Ok(())
                    }
                };
            }
            record = unsent;
            if tokio::time::timeout(self.settings.own.timeout.0, room).await.is_err() {
                return Err(lost());
            }
        }
    }
}

struct Row<'a> {
    ticket: Ticket,
    head: &'a crate::report::transport::RowHead,
    value: &'a [u8],
    envelope: &'a Envelope<'a>,
}

/// Runs what waits on a thread where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => {
            let text = Text::new("后台线程意外终止", "a background thread stopped");
            Err(Trouble { class: FaultClass::Bug, topic: false, text })
        }
    }
}

fn of_earlier() -> TransportError {
    let text = Text::new(
        "上一次运行发出后未见确认，将重新发送",
        "an earlier process sent this and saw no acknowledgement; it is sent again",
    );
    TransportError { text, ..lost() }
}

#[async_trait::async_trait]
impl Transport for KafkaClient {
    fn limits(&self) -> Limits {
        let own = &self.settings.own;
        Limits {
            rows: self.settings.batch_rows(),
            bytes: own.rows.batch_bytes.unwrap_or(1 << 20),
            dedupes: true,
            spacing: None,
            margin: Duration::ZERO,
            unsettled: Some(own.unsettled),
        }
    }

    fn style(&self) -> &Style {
        &self.style
    }

    async fn submit(&self, batch: &WireBatch<'_>) -> Result<Reply, TransportError> {
        let topic = self.settings.topic(batch.domain);
        self.topic(&topic).await?;
        self.follow(false).await?;
        let producer = self.producer().await?;
        let now = self.now();
        let rows: Vec<(RecordKey, u64)> = batch.heads.iter().map(|h| (h.key, h.seq)).collect();
        let sending = self.ledger.open(batch.id, batch.table, producer.number, &rows);
        let envelope = Envelope::new(&self.context.identity, batch.table, now);
        for (at, (head, value)) in batch.heads.iter().zip(batch.rows).enumerate() {
            let ticket = Ticket { batch: batch.id, sending, ordinal: at as u32 };
            let row = Row { ticket, head, value, envelope: &envelope };
            if let Err(error) = self.hand_over(&producer, &topic, row).await {
                self.ledger.forget(batch.id);
                return Err(error);
            }
        }
        Ok(Reply::Queued)
    }

    async fn resume(&self, open: &[OpenBatch]) -> Result<(), TransportError> {
        let judged = self.settings.own.return_topic.is_some();
        let (waiting, unsure): (Vec<_>, Vec<_>) = open.iter().partition(|batch| judged && batch.accepted);
        for batch in &waiting {
            self.ledger.take_up(batch);
        }
        if let Err(error) = self.follow(!waiting.is_empty()).await {
            waiting.iter().for_each(|batch| self.ledger.forget(batch.id));
            return Err(error);
        }
        unsure.iter().for_each(|batch| self.ledger.fail(batch.id, of_earlier()));
        Ok(())
    }

    fn is_down(&self) -> bool {
        // While the reader is being exchanged it is neither up nor down.
        let is_over = |reader: &Option<Reader>| reader.as_ref().is_none_or(Reader::is_over);
        self.settings.own.return_topic.is_some() && self.reader.try_lock().is_ok_and(|reader| is_over(&reader))
    }

    fn forget(&self, batch: BatchId) {
        self.ledger.forget(batch);
    }

    fn settled(&self) -> Vec<Settled> {
        // A producer that has ended brings nothing through any more.
        if let Ok(mut slot) = self.producer.try_lock()
            && let Some(ended) = slot.take_if(|producer| producer.has_ended())
        {
            self.ledger.producer_ended(ended.number, &ended.why_ended());
        }
        self.ledger.settled()
    }

    fn requests(&self) -> Vec<Request> {
        self.dialogue.demands()
    }

    async fn digest(&self, table: &str, prefix: &str, records: bool) -> Result<Option<TableDigest>, TransportError> {
        let Some(topic) = &self.settings.own.control_topic else { return Ok(None) };
        self.topic(topic).await?;
        self.follow(false).await?;
        let identity = &self.context.identity;
        let (question, answer) = self.dialogue.ask(&format!("{}/{}", identity.instance, self.now()));
        let school = identity.school.to_string();
        let asked = DigestQuestion { school, question, table: table.to_owned(), prefix: prefix.to_owned(), records };
        let value = serde_json::to_vec(&asked).unwrap_or_default();
        let patience = self.settings.own.timeout.0.min(PATIENCE);
        let asker = Asker {
            settings: Arc::clone(&self.settings),
            config: self.config.clone(),
            name: Arc::clone(&self.context.name),
            school: Arc::clone(&identity.school),
            topic: topic.clone(),
            patience,
        };
        blocking(move || asker.ask(&value)).await.map_err(|trouble| transport_error(trouble, Fate::NotSent))?;
        let answer = tokio::time::timeout(patience, answer).await;
        let answer = answer.ok().and_then(Result::ok).ok_or_else(|| dialogue::silent(topic))?;
        dialogue::read(*answer).map(Some)
    }

    fn wakes(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.ledger.wake))
    }

    async fn verdicts(&self, _: &VerdictQuery<'_>) -> Result<Vec<ResultItem>, TransportError> {
        Ok(Vec::new())
    }

    fn clock_offset(&self) -> Option<Millis> {
        None
    }

    async fn check(&self) -> Result<Vec<Text>, TransportError> {
        let mut topics = self.settings.topics();
        topics.extend(self.settings.own.return_topic.clone());
        topics.extend(self.settings.own.control_topic.clone());
        let found = self.look(topics).await.map_err(|t| transport_error(t, Fate::NotSent))?;
        let mut notes = Vec::new();
        for (topic, state) in found {
            match state {
                Ok(partitions) => notes.push(Text::new(
                    format!("主题 {topic}：{partitions} 个分区"),
                    format!("topic {topic}: {partitions} partitions"),
                )),
                Err(trouble) if topics::is_missing(&trouble) && self.settings.own.create.is_some() => notes.push(Text::new(
                    format!("主题 {topic} 尚不存在，首次发送时创建"),
                    format!("topic {topic} is not there yet; it is made when something is first sent to it"),
                )),
                Err(trouble) => return Err(transport_error(trouble, Fate::NotSent)),
            }
        }
        if self.settings.own.control_topic.is_none() {
            notes.push(Text::new(
                "未设置 control_topic：无法与平台核对所存数据",
                "no control_topic is set: what the platform holds cannot be compared",
            ));
        }
        Ok(notes)
    }
}
