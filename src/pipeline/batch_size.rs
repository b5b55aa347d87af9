//! How many rows a batch takes.
//!
//! Small at first, so that the first records land at once; larger as long as the source goes on, because rows that come
//! in no order cost a page of the store's index each unless many are sorted and landed together. One run at a time
//! has large batches, so that memory stays bounded however many sources are read side by side.

use std::sync::atomic::{AtomicBool, Ordering};

/// Rows of a first batch, and of every batch while another run has the large ones.
const FEW: usize = 1_000;
/// Rows of the largest batch.
const MANY: usize = 12_000;
/// Cells of the largest batch: wide tables have fewer rows in one.
const CELLS: usize = 480_000;

/// Room for large batches: one run has it at a time.
#[derive(Debug, Default)]
pub struct BatchRoom(AtomicBool);

/// The batch sizes of one run.
pub(super) struct BatchSize<'a> {
    room: &'a BatchRoom,
    has_room: bool,
    rows: usize,
    most: usize,
}

impl<'a> BatchSize<'a> {
    /// Of a run that reads so many columns.
    pub(super) fn new(room: &'a BatchRoom, columns: usize) -> Self {
        Self { room, has_room: false, rows: FEW, most: (CELLS / columns.max(1)).clamp(FEW, MANY) }
    }

    /// How many rows the next batch may have.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Twice as many from now on, if the batch just read was full and there is room.
    pub(super) fn read(&mut self, rows: usize) {
        if rows < self.rows {
            return;
        }
        self.has_room = self.has_room || !self.room.0.swap(true, Ordering::AcqRel);
        if self.has_room {
            self.rows = (self.rows * 2).min(self.most);
        }
    }
}

impl Drop for BatchSize<'_> {
    fn drop(&mut self) {
        if self.has_room {
            self.room.0.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchRoom, BatchSize};

    fn grown(size: &mut BatchSize<'_>) -> usize {
        for _ in 0..10 {
            size.read(size.rows());
        }
        size.rows()
    }

    #[test]
    fn batches_grow_while_they_are_full_and_only_in_one_run_at_a_time() {
        let room = BatchRoom::default();
        let mut first = BatchSize::new(&room, 40);
        let mut second = BatchSize::new(&room, 40);
        first.read(999);
        assert_eq!(first.rows(), 1_000);
        first.read(1_000);
        assert_eq!(first.rows(), 2_000);
        assert_eq!((grown(&mut first), grown(&mut second)), (12_000, 1_000));
        drop(first);
        assert_eq!(grown(&mut second), 12_000);
    }

    #[test]
    fn wide_tables_have_fewer_rows_in_a_batch() {
        let room = BatchRoom::default();
        assert_eq!(grown(&mut BatchSize::new(&room, 100)), 4_800);
        assert_eq!(grown(&mut BatchSize::new(&room, 10_000)), 1_000);
    }
}
