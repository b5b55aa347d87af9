//! One record of a file as one row of a batch, with all that is wrong with it.

use super::decode::Flaw;
use super::encoding::Scan;
use super::read::CsvTable;
use super::split::{LONGEST_RECORD, Outcome, Record, split};
use crate::finding::{Place, Text};
use crate::source::{SourceBatchBuilder, SourceError, bytes};

/// Splits off the next record. The value says whether its quotes were broken; `None` is the end.
pub(super) fn next_record(current: &mut CsvTable, record: &mut Record) -> Result<Option<bool>, SourceError> {
    let (dialect, width) = (current.layout.dialect, current.layout.columns.len());
    let mut broken = false;
    loop {
        let (window, ended) = (current.text.text(), current.text.ended());
        if window.is_empty() && ended {
            return Ok(None);
        }
        let dialect = if broken { dialect.unquoted() } else { dialect };
        match split(window, ended, dialect, record) {
            // Two rows run together by a stray quote show as one row of the wrong width: take the first line alone.
            Outcome::Record if !broken && record.embedded > 0 && !fits(record, window, width) => broken = true,
            Outcome::Record => return Ok(Some(broken)),
            Outcome::Unclosed => broken = true,
            Outcome::More if window.len() >= LONGEST_RECORD => {
                let line = current.line;
                return Err(current.document.refused(format!("line {line} is longer than 16 MiB; this is no text table")));
            }
            Outcome::More => {
                current.text.fill().map_err(|error| current.document.trouble(&error))?;
            }
        }
    }
}

/// Whether a record has the table's width; empty cells behind it do not count.
fn fits(record: &Record, window: &str, width: usize) -> bool {
    record.len() >= width && (width..record.len()).all(|cell| record.cell(window, cell).trim().is_empty())
}

/// Puts a record into the batch: in the order of columns, with all that is wrong with it.
pub(super) fn emit(current: &CsvTable, record: &Record, order: &[usize], broken: bool, batch: &mut SourceBatchBuilder) {
    let window = current.text.text();
    let width = order.len();
    let fitting = fits(record, window, width);
    if fitting && !broken && put_whole(current, record, order, batch) {
        return;
    }
    let surplus = !fitting && record.len() > width;
    for &cell in order {
        if surplus && cell + 1 == width {
            // Nobody can say which cell is one too many, so what is left over stays with the last.
            let delimiter = char::from(current.layout.dialect.delimiter).to_string();
            let rest: Vec<&str> = (cell..record.len()).map(|cell| record.cell(window, cell)).collect();
            batch.push(Some(&rest.join(&delimiter)));
        } else if cell >= record.len() {
            batch.push(None);
        } else {
            let text = record.cell(window, cell);
            batch.push((!text.is_empty() || record.is_quoted(cell)).then_some(text));
        }
    }
    if broken {
        batch.fault(None, broken_quotes());
    } else if !fitting {
        batch.fault(None, wrong_width(record.len(), width));
    }
    for (at, flaw) in current.text.flaws(record.length) {
        let column = order.iter().position(|cell| *cell == record.cell_at(at).min(width.saturating_sub(1)));
        batch.fault(column, flaw_text(flaw, &current.scan));
    }
    batch.end_row(Place::Line(current.line));
}

/// Puts a record without quotes and flaws, its cells in the order of columns, into the batch in one piece.
fn put_whole(current: &CsvTable, record: &Record, order: &[usize], batch: &mut SourceBatchBuilder) -> bool {
    let Some(cells) = record.plain_cells().filter(|cells| cells.len() == order.len()) else { return false };
    if !order.iter().copied().eq(0..order.len()) || current.text.flaws(record.length).next().is_some() {
        return false;
    }
    let line = &current.text.text()[..record.length];
    batch.push_all(line, cells.map(|cell| (!cell.is_empty()).then_some(cell)));
    batch.end_row(Place::Line(current.line));
    true
}

fn broken_quotes() -> Text {
    Text::new(
        "引号未闭合，本行已按无引号读取；请在来源文件中补上引号，或将单元格内的引号写成两个",
        "a quote is not closed, and the line was read without quotes; close it in the file, or double the quotes inside cells",
    )
}

fn wrong_width(cells: usize, width: usize) -> Text {
    Text::new(
        format!("本行有 {cells} 个单元格，表头有 {width} 列；请检查单元格内是否有未加引号的分隔符或换行"),
        format!("the row has {cells} cells, the header {width} columns; look for delimiters or line breaks that are not quoted"),
    )
}

fn flaw_text(flaw: Flaw, scan: &Scan) -> Text {
    match flaw {
        Flaw::Undecodable => bytes::undecodable(scan.name()),
        Flaw::Zero => bytes::zeroed(),
        Flaw::Replacement => bytes::replaced(),
    }
}
