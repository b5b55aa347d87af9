//! Dates and times as texts. Pure.

use std::fmt::Write as _;

use jiff::civil::Date;

const DAY: i64 = 24 * 60 * 60;
/// Days from the first of January of the year 1 to that of 1900.
const TO_1900: i64 = 693_595;

/// A moment in the calendar of a server: days since the first of January of the year 1, and the time of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    days: i64,
    clock: Clock,
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    seconds: i64,
    /// What is left of a second, in parts of which a second has ten to the power of `digits`.
    parts: u64,
    digits: u8,
}

impl Clock {
    /// So many parts since midnight, of which a second has ten to the power of `digits`.
    pub fn of(parts: u64, digits: u8) -> Self {
        let second = 10_u64.saturating_pow(u32::from(digits));
        Self { seconds: i64::try_from(parts / second).unwrap_or(i64::MAX), parts: parts % second, digits }
    }

    /// Appends `08:30:00`, with the parts of a second that are not zero; false where no day has such a time.
    pub fn write(self, text: &mut String) -> bool {
        let (minutes, second) = (self.seconds / 60, self.seconds % 60);
        let _ = write!(text, "{:02}:{:02}:{second:02}", minutes / 60, minutes % 60);
        if self.parts != 0 {
            let _ = write!(text, ".{:0width$}", self.parts, width = usize::from(self.digits));
            text.truncate(text.trim_end_matches('0').len());
        }
        self.seconds < DAY
    }
}

impl Moment {
    /// `date` and a time.
    pub fn of(days: u32, clock: Clock) -> Self {
        Self { days: i64::from(days), clock }
    }

    /// `datetime`: days since 1900, and three-hundredths of a second, which the server shows as milliseconds.
    pub fn of_datetime(days: i32, parts: u32) -> Self {
        let milliseconds = (u64::from(parts) * 10 + 1) / 3;
        Self { days: i64::from(days) + TO_1900, clock: Clock::of(milliseconds, 3) }
    }

    /// `smalldatetime`: days since 1900, and minutes.
    pub fn of_minutes(days: u16, minutes: u16) -> Self {
        Self { days: i64::from(days) + TO_1900, clock: Clock::of(u64::from(minutes) * 60, 0) }
    }

    /// The same moment by the clocks of a zone so many minutes before Greenwich.
    pub fn shifted(self, minutes: i16) -> Self {
        let seconds = self.clock.seconds + i64::from(minutes) * 60;
        let clock = Clock { seconds: seconds.rem_euclid(DAY), ..self.clock };
        Self { days: self.days + seconds.div_euclid(DAY), clock }
    }

    /// Appends `2023-09-01 08:30:00`; false where there is no such moment.
    pub fn write(self, text: &mut String) -> bool {
        write_date(self.days, text) && {
            text.push(' ');
            self.clock.write(text)
        }
    }
}

/// Appends `2023-09-01`, for days since the first of January of the year 1; false where there is no such day.
pub(super) fn write_date(days: i64, text: &mut String) -> bool {
    let span = jiff::Span::new().try_days(days);
    let Some(date) = span.ok().and_then(|span| Date::constant(1, 1, 1).checked_add(span).ok()) else { return false };
    let _ = write!(text, "{date}");
    true
}

/// Appends `+08:00`.
pub(super) fn write_offset(minutes: i16, text: &mut String) {
    let sign = if minutes < 0 { '-' } else { '+' };
    let all = minutes.unsigned_abs();
    let _ = write!(text, "{sign}{:02}:{:02}", all / 60, all % 60);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut String) -> bool) -> String {
        let mut text = String::new();
        if write(&mut text) { text } else { "none".into() }
    }

    #[test]
    fn days_are_counted_from_the_year_one() {
        for (days, expected) in [
            (0, "0001-01-01"),
            (TO_1900, "1900-01-01"),
            (738_763, "2023-09-01"),
            (738_944, "2024-02-29"),
            (3_652_058, "9999-12-31"),
            (3_652_059, "none"),
        ] {
            assert_eq!(text(|text| write_date(days, text)), expected, "{days}");
        }
    }

    #[test]
    fn a_datetime_counts_from_1900_in_three_hundredths() {
        for (days, parts, expected) in [
            (0, 0, "1900-01-01 00:00:00"),
            (-53_690, 0, "1753-01-01 00:00:00"),
            (45_168, 8 * 3600 * 300, "2023-09-01 08:00:00"),
            (45_168, 1, "2023-09-01 00:00:00.003"),
            (45_168, 2, "2023-09-01 00:00:00.007"),
            (45_168, 3, "2023-09-01 00:00:00.01"),
            (45_168, 24 * 3600 * 300 - 1, "2023-09-01 23:59:59.997"),
            (45_168, 24 * 3600 * 300, "none"),
        ] {
            assert_eq!(text(|text| Moment::of_datetime(days, parts).write(text)), expected);
        }
        assert_eq!(text(|text| Moment::of_minutes(45_168, 485).write(text)), "2023-09-01 08:05:00");
    }

    #[test]
    fn parts_of_a_second_end_where_the_zeros_begin() {
        for (parts, digits, expected) in [
            (0, 0, "00:00:00"),
            (30_600, 0, "08:30:00"),
            (306_005_000_000, 7, "08:30:00.5"),
            (306_000_000_001, 7, "08:30:00.0000001"),
            (30_600_120, 3, "08:30:00.12"),
        ] {
            assert_eq!(text(|text| Clock::of(parts, digits).write(text)), expected);
        }
    }

    #[test]
    fn a_moment_with_a_zone_is_shown_by_the_clocks_there() {
        let evening = Moment::of(738_762, Clock::of(20 * 3600, 0));
        assert_eq!(text(|text| evening.shifted(480).write(text)), "2023-09-01 04:00:00");
        assert_eq!(text(|text| evening.shifted(-1230).write(text)), "2023-08-30 23:30:00");
        let offset = |minutes| {
            let mut text = String::new();
            write_offset(minutes, &mut text);
            text
        };
        assert_eq!([offset(480), offset(0), offset(-570)], ["+08:00", "+00:00", "-09:30"]);
    }
}
