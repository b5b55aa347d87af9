//! The place where the server's log of changes is plugged in.

use super::connect::Session;
use crate::source::SourceError;
use crate::source::incremental::{NoLog, Watched};

/// The log of this kind of server.
pub(super) type Log = NoLog;

/// The log, seen from one table. Connects only when it is asked something.
///
/// # Errors
/// When this kind has no log, or the settings do not allow its use.
pub(super) fn log(session: &Session, watched: Watched) -> Result<Log, SourceError> {
    let _ = watched;
    Err(crate::source::incremental::no_log(&session.source))
}
