//! One text table, being read.

use std::sync::Arc;

use super::decode::TextStream;
use super::encoding::{self, Scan};
use super::layout::{self, Layout};
use super::row::{emit, next_record};
use super::settings::Settings;
use super::split::Record;
use crate::finding::Text;
use crate::source::files::{BATCH_BYTES, Document, Table};
use crate::source::{Column, SourceBatchBuilder, SourceError};

const SAMPLE: usize = 256 * 1024;

/// A file opened, its encoding and layout known, its text at the next row of data.
pub(super) struct CsvTable {
    pub document: Document,
    pub scan: Scan,
    pub layout: Layout,
    pub text: TextStream,
    /// The line that the text is at.
    pub line: u64,
    record: Record,
    /// The record before ended with a line break, had all its cells and no open quote.
    ended_whole: bool,
}

impl CsvTable {
    /// Opens a file and finds out encoding and layout.
    pub fn open(document: Document, settings: &Settings) -> Result<Self, SourceError> {
        let failed = |error: std::io::Error| document.trouble(&error);
        let scan = encoding::scan(&mut document.reader()?, settings.encoding()).map_err(failed)?;
        if let Some(what) = scan.not_text {
            return Err(document
                .refused(format!("this is {what}, not a text table; read it with kind = \"excel\", or save it as CSV (UTF-8)")));
        }
        let mut text = TextStream::new(document.reader()?, &scan).map_err(failed)?;
        while text.text().len() < SAMPLE && !text.ended() {
            text.fill().map_err(failed)?;
        }
        let wishes = settings.wishes(&document.name);
        let Some(layout) = layout::find(text.text(), text.ended(), &wishes) else {
            return Err(document.refused(match wishes.header.row {
                Some(line) if line > 0 => format!("no row begins on line {line}; correct `header_row`"),
                _ => "there is no row of column names; export the file again with its header".into(),
            }));
        };
        let ended_whole =
            text.text().get(..layout.data_offset).is_none_or(|head| head.is_empty() || head.ends_with(['\n', '\r']));
        text.consume(layout.data_offset);
        Ok(Self { document, scan, line: layout.data_line, layout, text, record: Record::default(), ended_whole })
    }

    /// Splits off the next record that has something in it; `None` at the end. Says whether its quotes were broken.
    fn next(&mut self) -> Result<Option<bool>, SourceError> {
        let mut record = std::mem::take(&mut self.record);
        let outcome = loop {
            match next_record(self, &mut record) {
                Ok(Some(_)) if record.is_blank() => self.pass(&record),
                other => break other,
            }
        };
        self.record = record;
        outcome
    }

    fn pass(&mut self, record: &Record) {
        self.text.consume(record.length);
        self.line += record.lines;
        self.ended_whole = record.lines > record.embedded;
    }
}

impl Table for CsvTable {
    fn columns(&self) -> &Arc<[Column]> {
        &self.layout.columns
    }

    fn content(&self) -> u128 {
        self.scan.hash
    }

    fn about(&self) -> String {
        let delimiter = match self.layout.dialect.delimiter {
            b',' => "comma".to_owned(),
            b'\t' => "tab".to_owned(),
            b';' => "semicolon".to_owned(),
            b'|' => "pipe".to_owned(),
            other => char::from(other).to_string(),
        };
        let (encoding, line, columns) = (self.scan.name(), self.layout.header_line, self.layout.columns.len());
        format!("{encoding}, {delimiter}, header on line {line}, {columns} columns")
    }

    fn notes(&self) -> Vec<Text> {
        let mut notes = self.layout.notes.clone();
        if self.scan.undecodable > 0 {
            let (encoding, places) = (self.scan.name(), self.scan.undecodable);
            notes.push(Text::new(
                format!("按 {encoding} 读取，有 {places} 处无法解码，所在行将作为错误行列出"),
                format!("read as {encoding}; {places} places cannot be decoded, and their rows will be listed as faulty"),
            ));
        }
        notes
    }

    fn fill(&mut self, order: &[usize], batch: &mut SourceBatchBuilder, max_rows: usize) -> Result<(), SourceError> {
        while batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
            let Some(broken) = self.next()? else { break };
            let record = std::mem::take(&mut self.record);
            emit(self, &record, order, broken, batch);
            self.pass(&record);
            self.ended_whole &= !broken && record.len() >= order.len();
            self.record = record;
        }
        Ok(())
    }

    fn has_more(&mut self) -> Result<bool, SourceError> {
        Ok(self.next()?.is_some())
    }

    fn place(&self) -> (u64, u64) {
        (self.text.offset(), self.line)
    }

    fn go_to(&mut self, (offset, line): (u64, u64)) -> Result<(), SourceError> {
        self.text.skip_to(offset).map_err(|error| self.document.trouble(&error))?;
        self.line = line;
        Ok(())
    }

    fn doubt(&self) -> Option<Text> {
        (!self.ended_whole).then(|| {
            Text::new(
                "最后一行不完整（没有换行符、缺少单元格或引号未闭合），文件可能被截断；请让导出程序写完整并以换行结束",
                "its last line is not whole (no line break, cells missing or a quote open), so the file may be cut off; let the export \
                 write it whole, with a line break at its end",
            )
        })
    }

    fn is_unchanged(&mut self) -> Result<bool, SourceError> {
        Ok(self.text.hash() == self.scan.hash)
    }
}
