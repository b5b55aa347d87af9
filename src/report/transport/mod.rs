//! Transports: how rows reach an upstream and verdicts come back.
//!
//! A transport is one folder: code, settings schema, texts. The one list of kinds is [`kinds`]. A receipt may say
//! *stored* (a receiver that commits before it answers) or *accepted, the verdict comes later* (the Ministry's
//! interface); a receiver that deduplicates is simply sent the batch again when an answer was lost.

pub mod digital_base;
pub mod grpc;
pub mod kafka;
mod rows;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use rows::Rows;

use super::clock::{Clock, Dice};
use super::delivery::ResultItem;
use super::render::Style;
use crate::fault::{Classified, FaultClass};
use crate::finding::Text;
use crate::record::{ContentHash, RecordKey};
use crate::standard::Domain;
use crate::store::{BatchId, Held, MemberVerdict, Millis, Op};

/// What a transport can take and how it treats what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows a batch.
    pub rows: u32,
    /// Bytes a batch, about.
    pub bytes: u64,
    /// Whether the receiver recognises a batch sent twice, so that a lost answer is cured by sending again.
    pub dedupes: bool,
    /// Batches of one table are named by table and reply time: one after another, so far apart.
    pub spacing: Option<Duration>,
    /// How long before a batch's `not_after` nothing of it may be signed any more: the longest that a request and
    /// the receiver's own tolerance can take.
    pub margin: Duration,
    /// For streams: rows that may be unsettled at a time, over all tables. `None` where verdicts are asked for.
    pub unsettled: Option<u32>,
}

/// A batch on its way.
#[derive(Debug)]
pub struct WireBatch<'a> {
    /// The batch, for receivers that deduplicate.
    pub id: BatchId,
    /// The table's name.
    pub table: &'a str,
    /// The table's domain.
    pub domain: Domain,
    /// Rendered rows, JSON objects, in wire order.
    pub rows: &'a [Vec<u8>],
    /// What each row is besides its bytes, in the same order.
    pub heads: &'a [RowHead],
    /// Nothing may be signed after this.
    pub sign_before: Millis,
}

/// A row besides its bytes: what receivers that keep positions, and compare, go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowHead {
    /// The key upstream.
    pub key: RecordKey,
    /// Its version.
    pub seq: u64,
    /// What it does.
    pub op: Op,
    /// Hash of its canonical content.
    pub hash: ContentHash,
}

/// What the receiver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Every row is stored.
    Stored,
    /// The rows were taken; the verdict is to come under this mark.
    Accepted {
        /// The receiver's own name for the batch.
        mark: String,
    },
    /// The rows were handed to a stream; what becomes of them comes by [`Transport::settled`].
    Queued,
}

/// News of a batch that was [`Reply::Queued`].
#[derive(Debug)]
pub struct Settled {
    /// The batch.
    pub batch: BatchId,
    /// What came of it.
    pub news: News,
}

/// What came of a batch on a stream.
#[derive(Debug)]
pub enum News {
    /// The receiver has it for certain, verdicts are to come: a broker's acknowledgement where a return topic is set.
    Accepted {
        /// The receiver's own name for the batch.
        mark: String,
    },
    /// Verdicts on some or all of its rows; each row is named once in all news of a batch.
    Verdicts(Vec<MemberVerdict>),
    /// It did not get through, with its fate: the rows wait again, or are refused as a whole.
    Failed(TransportError),
}

/// A batch that an earlier stream, or an earlier process, left unsettled.
#[derive(Debug, Clone)]
pub struct OpenBatch {
    /// The batch.
    pub id: BatchId,
    /// The table's name.
    pub table: Arc<str>,
    /// Whether the receiver acknowledged it.
    pub accepted: bool,
    /// Its rows' keys and seqs, by ordinal.
    pub rows: Vec<(RecordKey, u64)>,
}

/// What the receiver asked for of its own accord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A table once more.
    Resend {
        /// The table's name.
        table: String,
    },
    /// A comparison of a table, or of all.
    Reconcile {
        /// The table's name; `None` for all.
        table: Option<String>,
    },
    /// The highest seq of a table that the receiver holds, said whenever a connection is made. One ahead of ours means
    /// that the store was restored from a backup.
    Holds {
        /// The table's name.
        table: String,
        /// The seq.
        seq: u64,
    },
}

