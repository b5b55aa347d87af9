//! Reading what changed, and reading much by parts; the same for all connectors that speak SQL.
//!
//! A watermark or the database's log only says *which* rows to read again. The rows come through the same SELECT as
//! in a read of everything, as they are now: no older image can land over a newer one. Only a read of everything in one
//! consistent view proves that a row is gone.

mod log;
mod spec;

pub(in crate::source) use log::{ChangeLog, Changes, LogMark, NoLog, Watched, no_log};
pub use spec::{ChangesBy, ChangesSpec, ChunksSpec, Overlap, Period};
