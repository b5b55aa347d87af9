//! What the platform holds: rows by key, every write, and which of them had an effect.
//!
//! A *write* is an accepted row. An *effect* is a write that changes what is held. Writes of one submit, its verdict
//! and the rows go in one transaction. [`Effects`] is all that the interfaces know of the database; `sqlite` implements it
//! for one platform process, in a directory that survives a restart or in memory, `postgres` for several processes on one
//! database. What is pure stands beside them and is written once: which version stands (`versions`, `upsert`), what is said
//! of a batch (`streams`), the digest over everything (`views`).

mod fault;
mod postgres;
mod sqlite;
mod streams;
mod submits;
#[cfg(test)]
mod tests;
mod upsert;
mod versions;
mod views;

use std::sync::Arc;

pub(super) use streams::{
    HeldVersion, KeptVerdict, Opened, Opening, Said, SchoolRow, StreamBatch, StreamEffects, StreamRow, Taken,
};
pub use submits::ReportedBatch;
pub(super) use submits::{BatchQuery, Intake, NewBatch, Submits, Times};
pub use upsert::Operation;
pub(super) use upsert::Outcome;
pub(super) use views::Views;
pub use views::{Counts, Effect, HeldRow};

use super::config::BrainConfig;
use super::error::BrainError;

/// Everything that the platform wants of its database.
pub(super) trait Effects: Submits + StreamEffects + Views {}

impl<T: Submits + StreamEffects + Views> Effects for T {}

/// Opens the database that the settings name. `holder` is this process, as nobody else is called.
pub(super) async fn open(config: &BrainConfig, holder: &str) -> Result<Arc<dyn Effects>, BrainError> {
    Ok(match &config.effects.postgres {
        None => Arc::new(sqlite::SqliteEffects::open(config.directory.as_deref()).await?),
        Some(url) => Arc::new(postgres::PostgresEffects::open(url.expose(), &config.effects, holder, &config.edition).await?),
    })
}
