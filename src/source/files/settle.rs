//! Files that somebody may still be writing.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::trouble;
use crate::source::SourceError;

/// A file on disk that has been left alone for `settle`. A younger one is looked at twice, that far apart; if it has
/// changed by then, somebody is still writing it, and it is for a later run.
pub(super) fn settled(source: &Arc<str>, path: &Path, settle: Duration) -> Result<Metadata, SourceError> {
    let look = || fs::metadata(path).map_err(|error| vanished(source, path, &error));
    let first = look()?;
    let Some(wait) = remaining(&first, settle) else { return Ok(first) };
    std::thread::sleep(wait);
    let second = look()?;
    if (first.len(), first.modified().ok()) == (second.len(), second.modified().ok()) {
        return Ok(second);
    }
    Err(SourceError::Connection {
        source_name: source.clone(),
        what: format!("{} is still being written; it will be read by a later run", path.display()),
    })
}

/// How much longer to wait; a time of change that lies ahead (a server's clock) says nothing about age.
fn remaining(meta: &Metadata, settle: Duration) -> Option<Duration> {
    if settle.is_zero() {
        return None;
    }
    let age = meta.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    match age {
        Some(age) => settle.checked_sub(age).filter(|wait| !wait.is_zero()),
        None => Some(settle),
    }
}

/// A file that was listed and cannot be looked at.
pub(super) fn vanished(source: &Arc<str>, path: &Path, error: &io::Error) -> SourceError {
    if error.kind() == io::ErrorKind::NotFound {
        return SourceError::Connection {
            source_name: source.clone(),
            what: format!("{} went away while the folder was being read; a later run looks again", path.display()),
        };
    }
    trouble(source, path, error)
}
