//! Validation: compiled checks, verdicts as types.

mod verdict;

pub use verdict::{Accepted, Findings, Rejected, RowFindings, RowIdent, Waits};