/// Whether a submit that failed may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It certainly did not.
    NotSent,
    /// Perhaps: the answer was lost.
    Lost,
    /// It did, and the receiver refused it as a whole.
    Refused,
}

/// How far a trouble reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Only this batch.
    Batch,
    /// This table.
    Table,
    /// The whole upstream.
    Upstream,
}

/// What went wrong with a call, without secrets or values.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", text.en)]
pub struct TransportError {
    /// Whether the call may have arrived.
    pub fate: Fate,
    /// The class that recovery goes by.
    pub class: FaultClass,
    /// How far it reaches.
    pub reach: Reach,
    /// What happened and what to do.
    pub text: Text,
}

impl TransportError {
    /// Nothing left this machine.
    pub fn not_sent(class: FaultClass, text: Text) -> Self {
        Self { fate: Fate::NotSent, class, reach: Reach::Upstream, text }
    }
}

impl Classified for TransportError {
    fn fault_class(&self) -> FaultClass {
        self.class
    }
}

/// Which results are asked for.
#[derive(Debug, Clone, Copy)]
pub struct VerdictQuery<'a> {
    /// The table.
    pub table: &'a str,
    /// From this instant of our clock …
    pub from: Millis,
    /// … to this one.
    pub to: Millis,
}

/// A way to an upstream.
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// What it can take.
    fn limits(&self) -> Limits;

    /// How rows must look.
    fn style(&self) -> &Style;

    /// Sends a batch.
    ///
    /// # Errors
    /// With the batch's fate: not sent, perhaps received, refused.
    async fn submit(&self, batch: &WireBatch<'_>) -> Result<Reply, TransportError>;

    /// For streams: takes up batches that an earlier process left, and those of its own that a cut left unsettled, and
    /// connects where it is not connected. News of each batch must come by [`Transport::settled`] in the end: verdicts, or
    /// [`News::Failed`] where the receiver does not know it. A batch given is told of from its beginning.
    ///
    /// # Errors
    /// When the receiver cannot be reached; the batches given are not taken up then. After a cut once its cause.
    async fn resume(&self, open: &[OpenBatch]) -> Result<(), TransportError> {
        let _ = open;
        Ok(())
    }

    /// For streams: whether it is not connected, so that [`Transport::resume`] is called for.
    fn is_down(&self) -> bool {
        false
    }

    /// For streams: no more news of this batch is wanted.
    fn forget(&self, batch: BatchId) {
        let _ = batch;
    }

    /// What should be looked at although everything goes well: a newer edition at the receiver.
    fn warnings(&self) -> Vec<Text> {
        Vec::new()
    }

    /// For streams: news that came since the last call. Never waits.
    fn settled(&self) -> Vec<Settled> {
        Vec::new()
    }

    /// For streams: what the receiver asked for since the last call. Never waits.
    fn requests(&self) -> Vec<Request> {
        Vec::new()
    }

    /// For streams: wakes whoever waits for [`Transport::settled`] or [`Transport::requests`].
    fn wakes(&self) -> Option<Arc<Notify>> {
        None
    }

    /// For streams: tells the receiver how reporting stands; sent with the next sign of life.
    fn health(&self, health: &Health) {
        let _ = health;
    }

    /// The receiver's digest of a range of a table's keys, for reconciliation; `None` where it cannot be read back.
    ///
    /// # Errors
    /// When the receiver cannot be reached or does not answer.
    async fn digest(&self, table: &str, prefix: &str, records: bool) -> Result<Option<TableDigest>, TransportError> {
        let _ = (table, prefix, records);
        Ok(None)
    }

    /// All results of a table in a stretch of time, read to the end. Exactly that table's. Streams are never asked.
    ///
    /// # Errors
    /// When the answer is not complete; then nothing may be concluded from it.
    async fn verdicts(&self, query: &VerdictQuery<'_>) -> Result<Vec<ResultItem>, TransportError>;

    /// By how much the receiver's clock is ahead of ours, once measured.
    fn clock_offset(&self) -> Option<Millis>;

    /// Reaches the receiver without sending rows: name, address list, clock, account, signature.
    ///
    /// # Errors
    /// The first thing that is in the way.
    async fn check(&self) -> Result<Vec<Text>, TransportError>;
}

/// How reporting to an upstream stands: counts over its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Tables reported.
    pub tables: u32,
    /// Tables past their due time.
    pub overdue: u32,
    /// Live records.
    pub live: u64,
    /// Of these stored upstream.
    pub stored: u64,
    /// In flight.
    pub in_flight: u64,
    /// Ahead of the cursor.
    pub waiting: u64,
    /// Refused.
    pub refused: u64,
    /// Fate unknown.
    pub unknown: u64,
    /// Held for a reason.
    pub held: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
}

