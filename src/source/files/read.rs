//! Reads the rows of one object: one file, or several of the same columns one after another.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::document::Document;
use super::listing::Listed;
use super::{Folder, Format, Table, Take};
use crate::finding::Text;
use crate::source::{Column, ColumnKind, Position, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// Files that were read once are remembered up to this number; the oldest are forgotten first.
const REMEMBERED: usize = 4096;

/// A position: the tables read so far, known by content, and a place in the last of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Mark {
    /// Hash over settings, names and contents of the tables up to this one.
    files: String,
    file: usize,
    offset: u64,
    line: u64,
    /// Where each file is read once: the contents that have been read, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<String>,
    /// The same: the names of the columns, for a folder that has been emptied since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
}

/// A table of a file, by name.
#[derive(Debug, Clone)]
struct Piece {
    listed: Listed,
    part: Option<String>,
}

/// An object being read.
pub(super) struct FilesSource {
    folder: Folder,
    format: Box<dyn Format>,
    wanted: Option<String>,
    /// What was found when the reading began, to know whether it still is so at the end.
    listing: Vec<Listed>,
    pieces: Vec<Piece>,
    index: usize,
    chain: String,
    under_way: Arc<str>,
    columns: Arc<[Column]>,
    current: Option<Box<dyn Table>>,
    /// For each column, the cell of the current table.
    order: Vec<usize>,
    /// What the batch given last came from.
    given: Arc<str>,
    seen: Vec<String>,
    /// The content read now, where each file is read once.
    content: Option<String>,
    more: bool,
    resumed: bool,
    complete: bool,
    /// What was said against the files, or the folder.
    doubt: Option<Text>,
}

/// A table's name in messages.
pub(super) fn named(file: &str, part: Option<&str>) -> String {
    part.map_or_else(|| file.to_owned(), |part| format!("{file}/{part}"))
}

