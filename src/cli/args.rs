//! What can be typed. Help texts here are English; `help.rs` has the Chinese ones.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::{Part, RampTarget};
use crate::propose::Way;
use crate::source::Product;

/// Xiaoshu, the data hub of a vocational school
#[derive(Debug, Parser)]
#[command(name = "xiaoshu", version, disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Settings and output.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Settings file
    #[arg(long, global = true, value_name = "FILE", default_value = "xiaoshu.toml")]
    pub settings: PathBuf,
    /// Folder of the store, instead of the one in the settings
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder that replaces the built-in data standards
    #[arg(long, global = true, value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    /// Print JSON for scripts
    #[arg(long, global = true)]
    pub json: bool,
    /// Language: zh or en
    #[arg(long, global = true, value_name = "LANG", value_enum)]
    pub lang: Option<LangArg>,
}

/// A count that says something.
fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}

/// An address of a broker.
fn broker(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    port.map(|_| text.to_owned()).ok_or_else(|| "host:port is expected, such as 127.0.0.1:9092".to_owned())
}

/// A language on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LangArg {
    /// Chinese
    Zh,
    /// English
    En,
}

/// A way to the demo's platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UpstreamArg {
    /// The Ministry's HTTP interface
    #[value(name = "digital_base")]
    DigitalBase,
    /// A gRPC stream
    Grpc,
    /// Topics of a Kafka broker; needs --brokers
    Kafka,
}

/// How a system's data comes to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WayArg {
    /// Views in Oracle
    Oracle,
    /// Views in SQL Server
    Sqlserver,
    /// Views in MySQL or MariaDB
    Mysql,
    /// Views in PostgreSQL
    Postgres,
    /// Views in Dameng
    Dameng,
    /// Views in KingbaseES
    Kingbase,
    /// Files in a folder
    Files,
}

