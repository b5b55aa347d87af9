//! Zip archives, read as folders of files.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use encoding_rs::GB18030;
use zip::ZipArchive;
use zip::result::ZipError;

use super::listing::Listed;
use super::{broken, trouble};
use crate::source::SourceError;

/// What one file inside an archive may unpack to, in bytes.
const LARGEST: u64 = 4 << 30;
/// From this size on, a file that unpacks to more than [`HIGHEST_RATIO`] times its packed size is refused.
const SMALL: u64 = 64 << 20;
const HIGHEST_RATIO: u64 = 250;

/// One file inside an archive.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its index in the archive's directory.
    pub index: usize,
    /// Its path inside the archive, parts divided by `/`.
    pub name: String,
    /// Its size unpacked, as the archive says.
    pub size: u64,
}

/// Whether a name is an archive's, to be looked into as a folder.
pub(super) fn is_archive(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".zip")
}

/// The files inside an archive, by name. Names that are not UTF-8 are read as GB18030, in which Chinese systems write them.
pub(super) fn entries(source: &Arc<str>, path: &Path, name: &str) -> Result<Vec<Entry>, SourceError> {
    let archive = open(source, path, name)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index_data(index) else { continue };
        if entry.is_dir() {
            continue;
        }
        let name = decoded(entry.name_raw());
        let hidden = |part: &str| part.is_empty() || part == ".." || part == "__MACOSX" || super::listing::is_passed_over(part);
        if !name.split('/').any(hidden) {
            found.push(Entry { index, name, size: entry.size() });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Unpacks one file into a temporary one that has no name, so that nothing of it stays behind.
pub(super) fn unpack(source: &Arc<str>, listed: &Listed, index: usize) -> Result<File, SourceError> {
    let refused = |what: String| SourceError::Content { source_name: source.clone(), object: listed.name.clone(), what };
    let mut archive = open(source, &listed.path, &listed.name)?;
    if archive.by_index_data(index).is_ok_and(|entry| entry.encrypted()) {
        return Err(refused(
            "the file is packed with a password; pack it again without one, or put it into the folder unpacked".into(),
        ));
    }
    let mut entry = match archive.by_index(index) {
        Ok(entry) => entry,
        Err(ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_)) => {
            return Err(refused("the archive packs it in a way that is not read; pack it again as plain .zip (deflate)".into()));
        }
        Err(_) => return Err(broken(source, &listed.path, &listed.name, "cannot be unpacked")),
    };
    let bound = LARGEST.min(SMALL.max(entry.compressed_size().saturating_mul(HIGHEST_RATIO)));
    let mut file = tempfile::tempfile().map_err(|error| trouble(source, &std::env::temp_dir(), &error))?;
    let mut chunk = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let read = match entry.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(broken(source, &listed.path, &listed.name, "cannot be unpacked")),
        };
        written += read as u64;
        if written > bound {
            return Err(refused(format!(
                "it unpacks to more than {} MiB, which is out of proportion to the archive; put it into the folder unpacked",
                bound >> 20
            )));
        }
        file.write_all(&chunk[..read]).map_err(|error| trouble(source, &std::env::temp_dir(), &error))?;
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| trouble(source, &std::env::temp_dir(), &error))?;
    Ok(file)
}

fn open(source: &Arc<str>, path: &Path, name: &str) -> Result<ZipArchive<BufReader<File>>, SourceError> {
    let file = File::open(path).map_err(|error| trouble(source, path, &error))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => trouble(source, path, &error),
        _ => broken(source, path, name, "is no whole .zip archive"),
    })
}

fn decoded(raw: &[u8]) -> String {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(raw).0.into_owned(),
    };
    name.replace('\\', "/")
}
