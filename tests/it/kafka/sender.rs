//! A transport of kind `kafka` on its own, as the dispatcher uses it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use xiaoshu::record::{ContentHash, RecordKey};
use xiaoshu::report::{
    Identity, ManualClock, News, OpenBatch, Reply, RowHead, SeededDice, Settled, Transport, TransportContext, TransportError,
    WireBatch, kind,
};
use xiaoshu::standard::Domain;
use xiaoshu::store::{BatchId, Op, Outcome};

use super::broker;

pub const SCHOOL: &str = "4199000001";
pub const INSTANCE: &str = "0123456789ABCDEF0123456789ABCDEF";
pub const TABLE: &str = "ODS_KCJBSJ";
pub const START: i64 = 1_795_309_200_137;

pub struct Sender {
    pub transport: Arc<dyn Transport>,
}

/// One row: number of its key, seq, operation.
pub type Row = (u8, u64, Op);

pub fn key(number: u8) -> RecordKey {
    RecordKey::from_bits([number; 16])
}

/// Settings of an upstream at a broker, topics with this prefix made when missing.
pub fn settings(brokers: &str, prefix: &str) -> Value {
    json!({
        "kind": "kafka",
        "brokers": [brokers],
        "security": "plaintext",
        "plaintext": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
        "topic_prefix": prefix,
        "create": {"partitions": 3, "replication": 1},
        "timeout": "30s",
    })
}

pub fn settings_schema() -> Value {
    serde_json::from_str(kind("kafka").unwrap().settings_schema()).unwrap()
}

impl Sender {
    pub fn new(settings: &Value) -> Self {
        Self::at_epoch(settings, 1)
    }

    pub fn at_epoch(settings: &Value, epoch: u64) -> Self {
        let schema = settings_schema();
        assert!(jsonschema::draft202012::is_valid(&schema, settings), "{settings}");
        let identity = Identity {
            school: SCHOOL.into(),
            instance: INSTANCE.into(),
            epoch,
            edition: "gaozhi-2024.09".into(),
            standard_digest: "00".into(),
        };
        // Brokers know a writer in transactions by its upstream's name: each test has one of its own.
        let in_transactions = settings["transactions"] == true;
        let name = settings["topic_prefix"].as_str().filter(|_| in_transactions).unwrap_or("region");
        let context = TransportContext {
            name: name.into(),
            clock: Arc::new(ManualClock::new(START)),
            dice: Arc::new(SeededDice::new(1)),
            base: ".".into(),
            identity: Arc::new(identity),
            lease: None,
        };
        Self { transport: kind("kafka").unwrap().open(settings, context).unwrap() }
    }

    /// Hands a batch over. Values say key and seq.
    pub async fn submit(&self, id: u64, rows: &[Row]) -> Result<Reply, TransportError> {
        let values: Vec<Vec<u8>> =
            rows.iter().map(|(n, seq, _)| format!("{{\"key\":\"{}\",\"seq\":{seq}}}", key(*n)).into_bytes()).collect();
        self.submit_values(id, rows, &values).await
    }

    pub async fn submit_values(&self, id: u64, rows: &[Row], values: &[Vec<u8>]) -> Result<Reply, TransportError> {
        self.submit_until(i64::MAX, id, rows, values).await
    }

    /// Hands a batch over that must have gone by a moment of the sender's clock, which stands at [`START`].
    pub async fn submit_until(&self, last: i64, id: u64, rows: &[Row], values: &[Vec<u8>]) -> Result<Reply, TransportError> {
        let heads: Vec<RowHead> =
            rows.iter().map(|(n, seq, op)| RowHead { key: key(*n), seq: *seq, op: *op, hash: ContentHash([*n; 16]) }).collect();
        let batch = WireBatch {
            id: BatchId(id as i64),
            table: TABLE,
            domain: Domain::Course,
            rows: values,
            heads: &heads,
            sign_before: last,
        };
        self.transport.submit(&batch).await
    }

    /// The news that come next; waits for them.
    pub async fn news(&self) -> Vec<Settled> {
        let wakes = self.transport.wakes().unwrap();
        let next = async {
            loop {
                let woken = wakes.notified();
                let news = self.transport.settled();
                if !news.is_empty() {
                    return news;
                }
                woken.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(90), next).await.expect("news in time")
    }

    /// News until `enough` is content with all of them, in words.
    pub async fn story(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        while !enough(&lines) {
            lines.extend(self.news().await.iter().flat_map(told));
        }
        lines
    }
}

/// One line a piece of news; one a verdict.
pub fn told(settled: &Settled) -> Vec<String> {
    let batch = settled.batch.0;
    match &settled.news {
        News::Accepted { .. } => vec![format!("{batch} accepted")],
        News::Failed(error) => vec![format!("{batch} failed {:?} {}", error.fate, error.class.name())],
        News::Verdicts(verdicts) => {
            let mut lines: Vec<String> = verdicts
                .iter()
                .map(|v| match &v.outcome {
                    Outcome::Stored => format!("{batch}/{} stored", v.ordinal),
                    Outcome::Refused { text, field } => {
                        format!("{batch}/{} refused {text} {}", v.ordinal, field.as_deref().unwrap_or("-"))
                    }
                    Outcome::Unknown { .. } => format!("{batch}/{} unknown", v.ordinal),
                })
                .collect();
            lines.sort();
            lines
        }
    }
}

pub fn open_batch(id: u64, rows: &[Row], accepted: bool) -> OpenBatch {
    OpenBatch {
        id: BatchId(id as i64),
        table: TABLE.into(),
        accepted,
        rows: rows.iter().map(|(n, seq, _)| (key(*n), *seq)).collect(),
    }
}

/// Puts verdicts on a return topic, as a platform does: keyed by school.
pub fn judge(brokers: &str, topic: &str, verdicts: &[(u8, u64, &str)]) {
    let values: Vec<String> = verdicts
        .iter()
        .map(|(n, seq, outcome)| {
            let (outcome, reason) = outcome.split_once(' ').map_or((*outcome, None), |(o, r)| (o, Some(r)));
            let field = reason.map(|_| "KCH");
            json!({"school": SCHOOL, "table": TABLE, "key": key(*n).to_string(), "seq": seq, "outcome": outcome,
                "reason": reason, "field": field})
            .to_string()
        })
        .collect();
    // Partition 0 of a topic with one partition is everybody's.
    let messages: Vec<_> = values.iter().map(|value| (Some(0), Some(SCHOOL), Some(value.as_str()))).collect();
    broker::write(brokers, topic, &messages);
}
