//! Files of tables: what is the same whatever their format.
//!
//! An object of a source of files is a path from the source's folder. `*` stands for any run of characters within one
//! part of it; a zip archive is a folder; a sheet is named behind its workbook. All files that an object means are one
//! table: they must have the same columns, in any order. A file that is being written is waited for, one that changes
//! while it is read stops the run, and a read counts as complete only when every file was read to its end and the folder
//! still is what it was. Positions hold hashes of content: what changed is read again.

mod archive;
mod document;
mod listing;
mod read;
mod settle;

pub(super) use document::{Document, Reader};
pub(super) use listing::fits;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::{Checked, Column, Position, ReadSpec, Source, SourceBatchBuilder, SourceError};
use crate::finding::Text;
use listing::Search;
use read::FilesSource;

/// More files than these are not all looked into by a check.
const CHECKED_FILES: usize = 50;
/// A batch of long cells ends early.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// A file that is not whole and was changed less long ago may still be on its way.
const FRESH: Duration = Duration::from_secs(600);

/// Which of the files that an object means are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Take {
    /// All: together they are the table.
    #[default]
    All,
    /// The one changed last: it replaces those before it.
    Newest,
    /// Each once, in the order of their times: it adds to those before it.
    Each,
}

/// How long a file must have stayed as it is when the settings do not say, in seconds.
pub(super) fn three_seconds() -> u64 {
    3
}

/// One sheet of a file, or the whole of it, with its name.
type Part = (String, Box<dyn Table>);

/// Where the files of a source are.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// The source's name.
    pub source: Arc<str>,
    /// A folder, an archive, or one file.
    pub path: PathBuf,
    /// Which files of an object are read.
    pub take: Take,
    /// How long a file must have stayed as it is.
    pub settle: Duration,
}

/// A format that tables in files have.
pub(super) trait Format: Send + Sync {
    /// What names of such files end in, in lower case.
    fn endings(&self) -> &'static [&'static str];

    /// Whether a file may hold several tables, each with a name.
    fn has_parts(&self) -> bool {
        false
    }

    /// The parts of a file that fit a pattern, in their order.
    ///
    /// # Errors
    /// When the file cannot be read, or no part fits.
    fn parts(&self, _document: &Document, _pattern: &str) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }

    /// Opens a file, or one part of it, at its first row of data.
    ///
    /// # Errors
    /// When it cannot be read.
    fn open(&self, document: Document, part: Option<&str>) -> Result<Box<dyn Table>, SourceError>;

    /// Tells readings apart that give other rows of the same bytes.
    fn fingerprint(&self) -> String;
}

/// One table in a file, being read.
pub(super) trait Table: Send {
    /// Its columns.
    fn columns(&self) -> &Arc<[Column]>;

    /// The part of the file that it is, if the file has parts.
    fn part(&self) -> Option<&str> {
        None
    }

    /// A hash of the file's content.
    fn content(&self) -> u128;

    /// One line about how it is read: encoding or format, header, number of columns.
    fn about(&self) -> String;

    /// What should be mended in it.
    fn notes(&self) -> Vec<Text>;

    /// Appends rows, up to `max_rows` in the batch, cells in the given order of columns. No row appended is the end.
    ///
    /// # Errors
    /// When reading cannot go on.
    fn fill(&mut self, order: &[usize], batch: &mut SourceBatchBuilder, max_rows: usize) -> Result<(), SourceError>;

    /// Whether another row follows.
    ///
    /// # Errors
    /// When reading cannot go on.
    fn has_more(&mut self) -> Result<bool, SourceError>;

    /// How far it has been read: a place only [`Self::go_to`] knows, and the line or row it is at.
    fn place(&self) -> (u64, u64);

    /// Goes on to a place that an earlier reading had reached.
    ///
    /// # Errors
    /// When it cannot be read so far.
    fn go_to(&mut self, place: (u64, u64)) -> Result<(), SourceError>;

    /// After the end: what makes it look cut off, though nothing about it is damaged.
    fn doubt(&self) -> Option<Text> {
        None
    }

    /// After the end: whether the content is still what it was when it was opened.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn is_unchanged(&mut self) -> Result<bool, SourceError>;
}

impl Folder {
    /// Whether a run goes on where the last one ended.
    pub fn continues(&self) -> bool {
        self.take == Take::Each
    }

