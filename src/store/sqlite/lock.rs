//! The lock file: a second process is refused; the lock dies with the process that holds it.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::fault::FaultClass;
use crate::store::StoreError;

/// Holds the store's lock until dropped.
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock of the store in `dir`. A file left behind by a dead process does not hold it.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("xiaoshu.lock");
        let fail = |source: std::io::Error| StoreError::Database {
            what: "taking the lock file",
            source: Box::new(source),
            class: FaultClass::Configuration,
        };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Locked { path: dir.display().to_string(), lock: path.display().to_string() })
            }
            Err(TryLockError::Error(e)) => Err(fail(e)),
        }
    }
}
