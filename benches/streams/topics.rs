//! Over Kafka: what the client can do at all, what hubs do, and hubs with a platform that reads what they write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use xiaoshu::brain::{Brain, BrainConfig, EffectsConfig, Secret};
use xiaoshu::wire::kafka::{Head, UPSERT, message_key, partition_of};

use super::school::{EDITION, School, TABLES, account, impatient, loopback, standard};
use super::{BATCH, Other, Spent, UNSETTLED, code, furnished, measured, messages, serve_as_other};

/// Partitions of each topic.
const PARTITIONS: i32 = 3;
/// Set by `tests/run.sh --servers=postgres,kafka`.
const DATABASE: &str = "XIAOSHU_TEST_POSTGRES_URL";
/// Brokers may take so long.
const PATIENCE: Duration = Duration::from_secs(60);

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by tests/run.sh --servers=kafka"))
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", variable("XIAOSHU_TEST_KAFKA_BROKERS"));
    config
}

fn connection(prefix: &str) -> Value {
    json!({"brokers": [variable("XIAOSHU_TEST_KAFKA_BROKERS")], "security": "plaintext", "plaintext": loopback(),
        "topic_prefix": prefix})
}

/// A platform in a process of its own, reading the topics with this prefix; in a schema of PostgreSQL where one is named.
pub async fn reader(schools: u32, prefix: &str, schema: Option<&str>) {
    let directory = tempfile::tempdir().unwrap();
    let mut kafka = connection(prefix);
    kafka["group"] = json!(prefix);
    kafka["return_topic"] = json!(format!("{prefix}.verdicts"));
    let config = BrainConfig {
        accounts: (0..schools).map(|i| account(&code(i))).collect(),
        directory: schema.is_none().then(|| directory.path().to_owned()),
        effects: shared(schema),
        kafka: Some(serde_json::from_value(kafka).unwrap()),
        ..BrainConfig::default()
    };
    let brain = Brain::start(config).await.unwrap();
    serve_as_other("ready").await;
    brain.stop().await.unwrap();
}

/// The database that several platforms share.
fn shared(schema: Option<&str>) -> EffectsConfig {
    let Some(schema) = schema else { return EffectsConfig::default() };
    EffectsConfig { postgres: Some(Secret::new(variable(DATABASE))), schema: schema.to_owned(), connections: 8 }
}

/// Hubs and two platforms that share a database and a group; one is killed when half of the records are written. Panics when
/// a record is lost or an effect comes twice.
async fn killed(all: &[School], prefix: &str, records: f64) {
    let schools = all.len().to_string();
    let schema = prefix.replace(['-', '.'], "_");
    let accounts = vec![account(&code(0))];
    let config = BrainConfig { accounts, effects: shared(Some(&schema)), ..BrainConfig::default() };
    let viewer = Brain::start(config).await.unwrap();
    let start = || Other::start(&["reader", &schools, prefix, &schema]);
    let (mut first, second) = (start(), start());
    let effects = async || viewer.counts().await.unwrap().iter().map(|c| c.effects).sum::<i64>() as f64;
    let before = super::cpu(&second.pid());
    let settings = upstream(prefix, true);
    let mut died = 0.0;
    let spent = measured(&variable("XIAOSHU_TEST_KAFKA_PID"), async {
        let halfway = async {
            while effects().await < records / 2.0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            first.child.kill().unwrap();
            died = effects().await / records;
        };
        tokio::join!(deliver(all, "killed", &settings), halfway);
    })
    .await;
    let theirs = (super::cpu(&second.pid()) - before).as_secs_f64();
    show("hubs, two platforms, one killed", records, &spent, theirs);
    assert_eq!(effects().await, records, "each record once");
    println!("one platform was killed with {:.0} % written; every record is there, none twice", died * 100.0);
    viewer.stop().await.unwrap();
}

