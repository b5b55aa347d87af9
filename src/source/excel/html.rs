//! Tables on HTML pages: what many systems call an Excel export. The page is read into memory whole.

use std::collections::HashMap;

use html5gum::{Token, Tokenizer};

use super::sheet::{Rows, SheetRow};
use crate::finding::Text;
use crate::source::SourceError;

/// No cell covers more columns or rows than this, whatever the page says.
const WIDEST: usize = 1024;

/// One table on a page.
#[derive(Debug, Default)]
struct Grid {
    rows: Vec<Vec<Option<String>>>,
    /// Columns that a cell of an earlier row still covers, and for how many rows more.
    covered: HashMap<usize, usize>,
    cell: Option<Cell>,
}

#[derive(Debug)]
struct Cell {
    text: String,
    columns: usize,
    rows: usize,
}

/// The rows of the table with the most cells.
#[derive(Debug)]
pub(super) struct HtmlRows {
    rows: std::vec::IntoIter<Vec<Option<String>>>,
    number: u64,
    /// The page ends within a table.
    unclosed: bool,
}

impl HtmlRows {
    /// Finds the tables of a page.
    pub fn read(page: &str) -> Self {
        let mut open: Vec<Grid> = Vec::new();
        let mut done: Vec<Grid> = Vec::new();
        let mut silent = 0usize;
        for token in Tokenizer::new(page) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let number = |name: &[u8]| {
                        let value = tag.attributes.get(name).and_then(|value| std::str::from_utf8(value).ok());
                        value.and_then(|value| value.trim().parse::<usize>().ok()).unwrap_or(1).clamp(1, WIDEST)
                    };
                    match (tag.name.as_slice(), open.last_mut()) {
                        (b"style" | b"script", _) if !tag.self_closing => silent += 1,
                        (b"table", _) => open.push(Grid::default()),
                        (b"tr", Some(grid)) => grid.begin_row(),
                        (b"td" | b"th", Some(grid)) => grid.begin_cell(number(b"colspan"), number(b"rowspan")),
                        (b"br", Some(Grid { cell: Some(cell), .. })) => cell.text.push('\n'),
                        _ => {}
                    }
                }
                Token::EndTag(tag) => match (tag.name.as_slice(), open.last_mut()) {
                    (b"style" | b"script", _) => silent = silent.saturating_sub(1),
                    (b"td" | b"th" | b"tr", Some(grid)) => grid.end_cell(),
                    (b"table", Some(grid)) => {
                        grid.end_cell();
                        done.extend(open.pop());
                    }
                    _ => {}
                },
                Token::String(text) if silent == 0 => {
                    if let Some(Grid { cell: Some(cell), .. }) = open.last_mut() {
                        cell.text.push_str(&String::from_utf8_lossy(&text));
                    }
                }
                _ => {}
            }
        }
        let unclosed = !open.is_empty();
        for mut grid in open {
            grid.end_cell();
            done.push(grid);
        }
        let cells = |grid: &Grid| grid.rows.iter().map(Vec::len).sum::<usize>();
        let rows = done.into_iter().max_by_key(cells).map(|grid| grid.rows).unwrap_or_default();
        Self { rows: rows.into_iter(), number: 0, unclosed }
    }
}

impl Grid {
    fn begin_row(&mut self) {
        self.end_cell();
        self.rows.push(Vec::new());
        self.cover();
    }

    fn begin_cell(&mut self, columns: usize, rows: usize) {
        self.end_cell();
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        self.cell = Some(Cell { text: String::new(), columns, rows });
    }

    fn end_cell(&mut self) {
        let (Some(cell), Some(row)) = (self.cell.take(), self.rows.last_mut()) else { return };
        let text = tidy(&cell.text);
        let from = row.len();
        row.push((!text.is_empty()).then_some(text));
        row.resize(from + cell.columns, None);
        if cell.rows > 1 {
            self.covered.extend((from..from + cell.columns).map(|column| (column, cell.rows - 1)));
        }
        self.cover();
    }

    /// Passes over columns that a cell above reaches down into.
    fn cover(&mut self) {
        let Some(row) = self.rows.last_mut() else { return };
        while let Some(left) = self.covered.get_mut(&row.len()) {
            if *left == 0 {
                break;
            }
            *left -= 1;
            row.push(None);
        }
    }
}

/// A cell's text as a browser shows it: runs of white space are one space, but line breaks of `<br>` stay.
fn tidy(text: &str) -> String {
    let line = |line: &str| {
        let words: Vec<&str> = line.split(|c: char| c.is_ascii_whitespace() || c == '\u{A0}').filter(|w| !w.is_empty()).collect();
        words.join(" ")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

impl Rows for HtmlRows {
    fn next(&mut self, row: &mut SheetRow) -> Result<bool, SourceError> {
        let Some(cells) = self.rows.next() else { return Ok(false) };
        self.number += 1;
        row.begin(self.number);
        for (column, cell) in cells.iter().enumerate() {
            if let Some(text) = cell {
                row.put(column, |into| into.push_str(text));
            }
        }
        Ok(true)
    }

    fn doubt(&self) -> Option<Text> {
        self.unclosed.then(|| {
            Text::new(
                "网页在表格中间结束（没有 </table>），可能被截断；请重新导出",
                "the page ends within a table (no </table>), so it may be cut off; export it again",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_ends_within_a_table_looks_cut_off() {
        let page = "<html><table><tr><th>a</th></tr><tr><td>1</td></tr></table></html>";
        assert!(HtmlRows::read(page).doubt().is_none());
        let cut = HtmlRows::read(page.split("</table>").next().unwrap());
        assert!(cut.doubt().is_some() && cut.rows.len() == 2);
    }
}
