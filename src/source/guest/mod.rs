//! A good guest: what all sources have in common that somebody else needs for his own work. Pure: the time comes in.
//!
//! The settings fragment `guest` is put into the schema of each kind that takes it, by [`with_guest`].

mod account;
mod pace;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

pub(super) use account::writer_note;
pub use pace::Pace;

use super::SourceError;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// China's time, the whole year.
const EAST: i64 = 8 * 60 * MINUTE;

/// How the hub behaves towards one source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guest {
    hours: Vec<Hours>,
    rows_per_second: Option<u32>,
    connections: usize,
    slow_down: bool,
    lock_timeout: u64,
    allow_writes: Option<Acceptance>,
}

impl Default for Guest {
    fn default() -> Self {
        Self { hours: Vec::new(), rows_per_second: None, connections: 1, slow_down: true, lock_timeout: 10, allow_writes: None }
    }
}

/// Who accepted something, when and why: for readers of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    #[serde(rename = "by")]
    _by: String,
    #[serde(rename = "date")]
    _date: String,
    #[serde(rename = "reason")]
    _reason: String,
}

/// A stretch of the day, in minutes; it may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Hours {
    from: i64,
    to: i64,
}

impl TryFrom<String> for Hours {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute) = (hour.parse::<i64>().ok()?, minute.parse::<i64>().ok()?);
            ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
        };
        let stretch = text.split_once('-').and_then(|(from, to)| Some(Self { from: minute(from)?, to: minute(to)? }));
        stretch.ok_or("hours are written as 22:00-06:00")
    }
}

impl Hours {
    /// Minutes until it begins; 0 within it.
    fn wait(self, minute: i64) -> i64 {
        let within = match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        };
        if within { 0 } else { (self.from - minute).rem_euclid(24 * 60) }
    }
}

impl Guest {
    /// What a source's settings say; defaults where they say nothing, or something that its schema refuses.
    pub fn of(settings: &Value) -> Self {
        settings.get("guest").and_then(|own| Self::deserialize(own).ok()).unwrap_or_default()
    }

    /// How long the source has to be left alone yet at `now` (milliseconds since 1970); nothing within its hours.
    pub fn closed_for(&self, now: i64) -> Option<Duration> {
        let since_midnight = (now + EAST).rem_euclid(DAY);
        let minute = since_midnight / MINUTE;
        let wait = self.hours.iter().map(|hours| hours.wait(minute)).min()?;
        (wait > 0).then(|| Duration::from_millis((wait * MINUTE - since_midnight % MINUTE).unsigned_abs()))
    }

    /// How many of its tables may be read side by side, at least one.
    pub fn connections(&self) -> usize {
        self.connections.max(1)
    }

    /// Seconds that a lock is waited for.
    pub(super) fn lock_timeout(&self) -> u64 {
        self.lock_timeout
    }

    /// The pace of one reading.
    pub fn pace(&self) -> Pace {
        Pace::new(self.rows_per_second, self.slow_down)
    }

    /// What a run is told outside of the source's hours.
    pub fn closed(source: &Arc<str>, wait: Duration) -> SourceError {
        let minutes = wait.as_secs().div_ceil(60);
        let what = format!("outside of its hours (guest.hours); they begin in {} h {} min", minutes / 60, minutes % 60);
        SourceError::Throttled { source_name: source.clone(), what }
    }

    /// Refuses an account that can write, unless somebody accepted it.
    pub(super) fn permit(&self, source: &Arc<str>, user: &str, writes: bool) -> Result<(), SourceError> {
        if !writes || self.allow_writes.is_some() {
            return Ok(());
        }
        Err(SourceError::Settings {
            source_name: source.clone(),
            what: format!("the account {user} can write, and the hub reads with accounts only that cannot"),
            remedy: "use another one (`xiaoshu check --connect` prints the SQL for it), or record who accepts this one: \
                     guest = { allow_writes = { by = \"name\", date = \"2025-09-01\", reason = \"why\" } }"
                .into(),
        })
    }
}

/// A kind's schema with the fragment `guest` in it, made once.
pub(super) fn with_guest(made: &'static OnceLock<String>, schema: &str) -> &'static str {
    made.get_or_init(|| {
        let mut whole: Value = serde_json::from_str(schema).unwrap_or_default();
        let fragment = serde_json::from_str(include_str!("settings.json")).unwrap_or_default();
        if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("guest".into(), fragment);
        }
        whole.to_string()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2023-11-15, a time of day in China.
    fn at(hour: i64, minute: i64) -> i64 {
        1_699_977_600_000 + (hour * 60 + minute) * MINUTE
    }

    fn guest(settings: Value) -> Guest {
        let guest = Guest::deserialize(&settings).unwrap();
        assert_eq!(Guest::of(&json!({ "guest": settings })), guest);
        guest
    }

    #[test]
    fn a_source_is_read_in_its_hours_only() {
        let night = guest(json!({ "hours": ["22:00-06:00", "12:00-13:30"] }));
        for (hour, minute, wait) in
            [(22, 0, 0), (23, 59, 0), (0, 0, 0), (5, 59, 0), (6, 0, 360), (11, 59, 1), (12, 0, 0), (13, 29, 0), (13, 30, 510)]
        {
            let found = night.closed_for(at(hour, minute)).map_or(0, |wait| wait.as_secs() / 60);
            assert_eq!(found, wait, "{hour}:{minute}");
        }
        assert_eq!(night.closed_for(at(6, 0) + 30_000), Some(Duration::from_secs(360 * 60 - 30)));
        assert_eq!(Guest::default().closed_for(at(3, 0)), None);
        for wrong in ["22-6", "25:00-01:00", "x"] {
            assert!(Guest::deserialize(&json!({ "hours": [wrong] })).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_account_that_can_write_needs_somebody_who_accepts_it() {
        let source: Arc<str> = "jw".into();
        let accepted = guest(json!({ "allow_writes": { "by": "a", "date": "2025-09-01", "reason": "b" } }));
        assert!(Guest::default().permit(&source, "root", true).is_err());
        assert!(Guest::default().permit(&source, "reader", false).is_ok());
        assert!(accepted.permit(&source, "root", true).is_ok());
    }

    #[test]
    fn the_fragment_is_in_the_schema() {
        static MADE: OnceLock<String> = OnceLock::new();
        let schema: Value = serde_json::from_str(with_guest(&MADE, r#"{"properties":{"kind":{}}}"#)).unwrap();
        assert_eq!(schema.pointer("/properties/guest/properties/connections/default"), Some(&json!(1)));
    }
}
