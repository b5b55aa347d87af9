//! One exported table of the sample school: its rows, and what must become of each.

use std::collections::BTreeSet;

use super::expected::{Expected, Fate};

/// Where a sheet is found by the hub.
#[derive(Debug, Clone, Copy)]
pub(super) enum Home {
    /// A table of the teaching-affairs database.
    Sql(&'static str),
    /// A text file.
    File {
        /// Folder and name below the sample's directory.
        path: &'static str,
        /// Bytes of its characters.
        encoding: Encoding,
        /// Between cells.
        delimiter: char,
        /// Lines before the header, as report programs write them.
        preamble: &'static [&'static str],
    },
}

/// How a text file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 with a byte order mark, as spreadsheets save it.
    Utf8Bom,
    /// GB18030, as older personnel systems export it.
    Gb18030,
    /// UTF-16, little-endian, with a byte order mark.
    Utf16,
}

/// A character that stands for one byte that no encoding knows; only [`Encoding::Gb18030`] files may hold it.
pub(super) const BROKEN_BYTE: char = '\u{F8FF}';

/// A row: its cells, and its fate in each table that the sheet feeds.
#[derive(Debug, Clone)]
struct Row {
    cells: Vec<String>,
    fates: Vec<Fate>,
}

/// A table of the school, with the canonical tables that are mapped from it.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) home: Home,
    pub(super) columns: &'static [&'static str],
    feeds: &'static [&'static str],
    rows: Vec<Row>,
    pairs: Vec<(Row, Row)>,
    extras: Option<usize>,
    next: usize,
    touched: BTreeSet<usize>,
}

impl Sheet {
    /// An empty sheet that feeds these canonical tables.
    pub(super) fn new(home: Home, columns: &'static [&'static str], feeds: &'static [&'static str]) -> Self {
        Self { home, columns, feeds, rows: Vec::new(), pairs: Vec::new(), extras: None, next: 0, touched: BTreeSet::new() }
    }

    /// Adds a good row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "{:?}", self.home);
        self.rows.push(Row { cells: cells.into(), fates: vec![Fate::Good; self.feeds.len()] });
    }

    /// From here on rows are extras that no other row refers to: only they will be spoilt.
    pub(super) fn extras_follow(&mut self) {
        self.extras = Some(self.rows.len());
        self.next = self.rows.len();
    }

    /// The next row to spoil: the extras in turn, else rows spread over the sheet.
    fn victim(&mut self) -> usize {
        let len = self.rows.len();
        let mut at = self.next;
        while self.touched.contains(&at) {
            at = (at + 1) % len;
        }
        self.touched.insert(at);
        self.next = match self.extras {
            Some(_) => at + 1,
            None => (at + len / 37 + 1) % len,
        };
        at
    }

    fn column(&self, name: &str) -> usize {
        let at = self.columns.iter().position(|c| c.trim_end_matches(":n") == name);
        debug_assert!(at.is_some(), "{:?} has no column {name}", self.home);
        at.unwrap_or(0)
    }

    /// Gives `n` rows this value; all tables fed refuse them by this rule.
    pub(super) fn spoil(&mut self, n: usize, column: &str, value: &str, rule: &'static str) {
        for _ in 0..n {
            let at = self.victim();
            self.set(at, column, value);
            self.rows[at].fates.fill(Fate::Quarantined(rule));
        }
    }

    /// Gives `n` rows a value that is odd and lands all the same, with a warning of rule `date_order`.
    pub(super) fn bend(&mut self, n: usize, column: &str, value: &str) {
        for _ in 0..n {
            let at = self.victim();
            self.set(at, column, value);
            self.rows[at].fates.fill(Fate::Odd);
        }
    }

    /// Gives `n` rows this value, which only one of the tables fed minds.
    pub(super) fn spoil_in(&mut self, table: &str, n: usize, column: &str, value: &str, rule: &'static str) {
        self.mark(table, n, column, value, Fate::Quarantined(rule));
    }

    /// Gives `n` rows a value that passes here and that the platform refuses.
    pub(super) fn refuse(&mut self, table: &str, n: usize, column: &str, value: &str) {
        self.mark(table, n, column, value, Fate::Refused);
    }

    /// Gives `n` rows a value by which the mapping of a table leaves them out.
    pub(super) fn leave_out(&mut self, table: &str, n: usize, column: &str, value: &str) {
        self.mark(table, n, column, value, Fate::Filtered);
    }

    fn mark(&mut self, table: &str, n: usize, column: &str, value: &str, fate: Fate) {
        let feed = self.feeds.iter().position(|f| *f == table);
        debug_assert!(feed.is_some(), "{:?} does not feed {table}", self.home);
        for _ in 0..n {
            let at = self.victim();
            self.set(at, column, value);
            if let Some(feed) = feed {
                self.rows[at].fates[feed] = fate;
            }
        }
    }

    /// The mapping of a table leaves the last row out.
    pub(super) fn leave_last_out(&mut self, table: &str) {
        let feed = self.feeds.iter().position(|f| *f == table);
        if let (Some(feed), Some(last)) = (feed, self.rows.last_mut()) {
            last.fates[feed] = Fate::Filtered;
        }
    }

    fn set(&mut self, at: usize, column: &str, value: &str) {
        let column = self.column(column);
        value.clone_into(&mut self.rows[at].cells[column]);
    }

    /// Doubles `n` rows under their own keys with another content; which of the two is right nobody can tell.
    pub(super) fn contradict(&mut self, n: usize, column: &str, value: &str) {
        let column = self.column(column);
        for _ in 0..n {
            let at = self.victim();
            let mut first = self.rows[at].clone();
            first.fates.fill(Fate::Quarantined("duplicate_key"));
            let mut second = first.clone();
            value.clone_into(&mut second.cells[column]);
            self.pairs.push((first, second));
            self.rows[at].cells.clear();
        }
    }

    /// Repeats `n` good rows as they are, at the end, as exports run twice do.
    pub(super) fn repeat(&mut self, n: usize) {
        for _ in 0..n {
            let at = self.victim();
            let mut copy = self.rows[at].clone();
            copy.fates.fill(Fate::Duplicate);
            self.rows.push(copy);
            self.touched.insert(self.rows.len() - 1);
        }
    }

    /// The rows in the order of reading. The two of a contradiction stand side by side, at an even place first, so
    /// that no batch of an even number of rows parts them.
    fn ordered(&self) -> Vec<&Row> {
        let mut out: Vec<&Row> = self.rows.iter().filter(|r| !r.cells.is_empty()).collect();
        let middle = out.len() / 2 / 2 * 2;
        let pairs = self.pairs.iter().flat_map(|(a, b)| [a, b]);
        out.splice(middle..middle, pairs);
        out
    }

    /// The cells of all rows in the order of reading.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[String]> {
        self.ordered().into_iter().map(|r| r.cells.as_slice())
    }

    /// Adds what must become of the rows.
    pub(super) fn count(&self, expected: &mut Expected) {
        for (feed, table) in self.feeds.iter().enumerate() {
            let counts = expected.table(table);
            for row in self.ordered() {
                counts.add(row.fates[feed]);
            }
        }
    }
}

/// Makes cells of anything that can be shown.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { [$($cell.to_string()),*] };
}
pub(super) use cells;
