//! Reads the rows of one object: one file, or several of the same columns one after another.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::decode::TextStream;
use super::encoding::{self, Scan};
use super::files::trouble;
use super::layout::{self, Layout};
use super::row::{emit, next_record};
use super::settings::Settings;
use super::split::Record;
use crate::source::{Column, Position, Source, SourceBatch, SourceBatchBuilder, SourceError};

const SAMPLE: usize = 256 * 1024;
/// A batch of long cells ends early.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A file opened, its layout known, its text at the first data row.
pub(super) struct Opened {
    pub path: PathBuf,
    pub scan: Scan,
    pub layout: Layout,
    pub text: TextStream,
    /// The line that the text is at.
    pub line: u64,
}

/// Opens a file and finds out encoding and layout.
pub(super) fn open_file(source: &Arc<str>, path: &Path, settings: &Settings) -> Result<Opened, SourceError> {
    let failed = |error: std::io::Error| trouble(source, path, &error);
    let content = |what: String| SourceError::Content { source_name: source.clone(), object: file_name(path), what };
    let mut file = File::open(path).map_err(failed)?;
    let scan = encoding::scan(&mut file, settings.encoding()).map_err(failed)?;
    if let Some(what) = scan.not_text {
        return Err(content(format!("this is {what}, not a text table; save it as CSV (UTF-8)")));
    }
    let mut text = TextStream::new(file, &scan).map_err(failed)?;
    while text.text().len() < SAMPLE && !text.ended() {
        text.fill().map_err(failed)?;
    }
    let wishes = settings.wishes(&file_name(path));
    let Some(layout) = layout::find(text.text(), text.ended(), &wishes) else {
        return Err(content(match wishes.header_row {
            Some(line) if line > 0 => format!("no row begins on line {line}; correct `header_row`"),
            _ => "there is no row of column names; export the file again with its header".into(),
        }));
    };
    text.consume(layout.data_offset);
    Ok(Opened { path: path.to_owned(), scan, line: layout.data_line, layout, text })
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A position: the files read so far, known by content, and a place in the last of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    /// Hash over settings, names and contents of the files up to this one.
    files: String,
    file: usize,
    offset: u64,
    line: u64,
}

/// An object being read.
pub(super) struct CsvSource {
    source: Arc<str>,
    object: Arc<str>,
    settings: Settings,
    files: Vec<PathBuf>,
    index: usize,
    chain: String,
    columns: Arc<[Column]>,
    current: Option<Opened>,
    /// For each column, the cell of the current file.
    order: Vec<usize>,
    record: Record,
    position: Position,
    resumed: bool,
    complete: bool,
}

impl CsvSource {
    /// Opens the first file, or the one that `resume` lies in if nothing before it has changed.
    pub fn open(
        source: &Arc<str>,
        settings: Settings,
        files: Vec<PathBuf>,
        resume: Option<&Position>,
    ) -> Result<Self, SourceError> {
        let first = open_file(source, &files[0], &settings)?;
        let mut this = Self {
            source: source.clone(),
            object: file_name(&files[0]).into(),
            columns: first.layout.columns.clone(),
            chain: settings.fingerprint().to_string(),
            settings,
            files,
            index: 0,
            order: Vec::new(),
            current: None,
            record: Record::default(),
            position: Position(Vec::new()),
            resumed: false,
            complete: false,
        };
        this.enter(first)?;
        if let Some(mark) = resume.and_then(|position| serde_json::from_slice::<Mark>(&position.0).ok()) {
            this.resume(&mark)?;
        }
        Ok(this)
    }

    fn resume(&mut self, mark: &Mark) -> Result<(), SourceError> {
        let (source, settings, first_path) = (self.source.clone(), self.settings.clone(), self.files[0].clone());
        while self.index < mark.file && self.index + 1 < self.files.len() {
            self.index += 1;
            let next = open_file(&source, &self.files[self.index], &settings)?;
            self.enter(next)?;
        }
        if self.index == mark.file && self.chain == mark.files {
            if let Some(current) = &mut self.current {
                current.text.skip_to(mark.offset).map_err(|error| trouble(&source, &current.path, &error))?;
                current.line = mark.line;
            }
            self.resumed = true;
            return Ok(());
        }
        // Something changed: everything is read again.
        (self.index, self.chain) = (0, self.settings.fingerprint().to_string());
        self.enter(open_file(&source, &first_path, &settings)?)
    }

    /// Makes a file the current one. Its columns must be those of the first, in any order.
    fn enter(&mut self, opened: Opened) -> Result<(), SourceError> {
        let theirs = &opened.layout.columns;
        let order: Option<Vec<usize>> =
            self.columns.iter().map(|column| theirs.iter().position(|other| other.name == column.name)).collect();
        let Some(order) = order.filter(|order| order.len() == theirs.len()) else {
            let known: HashSet<_> = self.columns.iter().map(|column| &column.name).collect();
            let odd: Vec<&str> =
                theirs.iter().filter(|column| !known.contains(&column.name)).map(|column| &*column.name).collect();
            return Err(SourceError::Settings {
                source_name: self.source.clone(),
                what: format!("{} has other columns than {} ({})", file_name(&opened.path), self.object, odd.join(", ")),
                remedy: "let `object` match only files of the same columns".into(),
            });
        };
        let name = file_name(&opened.path);
        let link = format!("{}|{name}|{}|{:032x}", self.chain, opened.scan.length, opened.scan.hash);
        self.chain = format!("{:032x}", xxh3_128(link.as_bytes()));
        self.object = name.into();
        self.order = order;
        self.current = Some(opened);
        Ok(())
    }

    /// The next file, once the current one is used up and proved unchanged. False when there is none.
    fn advance(&mut self) -> Result<bool, SourceError> {
        if let Some(done) = self.current.take()
            && done.text.hash() != done.scan.hash
        {
            return Err(SourceError::Connection {
                source_name: self.source.clone(),
                what: format!("{} changed while it was being read; it will be read again", file_name(&done.path)),
            });
        }
        if self.index + 1 >= self.files.len() {
            self.complete = !self.resumed;
            return Ok(false);
        }
        self.index += 1;
        let next = open_file(&self.source, &self.files[self.index], &self.settings)?;
        self.enter(next)?;
        Ok(true)
    }

    fn fill(&mut self, batch: &mut SourceBatchBuilder, max_rows: usize) -> Result<(), SourceError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        while batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
            let Some(broken) = next_record(&self.source, current, &mut self.record)? else {
                break;
            };
            if !self.record.is_blank() {
                emit(current, &self.record, &self.order, broken, batch);
            }
            current.text.consume(self.record.length);
            current.line += self.record.lines;
        }
        let mark = Mark { files: self.chain.clone(), file: self.index, offset: current.text.offset(), line: current.line };
        self.position = Position(serde_json::to_vec(&mark).unwrap_or_default());
        Ok(())
    }
}

impl Source for CsvSource {
    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    /// The file of the batch returned last: a batch never holds rows of two files.
    fn object(&self) -> &Arc<str> {
        &self.object
    }

    fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        while self.current.is_some() {
            let mut batch = SourceBatchBuilder::new(self.columns.clone(), max_rows.min(4096));
            self.fill(&mut batch, max_rows.max(1))?;
            if !batch.is_empty() {
                return Ok(Some(batch.finish(self.position.clone())));
            }
            if !self.advance()? {
                break;
            }
        }
        Ok(None)
    }

    fn committed(&mut self, _position: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.complete
    }
}