    fn search<'a>(&'a self, format: &'a dyn Format) -> Search<'a> {
        Search {
            source: &self.source,
            root: &self.path,
            endings: format.endings(),
            parts: format.has_parts(),
            settle: self.settle,
        }
    }

    /// Looks into the files that are there and says what was found.
    pub fn check(&self, format: &dyn Format) -> Result<Checked, SourceError> {
        let found = self.search(format).tables()?;
        let mut checked = Checked::default();
        let mut lines = Vec::new();
        for listed in found.iter().take(CHECKED_FILES) {
            match self.look_into(format, listed) {
                Ok(tables) => {
                    for (name, table) in tables {
                        lines.push(format!("{name}: {}", table.about()));
                        checked.notes.extend(
                            table
                                .notes()
                                .into_iter()
                                .map(|n| Text::new(format!("{name}：{}", n.zh), format!("{name}: {}", n.en))),
                        );
                    }
                }
                Err(SourceError::Content { object, what, .. }) => {
                    checked
                        .notes
                        .push(Text::new(format!("{object} 不能读取：{what}"), format!("{object} cannot be read: {what}")));
                }
                Err(error) => return Err(error),
            }
        }
        checked.about = format!("{} files; {}", found.len(), lines.join("; "));
        Ok(checked)
    }

    fn look_into(&self, format: &dyn Format, listed: &listing::Listed) -> Result<Vec<Part>, SourceError> {
        let document = Document::open(&self.source, listed)?;
        let parts = if format.has_parts() { format.parts(&document, "*")? } else { Vec::new() };
        if parts.len() < 2 {
            let table = format.open(document, None)?;
            return Ok(vec![(read::named(&listed.name, table.part()), table)]);
        }
        let mut tables = Vec::new();
        for part in &parts {
            let table = format.open(Document::open(&self.source, listed)?, Some(part))?;
            tables.push((read::named(&listed.name, Some(part)), table));
        }
        Ok(tables)
    }

    /// What can be named as an object.
    pub fn objects(&self, format: &dyn Format) -> Result<Vec<String>, SourceError> {
        let mut names = Vec::new();
        for (at, listed) in self.search(format).tables()?.into_iter().enumerate() {
            let document = |listed| Document::open(&self.source, listed);
            let parts = if format.has_parts() && at < CHECKED_FILES {
                // What cannot be read is named all the same: reading it says what is wrong.
                document(&listed).and_then(|document| format.parts(&document, "*")).unwrap_or_default()
            } else {
                Vec::new()
            };
            if parts.len() < 2 {
                names.push(listed.name);
            } else {
                names.extend(parts.iter().map(|part| read::named(&listed.name, Some(part))));
            }
        }
        Ok(names)
    }

    /// Opens an object for reading.
    pub fn open(
        self,
        format: Box<dyn Format>,
        read: &ReadSpec,
        resume: Option<&Position>,
    ) -> Result<Box<dyn Source>, SourceError> {
        if read.query.is_some() || !read.order_by.is_empty() {
            return Err(SourceError::Settings {
                source_name: self.source.clone(),
                what: "files take neither `query` nor `order_by`".into(),
                remedy: "name the file by `object` in [read]; its rows come in their own order".into(),
            });
        }
        Ok(Box::new(FilesSource::open(self, format, read.object.clone(), resume)?))
    }
}

/// An input or output error in terms of the source.
fn trouble(source: &Arc<str>, path: &Path, error: &io::Error) -> SourceError {
    let what = format!("{}: {}", path.display(), error.kind());
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            SourceError::Settings { source_name: source.clone(), what, remedy: "correct `path`, or put the file there".into() }
        }
        io::ErrorKind::PermissionDenied => SourceError::Denied { source_name: source.clone(), what },
        _ => SourceError::Connection { source_name: source.clone(), what },
    }
}

/// A file that breaks off or is damaged. A fresh one may only not be whole yet.
fn broken(source: &Arc<str>, path: &Path, name: &str, what: &str) -> SourceError {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let fresh = modified.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age < FRESH);
    if fresh {
        return SourceError::Connection {
            source_name: source.clone(),
            what: format!("{name} {what}; it was changed within the last ten minutes and may still be on its way"),
        };
    }
    SourceError::Content {
        source_name: source.clone(),
        object: name.to_owned(),
        what: format!("it {what}; copy it here again, or open and save it with the program it comes from"),
    }
}
