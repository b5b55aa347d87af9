//! Finds delimiter and header in the first part of a file.

use std::sync::Arc;

use super::split::{Dialect, Outcome, Record, split};
use crate::finding::Text;
use crate::source::Column;
use crate::source::header::{self, Row, Wish};

const SAMPLE_RECORDS: usize = 60;
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What the settings fix beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    pub delimiter: Option<u8>,
    /// Looked at first when nothing else decides.
    pub likely_delimiter: u8,
    pub quote: Option<u8>,
    /// Where the header is.
    pub header: Wish,
}

/// How a file is laid out.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub dialect: Dialect,
    pub columns: Arc<[Column]>,
    /// The header's line, 0 when there is none.
    pub header_line: u64,
    /// Bytes of decoded text before the first data row.
    pub data_offset: usize,
    /// Its line.
    pub data_line: u64,
    pub notes: Vec<Text>,
}

struct Sampled {
    cells: Vec<String>,
    line: u64,
    end: usize,
    next_line: u64,
}

impl Row for Sampled {
    fn cells(&self) -> &[String] {
        &self.cells
    }

    fn line(&self) -> u64 {
        self.line
    }
}

/// Finds the layout; `None` when there is no row that could be a header.
pub(super) fn find(sample: &str, ended: bool, wishes: &Wishes) -> Option<Layout> {
    let delimiter = wishes.delimiter.unwrap_or_else(|| delimiter(sample, ended, wishes));
    let dialect = Dialect { delimiter, quote: wishes.quote };
    let records = records(sample, ended, dialect);
    let found = header::find(&records, width(&records), wishes.header)?;
    let data = &records[found.end..];
    let last = found.end.checked_sub(1).map(|last| &records[last]);
    let (columns, notes) = if found.is_empty() {
        (header::numbered(width(&records)), Vec::new())
    } else {
        let header = &records[found.clone()];
        let reach = header.iter().map(Row::reach).max().unwrap_or(0);
        let cells = header.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        header::columns(header, reach.max(reach_of(data, cells)))
    };
    Some(Layout {
        dialect,
        columns,
        header_line: records.get(found.start).filter(|_| last.is_some()).map_or(0, |first| first.line),
        data_offset: last.map_or(0, |last| last.end),
        data_line: last.map_or(1, |last| last.next_line),
        notes,
    })
}

fn records(sample: &str, ended: bool, dialect: Dialect) -> Vec<Sampled> {
    let (mut found, mut record) = (Vec::new(), Record::default());
    let (mut at, mut line) = (0, 1);
    while found.len() < SAMPLE_RECORDS && at < sample.len() {
        let window = &sample[at..];
        let mut outcome = split(window, ended, dialect, &mut record);
        if outcome == Outcome::Unclosed {
            outcome = split(window, ended, dialect.unquoted(), &mut record);
        }
        if outcome != Outcome::Record {
            break;
        }
        let cells = (0..record.len()).map(|cell| record.cell(window, cell).to_owned()).collect();
        at += record.length;
        found.push(Sampled { cells, line, end: at, next_line: line + record.lines });
        line += record.lines;
    }
    found
}

/// How many rows have the usual number of cells, and which that is.
fn mode(records: &[Sampled]) -> (usize, usize) {
    header::usual(records, |record| record.cells.len())
}

/// Columns of the table: cells of the usual row, less those at its end that are empty in all rows.
fn width(records: &[Sampled]) -> usize {
    let (_, cells) = mode(records);
    reach_of(records, cells)
}

fn reach_of(records: &[Sampled], at_most: usize) -> usize {
    records.iter().filter(|r| r.cells.len() <= at_most).map(Row::reach).max().unwrap_or(0)
}

fn delimiter(sample: &str, ended: bool, wishes: &Wishes) -> u8 {
    let mut order = DELIMITERS;
    order.sort_by_key(|delimiter| *delimiter != wishes.likely_delimiter);
    let mut best = (0, 0, wishes.likely_delimiter);
    for delimiter in order {
        let records = records(sample, ended, Dialect { delimiter, quote: wishes.quote });
        let filled = records.iter().filter(|record| record.filled() > 0).count().max(1);
        let (rows, cells) = mode(&records);
        let share = rows * 1000 / filled;
        if cells > 1 && (share, cells) > (best.0, best.1) {
            best = (share, cells, delimiter);
        }
    }
    best.2
}
