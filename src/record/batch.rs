//! The arena and the rows in it.

use std::fmt;
use std::sync::Arc;

use super::{ContentHash, RecordKey};
use crate::standard::{CodeIdx, FieldIdx, TablePlan};

/// What one cell holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Nothing.
    Null,
    /// A text, in canonical form where the field has one.
    Text(&'a str),
    /// A number in canonical decimal text: no sign but `-`, no leading or trailing zeros.
    Number(&'a str),
    /// A code of the field's set; the text is the code.
    Code(CodeIdx, &'a str),
    /// There was something that cannot be a value of this field; a violation says what. Checks pass over it.
    Faulted,
}

impl<'a> ValueRef<'a> {
    /// The text that is reported and hashed; `None` for nothing and for faulted cells.
    #[inline]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(t) | Self::Number(t) | Self::Code(_, t) => Some(t),
            Self::Null | Self::Faulted => None,
        }
    }

    /// The kind, without the value.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text(_) => "text",
            Self::Number(_) => "number",
            Self::Code(..) => "code",
            Self::Faulted => "faulted",
        }
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotKind {
    Null,
    Text,
    Number,
    Code,
    Faulted,
}

/// One cell: a kind and a span of the arena, or of a code's index.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) start: u32,
    pub(super) len: u32,
    pub(super) kind: SlotKind,
}

/// What a row carries beside its cells.
#[derive(Clone, Copy)]
pub(super) struct RowMeta {
    pub(super) origin: u32,
    pub(super) natural_key: (u32, u32),
    pub(super) record_key: RecordKey,
    pub(super) adopted: bool,
    pub(super) hash: ContentHash,
}

/// Rows of one table.
pub struct RecordBatch {
    pub(super) plan: Arc<TablePlan>,
    pub(super) text: String,
    pub(super) keys: Vec<u8>,
    pub(super) slots: Vec<Slot>,
    pub(super) rows: Vec<RowMeta>,
}

impl RecordBatch {
    /// The plan that the rows follow.
    pub fn plan(&self) -> &Arc<TablePlan> {
        &self.plan
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Row `i`, counted from 0.
    #[inline]
    pub fn row(&self, i: usize) -> Record<'_> {
        Record { batch: self, row: i, first: i * self.plan.fields.len() }
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).map(|i| self.row(i))
    }

    /// Bytes held by the arena, for memory bounds.
    pub fn arena_bytes(&self) -> usize {
        self.text.len() + self.keys.len() + self.slots.len() * size_of::<Slot>() + self.rows.len() * size_of::<RowMeta>()
    }
}

impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatch").field("table", &self.plan.name).field("rows", &self.rows.len()).finish()
    }
}

/// Whether a text is empty or only blanks: the standard's documents count it as nothing.
#[inline]
pub fn is_blank(text: &str) -> bool {
    match text.as_bytes().first() {
        None => true,
        Some(first) if (0x21..0x7F).contains(first) => false,
        Some(_) => text.chars().all(char::is_whitespace),
    }
}

/// One row of a batch.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    batch: &'a RecordBatch,
    row: usize,
    /// Where its cells begin among the batch's.
    first: usize,
}

impl<'a> Record<'a> {
    /// The value of a field.
    #[inline]
    pub fn get(&self, field: FieldIdx) -> ValueRef<'a> {
        let slot = self.batch.slots[self.first + field.usize()];
        let span = || &self.batch.text[slot.start as usize..(slot.start + slot.len) as usize];
        match slot.kind {
            SlotKind::Null => ValueRef::Null,
            SlotKind::Text => ValueRef::Text(span()),
            SlotKind::Number => ValueRef::Number(span()),
            SlotKind::Faulted => ValueRef::Faulted,
            SlotKind::Code => {
                let idx = CodeIdx(slot.start);
                match &self.batch.plan.field(field).code_set {
                    Some(set) => ValueRef::Code(idx, &set.get(idx).code),
                    None => ValueRef::Faulted,
                }
            }
        }
    }

    /// Whether a field holds nothing, or only blanks.
    pub fn is_missing(&self, field: FieldIdx) -> bool {
        match self.get(field) {
            ValueRef::Null => true,
            ValueRef::Text(text) => is_blank(text),
            _ => false,
        }
    }

    /// The plan that the row follows.
    pub fn plan(&self) -> &'a Arc<TablePlan> {
        &self.batch.plan
    }

    /// Its place in the batch, counted from 0.
    pub fn index(&self) -> usize {
        self.row
    }

    /// The index of the source row it was made from, as given to the builder.
    pub fn origin(&self) -> usize {
        self.batch.rows[self.row].origin as usize
    }

    /// The natural key's canonical bytes; empty until the builder sealed the row.
    #[inline]
    pub fn natural_key(&self) -> &'a [u8] {
        let (start, end) = self.batch.rows[self.row].natural_key;
        &self.batch.keys[start as usize..end as usize]
    }

    /// The 32-character key upstream.
    pub fn record_key(&self) -> RecordKey {
        self.batch.rows[self.row].record_key
    }

    /// Whether the record key was minted elsewhere: it is not the one that follows from the natural key.
    pub fn is_adopted(&self) -> bool {
        self.batch.rows[self.row].adopted
    }

    /// The same without sealed fields: what both sides of a comparison can make of what they hold.
    pub fn comparable_hash(&self) -> ContentHash {
        super::identity::comparable_hash(self)
    }

    /// Hash over the plain values, collected-at left out; the record key is in it only where it is adopted.
    #[inline]
    pub fn content_hash(&self) -> ContentHash {
        self.batch.rows[self.row].hash
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (idx, field) in self.batch.plan.indexed() {
            map.entry(&field.name, &self.get(idx));
        }
        map.finish()
    }
}
