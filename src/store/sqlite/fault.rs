//! Database errors and their classes.

use crate::fault::FaultClass;
use crate::store::StoreError;

/// Turns an sqlx error into ours; `what` says what was being done.
pub(super) fn db(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |source| StoreError::Database { what, class: class_of(&source), source: Box::new(source) }
}

fn class_of(error: &sqlx::Error) -> FaultClass {
    match error {
        sqlx::Error::Database(e) => {
            // SQLite's extended result codes have the primary code in the lowest byte.
            match e.code().and_then(|c| c.parse::<i64>().ok()).map(|c| c & 0xff) {
                // busy, locked, out of memory, interrupted, i/o error, disk full, protocol
                Some(5..=7 | 9 | 10 | 13 | 15) => FaultClass::Transient,
                // permission, read-only, cannot open, not a database
                Some(3 | 8 | 14 | 23 | 26) => FaultClass::Configuration,
                _ => FaultClass::Bug,
            }
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            FaultClass::Transient
        }
        sqlx::Error::Configuration(_) => FaultClass::Configuration,
        _ => FaultClass::Bug,
    }
}
