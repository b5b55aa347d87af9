//! Points in time as the standard writes them, in the platform's zone (+08:00 the whole year).

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};

use crate::store::Millis;

fn local(at: Millis) -> jiff::Zoned {
    let zone = TimeZone::fixed(Offset::constant(8));
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone)
}

/// The day.
pub(super) fn day(at: Millis) -> jiff::civil::Date {
    local(at).date()
}

/// `YYYYMMDD hhmmss`.
pub(super) fn collected_at(at: Millis) -> String {
    local(at).strftime("%Y%m%d %H%M%S").to_string()
}

/// `YYYYMMDD`.
pub(super) fn today(at: Millis) -> String {
    local(at).strftime("%Y%m%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::{collected_at, today};

    #[test]
    fn the_day_changes_at_midnight_in_china() {
        assert_eq!(collected_at(1_732_060_800_000), "20241120 080000");
        assert_eq!(today(1_732_031_999_999), "20241119");
        assert_eq!(today(1_732_032_000_000), "20241120");
    }
}
