//! What the commands are asked.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Progress;
use crate::finding::Lang;
use crate::propose::Way;

/// What every command gets.
pub struct Context<'a> {
    /// The settings file.
    pub settings: PathBuf,
    /// The store's folder, when it is not to be the one of the settings.
    pub data: Option<PathBuf>,
    /// A folder that replaces the embedded `schemas/`.
    pub schemas: Option<PathBuf>,
    /// The user's language, for texts that a part makes whole.
    pub lang: Lang,
    /// Where long work reports to.
    pub progress: &'a dyn Progress,
}

/// `xiaoshu demo`.
#[derive(Debug, Clone, Default)]
pub struct DemoRequest {
    /// End when all verdicts are in.
    pub once: bool,
    /// The way to the platform.
    pub upstream: DemoUpstream,
}

/// A way to the demo's platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DemoUpstream {
    /// The Ministry's HTTP interface.
    #[default]
    DigitalBase,
    /// A gRPC stream.
    Grpc,
    /// Topics at these brokers.
    Kafka {
        /// `host:port` each.
        brokers: Vec<String>,
    },
}

/// `xiaoshu init`.
#[derive(Debug, Clone, Default)]
pub struct InitRequest {
    /// The source of the settings; `None` for the only one.
    pub source: Option<String>,
    /// Where there are no settings yet: the kind of the source.
    pub kind: Option<String>,
    /// Where there are no settings yet: its file or folder.
    pub file: Option<PathBuf>,
    /// Where there are no settings yet: its server.
    pub url: Option<String>,
    /// Where there are no settings yet: the edition.
    pub edition: Option<String>,
    /// The folder to write mappings to; `None` for that of the settings.
    pub to: Option<PathBuf>,
    /// Replace mapping files that are there.
    pub force: bool,
    /// Write no mapping file.
    pub show: bool,
}

/// `xiaoshu check`.
#[derive(Debug, Clone, Default)]
pub struct CheckRequest {
    /// Connect to the sources, too.
    pub connect: bool,
    /// Talk to the upstreams, too.
    pub upstream: bool,
}

/// `xiaoshu try TABLE`.
#[derive(Debug, Clone)]
pub struct TryRequest {
    /// The table.
    pub table: String,
    /// One source only, where several are mapped onto the table.
    pub source: Option<String>,
    /// How many rows.
    pub rows: usize,
}

/// A part of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Sources to landed records.
    Collect,
    /// Landed records to the upstreams.
    Report,
    /// Rows pushed by vendors, records read by applications, over gRPC.
    Serve,
}

/// `xiaoshu run`.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// These parts only; empty for all.
    pub only: Vec<Part>,
    /// One round: read everything once, report until all verdicts are in, end.
    pub once: bool,
    /// The store was restored from a backup: raise the generation before anything else.
    pub restored: bool,
}

/// Which quarantined rows are meant.
#[derive(Debug, Clone, Default)]
pub struct QuarantineRequest {
    /// One table.
    pub table: Option<String>,
    /// One source.
    pub source: Option<String>,
    /// Rows with this rule among their faults.
    pub rule: Option<String>,
    /// One row.
    pub id: Option<i64>,
    /// At most so many; 0 for all.
    pub limit: u32,
}

/// `xiaoshu quarantine export`.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Which rows.
    pub rows: QuarantineRequest,
    /// The CSV file to write.
    pub to: PathBuf,
}

/// How far a table is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RampTarget {
    /// The step after the present one.
    Next,
    /// Nothing is sent.
    Closed,
    /// At most 20 rows.
    Canary,
    /// At most 1,000 rows.
    Limited,
    /// Everything.
    Open,
}

/// `xiaoshu release`.
#[derive(Debug, Clone, Default)]
pub struct ReleaseRequest {
    /// The table; `None` with `to` means all tables, `None` without only shows.
    pub table: Option<String>,
    /// One upstream only.
    pub upstream: Option<String>,
    /// How far; `None` only shows.
    pub to: Option<RampTarget>,
}

/// `xiaoshu resend TABLE` or `--all`.
#[derive(Debug, Clone, Default)]
pub struct ResendRequest {
    /// The table; `None` for all tables.
    pub table: Option<String>,
    /// One upstream only.
    pub upstream: Option<String>,
}

/// `xiaoshu rekey TABLE`.
#[derive(Debug, Clone)]
pub struct RekeyRequest {
    /// The table.
    pub table: String,
    /// Do it; otherwise only list what it orphans.
    pub approve: bool,
}

/// `xiaoshu approve`.
#[derive(Debug, Clone, Default)]
pub struct ApproveRequest {
    /// The table; `None` for all, to look at.
    pub table: Option<String>,
    /// The code of the list that was shown; `None` only shows.
    pub list: Option<String>,
}

/// `xiaoshu gone`.
#[derive(Debug, Clone, Default)]
pub struct GoneRequest {
    /// One table.
    pub table: Option<String>,
    /// One upstream.
    pub upstream: Option<String>,
    /// These record keys alone.
    pub keys: Vec<String>,
    /// A file to write the list to, as CSV.
    pub csv: Option<PathBuf>,
    /// A file to write the withdrawal letter to.
    pub letter: Option<PathBuf>,
    /// Mark them as withdrawn upstream, with a note on how.
    pub withdrawn: Option<String>,
}

/// `xiaoshu drift accept`.
#[derive(Debug, Clone)]
pub struct AcceptRequest {
    /// The table.
    pub table: String,
    /// The source that shows something else than before.
    pub source: String,
}

/// `xiaoshu takeover TABLE`.
#[derive(Debug, Clone)]
pub struct TakeoverRequest {
    /// The table.
    pub table: String,
    /// The source that holds the records.
    pub from: String,
    /// The source that is to hold those that it gives.
    pub to: String,
    /// Do it; otherwise only show what would go over.
    pub yes: bool,
}

/// `xiaoshu request SYSTEM`.
#[derive(Debug, Clone)]
pub struct SystemRequest {
    /// A source of the settings, or any name for a system that is not among them yet.
    pub system: String,
    /// The tables of the standard; empty for those that the source is mapped onto.
    pub tables: Vec<String>,
    /// How the data is to come; `None` for what the source's kind says.
    pub way: Option<Way>,
    /// The system's name in the letter.
    pub title: Option<String>,
    /// The database account that the hub is to get.
    pub account: String,
    /// Where the hub connects from.
    pub host: Option<String>,
    /// The folder to write; `request-SYSTEM` when left out.
    pub to: Option<PathBuf>,
}

/// `xiaoshu brain`.
#[derive(Debug, Clone)]
pub struct BrainRequest {
    /// Where to listen; `None` for what its settings file says, else 127.0.0.1:8686.
    pub listen: Option<SocketAddr>,
    /// Its settings file (accounts, white-list, delays, scripted faults); `None` for an open sandbox.
    pub config: Option<PathBuf>,
    /// The edition whose tables it takes; `None` for the settings' or the newest.
    pub edition: Option<String>,
}
