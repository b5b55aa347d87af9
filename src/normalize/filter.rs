//! Which rows of a source are meant.

use super::clean::clean;
use crate::source::SourceBatch;

/// A condition on one column, compiled. All conditions of a mapping must hold.
pub(super) struct Filter {
    pub(super) column: usize,
    pub(super) is: Option<Box<[String]>>,
    pub(super) is_not: Option<Box<[String]>>,
    pub(super) missing: Option<bool>,
}

impl Filter {
    /// Whether a row is taken.
    pub(super) fn takes(&self, batch: &SourceBatch, row: usize, missing: &[String], buffer: &mut String) -> bool {
        let text = batch.cell(row, self.column).map(|raw| clean(raw, buffer).0);
        let nothing = text.is_none_or(|t| t.is_empty() || missing.iter().any(|m| m == t));
        let among = |list: &[String]| list.iter().any(|l| l == text.unwrap_or(""));
        self.is.as_deref().is_none_or(among)
            && self.is_not.as_deref().is_none_or(|list| !among(list))
            && self.missing.is_none_or(|wanted| wanted == nothing)
    }
}
