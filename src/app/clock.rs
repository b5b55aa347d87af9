//! Clocks of the demo: the machine's, moved to the sample school's day.

use std::path::Path;
use std::time::Duration;

use super::Failure;
use crate::store::Millis;

/// The machine's clock, moved by a fixed span. Hub and platform of the demo share it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shifted(Millis);

impl Shifted {
    /// A clock that showed `start` when the demo's folder was made, and has gone on since. The moment is kept in `file`,
    /// so that time never runs backwards between two starts.
    pub(super) fn resume(file: &Path, start: Millis) -> Result<Self, Failure> {
        let io = |e: std::io::Error| Failure::io(&file.display().to_string(), &e);
        let now = jiff::Timestamp::now().as_millisecond();
        let first = match std::fs::read_to_string(file) {
            Ok(text) => text.trim().parse().unwrap_or(now),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                std::fs::write(file, now.to_string()).map_err(io)?;
                now
            }
            Err(e) => return Err(io(e)),
        };
        Ok(Self(start - first))
    }

    /// Now.
    pub(super) fn millis(self) -> Millis {
        jiff::Timestamp::now().as_millisecond() + self.0
    }
}

impl crate::brain::Clock for Shifted {
    fn now_ms(&self) -> i64 {
        self.millis()
    }
}

#[async_trait::async_trait]
impl crate::report::Clock for Shifted {
    fn now(&self) -> Millis {
        self.millis()
    }

    async fn sleep_until(&self, at: Millis) {
        let wait = at.saturating_sub(self.millis());
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        }
    }
}
