//! The reference platform, called by a client that shares no code with it.

mod access;
mod client;
mod control;
mod editions;
mod faults;
mod gate;
mod results;
mod rows;
