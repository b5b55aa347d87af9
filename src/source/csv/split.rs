//! Splits decoded text into records and cells.
//!
//! Lenient where the meaning is plain (spaces around quotes, a quote inside an unquoted cell, `="007"` as spreadsheets
//! write it), and never at the cost of the rows behind: a quote that is not closed costs its own line only.

use std::ops::Range;

/// A record longer than this is no record.
pub(super) const LONGEST_RECORD: usize = 16 * 1024 * 1024;

/// How cells are marked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub delimiter: u8,
    pub quote: Option<u8>,
}

impl Dialect {
    /// The same, with quotes as plain characters.
    pub fn unquoted(self) -> Self {
        Self { quote: None, ..self }
    }
}

/// One cell: where its text is, and where it stood. A window is far shorter than 4 GiB.
#[derive(Debug, Clone)]
struct Span {
    from: u32,
    to: u32,
    /// Where the cell ends in the window, delimiter not counted.
    end: u32,
    quoted: bool,
}

impl Span {
    fn text(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// One record; reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Record {
    cells: Vec<Span>,
    scratch: String,
    /// Bytes of the window that the record takes, line end included.
    pub length: usize,
    /// Line ends in it, its own included.
    pub lines: u64,
    /// Line ends within its cells.
    pub embedded: u64,
    /// A quote within a quoted cell was neither doubled nor the last.
    pub odd_quotes: bool,
    /// Some cell stood in quotes.
    quotes: bool,
}

/// What came of an attempt to split off a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A record.
    Record,
    /// The window ends within it.
    More,
    /// A quote is not closed, as far as a record may reach.
    Unclosed,
}

impl Record {
    /// How many cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// A cell's text. `window` is what was split.
    pub fn cell<'a>(&'a self, window: &'a str, index: usize) -> &'a str {
        let span = &self.cells[index];
        if span.quoted { &self.scratch[span.text()] } else { &window[span.text()] }
    }

    /// Whether a cell stood in quotes, so that an empty one is an empty text and not nothing.
    pub fn is_quoted(&self, index: usize) -> bool {
        self.cells[index].quoted
    }

    /// Whether there is nothing in it at all.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| !cell.quoted && cell.from == cell.to)
    }

    /// Where the cells' texts stand in the window, when all of them stand there as they are: none is quoted.
    pub fn plain_cells(&self) -> Option<impl ExactSizeIterator<Item = Range<usize>>> {
        (!self.quotes).then(|| self.cells.iter().map(Span::text))
    }

    /// The cell that an offset in the window falls into.
    pub fn cell_at(&self, offset: usize) -> usize {
        self.cells.iter().position(|cell| offset <= cell.end as usize).unwrap_or(self.cells.len().saturating_sub(1))
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.scratch.clear();
        (self.length, self.lines, self.embedded, self.odd_quotes, self.quotes) = (0, 0, 0, false, false);
    }

    fn plain(&mut self, text: Range<usize>) {
        let end = text.end;
        self.push(text, false, end);
    }

    fn push(&mut self, text: Range<usize>, quoted: bool, end: usize) {
        self.quotes |= quoted;
        self.cells.push(Span { from: text.start as u32, to: text.end as u32, end: end as u32, quoted });
    }
}

/// Splits the first record off `window`. With `ended`, no text follows the window.
pub(super) fn split(window: &str, ended: bool, dialect: Dialect, record: &mut Record) -> Outcome {
    record.clear();
    let bytes = window.as_bytes();
    let mut at = 0;
    loop {
        if let Some(open) = opening_quote(bytes, at, dialect) {
            match quoted(window, ended, open, dialect, record) {
                Ok(end) => at = end,
                Err(outcome) => return outcome,
            }
        } else {
            let start = at;
            at += end_of_cell(&bytes[at..], dialect.delimiter);
            record.plain(start..at);
        }
        match bytes.get(at) {
            Some(byte) if *byte == dialect.delimiter => at += 1,
            None if !ended => return Outcome::More,
            None => break,
            Some(b'\r') if at + 1 == bytes.len() && !ended => return Outcome::More,
            Some(_) => {
                at += line_end(bytes, at);
                record.lines += 1;
                break;
            }
        }
    }
    record.length = at;
    Outcome::Record
}