/// What a receiver holds of a range of keys: `proto/smartbrain/v1/report.proto` has the algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDigest {
    /// The range itself.
    pub whole: RangeDigest,
    /// Its parts by the next hexadecimal digit, those without records left out.
    pub parts: Vec<RangeDigest>,
    /// Keys, seqs and hashes, where they were asked for.
    pub records: Vec<(RecordKey, u64, ContentHash)>,
    /// The highest seq that went into it.
    pub position: u64,
}

/// One range of keys: those whose SHA-256 begins with the prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeDigest {
    /// Lower-case hexadecimal digits.
    pub prefix: String,
    /// Records in it.
    pub count: u64,
    /// XOR of their digests.
    pub digest: [u8; 16],
}

/// Who reports: what a stream's first message says.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The school's code.
    pub school: Arc<str>,
    /// The store's identity, 32 upper-case hexadecimal digits.
    pub instance: Arc<str>,
    /// Rises whenever another hub takes the upstream over.
    pub epoch: u64,
    /// The edition that is reported.
    pub edition: Arc<str>,
    /// Its digest.
    pub standard_digest: Arc<str>,
}

/// What a transport is made with.
#[derive(Clone)]
pub struct TransportContext {
    /// The upstream's name in the settings.
    pub name: Arc<str>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
    /// The folder that relative paths start from.
    pub base: std::path::PathBuf,
    /// Who reports.
    pub identity: Arc<Identity>,
    /// The lease on the upstream, where several hubs may share a store.
    pub lease: Option<Arc<Held>>,
}

impl fmt::Debug for TransportContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportContext").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A kind of transport.
pub trait TransportKind: Send + Sync {
    /// The name in `kind = "…"`.
    fn kind(&self) -> &'static str;

    /// JSON Schema (2020-12) of the settings of one upstream of this kind, `kind` and `delivery` included. Places that
    /// take a secret bear `x-secret`.
    fn settings_schema(&self) -> &'static str;

    /// Why what the receiver holds cannot be compared with what this hub holds; `None` where it can.
    fn no_read_back(&self) -> Option<Text> {
        Some(Text::new(
            "该接口没有回读功能，无法与平台核对",
            "this interface has no read-back: what the platform holds cannot be compared",
        ))
    }

    /// Whether the receiver is told of a deletion beside the row, so that rows of a table without a field for its data state
    /// can be deleted too.
    fn tells_deletions(&self) -> bool {
        false
    }

    /// Makes a transport; connects to nothing.
    ///
    /// # Errors
    /// What is wrong with the settings.
    fn open(&self, settings: &serde_json::Value, context: TransportContext) -> Result<Arc<dyn Transport>, SettingsError>;
}

/// A setting that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("upstream {upstream}: {}", text.en)]
pub struct SettingsError {
    /// The upstream.
    pub upstream: Arc<str>,
    /// What is wrong, and the remedy.
    pub text: Text,
}

impl Classified for SettingsError {
    fn fault_class(&self) -> FaultClass {
        FaultClass::Configuration
    }
}

/// Every kind of transport.
pub fn kinds() -> &'static [&'static dyn TransportKind] {
    &[&digital_base::DigitalBase, &grpc::Grpc, &kafka::Kafka]
}

/// A kind by its name.
pub fn kind(name: &str) -> Option<&'static dyn TransportKind> {
    kinds().iter().copied().find(|k| k.kind() == name)
}
