//! Delivery as a pure state machine: (state, event) → (state, effects).
//!
//! `waiting → sent → accepted → stored | refused | unknown`. At least once on the wire, effect once per (key, seq):
//! delivered means *stored upstream*, never merely accepted. Nothing here does I/O or knows the time; the dispatcher
//! carries the effects out.

mod backoff;
mod machine;
mod matching;
mod results;
mod settle;

pub use backoff::{Backoff, jittered};
pub use machine::{Answer, Delivery, Effect, Event, Phase, Rules};
pub use matching::{Matching, Open, match_results};
pub use results::{ResultItem, RowFault};
pub use settle::{NumBase, judge, refused_whole};
