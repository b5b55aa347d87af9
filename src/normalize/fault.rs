//! What is wrong with a mapping, where, and how to mend it.

use std::fmt;

use super::toml::Spans;
use crate::fault::{Classified, FaultClass};
use crate::finding::Text;

/// One fault of a mapping file. All faults of a file are found at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFault {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub what: Text,
    /// How to mend it.
    pub remedy: Text,
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}; {}", self.file, self.line, self.column, self.what.en, self.remedy.en)
    }
}

impl std::error::Error for MappingFault {}

impl Classified for MappingFault {
    fn fault_class(&self) -> FaultClass {
        FaultClass::Configuration
    }
}

/// Collects the faults of one file.
pub(super) struct Faults<'a> {
    file: &'a str,
    spans: &'a Spans,
    list: Vec<MappingFault>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(file: &'a str, spans: &'a Spans) -> Self {
        Self { file, spans, list: Vec::new() }
    }

    /// Notes a fault at a JSON pointer of the file, or at the nearest thing around it.
    pub(super) fn add(&mut self, pointer: &str, what: Text, remedy: Text) {
        let (line, column) = self.spans.place(pointer);
        self.list.push(MappingFault { file: self.file.to_owned(), line, column, what, remedy });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults in the order of the file.
    pub(super) fn finish(mut self) -> Vec<MappingFault> {
        self.list.sort_by_key(|f| (f.line, f.column));
        self.list
    }
}

/// The name most like the one given, if any is like it.
pub(super) fn nearest<'n>(given: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let folded = given.to_lowercase();
    let scored = names.into_iter().map(|n| (strsim::jaro_winkler(&folded, &n.to_lowercase()), n));
    scored.filter(|(score, _)| *score >= 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, n)| n)
}

/// "Did you mean", or another remedy where nothing is like it.
pub(super) fn meant(nearest: Option<&str>, otherwise: Text) -> Text {
    match nearest {
        Some(name) => Text::new(format!("是否应为 {name}？"), format!("did you mean {name}?")),
        None => otherwise,
    }
}
