//! Transports: how rows reach an upstream and verdicts come back.
//!
//! A transport is one folder: code, settings schema, texts. The one list of kinds is [`kinds`]. A receipt may say
//! *stored* (a receiver that commits before it answers) or *accepted, the verdict comes later* (the Ministry's
//! interface); a receiver that deduplicates is simply sent the batch again when an answer was lost.

pub mod digital_base;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Dice};
use super::delivery::ResultItem;
use super::render::Style;
use crate::fault::{Classified, FaultClass};
use crate::finding::Text;
use crate::store::{BatchId, Millis};

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
}

/// A batch on its way.
#[derive(Debug)]
pub struct WireBatch<'a> {
    /// The batch, for receivers that deduplicate.
    pub id: BatchId,
    /// The table's name.
    pub table: &'a str,
    /// Rendered rows, JSON objects, in wire order.
    pub rows: &'a [Vec<u8>],
    /// The rows' seqs, for receivers that keep positions.
    pub seqs: &'a [u64],
    /// Nothing may be signed after this.
    pub sign_before: Millis,
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

    /// All results of a table in a stretch of time, read to the end. Exactly that table's.
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
    &[&digital_base::DigitalBase]
}

/// A kind by its name.
pub fn kind(name: &str) -> Option<&'static dyn TransportKind> {
    kinds().iter().copied().find(|k| k.kind() == name)
}
