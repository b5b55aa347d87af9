//! What the process says of itself: the log, and where a collector is named, spans and metrics ([`Exporter`]).
//!
//! The log: plain lines or JSON lines, given line by line to whoever owns standard error.
//!
//! Events name tables, fields, counts and classes of faults; never cell values, ID numbers, tokens or secrets. Libraries
//! below us are kept to warnings, because their debug lines would print statements and headers.

mod metrics;
mod otlp;

pub use metrics::{batch_settled, run_ended};
pub use otlp::{ExportConfig, ExportError, ExportProtocol, Exporter, SPANS};

use std::io;
use std::sync::Arc;

use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Plain lines or JSON lines.
    pub format: Format,
    /// The least grave events that are written.
    pub level: Level,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Plain,
    /// For programs: one JSON object a line.
    Json,
}

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Work that failed.
    Error,
    /// Work that needs somebody.
    Warn,
    /// What was done.
    #[default]
    Info,
    /// How it was done.
    Debug,
    /// Every step.
    Trace,
}

impl Config {
    /// For commands that answer on the terminal: only what needs somebody.
    pub const QUIET: Self = Self { format: Format::Plain, level: Level::Warn };

    fn filter(self) -> EnvFilter {
        // Spans for the collector would stand before every line of the log; SQL Server's driver logs what the server says, which
        // may quote a value.
        EnvFilter::new(format!("{},{SPANS}=off,tiberius=off", self.directives()))
    }

    fn directives(self) -> &'static str {
        match self.level {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "warn,xiaoshu=info",
            Level::Debug => "warn,xiaoshu=debug",
            Level::Trace => "warn,xiaoshu=trace",
        }
    }
}

/// Takes one finished line, its end included.
pub type Sink = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Hands what is written on to a sink. The formatter writes whole lines.
struct Line(Sink);

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        (self.0)(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log of this process, and the export of spans where there is an exporter. The first call holds; later ones
/// change nothing.
pub fn start(config: Config, sink: Sink, exporter: Option<&Exporter>) {
    let lines = tracing_subscriber::fmt::layer().with_writer(move || Line(Arc::clone(&sink))).with_ansi(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
        Format::Plain => lines.with_filter(config.filter()).boxed(),
        Format::Json => lines.json().flatten_event(true).with_filter(config.filter()).boxed(),
    };
    let spans = exporter.map(|exporter| {
        let ours = filter_fn(|about| about.is_span() && about.target() == SPANS).with_max_level_hint(LevelFilter::INFO);
        let layer = tracing_opentelemetry::layer().with_tracer(exporter.tracer());
        layer.with_location(false).with_threads(false).with_target(false).with_filter(ours)
    });
    // A second start is no fault: tests and embedded runs share one process. Records of the crate `log` are not taken: who
    // only asks there whether a level is on leaves the filters in a state that swallows the next line of the thread.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines).with(spans)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_write_below_warnings() {
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
            let directives = Config { level, ..Config::default() }.directives();
            let first = directives.split(',').next();
            assert!(matches!(first, Some("error" | "warn")), "{directives}");
            let filter = Config { level, ..Config::default() }.filter().to_string();
            assert!(filter.split(',').any(|directive| directive == "tiberius=off"), "{filter}");
        }
    }

    #[test]
    fn starting_twice_is_no_fault() {
        start(Config::QUIET, Arc::new(|_| {}), None);
        start(Config::default(), Arc::new(|_| {}), None);
    }
}
