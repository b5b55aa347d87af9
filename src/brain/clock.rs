//! The platform's clock, and its printed forms.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Where the platform gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        Timestamp::now().as_millisecond()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `ms`.
    pub fn new(ms: i64) -> Self {
        Self(AtomicI64::new(ms))
    }

    /// Moves it by `ms`, backwards when negative.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets it to `ms`.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The zone of every time that the platform prints, whatever the host's.
const BEIJING: Offset = Offset::constant(8);

fn civil(ms: i64) -> DateTime {
    BEIJING.to_datetime(Timestamp::from_millisecond(ms).unwrap_or_default())
}

/// `yyyy-MM-dd HH:mm:ss` in +08:00.
pub(super) fn printed(ms: i64) -> String {
    civil(ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `yyyy-MM-ddTHH:mm:ss.SSS` in +08:00, without a zone.
pub(super) fn iso_millis(ms: i64) -> String {
    civil(ms).strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

/// `yyyyMMdd` in +08:00.
pub(super) fn day(ms: i64) -> String {
    civil(ms).strftime("%Y%m%d").to_string()
}

/// Reads `yyyy-MM-dd HH:mm:ss` as +08:00.
pub(super) fn parse_printed(text: &str) -> Option<i64> {
    let civil = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    BEIJING.to_timestamp(civil).ok().map(Timestamp::as_millisecond)
}

/// The value of a `Date` header.
pub(super) fn http_date(ms: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(ms).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

/// Cut to whole seconds: the resolution of the platform's times.
pub(super) fn whole_second(ms: i64) -> i64 {
    ms - ms.rem_euclid(1000)
}

/// Seconds as milliseconds, without overflow.
pub(super) fn seconds(s: u64) -> i64 {
    SignedDuration::from_secs(i64::try_from(s).unwrap_or(i64::MAX / 1000)).as_millis().try_into().unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_in_china_whatever_the_host() {
        let ms = parse_printed("2025-03-01 00:00:05");
        assert_eq!(ms, Some(1_740_758_405_000));
        let ms = ms.unwrap_or_default() + 7;
        assert_eq!(printed(ms), "2025-03-01 00:00:05");
        assert_eq!(iso_millis(ms), "2025-03-01T00:00:05.007");
        assert_eq!(iso_millis(whole_second(ms)), "2025-03-01T00:00:05.000");
        assert_eq!(day(ms), "20250301");
        assert_eq!(http_date(ms).as_deref(), Some("Fri, 28 Feb 2025 16:00:05 GMT"));
        assert_eq!(parse_printed("2025-02-30 00:00:00"), None);
    }
}
