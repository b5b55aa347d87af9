//! Which keys a batch refers to, and which of them exist.

use std::collections::HashSet;

use crate::standard::{FieldIdx, RefTarget};

/// The values that a batch has in one reference field.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyQuestion {
    /// The reference field.
    pub field: FieldIdx,
    /// Where they may exist, core roster first.
    pub targets: Box<[RefTarget]>,
    /// The distinct values, sorted. They may be sensitive.
    pub values: Vec<String>,
}

impl std::fmt::Debug for KeyQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyQuestion").field("field", &self.field).field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// What is known about one reference field.
#[derive(Default)]
pub struct KeyAnswer {
    /// The targets that this school maps and has read completely once. None of them: the field is unchecked.
    pub checked: Vec<RefTarget>,
    /// The values of the question that exist in any of them.
    pub existing: HashSet<String>,
}

/// The answers for one batch.
#[derive(Default)]
pub struct KeyAnswers {
    /// By the field's index.
    fields: Vec<Option<KeyAnswer>>,
    /// The rows have waited as long as their policy says: what is still missing is a warning where the policy is
    /// [`super::ReferencePolicy::Hold`].
    pub overdue: bool,
}

impl KeyAnswers {
    /// No answers: every reference is unchecked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the answer for one field.
    pub fn set(&mut self, field: FieldIdx, answer: KeyAnswer) {
        if self.fields.len() <= field.usize() {
            self.fields.resize_with(field.usize() + 1, || None);
        }
        self.fields[field.usize()] = Some(answer);
    }

    /// The answer for a field that was checked against at least one table.
    pub fn checked(&self, field: FieldIdx) -> Option<&KeyAnswer> {
        self.fields.get(field.usize())?.as_ref().filter(|a| !a.checked.is_empty())
    }

    /// The reference fields of the questions that no table could answer.
    pub fn unchecked<'a>(&'a self, questions: &'a [KeyQuestion]) -> impl Iterator<Item = FieldIdx> + 'a {
        questions.iter().map(|q| q.field).filter(|f| self.checked(*f).is_none())
    }
}