impl From<WayArg> for Way {
    fn from(way: WayArg) -> Self {
        match way {
            WayArg::Oracle => Self::Views(Product::Oracle),
            WayArg::Sqlserver => Self::Views(Product::SqlServer),
            WayArg::Mysql => Self::Views(Product::Mysql),
            WayArg::Postgres => Self::Views(Product::Postgres),
            WayArg::Dameng => Self::Views(Product::Dameng),
            WayArg::Kingbase => Self::Views(Product::Kingbase),
            WayArg::Files => Self::Files,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a sample school against a built-in central platform
    Demo {
        /// End when all verdicts are in
        #[arg(long)]
        once: bool,
        /// Way to the platform
        #[arg(long, value_name = "KIND", value_enum, default_value = "digital_base")]
        upstream: UpstreamArg,
        /// Kafka brokers, for --upstream kafka
        #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', required_if_eq("upstream", "kafka"), value_parser = broker)]
        brokers: Vec<String>,
    },
    /// Look at a source and propose mappings of it
    Init {
        /// Source of the settings; left out: the only one
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Without settings: kind of the source
        #[arg(long, value_name = "KIND", requires = "file")]
        kind: Option<String>,
        /// Without settings: file or folder of the source
        #[arg(long, value_name = "PATH", conflicts_with = "url")]
        file: Option<PathBuf>,
        /// Without settings: server of the source, mysql://user@host:port/database or the same with postgres
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Without settings: edition of the standard
        #[arg(long, value_name = "EDITION")]
        edition: Option<String>,
        /// Folder to write mapping files to, instead of that of the settings
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// Replace mapping files that are there
        #[arg(long)]
        force: bool,
        /// Only show what would be proposed
        #[arg(long)]
        show: bool,
    },
    /// Find every problem of settings, mappings, sources and upstreams
    Check {
        /// Connect to the sources, too
        #[arg(long)]
        connect: bool,
        /// Talk to the upstreams, too
        #[arg(long)]
        upstream: bool,
    },
    /// Show some rows of a table before and after; nothing is stored or sent
    Try {
        /// Table of the standard
        #[arg(value_name = "TABLE")]
        table: String,
        /// Source, where several are mapped onto the table
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// How many rows
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
        rows: usize,
    },
    /// Collect and report until stopped
    Run {
        /// Only these parts, separated by commas: collect, report, serve
        #[arg(long, value_name = "PARTS", value_enum, value_delimiter = ',')]
        only: Vec<Part>,
        /// Read everything once, report until all verdicts are in, end
        #[arg(long)]
        once: bool,
        /// The store was restored from a backup
        #[arg(long)]
        restored: bool,
    },
    /// Show where every table stands
    Status,
    /// The data standards
    Standard {
        /// What to do.
        #[command(subcommand)]
        action: StandardAction,
    },
    /// Rows that wait because something is wrong with them
    Quarantine {
        /// What to do.
        #[command(subcommand)]
        action: QuarantineAction,
    },
    /// Show how far tables are open to the platform, or open them further
    Release {
        /// Table; `all` for all of them
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        /// One upstream only
        #[arg(long, value_name = "NAME")]
        upstream: Option<String>,
        /// How far: next, closed, canary (20 rows), limited (1,000 rows), open
        #[arg(long, value_name = "STEP", value_enum, requires = "table")]
        to: Option<RampTarget>,
    },
    /// Send stored records again
    Resend {
        /// Table of the standard
        #[arg(value_name = "TABLE", required_unless_present = "all", conflicts_with = "all")]
        table: Option<String>,
        /// All mapped tables
        #[arg(long)]
        all: bool,
        /// One upstream only
        #[arg(long, value_name = "NAME")]
        upstream: Option<String>,
    },
    /// Let a table go on under a changed natural key
    Rekey {
        /// Table of the standard
        #[arg(value_name = "TABLE")]
        table: String,
        /// Do it; otherwise only list what it orphans
        #[arg(long)]
        approve: bool,
    },
    /// Show deletions that wait for approval, or approve those of a table
    Approve {
        /// Table of the standard
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        /// Approve the table's list, by the code that was shown with it
        #[arg(long, value_name = "CODE", requires = "table")]
        list: Option<String>,
    },
    /// Show records that are gone at the source and still stand upstream, write the letter, or mark them as withdrawn
    Gone {
        /// Table of the standard
        #[arg(value_name = "TABLE")]
        table: Option<String>,
        /// One upstream only
        #[arg(long, value_name = "NAME")]
        upstream: Option<String>,
        /// These record keys only, separated by commas
        #[arg(long = "key", value_name = "KEY", value_delimiter = ',')]
        keys: Vec<String>,
        /// Write the list to this file, as CSV
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
        /// Write the letter that asks for their withdrawal to this file, as HTML to print
        #[arg(long, value_name = "FILE")]
        letter: Option<PathBuf>,
        /// Mark them as withdrawn upstream, with a note: by whom, by which letter
        #[arg(long, value_name = "NOTE")]
        withdrawn: Option<String>,
    },
    /// Sources that show something else than before, and tables that pause because of it
    Drift {
        /// What to do.
        #[command(subcommand)]
        action: DriftAction,
    },
    /// Have a source take the records of a table over from another one
    Takeover {
        /// Table of the standard
        #[arg(value_name = "TABLE")]
        table: String,
        /// Source that holds the records
        #[arg(long, value_name = "NAME")]
        from: String,
        /// Source that is to hold those that it gives
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Do it; otherwise only show what would go over
        #[arg(long)]
        yes: bool,
    },
    /// Write what a school sends to the keeper of a system: letter, columns, views and grants
    Request {
        /// Source of the settings, or the name of a system that is not there yet
        #[arg(value_name = "SYSTEM")]
        system: String,
        /// Tables of the standard; left out: those that the source is mapped onto
        #[arg(long = "table", value_name = "TABLE", value_delimiter = ',')]
        tables: Vec<String>,
        /// How the data comes: oracle, sqlserver, mysql, postgres, dameng, kingbase, or files
        #[arg(long, value_name = "WAY", value_enum)]
        way: Option<WayArg>,
        /// The system's name in the letter
        #[arg(long, value_name = "NAME")]
        title: Option<String>,
        /// Database account that the hub is to get
        #[arg(long, value_name = "NAME", default_value = "xiaoshu_ro")]
        account: String,
        /// Address that the hub connects from
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
        /// Folder to write; left out: request-SYSTEM
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Run the reference central platform
    Brain {
        /// Address to listen on; left out: that of the settings, else 127.0.0.1:8686
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Its own settings: accounts, white-list, delays, scripted faults
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Edition whose tables it takes
        #[arg(long, value_name = "EDITION")]
        edition: Option<String>,
    },
}

/// `standard …`.
#[derive(Debug, Subcommand)]
pub enum StandardAction {
    /// List the editions
    List,
    /// Show an edition, a table or a code set
    Show {
        /// Edition; the settings' edition when left out
        #[arg(long, value_name = "EDITION")]
        edition: Option<String>,
        /// Table or code set; all tables when left out
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Print the table's JSON Schema with code sets expanded
        #[arg(long, requires = "name")]
        schema: bool,
    },
    /// Compare two editions
    Diff {
        /// Older edition
        #[arg(value_name = "OLD")]
        old: String,
        /// Newer edition
        #[arg(value_name = "NEW")]
        new: String,
        /// One table only
        #[arg(long, value_name = "TABLE")]
        table: Option<String>,
    },
    /// Make an edition's files from tables of tables, fields and codes
    Import {
        /// Folder with tables.csv, fields.csv, codes.csv, code_sets.csv
        #[arg(value_name = "FROM")]
        from: PathBuf,
        /// Folder to write, `schemas`
        #[arg(value_name = "TO")]
        to: PathBuf,
        /// Name of the edition; the name of FROM when left out
        #[arg(long, value_name = "EDITION")]
        edition: Option<String>,
    },
}

/// `drift …`.
#[derive(Debug, Subcommand)]
pub enum DriftAction {
    /// List tables that pause and what to do, and changes that paused nothing
    List,
    /// Go on with what a source shows now
    Accept {
        /// Table that pauses
        #[arg(value_name = "TABLE")]
        table: String,
        /// Source that it pauses for
        #[arg(value_name = "SOURCE")]
        source: String,
    },
}

/// Which quarantined rows.
#[derive(Debug, Clone, Default, Args)]
pub struct RowFilter {
    /// One table
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
    /// One source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Rows that break this rule
    #[arg(long, value_name = "RULE")]
    pub rule: Option<String>,
}

/// `quarantine …`.
#[derive(Debug, Subcommand)]
pub enum QuarantineAction {
    /// Count by cause; with a filter, list rows
    List {
        /// Which rows.
        #[command(flatten)]
        rows: RowFilter,
        /// At most so many rows; 0 for all
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Show one row with its raw input and every fault
    Show {
        /// Number of the row
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Run rows again now, and offer refused records again
    Retry {
        /// Number of one row
        #[arg(value_name = "ID", conflicts_with_all = ["table", "source", "rule"])]
        id: Option<i64>,
        /// Which rows.
        #[command(flatten)]
        rows: RowFilter,
    },
    /// Write rows with their faults as CSV, for the department that owns them
    Export {
        /// File to write
        #[arg(value_name = "FILE")]
        to: PathBuf,
        /// Which rows.
        #[command(flatten)]
        rows: RowFilter,
    },
}
