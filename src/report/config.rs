//! Settings of reporting.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::delivery::{Backoff, NumBase, Rules};
use super::setting::Period;
use super::window::{CalendarConfig, GateConfig};
use crate::store::RampStep;

/// Everything that reporting is told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Upstreams by name.
    pub upstreams: BTreeMap<String, UpstreamConfig>,
    /// The school's calendar.
    pub calendar: CalendarConfig,
}

/// One upstream: its kind, how delivery goes about it, and the transport's own settings.
#[derive(Clone, Deserialize)]
pub struct UpstreamConfig {
    /// The kind of transport.
    pub kind: String,
    /// How delivery goes about it.
    #[serde(default)]
    pub delivery: DeliveryConfig,
    /// The transport's own settings, valid by its schema, secrets resolved. Never printed.
    #[serde(flatten)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Debug for UpstreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamConfig").field("kind", &self.kind).field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

impl UpstreamConfig {
    /// Out of the settings of one upstream as a whole (`kind`, `delivery`, the rest the transport's own).
    ///
    /// # Errors
    /// What does not fit, without values of secrets.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, String> {
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())
    }
}

/// How delivery goes about an upstream, whatever its kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Tables to report, by name; empty for all tables of the edition. Core tables go only when named.
    pub tables: Vec<String>,
    /// Where the ramp starts for a table not yet known.
    pub ramp: RampStart,
    /// Whether stored rows are sent again each period.
    pub resend: Resend,
    /// Scope for all tables: `edition` (as printed), or `all`.
    pub scope: ScopeChoice,
    /// Scope of single tables: `all`, `term`, `school_year`, `mapping`.
    pub scopes: BTreeMap<String, String>,
    /// The back-fill's guaranteed share of all batches, in percent.
    pub backfill_share: u32,
    /// A backlog larger than this becomes the back-fill lane at start.
    pub backfill_from: u64,
    /// From the receipt to the first question for the verdict.
    pub verdict_delay: Period,
    /// The longest time between two questions.
    pub verdict_widest: Period,
    /// How long past its last sending time a batch without receipt must have been absent from the results to count as
    /// never arrived; at least twice the longest verdict delay seen.
    pub unknown_after: Period,
    /// The same for a batch with a receipt whose verdict never comes.
    pub missing_after: Period,
    /// When a refused row is offered once more: the platform may have been mended.
    pub refusal_reoffer: Period,
    /// Time from composing a batch to signing it.
    pub send_window: Period,
    /// First waiting time after a failure.
    pub retry_first: Period,
    /// Longest waiting time after failures.
    pub retry_cap: Period,
    /// How often a fault that somebody has to mend is looked at again.
    pub retry_mend: Period,
    /// How often the store is looked at when nobody says that something changed.
    pub poll: Period,
    /// Whether `num` in results counts from 0 or 1.
    pub num_base: NumBase,
    /// Children wait for parent rows that are still to be delivered.
    pub wait_for_parents: bool,
    /// Sending windows.
    pub gate: GateConfig,
    /// Failures in a row after which `drain` leaves an upstream.
    pub drain_failures: u32,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            ramp: RampStart::Closed,
            resend: Resend::Never,
            scope: ScopeChoice::Edition,
            scopes: BTreeMap::new(),
            backfill_share: 20,
            backfill_from: 100_000,
            verdict_delay: Period::secs(30 * 60),
            verdict_widest: Period::secs(6 * 3600),
            unknown_after: Period::secs(2 * 3600),
            missing_after: Period::secs(24 * 3600),
            refusal_reoffer: Period::secs(7 * 86_400),
            send_window: Period::secs(60),
            retry_first: Period::secs(2),
            retry_cap: Period::secs(600),
            retry_mend: Period::secs(900),
            poll: Period::secs(5),
            num_base: NumBase::Auto,
            wait_for_parents: true,
            gate: GateConfig::default(),
            drain_failures: 6,
        }
    }
}

impl DeliveryConfig {
    /// JSON Schema (2020-12) of these settings.
    pub fn schema() -> &'static str {
        include_str!("delivery.schema.json")
    }

    pub(super) fn rules(&self, limits: &super::transport::Limits, longest: crate::store::Millis) -> Rules {
        Rules {
            verdict_delay: self.verdict_delay.millis(),
            widest: self.verdict_widest.millis(),
            unknown_after: self.unknown_after.millis(),
            missing_after: self.missing_after.millis(),
            dedupes: limits.dedupes,
            resumes: limits.unsettled.is_some(),
        }
        .with_longest_delay(longest)
    }

    pub(super) fn backoff(&self) -> Backoff {
        Backoff { first: self.retry_first.millis(), cap: self.retry_cap.millis(), mend: self.retry_mend.millis() }
    }
}

/// Where the ramp starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RampStart {
    /// Nothing goes until the owner approves.
    #[default]
    Closed,
    /// 20 rows go at once.
    Canary,
    /// Everything goes at once.
    Open,
}

impl From<RampStart> for RampStep {
    fn from(start: RampStart) -> Self {
        match start {
            RampStart::Closed => Self::Closed,
            RampStart::Canary => Self::Canary,
            RampStart::Open => Self::Open,
        }
    }
}

/// Whether stored rows are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resend {
    /// Only changes go.
    #[default]
    Never,
    /// All rows once a period of the table's frequency, for platforms that count only what arrives.
    EachPeriod,
}

/// Whose scope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeChoice {
    /// The edition's, a table at a time.
    #[default]
    Edition,
    /// Every row is in scope.
    All,
}
