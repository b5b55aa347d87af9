//! Rows that come by themselves: a producer hands over a message, and hears of it when its rows have landed.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Pipeline, PipelineError};
use crate::finding::{Text, Violation};
use crate::store::Landed;

/// Most rows of one message.
pub const PUSH_ROWS: usize = 1_000;
/// Longest name of a producer, in characters.
const PRODUCER_CHARS: usize = 64;

/// A producer's message.
#[derive(Debug)]
pub struct Push {
    /// The source, as the settings name it.
    pub source: String,
    /// The producer within the source.
    pub producer: String,
    /// The object of the source.
    pub object: String,
    /// The producer's position behind the message: above 0, rising, at most `i64::MAX`.
    pub position: u64,
    /// What it is.
    pub act: PushAct,
}

/// What a producer's message does.
pub enum PushAct {
    /// Rows: cells by column name. Part of the snapshot where the producer has one under way, else changes.
    Rows(Vec<HashMap<String, String>>),
    /// A complete snapshot begins.
    Begin,
    /// It is complete.
    End,
    /// It will not be completed.
    Abandon,
}

impl std::fmt::Debug for PushAct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "Rows({})", rows.len()),
            Self::Begin => f.write_str("Begin"),
            Self::End => f.write_str("End"),
            Self::Abandon => f.write_str("Abandon"),
        }
    }
}

/// What became of a message.
#[derive(Debug, Default)]
pub struct Pushed {
    /// It had landed before; nothing was changed.
    pub already_landed: bool,
    /// What became of it in each table that its object is mapped onto.
    pub tables: Vec<PushedTable>,
}

/// What became of a message in one table.
#[derive(Debug)]
pub struct PushedTable {
    /// The table.
    pub table: Arc<str>,
    /// Counts; of the whole snapshot where one was ended.
    pub landed: Landed,
    /// A snapshot was ended, so that the counts are its totals.
    pub ends_snapshot: bool,
    /// Records that the snapshot did not hold.
    pub missing: u64,
    /// Of these, how many were deleted at once.
    pub deleted: u64,
    /// Rows that wait in quarantine.
    pub refused: Vec<RefusedPush>,
}

/// A row that waits in quarantine.
#[derive(Debug)]
pub struct RefusedPush {
    /// Its place in the message, from 0.
    pub row: usize,
    /// Every fault.
    pub violations: Vec<Violation>,
    /// It waits for a row of another table.
    pub waits: bool,
}

/// Where a producer stands with one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushPosition {
    /// The object.
    pub object: Arc<str>,
    /// Everything up to here has landed in every table of the object.
    pub position: u64,
    /// A snapshot of this producer is under way.
    pub snapshot: bool,
    /// The columns declared.
    pub columns: Vec<Arc<str>>,
}

/// Why a message was not taken. Nothing of it has landed, or all of it will when it is sent again.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No such source or object is pushed here.
    #[error("{}", .0.en)]
    Unknown(Text),
    /// The message is wrong and stays wrong.
    #[error("{}", .0.en)]
    Invalid(Text),
    /// The message does not fit the state of the snapshot, or the mapping does not fit.
    #[error("{}", .0.en)]
    Unfit(Text),
    /// Mapping or store failed.
    #[error(transparent)]
    Failed(#[from] PipelineError),
    /// The landing thread broke down.
    #[error("the landing was cut off")]
    Broken,
}

/// Hands rows to the pipeline. Messages of one source go one after the other, those of several side by side.
#[derive(Clone)]
pub struct Handle {
    pipeline: Arc<Pipeline>,
}

impl Handle {
    /// A handle on a pipeline.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline }
    }

    /// Lands a message; answers when everything is written. A caller that goes away meanwhile does not stop it.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn push(&self, push: Push) -> Result<Pushed, PushError> {
        well_formed(&push)?;
        let gate = self.pipeline.gate(&push.source).ok_or_else(|| unknown_source(&push.source))?;
        let turn = gate.lock_owned().await;
        let pipeline = Arc::clone(&self.pipeline);
        // Mapping and validation take the processor, and the store is waited for: not on the runtime's own threads.
        let landing = tokio::task::spawn_blocking(move || {
            let done = pipeline.push(&push);
            drop(turn);
            done
        });
        landing.await.map_err(|_| PushError::Broken)?
    }

    /// Where a producer stands, object by object.
    ///
    /// # Errors
    /// When the source is not pushed here, or the store fails.
    pub async fn positions(&self, source: &str, producer: &str) -> Result<Vec<PushPosition>, PushError> {
        self.pipeline.gate(source).ok_or_else(|| unknown_source(source))?;
        self.pipeline.positions(source, producer).await
    }
}

fn well_formed(push: &Push) -> Result<(), PushError> {
    let chars = push.producer.chars().count();
    let wrong = |zh: String, en: String| Err(PushError::Invalid(Text::new(zh, en)));
    if chars == 0 || chars > PRODUCER_CHARS || push.producer.chars().any(char::is_control) {
        return wrong(
            format!("producer 应为 1 至 {PRODUCER_CHARS} 个字符"),
            format!("producer has to be of 1 to {PRODUCER_CHARS} characters"),
        );
    }
    if push.position == 0 || i64::try_from(push.position).is_err() {
        return wrong("position 应在 1 至 2^63 - 1 之间".into(), "position has to be between 1 and 2^63 - 1".into());
    }
    match &push.act {
        PushAct::Rows(rows) if rows.is_empty() => wrong("rows 为空".into(), "rows is empty".into()),
        PushAct::Rows(rows) if rows.len() > PUSH_ROWS => wrong(
            format!("每条消息最多 {PUSH_ROWS} 行，收到 {} 行", rows.len()),
            format!("a message takes at most {PUSH_ROWS} rows, this one has {}", rows.len()),
        ),
        _ => Ok(()),
    }
}

fn unknown_source(source: &str) -> PushError {
    PushError::Unknown(Text::new(
        format!("没有名为 {source} 的推送来源，或尚无对应的映射"),
        format!("no pushed source is named {source}, or nothing maps it"),
    ))
}
