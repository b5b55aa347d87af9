//! Finds delimiter and header in the first part of a file.

use std::sync::Arc;

use super::split::{Dialect, Outcome, Record, split};
use crate::finding::Text;
use crate::source::{Column, ColumnKind};

const SAMPLE_RECORDS: usize = 60;
const HEADER_WITHIN: usize = 10;
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What the settings fix beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    pub delimiter: Option<u8>,
    /// Looked at first when nothing else decides.
    pub likely_delimiter: u8,
    pub quote: Option<u8>,
    /// The header's line; 0 says that there is none.
    pub header_row: Option<u64>,
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

impl Sampled {
    fn filled(&self) -> usize {
        self.cells.iter().filter(|cell| !cell.trim().is_empty()).count()
    }

    /// Cells up to the last one with something in it.
    fn reach(&self) -> usize {
        self.cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1)
    }
}

/// Finds the layout; `None` when there is no row that could be a header.
pub(super) fn find(sample: &str, ended: bool, wishes: &Wishes) -> Option<Layout> {
    let delimiter = wishes.delimiter.unwrap_or_else(|| delimiter(sample, ended, wishes));
    let dialect = Dialect { delimiter, quote: wishes.quote };
    let records = records(sample, ended, dialect);
    let width = width(&records);
    let (header, data_from) = match wishes.header_row {
        Some(0) => (None, 0),
        Some(line) => {
            let index = records.iter().position(|record| record.line == line)?;
            (Some(&records[index]), index + 1)
        }
        None => {
            let first = records.iter().take(HEADER_WITHIN).position(|r| r.filled() * 2 > width && r.filled() > 0);
            let index = first.or_else(|| records.iter().position(|r| r.filled() > 0))?;
            (Some(&records[index]), index + 1)
        }
    };
    let data = &records[data_from..];
    let (columns, notes) = match header {
        Some(header) => name_columns(&header.cells[..header.reach().max(reach_of(data, header.cells.len()))]),
        None => name_columns(&vec![String::new(); width.max(1)]),
    };
    Some(Layout {
        dialect,
        columns,
        header_line: header.map_or(0, |h| h.line),
        data_offset: header.map_or(0, |h| h.end),
        data_line: header.map_or(1, |h| h.next_line),
        notes: if header.is_some() { notes } else { Vec::new() },
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

/// The width whose rows hold the most cells, and how many rows those are: a few wide rows outweigh many title lines.
fn mode(records: &[Sampled]) -> (usize, usize) {
    let mut best = (0, 0);
    for record in records.iter().filter(|record| record.filled() > 0) {
        let cells = record.cells.len();
        let rows = records.iter().filter(|other| other.filled() > 0 && other.cells.len() == cells).count();
        best = best.max((rows * cells, cells));
    }
    (best.0 / best.1.max(1), best.1)
}

/// Columns of the table: cells of the usual row, less those at its end that are empty in all rows.
fn width(records: &[Sampled]) -> usize {
    let (_, cells) = mode(records);
    reach_of(records, cells)
}

fn reach_of(records: &[Sampled], at_most: usize) -> usize {
    records.iter().filter(|r| r.cells.len() <= at_most).map(Sampled::reach).max().unwrap_or(0)
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

/// Trimmed names, each there once; a note for each that had to be made up.
fn name_columns(cells: &[String]) -> (Arc<[Column]>, Vec<Text>) {
    let mut names: Vec<String> = Vec::with_capacity(cells.len());
    let mut notes = Vec::new();
    let given: Vec<String> = cells.iter().map(|cell| tidy(cell)).collect();
    for (index, name) in given.iter().enumerate() {
        let number = index + 1;
        let mut unique = if name.is_empty() { format!("column_{number}") } else { name.clone() };
        let (stem, mut copy) = (unique.clone(), 1);
        while names.contains(&unique) || (copy > 1 || name.is_empty()) && given.contains(&unique) {
            copy += 1;
            unique = format!("{stem}_{copy}");
        }
        if unique != *name {
            notes.push(Text::new(
                format!("第 {number} 列的列名{}，按“{unique}”读取", if name.is_empty() { "为空" } else { "重复" }),
                format!(
                    "column {number} has {} name; it is read as \"{unique}\"",
                    if name.is_empty() { "no" } else { "a repeated" }
                ),
            ));
        }
        names.push(unique);
    }
    (names.into_iter().map(|name| Column { name: name.into(), kind: ColumnKind::Unknown }).collect(), notes)
}

fn tidy(name: &str) -> String {
    let bare = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{FEFF}' | '\u{200B}'));
    bare.split(['\r', '\n']).map(str::trim).collect()
}
