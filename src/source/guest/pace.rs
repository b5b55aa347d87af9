//! How fast a source is read: a budget of rows, and pauses when the source itself gets slow.

use std::collections::VecDeque;
use std::time::Duration;

/// Batches that the usual speed is known from.
const KNOWN: usize = 31;
/// Fewer batches tell nothing.
const FEWEST: usize = 7;
/// How much slower than usual is slow.
const SLOW: u64 = 2;
/// A batch that comes faster than this is never slow, in milliseconds.
const QUICK: i64 = 200;
/// The longest pause for a slow source, in milliseconds.
const LONGEST: i64 = 30_000;

/// The pace of one reading. It is told when batches were asked for and came, and says how long to pause.
#[derive(Debug, Clone)]
pub struct Pace {
    rows_per_second: Option<u32>,
    slow_down: bool,
    /// Nanoseconds a row, of the last batches.
    usual: VecDeque<u64>,
    /// When the budget allows the next batch, in milliseconds.
    due: Option<i64>,
}

impl Pace {
    /// A pace with a budget of rows, and with or without an eye on the source's own speed.
    pub(super) fn new(rows_per_second: Option<u32>, slow_down: bool) -> Self {
        Self { rows_per_second, slow_down, usual: VecDeque::with_capacity(KNOWN), due: None }
    }

    /// How many of the rows wanted may be asked for at once: no more than the budget of a second.
    pub fn rows(&self, wanted: usize) -> usize {
        self.rows_per_second.map_or(wanted, |rate| wanted.min(rate as usize)).max(1)
    }

    /// A batch was asked for and came (both in milliseconds of one clock): how long to pause before the next.
    pub fn batch(&mut self, asked: i64, came: i64, rows: usize) -> Duration {
        let pause = self.budget(asked, came, rows).max(self.slowness(came - asked, rows));
        Duration::from_millis(pause.max(0).unsigned_abs())
    }

    fn budget(&mut self, asked: i64, came: i64, rows: usize) -> i64 {
        let Some(rate) = self.rows_per_second else { return 0 };
        let cost = (rows as i64).saturating_mul(1000) / i64::from(rate.max(1));
        let due = self.due.map_or(asked, |due| due.max(asked)) + cost;
        self.due = Some(due);
        due - came
    }

    /// A slow source is left alone for as long as it took, which halves what is asked of it.
    fn slowness(&mut self, took: i64, rows: usize) -> i64 {
        if !self.slow_down || rows == 0 {
            return 0;
        }
        let each = took.max(0).unsigned_abs().saturating_mul(1_000_000) / rows as u64;
        let median = self.median();
        if self.usual.len() == KNOWN {
            self.usual.pop_front();
        }
        self.usual.push_back(each);
        let slow = self.usual.len() > FEWEST && took >= QUICK && each > median.saturating_mul(SLOW);
        if slow { took.min(LONGEST) } else { 0 }
    }

    fn median(&self) -> u64 {
        let mut sorted: Vec<u64> = self.usual.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_on_average() {
        let mut pace = Pace::new(Some(100), false);
        assert_eq!((pace.rows(4000), pace.rows(7)), (100, 7));
        let mut now = 0;
        for _ in 0..20 {
            let came = now + 300;
            now = came + pace.batch(now, came, 100).as_millis() as i64;
        }
        assert_eq!(now, 20_000);
        // Time in which nothing was asked is no credit.
        let pause = pace.batch(now + 60_000, now + 60_100, 100);
        assert_eq!(pause, Duration::from_millis(900));
    }

    #[test]
    fn a_source_that_slows_down_is_left_alone() {
        let mut pace = Pace::new(None, true);
        for n in 0..10 {
            assert_eq!(pace.batch(n * 1000, n * 1000 + 300, 1000), Duration::ZERO, "{n}");
        }
        assert_eq!(pace.batch(0, 500, 1000), Duration::ZERO);
        assert_eq!(pace.batch(0, 900, 1000), Duration::from_millis(900));
        assert_eq!(pace.batch(0, 90_000, 1000), Duration::from_secs(30));
        // A larger batch may take longer; a quick one is never slow.
        assert_eq!(pace.batch(0, 900, 3000), Duration::ZERO);
        assert_eq!(pace.batch(0, 199, 1), Duration::ZERO);
        // What stays slow becomes usual, and back to its speed nothing is waited for.
        let pauses: Vec<_> = (0..40).map(|_| pace.batch(0, 900, 1000)).collect();
        assert_eq!((pauses[0], pauses[39]), (Duration::from_millis(900), Duration::ZERO));
        let mut never = Pace::new(None, false);
        assert!((0..40).all(|n| never.batch(0, n * n * 100, 10) == Duration::ZERO));
    }
}
