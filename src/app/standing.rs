//! Answer of `status`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{DomainName, ImbalanceLine};
use crate::finding::Text;
use crate::pipeline::Change;

/// Answer of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusAnswer {
    /// The school's name.
    pub school: String,
    /// The edition reported.
    pub edition: String,
    /// Now, `YYYY-MM-DD HH:MM:SS`.
    pub at: String,
    /// There is no store yet: where it would be, and what makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing_yet: Option<Text>,
    /// The tables, by domain, in printed order.
    pub tables: Vec<StatusLine>,
    /// What somebody should know of an upstream: troubles, what stopped, warnings.
    pub notices: Vec<NoticeLine>,
    /// Deletions that wait for approval.
    pub deletions: Vec<DeletionLine>,
    /// Records gone at the source that still stand upstream.
    pub gone: Vec<GoneCount>,
    /// Where sources of one table differ: rows that wait because another source holds their records.
    pub differences: Vec<DifferenceLine>,
    /// Records whose source no mapping reads any more, and that no other source has taken over.
    pub unowned: Vec<UnownedLine>,
    /// Which hub has which source and upstream, where several share the store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<LeaseLine>,
    /// Equations that do not hold.
    pub imbalances: Vec<ImbalanceLine>,
}

/// Where one table stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusLine {
    /// The domain.
    pub domain: DomainName,
    /// The table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// Live records.
    pub live: u64,
    /// Open quarantined rows.
    pub quarantined: u64,
    /// Of these, rows whose record key belongs to another record.
    pub collisions: u64,
    /// Records that stand while a bad newer version waits.
    pub stale: u64,
    /// When it was read completely last, or, where only what changed is read, when it was last brought up to date:
    /// `YYYY-MM-DD HH:MM`.
    pub last_read: Option<String>,
    /// When it is due next, `YYYY-MM-DD`.
    pub due: Option<String>,
    /// Whether it is overdue.
    pub overdue: bool,
    /// Why it is parked.
    pub parked: Option<String>,
    /// The sources for which it pauses, because they show something else than before.
    pub paused: Vec<PausedLine>,
    /// What stopped its last run; `None` when that was a pause.
    pub error: Option<String>,
    /// Why its last read proves no deletions, where it should.
    pub doubt: Option<Text>,
    /// Reads of everything that are under way, by source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reading: Vec<ReadingLine>,
    /// Sources whose last read of everything found changes that reading what changed had missed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<MissedLine>,
    /// Stock by upstream.
    pub upstreams: Vec<UpstreamStock>,
}

/// A read of everything that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadingLine {
    /// The source.
    pub source: String,
    /// Rows read.
    pub done: u64,
    /// Rows that there were when it began.
    pub total: u64,
    /// Whole percent.
    pub percent: u64,
}

/// Changes that reading what changed had missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissedLine {
    /// The source.
    pub source: String,
    /// The columns that should have shown them; none where the log should have.
    pub columns: Vec<String>,
    /// How many records.
    pub missed: u64,
    /// When everything was compared, `YYYY-MM-DD HH:MM`.
    pub at: String,
}

/// Stock of a table at one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamStock {
    /// The upstream.
    pub upstream: String,
    /// Live keys.
    pub live: u64,
    /// Stored.
    pub stored: u64,
    /// Sent, verdict to come.
    pub in_flight: u64,
    /// Still to be sent.
    pub waiting: u64,
    /// Refused.
    pub refused: u64,
    /// Fate unknown.
    pub unknown: u64,
    /// Held, by reason.
    pub held: BTreeMap<String, u64>,
    /// The ramp's step.
    pub ramp: String,
    /// When something was stored last, `YYYY-MM-DD HH:MM`.
    pub last_stored: Option<String>,
    /// The newest comparison with what the platform holds; `None` before the first.
    pub compared: Option<ComparedLine>,
}

