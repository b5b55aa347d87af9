//! Tables whose records are put together of what several sources give.
//!
//! A [`MergeDocument`] says which source has the say for which field. Each source's mapping of the table then lands in *parts*, a
//! feed of its own for each ([`crate::standard::TablePlan::part`]), and a mapping that is made here ([`Merge::mapping`]) reads the
//! parts that have landed, joined by the natural key, and lands into the table. A field is the value of the first source, in the
//! order of its authority, that has one; values are never mixed, and where two differ [`Merge::disagreements`] finds them.

mod authority;
mod check;
mod document;
mod query;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use document::MergeDocument;
pub use query::Disagreement;

use super::document::MappingDocument;
use super::fault::MappingFault;
use crate::standard::{FieldIdx, TablePlan};

/// The source that merged records belong to: the hub itself, putting them together.
pub const MERGED_SOURCE: &str = "merged";

/// A merged table, held against the standard and the mappings of its sources.
#[derive(Debug, Clone)]
pub struct Merge {
    file: String,
    owner: String,
    table: Arc<TablePlan>,
    parts: Vec<MergedPart>,
    /// Places among `parts`.
    roster: Vec<usize>,
    /// In printed order: a field and who has the say for it, places among `parts`.
    fields: Vec<(FieldIdx, Vec<usize>)>,
    key: Option<Vec<String>>,
    adopts: bool,
}

/// What one source gives to a merged table.
#[derive(Debug, Clone)]
pub struct MergedPart {
    /// The source.
    pub source: Arc<str>,
    /// The plan of its part.
    pub plan: Arc<TablePlan>,
    given: BTreeSet<FieldIdx>,
}

impl Merge {
    /// The table of the standard.
    pub fn table(&self) -> &Arc<TablePlan> {
        &self.table
    }

    /// The parts that it is put together of.
    pub fn parts(&self) -> &[MergedPart] {
        &self.parts
    }

    /// The mapping that puts the records together.
    ///
    /// # Errors
    /// Never for what [`MergeDocument::compile`] let through, but for names that cannot be written into a query.
    pub fn mapping(&self) -> Result<MappingDocument, Vec<MappingFault>> {
        MappingDocument::parse(&self.file, &query::mapping_text(self))
    }
}
