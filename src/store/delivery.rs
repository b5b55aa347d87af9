//! Delivery state: cursor, in-flight batches, exceptions, ramp.

use super::{FeedId, Millis, StoreError, UpstreamId};
use crate::finding::Text;
use crate::record::{ContentHash, RecordKey};

/// A batch in flight to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub i64);

/// What a feed row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Insert or update.
    Upsert,
    /// Delete; the payload is the last one that stood.
    Delete,
}

/// The newest version of one key.
#[derive(Debug, Clone)]
pub struct FeedRow {
    /// The key's number in its feed.
    pub rid: u64,
    /// generation ‖ counter.
    pub seq: u64,
    /// What it does.
    pub op: Op,
    /// The key upstream.
    pub record_key: RecordKey,
    /// The natural key's bytes.
    pub natural_key: Vec<u8>,
    /// Content hash.
    pub hash: ContentHash,
    /// When it landed.
    pub at: Millis,
    /// Canonical JSON.
    pub payload: Vec<u8>,
    /// At most so many rows may share its batch (a row whose fate is unknown is sent in ever smaller parts); 0 = no bound.
    pub split: u32,
}

/// Which rows first: what changed now, or the backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Seqs above the cursor, ascending; due exceptions before them.
    Live,
    /// Seqs in the back-fill range, descending: newest first.
    Backfill,
}

/// How far an upstream has taken a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Everything up to here was put into a batch or an exception, but for the back-fill range.
    pub seq: u64,
    /// Seqs in `(from, to]` are still ahead, taken from the top.
    pub backfill: Option<(u64, u64)>,
}

/// Why a row that the cursor passed is not stored upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The platform refused it.
    Refused,
    /// Nobody knows whether the platform has it; it is sent again.
    Unknown,
    /// A parent row of this hub is still to be delivered.
    WaitsParent,
    /// An older version of the key is in flight.
    WaitsVerdict,
    /// Its day has not come.
    NotDue,
    /// It is outside the table's scope for this round.
    OutOfScope,
    /// A field must be sealed and no method is set.
    Unsealed,
    /// The table is closed by the ramp.
    Closed,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Unknown,
        Self::WaitsParent,
        Self::WaitsVerdict,
        Self::NotDue,
        Self::OutOfScope,
        Self::Unsealed,
        Self::Closed,
    ];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::WaitsParent => "waits_parent",
            Self::WaitsVerdict => "waits_verdict",
            Self::NotDue => "not_due",
            Self::OutOfScope => "out_of_scope",
            Self::Unsealed => "unsealed",
            Self::Closed => "closed",
        }
    }

    /// The reason of a stable name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// What a person is told: what is the matter, and what lets the rows go.
    pub fn text(self) -> Text {
        let (zh, en) = match self {
            Self::Refused => ("平台退回：更正后重报", "refused by the platform: goes again once it is mended"),
            Self::Unknown => ("下落不明：自动查证后重发", "fate unknown: looked into and sent again by itself"),
            Self::WaitsParent => {
                ("等待所引用的记录先入平台：自动继续", "waits until the record that it refers to is stored: goes on by itself")
            }
            Self::WaitsVerdict => (
                "等待同一记录前一版本的处理结果：自动继续",
                "waits for the verdict on an older version of the record: goes on by itself",
            ),
            Self::NotDue => ("未到报送日期：到期自动报送", "its day has not come: goes on that day by itself"),
            Self::OutOfScope => {
                ("不在本轮报送范围（学年、学期）内：无需处理", "outside this round (school year, term): nothing to do")
            }
            Self::Unsealed => (
                "有须加密的字段，尚未设置加密方法：设置 rows.seal",
                "has a field that must be sealed, and no method is set: set rows.seal",
            ),
            Self::Closed => ("该表尚未开放上报：`xiaoshu release`", "the table is not open to the platform: `xiaoshu release`"),
        };
        Text::new(zh, en)
    }
}

/// A row put into an exception.
#[derive(Debug, Clone)]
pub struct NewException {
    /// The key.
    pub rid: u64,
    /// The version.
    pub seq: u64,
    /// Why.
    pub reason: Reason,
    /// When it is looked at again; `None` = only when something releases it.
    pub due: Option<Millis>,
    /// What the version does.
    pub op: Op,
}

/// A row put into a batch: what of a [`FeedRow`] outlives the sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedRow {
    /// The key.
    pub rid: u64,
    /// The version.
    pub seq: u64,
    /// What it does.
    pub op: Op,
    /// The key upstream.
    pub record_key: RecordKey,
}

impl From<&FeedRow> for StagedRow {
    fn from(row: &FeedRow) -> Self {
        Self { rid: row.rid, seq: row.seq, op: row.op, record_key: row.record_key }
    }
}

