//! A fault of settings or mappings.

use std::path::PathBuf;

use serde::Serialize;

use crate::finding::Text;

/// What is wrong in a settings or mapping file, where, and how to mend it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, as the user named it or reached from there; the variable's name for a fault of the environment.
    pub file: PathBuf,
    /// Counted from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Counted from 1 in characters; 0 when the file as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub what: Text,
    /// How to mend it.
    pub remedy: Text,
}
