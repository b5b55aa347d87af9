//! What the commands answer: plain data, printed as tables or as JSON. Field names are stable: scripts read them.

use std::path::PathBuf;

use serde::Serialize;

use super::counts::{Counts, DomainSection};
use super::standing::DeletionLine;
use crate::config::Fault;
use crate::finding::Text;

/// Quarantined rows by cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CauseLine {
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// The rule broken.
    pub rule: String,
    /// The field; empty when the row as a whole is meant.
    pub field: String,
    /// The department to tell, where the mapping names one.
    pub owner: Option<String>,
    /// How many rows.
    pub rows: u64,
}

/// Refused records by the platform's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalLine {
    /// The upstream.
    pub upstream: String,
    /// The table.
    pub table: String,
    /// The field it names.
    pub field: Option<String>,
    /// The platform's text.
    pub text: String,
    /// How many records.
    pub rows: u64,
}

/// Answer of `request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemAnswer {
    /// The folder written.
    pub to: PathBuf,
    /// The files in it.
    pub files: Vec<String>,
    /// What is asked for.
    pub tables: Vec<AskedTable>,
}

/// A table that a system's keeper is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskedTable {
    /// The table of the standard.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// The view.
    pub view: String,
    /// How many columns.
    pub columns: usize,
    /// Those that have to be there.
    pub mandatory: usize,
    /// Those with sensitive values.
    pub sensitive: usize,
    /// Whether a mapping says where the columns come from; otherwise the keeper fills the view in.
    pub mapped: bool,
}

/// A number held against the one it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What is compared.
    pub what: Text,
    /// What it should be.
    pub expected: u64,
    /// What it is.
    pub found: u64,
}

impl Compared {
    /// Whether they agree.
    pub fn agrees(&self) -> bool {
        self.expected == self.found
    }
}

/// A counter that does not agree with a recount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImbalanceLine {
    /// What was compared.
    pub what: String,
    /// By the counter.
    pub counted: i64,
    /// By recount.
    pub found: i64,
}

/// Answer of `demo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoAnswer {
    /// Where its state is.
    pub data: PathBuf,
    /// Where the embedded platform listens.
    pub brain: String,
    /// Whether the folder was new: the first run reports everything, a later one only changes.
    pub first: bool,
    /// How long it took.
    pub millis: u64,
    /// Records sent in this run.
    pub sent: u64,
    /// Tables by domain.
    pub domains: Vec<DomainSection>,
    /// Quarantine by cause.
    pub causes: Vec<CauseLine>,
    /// Refusals by text.
    pub refusals: Vec<RefusalLine>,
    /// Numbers against those that the generator knows.
    pub compared: Vec<Compared>,
    /// Equations that do not hold.
    pub imbalances: Vec<ImbalanceLine>,
}

/// What a check was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum Target {
    /// A source.
    Source(String),
    /// An upstream.
    Upstream(String),
    /// A mapping file.
    Mapping(String),
    /// The hub itself.
    Hub,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckStep {
    /// What it is part of.
    pub target: Target,
    /// What was looked at.
    pub what: Text,
    /// Whether it is as it should be; `None` for a note.
    pub ok: Option<bool>,
    /// What was found.
    pub found: Text,
    /// How to mend it.
    pub remedy: Option<Text>,
}

/// Answer of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct CheckAnswer {
    /// Faults of settings and mappings.
    pub faults: Vec<Fault>,
    /// What the further checks found.
    pub steps: Vec<CheckStep>,
    /// Mapped tables and all tables of the edition.
    pub mapped: (usize, usize),
}

/// One violation, both texts; never a sensitive value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViolationLine {
    /// The rule.
    pub rule: String,
    /// `error`, `warning`, `hint`.
    pub severity: String,
    /// The field, where one is meant.
    pub field: Option<String>,
    /// The whole message.
    pub text: Text,
}

/// What became of a tried row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TryVerdict {
    /// It would land.
    Accepted,
    /// It would go to quarantine.
    Rejected,
    /// The mapping's filter leaves it out.
    Filtered,
}

/// A row before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TryRow {
    /// Where it came from.
    pub origin: String,
    /// Columns and cells as read; cells that feed sensitive fields withheld unless asked for.
    pub before: Vec<(String, Option<String>)>,
    /// Fields and values as they would be reported; empty where the row is filtered.
    pub after: Vec<(String, Option<String>)>,
    /// What would become of it.
    pub verdict: TryVerdict,
    /// Its violations.
    pub violations: Vec<ViolationLine>,
}

/// Answer of `try`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TryAnswer {
    /// The table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// The source.
    pub source: String,
    /// The rows.
    pub rows: Vec<TryRow>,
}

/// One finished run of a source onto a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunLine {
    /// The source.
    pub source: String,
    /// The table.
    pub table: String,
    /// Whether it was read completely.
    pub complete: bool,
    /// What stopped it.
    pub error: Option<String>,
    /// Totals (the run's side of the counts).
    #[serde(flatten)]
    pub counts: Counts,
}

/// Answer of `run --once`, or of `run` when it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct RunAnswer {
    /// The runs.
    pub runs: Vec<RunLine>,
    /// Tables by domain, as they stand now.
    pub domains: Vec<DomainSection>,
    /// Where reporting was left before its end; filled by `--once` only.
    pub left: Vec<LeftLine>,
    /// Equations that do not hold.
    pub imbalances: Vec<ImbalanceLine>,
}

/// An upstream, or one table of it, that reporting left before all was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftLine {
    /// The upstream.
    pub upstream: String,
    /// The table; `None` when the upstream as a whole was left.
    pub table: Option<String>,
    /// Why.
    pub why: Text,
}

