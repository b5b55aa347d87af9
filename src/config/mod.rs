//! Settings and mappings.

mod fault;

pub use fault::Fault;
