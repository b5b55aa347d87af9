//! What became of rows, counted by table and domain: part of several answers.

use serde::Serialize;

use crate::standard::Domain;

/// A domain's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainName {
    /// `basic` ….
    pub key: &'static str,
    /// The Chinese name.
    pub zh: &'static str,
}

impl From<Domain> for DomainName {
    fn from(domain: Domain) -> Self {
        Self { key: domain.name(), zh: domain.label_zh() }
    }
}

/// What became of the rows of a table: both equations side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Rows read.
    pub read: u64,
    /// New and changed records.
    pub changed: u64,
    /// Records as they were.
    pub unchanged: u64,
    /// Rows equal to one already seen.
    pub duplicate: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Rows left out by the filter.
    pub filtered: u64,
    /// Rows that went into a derivation.
    pub consumed: u64,
    /// Live keys.
    pub live: u64,
    /// Stored upstream.
    pub stored: u64,
    /// Sent, verdict to come.
    pub in_flight: u64,
    /// Still to be sent.
    pub waiting: u64,
    /// Refused by the platform.
    pub refused: u64,
    /// Fate unknown.
    pub unknown: u64,
    /// Held, whatever the reason.
    pub held: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.duplicate += other.duplicate;
        self.quarantined += other.quarantined;
        self.filtered += other.filtered;
        self.consumed += other.consumed;
        self.live += other.live;
        self.stored += other.stored;
        self.in_flight += other.in_flight;
        self.waiting += other.waiting;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.held += other.held;
    }
}

/// One table's counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableLine {
    /// The table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A domain with its tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainSection {
    /// The domain.
    pub domain: DomainName,
    /// Its tables, in printed order.
    pub tables: Vec<TableLine>,
}
