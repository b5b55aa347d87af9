//! How long work tells how far it is.

use std::io::Write;
use std::sync::Arc;

use crate::finding::Text;

/// What long work reports to. Calls come from any thread.
pub trait Progress: Send + Sync {
    /// A stretch of work begins: `what`, and how many steps where that is known. Ends the stretch before.
    fn begin(&self, what: Text, total: Option<u64>);

    /// So many steps more of the current stretch are done.
    fn advance(&self, steps: u64);

    /// Something worth a line of its own, such as the address a server listens on.
    fn note(&self, what: Text);

    /// The last stretch is over.
    fn end(&self);

    /// Writes a line of the log, its end included, to standard error without tearing what is drawn there.
    fn log(&self, line: &[u8]) {
        // Standard error may be closed; the log is not worth a failure.
        drop(std::io::stderr().write_all(line));
    }

    /// The same progress for those who outlive the command's call.
    fn share(&self) -> Arc<dyn Progress>;
}

/// Reports nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Text, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: Text) {}
    fn end(&self) {}

    fn share(&self) -> Arc<dyn Progress> {
        Arc::new(Self)
    }
}
