//! One test binary for what the parts promise together.

mod architecture;
mod crypto;
mod report;
