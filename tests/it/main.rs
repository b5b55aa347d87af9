//! One test binary for what the parts promise together.

mod architecture;
mod brain;
mod config;
mod crypto;
mod report;