/// What the newest comparison of a table with what the platform holds came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparedLine {
    /// `equal`, `differing` or `not_comparable`.
    pub outcome: &'static str,
    /// When it was made; `None` where the interface has no read-back.
    pub at: Option<String>,
    /// The newest seq that went into it, as the platform sees it.
    pub position: u64,
    /// Our records that went into it.
    pub records: u64,
    /// Records that differed at two looks; they went again.
    pub differing: u64,
    /// Records that the platform holds and this hub does not.
    pub foreign: u64,
    /// Why it was not comparable.
    pub why: Option<Text>,
    /// When both were last found to hold the same.
    pub last_equal: Option<String>,
    /// When records were last found to differ, and how many.
    pub last_differing: Option<(String, u64)>,
}

/// What somebody should know of an upstream, as the service wrote it down last, or of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeLine {
    /// `trouble`: something fails and is tried again by itself; `stopped`: nothing is sent, for a reason; `warning`: everything goes
    /// well, and something should be looked at.
    pub kind: &'static str,
    /// The upstream; without one and without a source it is about this hub's own gRPC face.
    pub upstream: Option<String>,
    /// The source.
    pub source: Option<String>,
    /// The table, where it is about one.
    pub table: Option<String>,
    /// What is the matter, and the remedy.
    pub text: Text,
    /// Since when.
    pub since: Option<String>,
    /// When it is tried again.
    pub until: Option<String>,
}

/// A table that pauses for one source. Its records stand as they were last read; nothing is read until somebody has acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PausedLine {
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// `mapping_affected` or `reporting_affected`.
    pub class: &'static str,
    /// Since when.
    pub since: String,
    /// Live records of the source when the pause began.
    pub records: u64,
    /// The department to tell, where one is named.
    pub owner: Option<String>,
    /// What has changed.
    pub text: Text,
    /// What to do.
    pub todo: Text,
    /// Whether `xiaoshu drift accept` can end it.
    pub acceptable: bool,
    /// Whether somebody accepted it, so that the next collection goes on.
    pub accepted: bool,
    /// The changes one by one.
    pub changes: Vec<Change>,
}

/// A change at a source that paused nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotedLine {
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// What has changed.
    pub text: Text,
    /// When it was seen.
    pub at: String,
}

/// Answer of `drift`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct DriftAnswer {
    /// The tables that pause.
    pub paused: Vec<PausedLine>,
    /// The newest change of each table and source that paused nothing.
    pub noted: Vec<NotedLine>,
    /// Whether something was accepted.
    pub accepted: bool,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Text>,
}

/// Rows that differ in a field from the records that another source holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DifferenceLine {
    /// The table.
    pub table: String,
    /// The field.
    pub field: String,
    /// Its Chinese name.
    pub label: String,
    /// The source that holds the records.
    pub holder: String,
    /// The source whose rows wait.
    pub source: String,
    /// How many rows; one that differs in several fields counts under each.
    pub rows: u64,
}

/// Records that are nobody's: they stand, and nothing changes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnownedLine {
    /// The table.
    pub table: String,
    /// The source that landed them.
    pub source: String,
    /// How many.
    pub records: u64,
    /// What to do.
    pub remedy: Text,
}

/// What a hub has to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseLine {
    /// `source` or `upstream`.
    pub kind: &'static str,
    /// Its name in the settings.
    pub name: String,
    /// The hub.
    pub holder: String,
    /// How often it was taken, with the store's generation above.
    pub epoch: u64,
    /// The hub has not renewed it in time: another takes over soon.
    pub expired: bool,
}

/// Deletions that wait for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletionLine {
    /// The table.
    pub table: String,
    /// The source.
    pub source: String,
    /// How many records.
    pub count: u64,
    /// Up to ten of them.
    pub samples: Vec<MissingLine>,
    /// Why they are held.
    pub why: Text,
    /// Since when.
    pub since: String,
    /// The code by which the table's list is approved as it stands.
    pub code: String,
}

/// A record that its source no longer gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingLine {
    /// The record key, as the platform has it.
    pub key: String,
    /// The natural key in words; `None` when a part of it is sensitive.
    pub natural_key: Option<String>,
    /// The end of the last complete read that may have seen it, `YYYY-MM-DD HH:MM`.
    pub last_seen: Option<String>,
}

/// Records of a table that are gone at the source and still stand upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoneCount {
    /// The upstream.
    pub upstream: String,
    /// The table.
    pub table: String,
    /// How many.
    pub count: u64,
}