/// Three runs: a bare client, hubs, hubs and a platform; with a PostgreSQL one more, with two platforms.
pub async fn many(schools: u32, rows: u32) {
    let standard = standard();
    let records = f64::from(schools) * f64::from(rows) * TABLES.len() as f64;
    println!("{schools} schools, {rows} rows in each of {} tables: {records} records, over Kafka", TABLES.len());
    let all = furnished(schools, rows, &standard).await;
    let bare = format!("bench-{}", std::process::id());
    let course = format!("{bare}.ceiling");
    make(&[&course]).await;
    let ready = Arc::new(prepared(schools, &messages(&all[0]).await));
    let bytes: usize = ready.iter().map(|m| m.value.len()).sum();
    println!("{:.0} bytes a record without key and headers", bytes as f64 / records);
    let broker = variable("XIAOSHU_TEST_KAFKA_PID");
    println!("{:<36} {:>9} {:>12} {:>14} {:>14} {:>14}", "run", "wall s", "records/s", "sender µs", "broker µs", "platform µs");
    let handing = tokio::task::spawn_blocking(move || hand_over(&course, &ready));
    let ceiling = measured(&broker, async { handing.await.unwrap() }).await;
    show("bare client, acknowledged", records, &ceiling, 0.0);
    let plain = upstream(&format!("{bare}-plain"), false);
    let alone = measured(&broker, deliver(&all, "plain", &plain)).await;
    show("hubs, acknowledged", records, &alone, 0.0);
    let prefix = format!("{bare}-judged");
    let domains = ["basic", "major", "course", "student", "teacher", "enterprise", "verdicts"];
    let topics: Vec<String> = domains.iter().map(|name| format!("{prefix}.{name}")).collect();
    make(&topics.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let platform = Other::start(&["reader", &schools.to_string(), &prefix]);
    let before = super::cpu(&platform.pid());
    let judged = measured(&broker, deliver(&all, "judged", &upstream(&prefix, true))).await;
    let theirs = (super::cpu(&platform.pid()) - before).as_secs_f64();
    show("hubs, platform's verdicts", records, &judged, theirs);
    if std::env::var_os(DATABASE).is_some() {
        let prefix = format!("{bare}-killed");
        let topics: Vec<String> = domains.iter().map(|name| format!("{prefix}.{name}")).collect();
        make(&topics.iter().map(String::as_str).collect::<Vec<_>>()).await;
        killed(&all, &prefix, records).await;
    }
    println!(
        "of the ceiling's speed: hubs, acknowledged {:.2}; hubs, platform's verdicts {:.2}; CPU of the sender, times the ceiling's: {:.1}, {:.1}",
        ceiling.wall / alone.wall,
        ceiling.wall / judged.wall,
        alone.own / ceiling.own,
        judged.own / ceiling.own,
    );
}

fn show(name: &str, records: f64, spent: &Spent, platform: f64) {
    let each = |seconds: f64| seconds * 1e6 / records;
    let (own, broker, platform) = (each(spent.own), each(spent.other), each(platform));
    let speed = records / spent.wall;
    println!("{name:<36} {:>9.2} {speed:>12.0} {own:>14.2} {broker:>14.2} {platform:>14.2}", spent.wall);
}

async fn make(topics: &[&str]) {
    let admin: AdminClient<DefaultClientContext> = config().create().unwrap();
    let new: Vec<NewTopic<'_>> =
        topics.iter().map(|topic| NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1))).collect();
    let made = admin.create_topics(&new, &AdminOptions::new().operation_timeout(Some(PATIENCE))).await.unwrap();
    made.into_iter().for_each(|topic| drop(topic.unwrap()));
}

/// A message as the hub makes it.
struct Prepared {
    key: String,
    value: Vec<u8>,
    headers: OwnedHeaders,
    partition: i32,
}

/// The records of one school, for each school.
fn prepared(schools: u32, batches: &[xiaoshu::wire::smartbrain::v1::Batch]) -> Vec<Prepared> {
    let mut all = Vec::new();
    for school in (0..schools).map(code) {
        for (batch, record) in batches.iter().flat_map(|batch| batch.records.iter().map(move |record| (batch, record))) {
            let hash = record.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let (epoch, seq, op) = (1, record.seq, UPSERT);
            let head = Head { school: &school, table: &batch.table, edition: EDITION, epoch, seq, op, hash: &hash };
            let id = format!("{}/{}/{}", batch.table, record.key, record.seq);
            let source = format!("/schools/{school}/hubs/{school:0>32}");
            let events = [
                ("ce_specversion", "1.0"),
                ("ce_id", &id),
                ("ce_source", &source),
                ("ce_type", "smartbrain.v1.record.upsert"),
                ("ce_subject", &batch.table),
                ("ce_time", "2026-11-22T01:00:00.137Z"),
                ("content-type", "application/json"),
            ];
            let empty = OwnedHeaders::new_with_capacity(14);
            let headers = events
                .iter()
                .fold(empty, |headers, (key, value)| headers.insert(rdkafka::message::Header { key, value: Some(*value) }));
            all.push(Prepared {
                key: message_key(&school, &record.key),
                value: record.payload.to_vec(),
                headers: head.write(headers),
                partition: partition_of(&school, PARTITIONS),
            });
        }
    }
    all
}

/// Counts acknowledgements.
struct Counting(AtomicU64);

impl ClientContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok(), "not delivered");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hands all messages to a client with the hub's settings; returns when the broker has acknowledged all.
fn hand_over(topic: &str, ready: &[Prepared]) {
    let mut config = config();
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", (UNSETTLED * 2).to_string())
        .set("queue.buffering.max.kbytes", "65536");
    let producer: ThreadedProducer<Counting> = config.create_with_context(Counting(AtomicU64::new(0))).unwrap();
    for message in ready {
        let mut record = BaseRecord::to(topic)
            .key(&message.key)
            .payload(&message.value)
            .headers(message.headers.clone())
            .partition(message.partition);
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull));
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(PATIENCE).unwrap();
    assert_eq!(producer.context().0.load(Ordering::Relaxed), ready.len() as u64);
}

fn upstream(prefix: &str, judged: bool) -> Value {
    let mut settings = connection(prefix);
    settings["kind"] = json!("kafka");
    settings["create"] = json!({"partitions": PARTITIONS, "replication": 1});
    settings["unsettled"] = json!(UNSETTLED);
    settings["rows"] = json!({"batch_rows": BATCH});
    settings["delivery"] = impatient();
    if judged {
        settings["return_topic"] = json!(format!("{prefix}.verdicts"));
    }
    settings
}

/// Every hub delivers everything to an upstream of this name.
async fn deliver(all: &[School], name: &str, settings: &Value) {
    let mut hubs = JoinSet::new();
    for school in all {
        let mut reporter = school.reporter(&[(name, settings.clone())]).await;
        hubs.spawn(async move {
            let report = reporter.drain().await.unwrap();
            assert!(report.is_settled(), "{report:?}");
        });
    }
    while let Some(ended) = hubs.join_next().await {
        ended.unwrap();
    }
    for school in all {
        let stock = school.stock(name).await;
        assert_eq!(stock.stored, stock.live, "{stock:?}");
    }
}
