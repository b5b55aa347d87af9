//! The only way to make a batch.

use std::sync::Arc;

use super::batch::{RecordBatch, RowMeta, Slot, SlotKind};
use super::identity::{self, ContentHash, KeySpec, RecordKey};
use crate::standard::{CodeIdx, FieldIdx, TablePlan};

/// Fills one batch, row by row, cell by cell in plan order.
///
/// A row is `begin_row`, one push a field, then `seal_row` (computes natural key, record key and content hash and
/// writes the record key into its field) or `end_row` (keys left empty: rows that are only checked).
pub struct BatchBuilder {
    batch: RecordBatch,
    width: usize,
    /// A row's content, framed to be hashed.
    framed: Vec<u8>,
}

/// Arena bytes after which a batch should be closed.
const FULL_BYTES: usize = 4 << 20;

impl BatchBuilder {
    /// An empty builder for a table, with room for about `rows` rows.
    pub fn new(plan: Arc<TablePlan>, rows: usize) -> Self {
        let width = plan.fields.len();
        let batch = RecordBatch {
            text: String::with_capacity(rows * width * 12),
            keys: Vec::with_capacity(rows * 32),
            slots: Vec::with_capacity(rows * width),
            rows: Vec::with_capacity(rows),
            plan,
        };
        Self { batch, width, framed: Vec::new() }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.batch.rows.len()
    }

    /// Whether no row is in it yet.
    pub fn is_empty(&self) -> bool {
        self.batch.rows.is_empty()
    }

    /// Whether the arena is so large that the batch should be closed.
    pub fn is_full(&self) -> bool {
        self.batch.text.len() >= FULL_BYTES
    }

    /// Begins a row made from the source row at `origin`.
    pub fn begin_row(&mut self, origin: usize) {
        debug_assert_eq!(self.batch.slots.len(), self.batch.rows.len() * self.width, "a row was left unfinished");
        self.batch.rows.push(RowMeta {
            origin: origin as u32,
            natural_key: (0, 0),
            record_key: RecordKey::default(),
            adopted: false,
            hash: ContentHash::default(),
        });
    }

    #[inline]
    fn push(&mut self, text: &str, kind: SlotKind) {
        let start = self.batch.text.len() as u32;
        self.batch.text.push_str(text);
        self.batch.slots.push(Slot { start, len: text.len() as u32, kind });
    }

    /// The next cell holds nothing.
    #[inline]
    pub fn push_null(&mut self) {
        self.batch.slots.push(Slot { start: 0, len: 0, kind: SlotKind::Null });
    }

    /// The next cell holds a text.
    #[inline]
    pub fn push_text(&mut self, text: &str) {
        self.push(text, SlotKind::Text);
    }

    /// The next cell holds a number in canonical decimal text (see [`super::canonical_number`]).
    #[inline]
    pub fn push_number(&mut self, canonical: &str) {
        self.push(canonical, SlotKind::Number);
    }

    /// The next cell holds a code of the field's set.
    #[inline]
    pub fn push_code(&mut self, idx: CodeIdx) {
        self.batch.slots.push(Slot { start: idx.0, len: 0, kind: SlotKind::Code });
    }

    /// The next cell holds something unusable, already reported.
    #[inline]
    pub fn push_faulted(&mut self) {
        self.batch.slots.push(Slot { start: 0, len: 0, kind: SlotKind::Faulted });
    }

    /// How many cells of the current row have been pushed.
    pub fn cells_pushed(&self) -> usize {
        self.batch.slots.len() - (self.batch.rows.len() - 1) * self.width
    }

    /// Overwrites a cell of the current row, already pushed, with a text.
    pub fn set_text(&mut self, field: FieldIdx, text: &str) {
        let start = self.batch.text.len() as u32;
        self.batch.text.push_str(text);
        let at = (self.batch.rows.len() - 1) * self.width + field.usize();
        self.batch.slots[at] = Slot { start, len: text.len() as u32, kind: SlotKind::Text };
    }

    /// Ends a row without keys. Missing cells are filled with nothing.
    pub fn end_row(&mut self) {
        let want = self.batch.rows.len() * self.width;
        while self.batch.slots.len() < want {
            self.push_null();
        }
        debug_assert_eq!(self.batch.slots.len(), want, "a row has too many cells");
    }

    /// Ends a row with its keys: natural key, record key (also written into its field unless `adopted` or the field
    /// already gives one) and content hash. `source_id` is the source row's own id, where there is one. False, and
    /// the natural key left empty, when a part of the key is faulted.
    pub fn seal_row(&mut self, keys: &KeySpec, source_id: Option<&str>, adopted: Option<RecordKey>) -> bool {
        self.end_row();
        let at = self.batch.rows.len() - 1;
        let start = self.batch.keys.len();
        let mut buffer = std::mem::take(&mut self.batch.keys);
        let whole = identity::natural_key(&self.batch.row(at), keys, source_id, &mut buffer);
        if !whole {
            buffer.truncate(start);
        }
        self.batch.keys = buffer;
        if !whole {
            return false;
        }
        self.batch.rows[at].natural_key = (start as u32, self.batch.keys.len() as u32);
        let minted = keys.record_key(&self.batch.plan, self.batch.row(at).natural_key());
        let adopted = adopted.filter(|key| *key != minted);
        let key = adopted.unwrap_or(minted);
        self.batch.rows[at].record_key = key;
        self.batch.rows[at].adopted = adopted.is_some();
        if let Some(field) = self.batch.plan.roles.record_key {
            let mut hex = [0u8; 32];
            self.set_text(field, key.write_hex(&mut hex));
        }
        let hash = identity::content_hash(&self.batch.row(at), &mut self.framed);
        self.batch.rows[at].hash = hash;
        true
    }

    /// Takes the current row back.
    pub fn discard_row(&mut self) {
        self.batch.rows.pop();
        self.batch.slots.truncate(self.batch.rows.len() * self.width);
    }

    /// Takes all rows back, keeping the room.
    pub fn clear(&mut self) {
        self.batch.text.clear();
        self.batch.keys.clear();
        self.batch.slots.clear();
        self.batch.rows.clear();
    }

    /// The finished batch.
    pub fn finish(self) -> RecordBatch {
        self.batch
    }

    /// The row begun last, for checks that look back at it after `end_row` or `seal_row`.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }
}