/// One transaction that moves the cursor.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// Rows of the new batch, in wire order. None: no batch is made.
    pub members: Vec<StagedRow>,
    /// Rows that wait.
    pub exceptions: Vec<NewException>,
    /// The cursor afterwards.
    pub cursor: Cursor,
    /// Nothing of the batch may be sent after this.
    pub not_after: Millis,
    /// Now.
    pub at: Millis,
}

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchPhase {
    /// Written; perhaps sent, perhaps not: a batch found so after a restart, past its `not_after`, is unknown.
    Staged,
    /// Sending began.
    Sent,
    /// The platform gave a receipt; the verdict is to come.
    Accepted,
}

/// What the platform said to a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The platform's own name for the batch; for the Ministry's interface its reply time, `yyyy-MM-dd HH:mm:ss`.
    pub mark: String,
    /// When we got it.
    pub at: Millis,
}

/// A batch that is not settled.
#[derive(Debug, Clone)]
pub struct BatchInfo {
    /// The batch.
    pub id: BatchId,
    /// Its upstream.
    pub upstream: UpstreamId,
    /// Its feed.
    pub feed: FeedId,
    /// How far it has come.
    pub phase: BatchPhase,
    /// Rows in it.
    pub rows: u32,
    /// When it was staged.
    pub staged: Millis,
    /// When sending began.
    pub sent: Option<Millis>,
    /// Nothing of it may be sent after this.
    pub not_after: Millis,
    /// The receipt.
    pub receipt: Option<Receipt>,
    /// Complete result queries past `not_after` that did not contain it: how many, and the time of the first.
    pub absences: (u32, Option<Millis>),
    /// How often a verdict was asked for.
    pub asked: u32,
    /// When to ask (again).
    pub ask_at: Option<Millis>,
}

/// A member of a batch.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Place in the batch, counted from 0.
    pub ordinal: u32,
    /// The key.
    pub rid: u64,
    /// The version sent.
    pub seq: u64,
    /// The key upstream.
    pub record_key: RecordKey,
}

/// What became of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Upstream holds it.
    Stored,
    /// Upstream refused it.
    Refused {
        /// The platform's text.
        text: String,
        /// The field it names, where it could be read out.
        field: Option<String>,
    },
    /// Nobody knows; to be sent again in batches of at most `split` rows.
    Unknown {
        /// Bound of the next batch's rows.
        split: u32,
    },
}

/// The verdict on one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberVerdict {
    /// Place in the batch.
    pub ordinal: u32,
    /// What became of it.
    pub outcome: Outcome,
}

/// Which exceptions are meant.
#[derive(Debug, Clone, Default)]
pub struct ExceptionFilter {
    /// One upstream only.
    pub upstream: Option<UpstreamId>,
    /// One feed only.
    pub feed: Option<FeedId>,
    /// One reason only.
    pub reason: Option<Reason>,
    /// At most so many; 0 for all.
    pub limit: u32,
}

/// An exception.
#[derive(Debug, Clone)]
pub struct ExceptionRow {
    /// The natural key's bytes.
    pub natural_key: Vec<u8>,
    /// Its upstream.
    pub upstream: UpstreamId,
    /// Its feed.
    pub feed: FeedId,
    /// The key.
    pub rid: u64,
    /// The key upstream.
    pub record_key: RecordKey,
    /// The version.
    pub seq: u64,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Millis,
    /// When it is looked at again.
    pub due: Option<Millis>,
    /// The platform's text.
    pub text: Option<String>,
    /// The field it names.
    pub field: Option<String>,
    /// Refusals so far (for the one re-offer).
    pub refusals: u32,
}

/// How far a table is open to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RampStep {
    /// Nothing is sent.
    Closed,
    /// At most 20 rows.
    Canary,
    /// At most 1,000 rows.
    Limited,
    /// Everything.
    Open,
}

impl RampStep {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Canary => "canary",
            Self::Limited => "limited",
            Self::Open => "open",
        }
    }

    /// How it is written in a database.
    pub(super) fn code(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::Canary => 1,
            Self::Limited => 2,
            Self::Open => 3,
        }
    }

    /// From its code.
    pub(super) fn of_code(code: i64) -> Self {
        match code {
            0 => Self::Closed,
            1 => Self::Canary,
            2 => Self::Limited,
            _ => Self::Open,
        }
    }

    /// The step after this one; the last stays.
    pub fn next(self) -> Self {
        match self {
            Self::Closed => Self::Canary,
            Self::Canary => Self::Limited,
            Self::Limited | Self::Open => Self::Open,
        }
    }
}

/// The ramp of one (upstream, table).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RampState {
    /// The step.
    pub step: RampStep,
    /// Rows sent within this step.
    pub used: u64,
    /// Why it was closed, when it was.
    pub why: Option<String>,
}

/// Which stored rows go again.
#[derive(Debug, Clone, Copy)]
pub enum Again<'a> {
    /// All of them.
    All,
    /// Those with a value in one of these fields.
    Having(&'a [&'a str]),
    /// Those with these keys.
    Keys(&'a [RecordKey]),
}

