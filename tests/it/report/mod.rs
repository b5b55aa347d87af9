//! Reporting over the Ministry's interface, against the reference platform.

mod faults;
mod given;
pub mod harness;
mod login;
mod order;
mod render;
mod suspended;
