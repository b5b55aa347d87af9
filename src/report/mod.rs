//! Reporting: from the feed to the upstreams, and the verdicts back.
//!
//! One task an upstream, tables interleaved, parents before children. What may go and when is decided by pure parts:
//! `delivery` (the state machine of a batch, matching of results, verdicts row by row), `window` (rounds, scope, due
//! dates, ramp, lanes) and the batcher. Rows are rendered from the store's canonical bytes by a pass compiled per
//! upstream and table. Delivered means *stored upstream*; an accepted submit is only a receipt.

mod batcher;
mod clock;
mod config;
mod delivery;
mod dispatcher;
mod fieldseal;
mod references;
mod render;
mod reporter;
mod setting;
mod status;
mod transport;
mod window;

pub use clock::{Clock, Dice, ManualClock, SeededDice, SystemClock, SystemDice};
pub use config::{Config, DeliveryConfig, RampStart, Resend, ScopeChoice, UpstreamConfig};
pub use delivery::{
    Answer, Backoff, Delivery, Effect, Event, Matching, NumBase, Open, Phase, ResultItem, RowFault, Rules, jittered, judge,
    match_results, refused_whole,
};
pub use dispatcher::note_restored;
pub use fieldseal::{FieldSeal, FieldSealConfig};
pub use render::{DateTimeStyle, NullPolicy, NumberStyle, RenderFault, Rendered, Renderer, Style};
pub use reporter::{DrainReport, DrainedUpstream, Parts, ReportError, Reporter};
pub use setting::{Acceptance, Period, Secret};
pub use status::{ForeignResult, Handle, TableStatus, Trouble, UpstreamStatus};
pub use transport::{
    Fate, Health, Identity, Limits, News, OpenBatch, RangeDigest, Reach, Reply, Request, RowHead, SettingsError, Settled,
    TableDigest, Transport, TransportContext, TransportError, TransportKind, VerdictQuery, WireBatch, digital_base, kafka, kind,
    kinds,
};
pub use window::{
    Calendar, CalendarConfig, Due, Facts, Gate, GateConfig, HoursConfig, Lanes, PeriodConfig, Round, Standing, TermConfig,
    advance, allowance, day_of, due, midnight, quota, scope_named, standing,
};

use std::sync::Arc;

use crate::standard::TablePlan;
use crate::store::FeedId;

/// A table that can be reported.
#[derive(Debug, Clone)]
pub struct ReportedTable {
    /// Its feed in the store.
    pub feed: FeedId,
    /// Its plan.
    pub plan: Arc<TablePlan>,
}