impl FilesSource {
    /// Opens the first table, or the one that `resume` lies in if nothing before it has changed.
    pub fn open(
        folder: Folder,
        format: Box<dyn Format>,
        wanted: Option<String>,
        resume: Option<&Position>,
    ) -> Result<Self, SourceError> {
        let mark = resume.and_then(|position| serde_json::from_slice::<Mark>(&position.0).ok());
        let listing = match folder.search(&*format).matching(wanted.as_deref()) {
            Ok(listing) => listing,
            // Who reads each file once may take it away afterwards.
            Err(SourceError::Settings { .. })
                if folder.take == Take::Each && folder.path.exists() && mark.as_ref().is_some_and(|m| !m.columns.is_empty()) =>
            {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let mut this = Self {
            chain: String::new(),
            under_way: wanted.as_deref().unwrap_or_default().into(),
            folder,
            format,
            wanted,
            listing,
            pieces: Vec::new(),
            index: 0,
            columns: Arc::from([]),
            current: None,
            order: Vec::new(),
            given: Arc::from(""),
            seen: Vec::new(),
            content: None,
            more: false,
            resumed: false,
            complete: false,
            doubt: None,
        };
        if this.folder.take == Take::Each {
            this.open_next(mark.unwrap_or_default())?;
        } else {
            let files = this.taken();
            this.begin(&files)?;
            if let Some(mark) = mark {
                this.resume(&mark)?;
            }
        }
        this.given = this.under_way.clone();
        Ok(this)
    }

    /// The files that are read in one go.
    fn taken(&self) -> Vec<Listed> {
        match self.folder.take {
            Take::Newest => in_order(&self.listing).pop().into_iter().collect(),
            Take::All | Take::Each => self.listing.clone(),
        }
    }

    /// Enters the first table of these files.
    fn begin(&mut self, files: &[Listed]) -> Result<(), SourceError> {
        self.pieces.clear();
        for listed in files {
            match &listed.part {
                Some(pattern) if pattern.contains('*') => {
                    let parts = self.format.parts(&Document::open(&self.folder.source, listed)?, pattern)?;
                    self.pieces.extend(parts.into_iter().map(|part| Piece { listed: listed.clone(), part: Some(part) }));
                }
                part => self.pieces.push(Piece { listed: listed.clone(), part: part.clone() }),
            }
        }
        self.restart()
    }

    fn restart(&mut self) -> Result<(), SourceError> {
        (self.index, self.chain) = (0, self.format.fingerprint());
        let first = self.table(0)?;
        self.columns = first.columns().clone();
        self.enter(first)
    }

    fn table(&self, index: usize) -> Result<Box<dyn Table>, SourceError> {
        let Piece { listed, part } = &self.pieces[index];
        self.format.open(Document::open(&self.folder.source, listed)?, part.as_deref())
    }

    fn resume(&mut self, mark: &Mark) -> Result<(), SourceError> {
        while self.index < mark.file && self.index + 1 < self.pieces.len() {
            self.index += 1;
            let next = self.table(self.index)?;
            self.enter(next)?;
        }
        if self.index == mark.file && self.chain == mark.files {
            if let Some(current) = &mut self.current {
                current.go_to((mark.offset, mark.line))?;
            }
            self.resumed = true;
            return Ok(());
        }
        // Something changed: everything is read again.
        self.restart()
    }

    /// Makes a table the current one. Its columns must be those of the first, in any order.
    fn enter(&mut self, table: Box<dyn Table>) -> Result<(), SourceError> {
        let name = named(&self.pieces[self.index].listed.name, table.part());
        let theirs = table.columns();
        let order: Option<Vec<usize>> =
            self.columns.iter().map(|column| theirs.iter().position(|other| other.name == column.name)).collect();
        let Some(order) = order.filter(|order| order.len() == theirs.len()) else {
            let names = |columns: &Arc<[Column]>| columns.iter().map(|column| column.name.clone()).collect::<HashSet<_>>();
            let (ours, theirs) = (names(&self.columns), names(theirs));
            let mut odd: Vec<&str> = ours.symmetric_difference(&theirs).map(|name| &**name).collect();
            odd.sort_unstable();
            return Err(SourceError::Settings {
                source_name: self.folder.source.clone(),
                what: format!("{name} has other columns than {} ({})", self.under_way, odd.join(", ")),
                remedy: "let `object` match only files of the same columns".into(),
            });
        };
        let link = format!("{}|{name}|{:032x}", self.chain, table.content());
        self.chain = format!("{:032x}", xxh3_128(link.as_bytes()));
        self.under_way = name.into();
        self.order = order;
        self.current = Some(table);
        Ok(())
    }

    /// The next table, once the current one is used up and proved unchanged. False when there is none.
    fn advance(&mut self) -> Result<bool, SourceError> {
        if let Some(mut done) = self.current.take() {
            if !done.is_unchanged()? {
                return Err(SourceError::Connection {
                    source_name: self.folder.source.clone(),
                    what: format!("{} changed while it was being read; it will be read again", self.under_way),
                });
            }
            let name = &self.under_way;
            let named = |doubt: Text| Text::new(format!("{name}：{}", doubt.zh), format!("{name}: {}", doubt.en));
            self.doubt = self.doubt.take().or_else(|| done.doubt().map(named));
        }
        if self.index + 1 >= self.pieces.len() {
            return Ok(false);
        }
        self.index += 1;
        let next = self.table(self.index)?;
        self.enter(next)?;
        Ok(true)
    }

    /// Whether no row is left in the current table and those behind it; goes on to the first that has some.
    fn is_used_up(&mut self) -> Result<bool, SourceError> {
        while let Some(current) = &mut self.current {
            if current.has_more()? {
                return Ok(false);
            }
            if !self.advance()? {
                break;
            }
        }
        Ok(true)
    }

    /// The position behind the rows given so far. Where each file is read once, the last rows of one say that it has been.
    fn reached(&mut self, (offset, line): (u64, u64)) -> Result<Position, SourceError> {
        let mut mark = Mark { files: self.chain.clone(), file: self.index, offset, line, ..Mark::default() };
        if self.folder.take == Take::Each {
            mark.columns = self.columns.iter().map(|column| column.name.to_string()).collect();
            if self.is_used_up()? {
                self.seen.extend(self.content.take());
                let surplus = self.seen.len().saturating_sub(REMEMBERED);
                self.seen.drain(..surplus);
                mark = Mark { columns: mark.columns, ..Mark::default() };
            }
            mark.seen = self.seen.clone();
        }
        Ok(Position(serde_json::to_vec(&mark).unwrap_or_default()))
    }

    /// Whether the folder still holds for this object what it held at the beginning.
    fn is_as_found(&self) -> bool {
        self.folder.search(&*self.format).matching(self.wanted.as_deref()).is_ok_and(|now| now == self.listing)
    }

    /// Enters the first file that has not been read and has rows; a file begun before is gone on with.
    fn open_next(&mut self, mark: Mark) -> Result<(), SourceError> {
        self.seen = mark.seen.clone();
        let mut waiting = Vec::new();
        for listed in in_order(&self.listing) {
            let content = format!("{:032x}", Document::open(&self.folder.source, &listed)?.hash()?);
            if !self.seen.contains(&content) && !waiting.iter().any(|(_, other)| *other == content) {
                waiting.push((listed, content));
            }
        }
        for at in 0..waiting.len() {
            let (listed, content) = waiting[at].clone();
            self.begin(&[listed])?;
            if at == 0 && !mark.files.is_empty() {
                self.resume(&mark)?;
            }
            self.content = Some(content);
            self.more = at + 1 < waiting.len();
            if !self.is_used_up()? {
                return Ok(());
            }
        }
        // Nothing new: the columns are those of the newest file, or of the last that was there.
        if let Some(newest) = in_order(&self.listing).pop().filter(|_| waiting.is_empty()) {
            self.begin(&[newest])?;
        } else if self.listing.is_empty() {
            let column = |name: &String| Column { name: name.as_str().into(), kind: ColumnKind::Unknown };
            self.columns = mark.columns.iter().map(column).collect();
        }
        self.current = None;
        self.more = false;
        Ok(())
    }
}

/// Files by the time they were changed last, then by name.
fn in_order(listing: &[Listed]) -> Vec<Listed> {
    let mut files = listing.to_vec();
    files.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
    files
}

impl Source for FilesSource {
    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    /// The file of the batch returned last: a batch never holds rows of two files.
    fn object(&self) -> &Arc<str> {
        &self.given
    }

    fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        while let Some(current) = &mut self.current {
            let mut batch = SourceBatchBuilder::new(self.columns.clone(), max_rows.min(4096));
            current.fill(&self.order, &mut batch, max_rows.max(1))?;
            if !batch.is_empty() {
                let place = current.place();
                self.given = self.under_way.clone();
                batch.of(&self.given);
                let position = self.reached(place)?;
                return Ok(Some(batch.finish(position)));
            }
            if !self.advance()? && !self.resumed && self.folder.take != Take::Each {
                self.complete = self.is_as_found();
                if !self.complete {
                    self.doubt = Some(Text::new(
                        "读取期间目录中的文件有增减或改动；这次读取不能说明删除",
                        "files came, went or changed in the folder while it was read; the read proves no deletions",
                    ));
                }
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

    fn doubt(&self) -> Option<Text> {
        self.doubt.clone().filter(|_| !self.resumed && self.folder.take != Take::Each)
    }

    fn parts(&self) -> u32 {
        u32::try_from(self.pieces.len()).unwrap_or(u32::MAX)
    }

    fn has_more(&self) -> bool {
        self.more
    }
}
