//! Topics of hubs: a consumer in the group of all brains.
//!
//! One thread. It takes some messages, writes their records by key and seq, publishes the verdicts, and only then commits
//! the offsets: what a crash leaves in between is taken once more, which has no effect and gives the same verdicts. A
//! trouble of database or brokers begins anew at the committed offsets. Questions on the control topic are answered in
//! their turn: a hub asks once it has its verdicts, and those are said after the effects are written. Verdicts are published at once, whatever delay
//! is set for other interfaces. Brokers decide who may write for a school: the key's school code is believed, and must
//! be that of an account.

mod answer;
mod chunk;
mod consumer;
mod outbox;
mod verdicts;

pub(super) use answer::Demands;
pub(super) use consumer::{Consuming, start};
