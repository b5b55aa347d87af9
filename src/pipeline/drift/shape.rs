//! What is kept of a source: its outline, and the forms of its columns in the first rows.

use serde::{Deserialize, Serialize};

use super::form::Form;
use crate::source::{Outline, OutlineColumn, SourceBatch};

/// A source's object as one run saw it. No value is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub outline: Outline,
    /// Column by column.
    pub forms: Vec<Form>,
}

/// One column of a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub at: usize,
    pub column: &'a OutlineColumn,
    pub form: &'a Form,
}

impl Shape {
    /// What a source shows, and its first rows, if it has any.
    pub fn of(outline: Outline, first: Option<&SourceBatch>) -> Self {
        let form = |at| first.map_or_else(Form::default, |batch| Form::of((0..batch.len()).map(|row| batch.cell(row, at))));
        Self { forms: (0..outline.columns.len()).map(form).collect(), outline }
    }

    /// The columns in their order.
    pub fn columns(&self) -> impl Iterator<Item = Seen<'_>> {
        let both = self.outline.columns.iter().zip(&self.forms).enumerate();
        both.map(|(at, (column, form))| Seen { at, column, form })
    }

    /// The first column of a name.
    pub fn find(&self, name: &str) -> Option<Seen<'_>> {
        self.columns().find(|seen| seen.column.name == name)
    }

    /// The same, with the forms of an earlier run where this one has seen too few rows to know them, and with what a catalogue
    /// said of columns where this one asked none: a run that reads only what changed looks at no catalogue.
    pub fn remembering(&self, before: &Self) -> Self {
        let kept = |seen: Seen<'_>| {
            let known = before.find(&seen.column.name).filter(|known| seen.form.says_less_than(known.form));
            known.map_or(seen.form, |known| known.form).clone()
        };
        let forms = self.columns().map(kept).collect();
        let mut outline = self.outline.clone();
        for column in outline.columns.iter_mut().filter(|column| column.declared.is_empty()) {
            if let Some(known) = before.find(&column.name).filter(|known| known.column.kind == column.kind) {
                column.clone_from(known.column);
            }
        }
        outline.view = outline.view.or_else(|| before.outline.view.clone());
        Self { outline, forms }
    }
}
