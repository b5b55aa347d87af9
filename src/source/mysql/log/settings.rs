//! Settings of the log: `log = { … }` of a source.

use std::time::Duration;

use serde::Deserialize;

use crate::source::SourcePlace;

/// How much of the log is read in one run. It holds the changes of all databases of the server, and all of it crosses the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::source::mysql) struct LogSettings {
    /// MiB.
    pub max_read: u64,
    /// Seconds.
    pub max_seconds: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { max_read: 1024, max_seconds: 600 }
    }
}

impl LogSettings {
    /// What a source's settings say; defaults where they say nothing, or something that its schema refuses.
    pub fn of(place: &SourcePlace<'_>) -> Self {
        place.settings.get("log").and_then(|own| Self::deserialize(own).ok()).unwrap_or_default()
    }

    /// Whether that is enough.
    pub fn is_used_up(self, bytes: u64, time: Duration) -> bool {
        bytes >> 20 >= self.max_read || time.as_secs() >= self.max_seconds
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let of = |settings: serde_json::Value| {
            let name = "jw".into();
            LogSettings::of(&SourcePlace { name: &name, settings: &settings, base: std::path::Path::new("/") })
        };
        assert_eq!(of(json!({})), LogSettings::default());
        assert_eq!(of(json!({ "log": { "max_read": 2 } })), LogSettings { max_read: 2, max_seconds: 600 });
    }

    #[test]
    fn a_budget_is_used_up_by_bytes_or_by_time() {
        let own = LogSettings { max_read: 2, max_seconds: 5 };
        let second = Duration::from_secs(1);
        assert!(!own.is_used_up((2 << 20) - 1, second * 4));
        assert!(own.is_used_up(2 << 20, second));
        assert!(own.is_used_up(0, second * 5));
    }
}
