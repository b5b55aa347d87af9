#![doc = include_str!("README.md")]
#![warn(missing_docs)]

pub mod app;
pub mod brain;
pub mod cli;
pub mod config;
pub mod fault;
pub mod finding;
pub mod normalize;
pub mod pipeline;
pub mod propose;
pub mod record;
pub mod report;
pub mod sample;
pub mod serve;
pub mod source;
pub mod standard;
pub mod store;
pub mod telemetry;
pub mod validate;
pub mod wire;
