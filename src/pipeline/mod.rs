//! Drives a table's run: source → normalize → validate → landing; order, retries, recovery.
//!
//! Nothing here knows an upstream: pipeline and reporting meet only in the store, so that either can stop alone.

mod answers;
mod batch_size;
mod begin;
mod collect;
mod companions;
mod derived;
mod drift;
mod handle;
mod job;
mod order;
mod preview;
mod push;
mod pushrows;
mod retry;
mod run;
mod time;

pub use batch_size::BatchRoom;
pub use collect::{CollectReport, JobReport, Pipeline};
pub use drift::{Change, ChangeKind, Class, Drift, Likeness, Paused};
pub use handle::{Handle, PUSH_ROWS, Push, PushAct, PushError, PushPosition, Pushed, PushedTable, RefusedPush};
pub use job::{Job, Observer, OwnRecords, Part, Privacy, School, Silent, Surroundings};
pub use preview::{PreviewRow, preview};
pub use retry::Retried;
pub use run::RunOutcome;

use crate::fault::{Classified, FaultClass};
use crate::normalize::MappingFault;
use crate::source::SourceError;
use crate::store::StoreError;

/// What keeps a run from going on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mapping does not fit the source or the standard; every fault is listed.
    #[error("the mapping of {table} does not fit: {}", first(faults))]
    Mapping {
        /// The table.
        table: std::sync::Arc<str>,
        /// All faults.
        faults: Vec<MappingFault>,
    },
    /// The source shows something else than before; the table pauses, and only this table.
    #[error(transparent)]
    Paused(Box<Paused>),
    /// A part of a merged table was never read to its end by the mapping there is; the merged records stand.
    #[error(
        "{source_name} 尚未按现在的映射完整读过，{table} 的合并等它读完，已有记录保持原样 / {table} is not merged before {source_name} \
         has been read with its present mapping; the records there are stand"
    )]
    Unread {
        /// The merged table.
        table: std::sync::Arc<str>,
        /// The source.
        source_name: std::sync::Arc<str>,
    },
    /// A broken promise of our own.
    #[error("{0}")]
    Bug(&'static str),
}

fn first(faults: &[MappingFault]) -> String {
    match faults.split_first() {
        None => "no fault named".to_owned(),
        Some((fault, rest)) => format!("{}:{}: {} (and {} more)", fault.file, fault.line, fault.what.en, rest.len()),
    }
}

impl Classified for PipelineError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Source(error) => error.fault_class(),
            Self::Store(error) => error.fault_class(),
            Self::Mapping { .. } | Self::Paused(_) => FaultClass::Configuration,
            Self::Unread { .. } => FaultClass::Transient,
            Self::Bug(_) => FaultClass::Bug,
        }
    }
}
