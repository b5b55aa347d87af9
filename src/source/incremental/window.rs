//! How far back a watermark is read again. Pure.
//!
//! A row is late when it turns up with a mark below the greatest that was seen before: its transaction took long, its
//! clock is behind, somebody entered it afterwards. How late rows are is observed within what is read again anyway: of
//! the newest rows a read remembers short hashes, and what is not among them next time was late. The overlap is twice
//! the greatest lateness ever observed, so whatever is late by no more than that is found.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::mark::{Mark, least};
use super::spec::Overlap;

/// Rows remembered of one read.
const REMEMBERED: usize = 512;

/// Where a watermark stands, from one run to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watermark {
    /// The greatest mark that is not in the future.
    pub greatest: Mark,
    /// Whether marks are times.
    pub is_time: bool,
    /// How late a row was at most, as far as could be seen.
    pub lateness: Mark,
    /// Rows with a mark above this are remembered.
    floor: Mark,
    /// Their hashes in order, eight hexadecimal digits each.
    rows: String,
}

impl Watermark {
    /// How far back to read again.
    pub fn overlap(&self, given: Option<Overlap>) -> Mark {
        match given {
            Some(Overlap::Count(count)) => Mark::units(count),
            Some(Overlap::Time(period)) => Mark::units(period.seconds()),
            None => Mark((self.lateness.0 * 2).max(least(self.is_time).0)),
        }
    }

    /// Rows with a mark from here on are read again.
    pub fn bound(&self, given: Option<Overlap>) -> Mark {
        Mark(self.greatest.0 - self.overlap(given).0)
    }

    /// Whether a row of this mark and hash was there before; what is not remembered counts as such.
    fn knows(&self, mark: Mark, hash: u32) -> bool {
        let beyond = mark <= self.floor || mark > self.greatest;
        let wanted = format!("{hash:08x}");
        beyond || self.rows.as_bytes().chunks_exact(8).any(|known| known == wanted.as_bytes())
    }
}

/// A short hash of a row's cells.
pub(super) fn hash<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> u32 {
    let mut all = Vec::with_capacity(128);
    for cell in cells {
        match cell {
            Some(text) => {
                all.extend_from_slice(&(text.len() as u64).to_le_bytes());
                all.extend_from_slice(text.as_bytes());
            }
            None => all.push(0xFF),
        }
    }
    xxh3_64(&all) as u32
}

/// Watches the rows of one read go by.
pub(super) struct Observer {
    before: Option<Watermark>,
    greatest: Mark,
    is_time: bool,
    lateness: Mark,
    floor: Mark,
    newest: BTreeSet<(Mark, u32)>,
}

impl Observer {
    /// `greatest` is the greatest mark at the beginning of this read; `before` where the last one had come to.
    pub fn new(before: Option<Watermark>, greatest: Mark, is_time: bool, given: Option<Overlap>) -> Self {
        let before = before.filter(|before| before.is_time == is_time);
        let lateness = before.as_ref().map_or(Mark(0), |before| before.lateness);
        let now = Watermark { greatest, is_time, lateness, floor: greatest, rows: String::new() };
        let floor = Mark(now.bound(given).0 - 1);
        Self { before, greatest, is_time, lateness, floor, newest: BTreeSet::new() }
    }

    /// A row.
    pub fn see(&mut self, mark: Mark, hash: u32) {
        if let Some(before) = self.before.as_ref().filter(|before| !before.knows(mark, hash)) {
            self.lateness = self.lateness.max(Mark(before.greatest.0 - mark.0));
        }
        if mark <= self.floor || mark > self.greatest {
            return;
        }
        self.newest.insert((mark, hash));
        if self.newest.len() > REMEMBERED
            && let Some((least, _)) = self.newest.first().copied()
        {
            // A mark of which not all rows are remembered is of no use.
            self.floor = least;
            self.newest = self.newest.split_off(&(Mark(least.0 + 1), 0));
        }
    }

    /// Whether a row is worth a hash.
    pub fn wants(&self, mark: Mark) -> bool {
        mark > self.floor || self.before.as_ref().is_some_and(|before| mark > before.floor && mark <= before.greatest)
    }

    /// Where the watermark stands, nothing remembered of the rows: what a read that is interrupted passes on.
    pub fn forgetful(&self) -> Watermark {
        let (greatest, is_time) = (self.greatest, self.is_time);
        Watermark { greatest, is_time, lateness: self.lateness, floor: greatest, rows: String::new() }
    }