impl<'a> Again<'a> {
    /// Names of fields and keys; `None` where they do not matter.
    pub(super) fn bounds(self) -> (Option<&'a [&'a str]>, Option<Vec<&'a str>>) {
        match self {
            Self::All => (None, None),
            Self::Having(fields) => (Some(fields), None),
            Self::Keys(keys) => (None, Some(keys.iter().map(RecordKey::as_str).collect())),
        }
    }
}

/// What delivery keeps.
#[async_trait::async_trait]
pub trait DeliveryStore: Send + Sync {
    /// The number of an upstream, by its name in the settings.
    async fn open_upstream(&self, name: &str) -> Result<UpstreamId, StoreError>;

    /// Makes an (upstream, feed) pair known, with its ramp at `step`, unless it is known. Stock counters start here:
    /// every live key is ahead of the cursor.
    async fn attach(&self, upstream: UpstreamId, feed: FeedId, step: RampStep) -> Result<(), StoreError>;

    /// The cursor.
    async fn cursor(&self, upstream: UpstreamId, feed: FeedId) -> Result<Cursor, StoreError>;

    /// Moves everything ahead of the cursor but the newest `keep` seqs into the back-fill range.
    async fn open_backfill(&self, upstream: UpstreamId, feed: FeedId, keep: u64) -> Result<Cursor, StoreError>;

    /// The next rows of a lane, at most `limit` rows and about `bytes` bytes; in the live lane exceptions due at `at`
    /// come first (newest version of the key), then rows above the cursor in seq order.
    async fn pending(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        lane: Lane,
        limit: u32,
        bytes: u64,
        at: Millis,
    ) -> Result<Vec<FeedRow>, StoreError>;

    /// Which of these keys are in flight to the upstream.
    async fn in_flight(&self, upstream: UpstreamId, feed: FeedId, rids: &[u64]) -> Result<Vec<u64>, StoreError>;

    /// Moves rows into a batch and into exceptions and sets the cursor, in one transaction.
    async fn stage(&self, upstream: UpstreamId, feed: FeedId, stage: &Stage) -> Result<Option<BatchId>, StoreError>;

    /// Sending begins.
    async fn mark_sent(&self, batch: BatchId, at: Millis) -> Result<(), StoreError>;

    /// The platform accepted the batch; ask for the verdict at `ask_at`.
    async fn receipt(&self, batch: BatchId, receipt: &Receipt, ask_at: Millis) -> Result<(), StoreError>;

    /// The verdict was asked for and is not there yet.
    async fn asked(&self, batch: BatchId, ask_at: Millis) -> Result<(), StoreError>;

    /// A complete result query past `not_after` did not contain the batch.
    async fn absent(&self, batch: BatchId, at: Millis) -> Result<(), StoreError>;

    /// Settles a batch: stored rows are stored, refused ones become exceptions with one re-offer due at `reoffer_at`
    /// (none after the second refusal), unknown ones exceptions due at once. Exceptions `waits_verdict` of its keys are
    /// due at once. Members without a verdict are an error.
    async fn settle(
        &self,
        batch: BatchId,
        verdicts: &[MemberVerdict],
        reoffer_at: Option<Millis>,
        at: Millis,
    ) -> Result<(), StoreError>;

    /// The batch counts as never arrived: its rows wait again (unknown, due at once).
    async fn give_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError>;

    /// Unsettled batches, oldest first.
    async fn batches(&self, upstream: UpstreamId, feed: Option<FeedId>) -> Result<Vec<BatchInfo>, StoreError>;

    /// A batch's members in wire order.
    async fn members(&self, batch: BatchId) -> Result<Vec<MemberRow>, StoreError>;

    /// Marks of settled and unsettled batches of a feed since a time, newest first: results that they claim are taken.
    async fn marks(&self, upstream: UpstreamId, feed: FeedId, since: Millis) -> Result<Vec<String>, StoreError>;

    /// Exceptions.
    async fn exceptions(&self, filter: &ExceptionFilter) -> Result<Vec<ExceptionRow>, StoreError>;

    /// Makes exceptions due at once; returns how many.
    async fn release(&self, filter: &ExceptionFilter, at: Millis) -> Result<u64, StoreError>;

    /// Puts stored rows of a feed ahead again. Returns how many.
    async fn resend(&self, upstream: UpstreamId, feed: FeedId, which: Again<'_>, at: Millis) -> Result<u64, StoreError>;

    /// The ramp.
    async fn ramp(&self, upstream: UpstreamId, feed: FeedId) -> Result<RampState, StoreError>;

    /// Sets the ramp's step; `used` starts at 0. Exceptions `closed` become due.
    async fn set_ramp(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        step: RampStep,
        why: Option<&str>,
        at: Millis,
    ) -> Result<(), StoreError>;
}
