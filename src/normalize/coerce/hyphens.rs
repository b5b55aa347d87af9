//! `2024-09-02` and `2024-09-02 08:30:00`, as nearly every source writes them: the short way, when nothing is lost.

use crate::record::days_in_month;
use crate::standard::Format;

/// Brings such a text into the form of a date or date-time field. False, whatever is in `out`, leaves a text to the
/// readings that know all shapes and all faults.
pub(super) fn moment(format: Format, text: &[u8], out: &mut String) -> bool {
    let Some(Day { century, year, month, day }) = text.get(..10).and_then(read_day) else { return false };
    let clock = match text.get(10..) {
        Some([]) => [0; 3],
        Some([b' ', clock @ ..]) => match read_clock(clock) {
            Some(clock) => clock,
            None => return false,
        },
        _ => return false,
    };
    match format {
        Format::DateTime => {}
        Format::Date if clock == [0; 3] => {}
        _ => return false,
    }
    out.clear();
    for number in [century, year, month, day] {
        put(number, out);
    }
    if format == Format::DateTime {
        out.push(' ');
        for number in clock {
            put(number, out);
        }
    }
    true
}

struct Day {
    century: u32,
    year: u32,
    month: u32,
    day: u32,
}

/// Two digits.
fn pair(text: &[u8], at: usize) -> Option<u32> {
    match (text[at], text[at + 1]) {
        (tens @ b'0'..=b'9', ones @ b'0'..=b'9') => Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        _ => None,
    }
}

/// A day that there is.
fn read_day(text: &[u8]) -> Option<Day> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let read = Day { century: pair(text, 0)?, year: pair(text, 2)?, month: pair(text, 5)?, day: pair(text, 8)? };
    let year = read.century * 100 + read.year;
    (year > 0 && read.day > 0 && read.day <= days_in_month(year, read.month)).then_some(read)
}

/// A time that there is.
fn read_clock(text: &[u8]) -> Option<[u32; 3]> {
    if text.len() != 8 || text[2] != b':' || text[5] != b':' {
        return None;
    }
    let read = [pair(text, 0)?, pair(text, 3)?, pair(text, 6)?];
    (read[0] < 24 && read[1] < 60 && read[2] < 60).then_some(read)
}

fn put(number: u32, out: &mut String) {
    out.push(char::from(b'0' + (number / 10) as u8));
    out.push(char::from(b'0' + (number % 10) as u8));
}

#[cfg(test)]
mod tests {
    use super::moment;
    use crate::standard::Format;

    #[test]
    fn takes_the_short_way_only_where_nothing_is_lost() {
        let mut out = String::new();
        let good = [
            (Format::Date, "2024-02-29", "20240229"),
            (Format::Date, "2024-02-29 00:00:00", "20240229"),
            (Format::DateTime, "2024-09-02", "20240902 000000"),
            (Format::DateTime, "0999-12-31 23:59:59", "09991231 235959"),
        ];
        for (format, text, want) in good {
            assert!(moment(format, text.as_bytes(), &mut out), "{text}");
            assert_eq!(out, want);
        }
        let left = [
            (Format::Date, "2023-02-29"),
            (Format::Date, "2024-02-29 00:00:01"),
            (Format::Date, "2024/02/29"),
            (Format::Date, "0000-00-00"),
            (Format::Date, "2024-2-29 "),
            (Format::Date, "２０２４年"),
            (Format::DateTime, "2024-02-29T00:00:01"),
            (Format::DateTime, "2024-02-29 24:00:00"),
            (Format::DateTime, "2024-02-29 08:00"),
            (Format::Month, "2024-02-01"),
            (Format::Year, "2024-01-01"),
            (Format::Date, ""),
        ];
        for (format, text) in left {
            assert!(!moment(format, text.as_bytes(), &mut out), "{text}");
        }
    }
}
