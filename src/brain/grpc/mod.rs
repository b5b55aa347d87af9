//! Streams of hubs: `proto/smartbrain/v1`.
//!
//! A task a stream. It judges a batch as the HTTP interface does, writes it by key and seq, and says its verdicts at
//! once or after the delay set. Scripted faults act on the first message ([`super::faults::Call::Hello`]) and on each
//! batch ([`super::faults::Call::Batch`]).

mod access;
mod batch;
mod digest;
mod server;
mod session;
mod streams;
mod view;

pub(super) use batch::Tweaks;
pub(super) use server::{Running, start};
pub(super) use streams::{Demanded, End, Streams};
pub(super) use view::schools;
pub use view::{SchoolTable, SchoolView};
