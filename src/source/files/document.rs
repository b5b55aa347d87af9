//! One file, opened: from disk or out of an archive, it can be read from any place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::listing::Listed;
use super::settle::vanished;
use super::{archive, broken, trouble};
use crate::source::SourceError;

/// A file opened.
#[derive(Debug, Clone)]
pub(in crate::source) struct Document {
    /// The source, for messages.
    pub source: Arc<str>,
    /// What messages call the file.
    pub name: Arc<str>,
    file: Arc<File>,
    path: PathBuf,
}

impl Document {
    /// Opens a file; one in an archive is unpacked first.
    pub fn open(source: &Arc<str>, listed: &Listed) -> Result<Self, SourceError> {
        let file = match listed.entry {
            Some(index) => archive::unpack(source, listed, index)?,
            None => File::open(&listed.path).map_err(|error| vanished(source, &listed.path, &error))?,
        };
        Ok(Self { source: source.clone(), name: listed.name.as_str().into(), file: Arc::new(file), path: listed.path.clone() })
    }

    /// A reader of its own over the content, from the start.
    pub fn reader(&self) -> Result<Reader, SourceError> {
        Ok(Reader { file: Arc::clone(&self.file), at: 0, length: self.length()? })
    }

    /// An error of input in terms of the source.
    pub fn trouble(&self, error: &io::Error) -> SourceError {
        trouble(&self.source, &self.path, error)
    }

    /// What cannot be read, and what to do.
    pub fn refused(&self, what: impl Into<String>) -> SourceError {
        SourceError::Content { source_name: self.source.clone(), object: self.name.to_string(), what: what.into() }
    }

    /// A file that breaks off or is damaged: if it is fresh, it may only not be whole yet.
    pub fn broken(&self, what: &str) -> SourceError {
        broken(&self.source, &self.path, &self.name, what)
    }

    /// The first bytes.
    pub fn head(&self, bytes: usize) -> Result<Vec<u8>, SourceError> {
        let mut head = Vec::with_capacity(bytes);
        self.reader()?.take(bytes as u64).read_to_end(&mut head).map_err(|error| self.trouble(&error))?;
        Ok(head)
    }

    /// Its length in bytes.
    pub fn length(&self) -> Result<u64, SourceError> {
        self.file.metadata().map(|meta| meta.len()).map_err(|error| self.trouble(&error))
    }

    /// A hash of its content.
    pub fn hash(&self) -> Result<u128, SourceError> {
        let mut hash = Xxh3::new();
        let mut chunk = vec![0; 64 * 1024];
        let mut reader = self.reader()?;
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(hash.digest128()),
                Ok(read) => hash.update(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.trouble(&error)),
            }
        }
    }
}

/// A place of reading in a file; several of one file do not move each other.
#[derive(Debug)]
pub(in crate::source) struct Reader {
    file: Arc<File>,
    at: u64,
    length: u64,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
