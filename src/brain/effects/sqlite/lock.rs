//! The lock file: two platform processes never write one directory; the lock dies with the process that holds it.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::brain::error::BrainError;

/// A platform that is just ending is waited for so long.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);

/// Holds a directory's lock until dropped.
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock. A file left behind by a dead process does not hold it.
    pub(super) async fn take(directory: &Path) -> Result<Self, BrainError> {
        let fail = |source| BrainError::Directory { path: directory.to_owned(), source };
        let path = directory.join("brain.lock");
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(fail)?;
        let taking = async {
            let mut looks = tokio::time::interval(LOOK);
            loop {
                looks.tick().await;
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(fail(error)),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, taking).await {
            Ok(taken) => taken?,
            Err(_) => return Err(BrainError::DirectoryInUse(directory.to_owned())),
        }
        Ok(Self { _file: file })
    }
}
