//! Store read models into answers.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::plan::Plan;
use super::{
    ComparedLine, Counts, DeletionLine, DifferenceLine, DomainSection, ImbalanceLine, LeaseLine, MissingLine, NoticeLine,
    QuarantineRow, RunLine, TableLine, UpstreamStock, ViolationLine,
};
use crate::finding::Text;
use crate::standard::{Domain, Standard};
use crate::store::{
    Compared, ComparisonRow, Difference, FeedId, Imbalance, Landed, LeaseRow, Leased, Millis, MissingRow, Notice,
    PendingDeletion, QuarantinedRow, RunRow, StockRow, TableRow,
};

/// `YYYY-MM-DD HH:MM` in China.
pub(super) fn minute(at: Millis) -> String {
    zoned(at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// `YYYY-MM-DD HH:MM:SS` in China.
pub(super) fn second(at: Millis) -> String {
    zoned(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn zoned(at: Millis) -> jiff::Zoned {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::fixed(Offset::constant(8)))
}

/// The run's side of the counts.
pub(super) fn run_counts(landed: &Landed) -> Counts {
    Counts {
        read: landed.read,
        changed: landed.changed,
        unchanged: landed.unchanged,
        duplicate: landed.duplicate,
        quarantined: landed.quarantined,
        filtered: landed.filtered,
        consumed: landed.consumed,
        ..Counts::default()
    }
}

/// One run.
pub(super) fn run_line(run: &RunRow) -> RunLine {
    RunLine {
        source: run.source.clone(),
        table: run.table.clone(),
        complete: run.complete,
        error: run.error.clone(),
        counts: run_counts(&run.landed),
    }
}

/// Tables by domain: what these runs did, and where the stock stands (summed over upstreams when there are several).
pub(super) fn domains(standard: &Standard, runs: &[RunRow], stock: &[StockRow], feeds: &[TableRow]) -> Vec<DomainSection> {
    let mut by_feed: HashMap<FeedId, Counts> = HashMap::new();
    for run in runs {
        *by_feed.entry(run.feed).or_default() += run_counts(&run.landed);
    }
    for row in stock {
        let counts = by_feed.entry(row.feed).or_default();
        *counts += Counts {
            stored: row.stock.stored,
            in_flight: row.stock.in_flight,
            waiting: row.stock.waiting,
            refused: row.stock.refused,
            unknown: row.stock.unknown,
            held: row.stock.held.values().sum(),
            ..Counts::default()
        };
    }
    let mut sections: BTreeMap<Domain, Vec<(u16, TableLine)>> = BTreeMap::new();
    for feed in feeds {
        let Some(plan) = standard.find(&feed.table) else { continue };
        let mut counts = by_feed.get(&feed.feed).copied().unwrap_or_default();
        counts.live = feed.live;
        let line = TableLine { table: feed.table.clone(), label: plan.label_zh.to_string(), counts };
        sections.entry(plan.domain).or_default().push((plan.id.0, line));
    }
    sections
        .into_iter()
        .map(|(domain, mut tables)| {
            tables.sort_by_key(|(id, _)| *id);
            DomainSection { domain: domain.into(), tables: tables.into_iter().map(|(_, line)| line).collect() }
        })
        .collect()
}

/// Stock of one table at one upstream.
pub(super) fn upstream_stock(row: &StockRow, ramp: &str, compared: Option<ComparedLine>) -> UpstreamStock {
    UpstreamStock {
        upstream: row.upstream_name.clone(),
        live: row.stock.live,
        stored: row.stock.stored,
        in_flight: row.stock.in_flight,
        waiting: row.stock.waiting,
        refused: row.stock.refused,
        unknown: row.stock.unknown,
        held: row.stock.held.clone(),
        ramp: ramp.to_owned(),
        last_stored: row.last_stored.map(minute),
        compared,
    }
}

/// The newest comparison of one table at one upstream.
pub(super) fn compared(row: &ComparisonRow) -> ComparedLine {
    let last = &row.last;
    let (outcome, differing, why) = match &last.outcome {
        Compared::Equal => ("equal", 0, None),
        Compared::Differing(records) => ("differing", *records, None),
        Compared::Impossible(why) => (NOT_COMPARABLE, 0, Some(why.clone())),
    };
    ComparedLine {
        outcome,
        at: Some(minute(last.at)),
        position: last.position,
        records: last.records,
        differing,
        foreign: last.foreign,
        why,
        last_equal: row.equal_at.map(minute),
        last_differing: row.differed.map(|(at, records)| (minute(at), records)),
    }
}

const NOT_COMPARABLE: &str = "not_comparable";

/// What stands in place of a comparison where there can be none.
pub(super) fn not_comparable(why: Text) -> ComparedLine {
    ComparedLine {
        outcome: NOT_COMPARABLE,
        at: None,
        position: 0,
        records: 0,
        differing: 0,
        foreign: 0,
        why: Some(why),
        last_equal: None,
        last_differing: None,
    }
}

/// A notice of an upstream.
pub(super) fn notice(upstream: String, table: Option<String>, notice: Notice) -> NoticeLine {
    NoticeLine {
        kind: notice.kind.name(),
        upstream: Some(upstream),
        source: None,
        table,
        text: notice.text,
        since: Some(minute(notice.since)),
        until: notice.until.map(second),
    }
}

/// Imbalances.
pub(super) fn imbalances(found: Vec<Imbalance>) -> Vec<ImbalanceLine> {
    found.into_iter().map(|i| ImbalanceLine { what: i.what, counted: i.counted, found: i.found }).collect()
}

/// Deletions that wait.
pub(super) fn deletion(plan: &Plan, row: PendingDeletion) -> DeletionLine {
    let sample = |missing: &MissingRow| MissingLine {
        natural_key: plan.natural_key_words(&row.table, &missing.natural_key),
        key: missing.record_key.clone(),
        last_seen: (missing.seen > 0).then(|| minute(missing.seen)),
    };
    DeletionLine {
        samples: row.samples.iter().map(sample).collect(),
        table: row.table,
        source: row.source,
        count: row.count,
        why: row.why,
        since: minute(row.since),
        code: row.code,
    }
}

/// Where two sources differ.
pub(super) fn difference(standard: &Standard, row: Difference) -> DifferenceLine {
    let plan = standard.find(&row.table);
    let label = plan.and_then(|plan| Some(plan.field(plan.find(&row.field)?).label.to_string())).unwrap_or_default();
    let Difference { table, field, holder, source, rows } = row;
    DifferenceLine { table, field, label, holder, source, rows }
}

#[derive(Deserialize)]
struct StoredViolation {
    rule: String,
    severity: String,
    #[serde(default)]
    field: Option<String>,
    zh: String,
    en: String,
}

#[derive(Deserialize)]
struct StoredWait {
    table: String,
    field: String,
}

/// A quarantined row; `raw` only when asked for.
pub(super) fn quarantine_row(row: &QuarantinedRow, table: &str, owner: Option<&str>, with_raw: bool) -> QuarantineRow {
    let violations: Vec<StoredViolation> = serde_json::from_str(&row.violations).unwrap_or_default();
    let waits: Vec<StoredWait> = serde_json::from_str(&row.waits_for).unwrap_or_default();
    QuarantineRow {
        id: row.id,
        table: table.to_owned(),
        source: row.source.to_string(),
        origin: row.origin.clone(),
        natural_key: None,
        since: minute(row.since),
        owner: owner.map(str::to_owned),
        violations: violations
            .into_iter()
            .map(|v| ViolationLine { rule: v.rule, severity: v.severity, field: v.field, text: Text::new(v.zh, v.en) })
            .collect(),
        waits_for: waits.iter().map(|w| format!("{}.{}", w.table, w.field)).collect(),
        raw: if with_raw { raw_cells(&row.raw) } else { Vec::new() },
    }
}

/// A raw row's columns and cells in order.
pub(super) fn raw_cells(raw: &str) -> Vec<(String, Option<String>)> {
    let row: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    row.into_iter().map(|(name, value)| (name, value.as_str().map(str::to_owned))).collect()
}

/// A lease, as status shows it.
pub(super) fn lease(row: LeaseRow) -> LeaseLine {
    let kind = match &row.on {
        Leased::Stream(_) => "source",
        Leased::Upstream(_) => "upstream",
    };
    LeaseLine { kind, name: row.on.name().to_string(), holder: row.holder, epoch: row.epoch, expired: row.expired }
}
