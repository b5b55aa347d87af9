//! The integration tests: one binary.

mod sources;
