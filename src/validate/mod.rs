//! Validation: compiled checks, verdicts as types.
//!
//! [`Checks`] is a table's plan turned into one guard a field and one small program a kind of check (`checks/`, one file
//! a kind, found by walking one list). A row is walked once: where all guards let its cells pass, only the checks that
//! look at several fields are asked. A good row costs no allocation. A bad one gets all its violations at once.
//! Everything here is pure: which keys exist elsewhere is asked with [`Checks::questions`] and handed in as [`KeyAnswers`].

mod checks;
mod compiled;
mod damage;
mod edge;
mod guard;
mod near;
mod paper;
mod policy;
mod question;
mod sink;
mod verdict;

pub use crate::finding::{Findings, RowFindings, Waits};
pub use compiled::{Checks, Surroundings};
pub use edge::Edge;
pub use policy::{ReferencePolicies, ReferencePolicy};
pub use question::{KeyAnswer, KeyAnswers, KeyQuestion};
pub use verdict::{Accepted, Rejected, RowIdent, judge};
