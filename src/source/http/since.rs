//! The parameter that asks only for what changed since. Pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

/// How an object is asked for what changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incremental {
    /// The parameter's name.
    pub parameter: String,
    /// The column that says when a row changed.
    pub column: String,
    #[serde(default = "plain")]
    format: String,
    column_format: Option<String>,
    #[serde(default = "ten_minutes")]
    overlap: i64,
    first: Option<String>,
}

fn plain() -> String {
    "%Y-%m-%d %H:%M:%S".into()
}

fn ten_minutes() -> i64 {
    600
}

/// China's time, the whole year.
const BEIJING: Offset = Offset::constant(8);

impl Incremental {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        let stands = |format: &str| write(format, 1_700_000_000_000).and_then(|text| read(format, &text)).is_some();
        if stands(&self.format) && stands(self.column_format.as_deref().unwrap_or(&self.format)) {
            return Ok(());
        }
        Err("`incremental`: a format is `unix`, `unix_ms`, `rfc3339` or one of strftime with date and time")
    }

    /// When a row changed, in milliseconds.
    pub fn moment(&self, cell: &str) -> Option<i64> {
        read(self.column_format.as_deref().unwrap_or(&self.format), cell.trim())
    }

    /// What to ask for, given the newest change seen; nothing on a first read that is to bring everything.
    pub fn value(&self, newest: Option<i64>) -> Option<String> {
        match newest {
            Some(newest) => write(&self.format, newest.saturating_sub(self.overlap.saturating_mul(1000))),
            None => self.first.clone(),
        }
    }
}

fn read(format: &str, text: &str) -> Option<i64> {
    match format {
        "unix" => text.parse::<i64>().ok()?.checked_mul(1000),
        "unix_ms" => text.parse().ok(),
        "rfc3339" => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
        format => {
            if let Ok(moment) = Timestamp::strptime(format, text) {
                return Some(moment.as_millisecond());
            }
            let local = DateTime::strptime(format, text).or_else(|_| {
                jiff::civil::Date::strptime(format, text).map(|date| date.to_datetime(jiff::civil::Time::midnight()))
            });
            BEIJING.to_timestamp(local.ok()?).ok().map(Timestamp::as_millisecond)
        }
    }
}

fn write(format: &str, moment: i64) -> Option<String> {
    let at = Timestamp::from_millisecond(moment).ok()?;
    match format {
        "unix" => Some(moment.div_euclid(1000).to_string()),
        "unix_ms" => Some(moment.to_string()),
        "rfc3339" => Some(at.display_with_offset(BEIJING).to_string()),
        format => jiff::fmt::strtime::format(format, &at.to_zoned(TimeZone::fixed(BEIJING))).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_overlap_goes_off_and_the_form_is_the_vendor_s() {
        for (format, cell, want) in [
            ("%Y-%m-%d %H:%M:%S", "2023-11-15 06:13:20", "2023-11-15 06:03:20"),
            ("%Y%m%d", "20231115", "20231114"),
            ("unix", "1700000000", "1699999400"),
            ("unix_ms", "1700000000123", "1699999400123"),
            ("rfc3339", "2023-11-14T22:13:20Z", "2023-11-15T06:03:20+08:00"),
            ("%Y-%m-%dT%H:%M:%S%z", "2023-11-14T22:13:20+0000", "2023-11-15T06:03:20+0800"),
        ] {
            let settings = json!({ "parameter": "since", "column": "t", "format": format });
            let incremental: Incremental = serde_json::from_value(settings).unwrap();
            assert_eq!(incremental.check(), Ok(()), "{format}");
            assert_eq!(incremental.value(incremental.moment(cell)).as_deref(), Some(want), "{format}");
        }
    }

    #[test]
    fn formats_that_lose_the_day_are_refused() {
        for format in ["%H:%M", "now", "%Q!"] {
            let settings = json!({ "parameter": "since", "column": "t", "format": format });
            assert!(serde_json::from_value::<Incremental>(settings).unwrap().check().is_err(), "{format}");
        }
    }
}