/// Where the first delimiter or line end is; the length when there is none. Looks at eight bytes at once.
fn end_of_cell(bytes: &[u8], delimiter: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The lowest marked byte is the first that is equal; marks above it may be wrong.
    let equal = |word: u64, byte: u64| {
        let rest = word ^ (ONES * byte);
        rest.wrapping_sub(ONES) & !rest & HIGHS
    };
    let (words, tail) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marks = equal(word, u64::from(delimiter)) | equal(word, u64::from(b'\n')) | equal(word, u64::from(b'\r'));
        if marks != 0 {
            return i * 8 + (marks.trailing_zeros() / 8) as usize;
        }
    }
    let ends = |b: &u8| *b == delimiter || matches!(b, b'\n' | b'\r');
    words.len() * 8 + tail.iter().position(ends).unwrap_or(tail.len())
}

/// Length of the line end at `at`: CR LF is one.
fn line_end(bytes: &[u8], at: usize) -> usize {
    if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 }
}

/// Where the quoted text of the cell at `at` begins, if it is a quoted one.
fn opening_quote(bytes: &[u8], at: usize, dialect: Dialect) -> Option<usize> {
    let quote = dialect.quote?;
    let first = *bytes.get(at)?;
    if first > b' ' && first != quote && first != b'=' {
        return None;
    }
    let blank = |b: &u8| *b == b' ' || (*b == b'\t' && dialect.delimiter != b'\t');
    let start = at + bytes[at..].iter().take_while(|b| blank(b)).count();
    match bytes.get(start) {
        Some(b) if *b == quote => Some(start + 1),
        Some(b'=') if bytes.get(start + 1) == Some(&quote) => Some(start + 2),
        _ => None,
    }
}

/// Reads a quoted cell up to the delimiter, line end or end of text behind it.
fn quoted(window: &str, ended: bool, open: usize, dialect: Dialect, record: &mut Record) -> Result<usize, Outcome> {
    let bytes = window.as_bytes();
    let quote = dialect.quote.unwrap_or(b'"');
    let short = if ended || window.len() >= LONGEST_RECORD { Outcome::Unclosed } else { Outcome::More };
    let from = record.scratch.len();
    let (mut at, mut copied) = (open, open);
    loop {
        let Some(step) = bytes[at..].iter().position(|b| *b == quote || matches!(b, b'\n' | b'\r')) else {
            return Err(short);
        };
        at += step;
        if bytes[at] != quote {
            if at + 1 == bytes.len() {
                return Err(short);
            }
            at += line_end(bytes, at);
            record.lines += 1;
            record.embedded += 1;
            if record.odd_quotes {
                return Err(Outcome::Unclosed);
            }
            continue;
        }
        if bytes.get(at + 1) == Some(&quote) {
            record.scratch.push_str(&window[copied..=at]);
            at += 2;
            copied = at;
            continue;
        }
        let blank = |b: &u8| *b == b' ' || (*b == b'\t' && dialect.delimiter != b'\t');
        let behind = at + 1 + bytes[at + 1..].iter().take_while(|b| blank(b)).count();
        match bytes.get(behind) {
            None if !ended => return Err(Outcome::More),
            Some(b) if *b != dialect.delimiter && !matches!(b, b'\n' | b'\r') => {
                // On one line it is a slip of whoever wrote it. Across lines it is the next row's opening quote.
                if record.embedded > 0 {
                    return Err(Outcome::Unclosed);
                }
                record.odd_quotes = true;
                at += 1;
            }
            _ => {
                record.scratch.push_str(&window[copied..at]);
                record.push(from..record.scratch.len(), true, behind);
                return Ok(behind);
            }
        }
    }
}
