//! Reading what changed, and reading much by parts; the same for all connectors that speak SQL.
//!
//! A watermark or the database's log only says *which* rows to read again. The rows come through the same SELECT as
//! in a read of everything, as they are now: no older image can land over a newer one. Only a read of everything in one
//! consistent view proves that a row is gone.
//!
//! A watermark's read of everything comes in two parts: first what reading what changed would have read, then the rest. What
//! has changed among the rest was missed ([`super::SourceBatch::is_settled`]).

mod log;
mod mark;
mod plan;
mod position;
mod ranges;
mod reading;
mod spec;
mod sql;
mod table;
mod watermark;
mod window;

pub(in crate::source) use log::{ChangeLog, Changes, LogMark, NoLog, Watched, no_log};
pub(in crate::source) use plan::{Wanted, wanted};
pub(in crate::source) use position::{progress, without_log};
pub(in crate::source) use reading::open;
pub use spec::{ChangesBy, ChangesSpec, ChunksSpec, Incremental, Overlap, Period};
pub(in crate::source) use table::{Table, Texts, View, texts};
