//! What the parts promise together, in one test binary.

mod architecture;
mod authority;
mod brain;
mod cli;
mod config;
mod crypto;
mod derived;
mod drift;
mod halves;
mod hub;
mod kafka;
mod manual;
mod many;
mod merged;
mod normalize;
mod oracle;
mod propose;
mod report;
mod sample;
mod serve;
mod sources;
mod standard;
mod store;
mod streams;
mod validate;
