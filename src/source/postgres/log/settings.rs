//! Settings of the log: `log = { … }` of a source.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::source::SourcePlace;
use crate::source::incremental::Watched;

/// The longest name that the server takes.
const LONGEST: usize = 63;
const MEBIBYTE: u64 = 1024 * 1024;

/// How the log is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::source) struct LogSettings {
    /// The publication that the tables are in.
    pub publication: String,
    /// What the slots' names begin with.
    pub slots: String,
    /// MiB.
    max_retained: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { publication: "xiaoshu".into(), slots: "xiaoshu".into(), max_retained: 1024 }
    }
}

impl LogSettings {
    /// What a source's settings say; defaults where they say nothing, or something that its schema refuses.
    pub fn of(place: &SourcePlace<'_>) -> Self {
        place.settings.get("log").and_then(|own| Self::deserialize(own).ok()).unwrap_or_default()
    }

    /// Bytes of log that the server may keep for one slot.
    pub fn most_retained(&self) -> u64 {
        self.max_retained.saturating_mul(MEBIBYTE)
    }

    /// The name of a reader's slot: the same in every run, another one for each source, database, table and reader, of
    /// letters that the server takes.
    pub fn slot(&self, database: &str, watched: &Watched) -> String {
        let mut digest = Sha256::new();
        for part in [&watched.source[..], database, &watched.object, &watched.reader] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let digits: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let told: String = format!("{}_{}", watched.reader, watched.object).chars().map(fit).collect();
        let mut name = format!("{}_{digits}_{told}", self.slots);
        // What follows the digits is for people.
        name.truncate(LONGEST - TEMPORARY.len());
        name
    }
}

/// What the name of a slot ends with until it is known to be good.
pub(super) const TEMPORARY: &str = "_new";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn watched(source: &str, object: &str, reader: &str) -> Watched {
        Watched { source: source.into(), object: object.into(), key: Vec::new(), reader: reader.into() }
    }

    #[test]
    fn slots_have_names_that_the_server_takes_each_its_own() {
        let long = "x".repeat(300);
        let mut names = BTreeSet::new();
        for (source, database, object, reader) in [
            ("jw", "edu", "XS_JBXX", "ODS_XSJBSJ"),
            ("jw", "edu", "xs_jbxx", "ODS_XSJBSJ"),
            ("jw", "edu", "XS_JBXX", "ODS_OTHER"),
            ("jw2", "edu", "XS_JBXX", "ODS_XSJBSJ"),
            ("jw", "edu2", "XS_JBXX", "ODS_XSJBSJ"),
            ("jw", "edu", "教务.学生", "ODS_XSJBSJ"),
            ("jw", "edu", "教务.老师", "ODS_XSJBSJ"),
            ("jw", "edu", &long, "ODS_XSJBSJ"),
            ("jw", "edu", &format!("{long}y"), "ODS_XSJBSJ"),
            ("j", "wedu", "XS_JBXX", "ODS_XSJBSJ"),
        ] {
            let name = LogSettings::default().slot(database, &watched(source, object, reader));
            assert_eq!(name, LogSettings::default().slot(database, &watched(source, object, reader)));
            assert!(name.len() + TEMPORARY.len() <= LONGEST && name.starts_with("xiaoshu_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert!(names.insert(name.clone()), "{name} twice");
        }
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let of = |settings: serde_json::Value| {
            let name = "jw".into();
            LogSettings::of(&SourcePlace { name: &name, settings: &settings, base: std::path::Path::new("/") })
        };
        assert_eq!(of(json!({})), LogSettings::default());
        let own = of(json!({ "log": { "max_retained": 2, "publication": "hub" } }));
        assert_eq!((own.most_retained(), &own.publication[..], &own.slots[..]), (2 << 20, "hub", "xiaoshu"));
    }
}
