//! One test binary for what the parts promise together.

mod crypto;
mod report;