    /// Where the watermark stands now, all rows having gone by.
    pub fn finish(self) -> Watermark {
        let floor = self.floor;
        let kept: BTreeSet<u32> = self.newest.into_iter().filter(|(mark, _)| *mark > floor).map(|(_, hash)| hash).collect();
        let rows = kept.iter().map(|hash| format!("{hash:08x}")).collect();
        Watermark { greatest: self.greatest, is_time: self.is_time, lateness: self.lateness, floor, rows }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::incremental::Period;

    /// A row: when it can be seen, its mark, and its number, which makes its hash.
    type Row = (i128, i128, u32);

    fn history() -> impl Strategy<Value = (Vec<Row>, i128)> {
        let row = (0i128..200_000, prop_oneof![4 => Just(0i128), 3 => 0i128..700, 1 => 0i128..20_000]);
        (proptest::collection::vec(row, 1..1500), 50i128..5_000).prop_map(|(rows, every)| {
            let rows = rows.into_iter().zip(0..).map(|((at, late), number)| (at, (at - late) * 1_000_000, number)).collect();
            (rows, every)
        })
    }

    /// Polls; gives the rows that were found, the greatest lateness that a poll knew of, and whether all positions were short.
    fn poll(rows: &[Row], every: i128, mut check: impl FnMut(&Watermark, &Row, bool)) -> Option<Watermark> {
        let mut last: Option<(i128, Watermark)> = None;
        for now in (1..).map(|n| n * every).take_while(|now| *now <= 210_000 + every) {
            let there: Vec<&Row> = rows.iter().filter(|row| row.0 <= now).collect();
            let Some(greatest) = there.iter().map(|row| row.1).max() else { continue };
            let before = last.as_ref().map(|(_, watermark)| watermark.clone());
            let bound = before.as_ref().map(|watermark| watermark.bound(None));
            let mut observer = Observer::new(before.clone(), Mark(greatest), true, None);
            for row in &there {
                let read = bound.is_none_or(|bound| Mark(row.1) >= bound);
                if let Some((_, watermark)) = last.as_ref().filter(|(then, _)| row.0 > *then) {
                    check(watermark, row, read);
                }
                if read && observer.wants(Mark(row.1)) {
                    observer.see(Mark(row.1), row.2);
                }
            }
            last = Some((now, observer.finish()));
        }
        last.map(|(_, watermark)| watermark)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// A row that is late by no more than what was ever observed, or by ten minutes, is read by the poll after it.
        #[test]
        fn what_is_no_later_than_ever_observed_is_found((rows, every) in history()) {
            let mut wrong = Vec::new();
            poll(&rows, every, |watermark, row, read| {
                let late = watermark.greatest.0 - row.1;
                if late <= watermark.lateness.0.max(600_000_000) && !read {
                    wrong.push(*row);
                }
            });
            prop_assert!(wrong.is_empty(), "{wrong:?}");
        }

        /// What is observed is a lateness that some row had, and what is remembered stays small.
        #[test]
        fn observations_are_true_and_short((rows, every) in history()) {
            let mut latest = 0;
            let end = poll(&rows, every, |watermark, row, _| latest = latest.max(watermark.greatest.0 - row.1));
            if let Some(end) = end {
                prop_assert!(end.lateness.0 <= latest.max(0), "{} > {latest}", end.lateness.0);
                prop_assert!(serde_json::to_string(&end).unwrap().len() < 8 * REMEMBERED + 300);
            }
        }
    }

    #[test]
    fn a_late_row_within_the_window_widens_it() {
        let minutes = |n: i128| Mark(n * 60_000_000);
        let mut first = Observer::new(None, minutes(100), true, None);
        for (at, row) in [(100, 1), (97, 2)] {
            first.see(minutes(at), row);
        }
        let first = first.finish();
        assert_eq!(first.overlap(None), minutes(10));
        let mut second = Observer::new(Some(first.clone()), minutes(105), true, None);
        for (at, row) in [(105, 4), (100, 1), (97, 2), (92, 3)] {
            second.see(minutes(at), row);
        }
        let second = second.finish();
        assert_eq!((second.lateness, second.overlap(None)), (minutes(8), minutes(16)));
        let given = Overlap::Time(Period::try_from("1h".to_owned()).unwrap());
        assert_eq!(second.bound(Some(given)), minutes(45));
        // A read that did not see all rows says nothing of those it did not remember.
        let mut third = Observer::new(Some(first), minutes(100), true, None);
        third.see(minutes(100), 1);
        let third = third.forgetful();
        let mut fourth = Observer::new(Some(third), minutes(101), true, None);
        fourth.see(minutes(97), 2);
        assert_eq!(fourth.finish().lateness, Mark(0));
    }

    #[test]
    fn many_rows_of_one_mark_are_not_taken_for_late() {
        let mut first = Observer::new(None, Mark(5), true, None);
        (0..2_000).for_each(|row| first.see(Mark(5), row));
        let first = first.finish();
        let mut second = Observer::new(Some(first), Mark(9), true, None);
        (0..2_000).for_each(|row| second.see(Mark(5), row));
        assert_eq!(second.finish().lateness, Mark(0));
    }
}