/// One quarantined row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineRow {
    /// Its number.
    pub id: i64,
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// Where it came from.
    pub origin: String,
    /// The natural key in words; `None` when it could not be read or a part of it is sensitive.
    pub natural_key: Option<String>,
    /// Since when.
    pub since: String,
    /// The department to tell.
    pub owner: Option<String>,
    /// Its violations.
    pub violations: Vec<ViolationLine>,
    /// What it waits for, as `TABLE.FIELD`; empty where it waits for a correction.
    pub waits_for: Vec<String>,
    /// Columns and cells as read; filled by `show` and `export` only.
    pub raw: Vec<(String, Option<String>)>,
}

/// Answer of `quarantine list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct QuarantineList {
    /// All open rows by cause.
    pub causes: Vec<CauseLine>,
    /// The rows asked for, when a filter was given.
    pub rows: Vec<QuarantineRow>,
    /// Records that the platform refused, by its text.
    pub refusals: Vec<RefusalLine>,
    /// Those records one by one, when a table was asked for.
    pub refused: Vec<RefusedRow>,
}

/// A record that the platform refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// The upstream.
    pub upstream: String,
    /// The table.
    pub table: String,
    /// The record key, as the platform has it.
    pub key: String,
    /// The natural key in words; `None` when a part of it is sensitive.
    pub natural_key: Option<String>,
    /// Since when.
    pub since: String,
    /// The field that the text names.
    pub field: Option<String>,
    /// The platform's text.
    pub text: String,
}

/// Answer of `quarantine retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct RetryAnswer {
    /// Rows run again.
    pub tried: u64,
    /// Rows that landed.
    pub landed: u64,
    /// Rows that went back into quarantine.
    pub rejected: u64,
    /// Rows not run: the source could not be read whole there; they wait for it to be read again.
    pub unread: u64,
    /// Refused records offered again.
    pub reoffered: u64,
}

/// Answer of `quarantine export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportAnswer {
    /// The file.
    pub file: PathBuf,
    /// Rows in it.
    pub rows: u64,
}

/// The ramp of one (upstream, table).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RampLine {
    /// The upstream.
    pub upstream: String,
    /// The table.
    pub table: String,
    /// Its step.
    pub step: String,
    /// Rows sent within the step.
    pub used: u64,
    /// Why it was closed.
    pub why: Option<String>,
    /// Whether this call moved it.
    pub moved: bool,
    /// Why it could not be moved on.
    pub refused: Option<Text>,
}

/// Answer of `release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ReleaseAnswer {
    /// The ramps.
    pub ramps: Vec<RampLine>,
}

/// Stored records of one (upstream, table) that go again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResendLine {
    /// The upstream.
    pub upstream: String,
    /// The table.
    pub table: String,
    /// Records put ahead.
    pub rows: u64,
    /// Why none were.
    pub refused: Option<Text>,
}

/// Answer of `resend`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ResendAnswer {
    /// A line an (upstream, table).
    pub lines: Vec<ResendLine>,
}

/// Answer of `rekey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RekeyAnswer {
    /// The table.
    pub table: String,
    /// Why it is parked; `None` when it is not.
    pub parked: Option<String>,
    /// Records that stand upstream under the old keys and will stay there.
    pub orphaned: u64,
    /// Record keys of some of them.
    pub samples: Vec<String>,
    /// Whether it was done.
    pub done: bool,
}

/// Answer of `approve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ApproveAnswer {
    /// What waits (before approval).
    pub pending: Vec<DeletionLine>,
    /// How many records were deleted; `None` when nothing was approved.
    pub approved: Option<u64>,
    /// Of those listed, how many were not deleted: they had come back, or were another source's by then.
    pub spared: u64,
    /// Why nothing was approved, where something was to be.
    pub refused: Option<Text>,
}

/// A record that is gone at the source and still stands upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoneLine {
    /// The upstream.
    pub upstream: String,
    /// The table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// The record key, as the platform has it.
    pub key: String,
    /// The natural key in words; `None` when a part of it is sensitive.
    pub natural_key: Option<String>,
    /// The source that it was last read from.
    pub source: String,
    /// When it was taken for gone, `YYYY-MM-DD HH:MM`.
    pub since: String,
    /// Whether the hub itself tells the upstream; otherwise somebody has to have it withdrawn.
    pub told: bool,
}

/// Answer of `gone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct GoneAnswer {
    /// The records asked for; where some were marked, as they were before.
    pub lines: Vec<GoneLine>,
    /// How many were marked as withdrawn; `None` when none were to be.
    pub withdrawn: Option<u64>,
    /// Files written.
    pub files: Vec<PathBuf>,
}

/// Answer of `takeover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakeoverAnswer {
    /// The table.
    pub table: String,
    /// The source that gives up.
    pub from: String,
    /// The source that takes over.
    pub to: String,
    /// Live records that the former held.
    pub held: u64,
    /// Of these, records that the latter gives as well, as its runs have shown: they go over.
    pub given: u64,
    /// Of these, records that it gives with another content, which lands then.
    pub differing: u64,
    /// In which fields they differ.
    pub fields: Vec<DifferingField>,
    /// Records that it does not give: they stay with the former.
    pub left: u64,
    /// Whether a mapping still reads the former onto the table; else what is left waits for approval of its deletion.
    pub from_is_mapped: bool,
    /// How many records wait for approval of their deletion now.
    pub to_approve: u64,
    /// Whether it was done.
    pub done: bool,
}

/// A field in which records differ between two sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DifferingField {
    /// The field.
    pub field: String,
    /// Its Chinese name.
    pub label: String,
    /// In how many records.
    pub records: u64,
}

/// Answer of `brain`, when it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrainAnswer {
    /// Where it listened.
    pub url: String,
    /// Rows stored.
    pub stored: u64,
    /// Rows refused.
    pub refused: u64,
}
