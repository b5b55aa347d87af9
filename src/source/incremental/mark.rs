//! Marks: the values that a row's mark columns hold, as points on one line.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::source::ColumnKind;

/// Parts of a unit: times are microseconds, numbers millionths.
const PARTS: i128 = 1_000_000;
const DAY: i128 = 86_400 * PARTS;

/// A point: microseconds of a clock without zone, or millionths of a number. Written as text, since JSON's numbers are too
/// short for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Mark(pub i128);

impl TryFrom<String> for Mark {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.0.to_string()
    }
}

impl Mark {
    /// So many whole units: seconds, or ones.
    pub fn units(units: u64) -> Self {
        Self(i128::from(units) * PARTS)
    }
}

/// How a column writes its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A number.
    Number,
    /// A day, with what stands between its parts.
    Day(Option<char>),
    /// A day and a time; what stands between the day's parts and before the hour; whether colons part the time.
    Time(Option<char>, Option<char>, bool),
}

impl Form {
    /// Whether it is a point in time.
    pub fn is_time(self) -> bool {
        self != Self::Number
    }

    /// The form that servers write times in.
    pub const PLAIN: Form = Form::Time(Some('-'), Some(' '), true);

    /// A mark as a column of this form writes it, rounded down: to the second, the day, the whole number.
    pub fn write(self, mark: Mark) -> String {
        if self == Self::Number {
            return mark.0.div_euclid(PARTS).to_string();
        }
        let seconds = i64::try_from(mark.0.div_euclid(PARTS)).unwrap_or(i64::MAX);
        let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MIN).to_zoned(TimeZone::UTC).datetime();
        // Before the year 1 no school was founded; four digits are what all products understand.
        let year = at.year().max(1);
        let joint = |part: Option<char>| part.map(String::from).unwrap_or_default();
        let day = |part| format!("{year:04}{0}{1:02}{0}{2:02}", joint(part), at.month(), at.day());
        match self {
            Self::Number => String::new(),
            Self::Day(part) => day(part),
            Self::Time(part, before, colons) => {
                let colon = if colons { ":" } else { "" };
                format!("{}{}{:02}{colon}{:02}{colon}{:02}", day(part), joint(before), at.hour(), at.minute(), at.second())
            }
        }
    }
}

/// The mark that a cell holds, and how it is written; `None` where it is neither date, time nor number. A zone behind a
/// time is passed over: a server gives all times of a column in one zone.
pub(super) fn parse(text: &str, kind: ColumnKind) -> Option<(Form, Mark)> {
    let text = text.trim();
    let time = || time(text);
    let number = || number(text).map(|mark| (Form::Number, mark));
    if kind == ColumnKind::Number { number() } else { time().or_else(number) }
}

fn number(text: &str) -> Option<Mark> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 30 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let parts = whole.parse::<i128>().ok()? * PARTS + millionths(fraction);
    Some(Mark(if negative { -parts } else { parts }))
}

/// The first six digits behind a point.
fn millionths(digits: &str) -> i128 {
    let six = digits.bytes().chain(std::iter::repeat(b'0')).take(6);
    six.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'))
}

/// Reads a text from the left.
struct Left<'a>(&'a str);

impl Left<'_> {
    fn digits(&mut self, count: usize) -> Option<i16> {
        let part = self.0.get(..count).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.0 = &self.0[count..];
        part.parse().ok()
    }

    fn one_of(&mut self, chars: &[char]) -> Option<char> {
        let first = self.0.chars().next().filter(|c| chars.contains(c))?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    /// The same character as before, or none as before.
    fn same(&mut self, before: Option<char>) -> Option<()> {
        match before {
            Some(c) => self.one_of(&[c]).map(|_| ()),
            None => Some(()),
        }
    }
}

fn time(text: &str) -> Option<(Form, Mark)> {
    let mut left = Left(text);
    let year = left.digits(4)?;
    let part = left.one_of(&['-', '/', '.']);
    let month = left.digits(2)?;
    left.same(part)?;
    let day = left.digits(2)?;
    if left.0.is_empty() {
        return Some((Form::Day(part), point(year, [month, day, 0, 0, 0], 0)?));
    }
    let before = left.one_of(&['T', ' ']);
    let hour = left.digits(2)?;
    let colon = left.one_of(&[':']);
    let minute = left.digits(2)?;
    left.same(colon)?;
    let second = left.digits(2)?;
    let mut parts = 0;
    if left.one_of(&['.']).is_some() {
        let end = left.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(left.0.len());
        parts = millionths(&left.0[..end]);
        left.0 = &left.0[end..];
    }
    let zone = left.0.trim_start();
    let is_zone = zone.is_empty() || zone == "Z" || zone.starts_with(['+', '-']) && zone.len() <= 9;
    let mark = point(year, [month, day, hour, minute, second.min(59)], parts)?;
    is_zone.then_some((Form::Time(part, before, colon.is_some()), mark))
}

fn point(year: i16, rest: [i16; 5], parts: i128) -> Option<Mark> {
    let [month, day, hour, minute, second] = rest.map(|part| i8::try_from(part).unwrap_or(-1));
    let at = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(at).ok()?.as_second();
    Some(Mark(i128::from(seconds) * PARTS + parts))
}

/// The least that is read again where nothing late was seen: ten minutes, or a thousand.
pub(super) fn least(is_time: bool) -> Mark {
    Mark(if is_time { DAY / 144 } else { 1_000 * PARTS })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_read_as_products_write_them() {
        let second = |text: &str| parse(text, ColumnKind::Date).map(|(_, mark)| mark.0);
        let noon = second("2024-09-01 12:00:00").unwrap();
        assert_eq!(noon, 1_725_192_000_000_000);
        for same in [
            "2024-09-01T12:00:00",
            "2024-09-01 12:00:00.000",
            "2024-09-01 12:00:00+08",
            "2024-09-01 12:00:00.0+08:00",
            "2024-09-01T12:00:00Z",
            "2024/09/01 12:00:00",
            "20240901120000",
            "20240901 120000",
            " 2024-09-01 12:00:00 ",
        ] {
            assert_eq!(second(same), Some(noon), "{same}");
        }
        assert_eq!(second("2024-09-01 12:00:00.5"), Some(noon + 500_000));
        assert_eq!(second("2024-09-01 12:00:00.1234567"), Some(noon + 123_456));
        assert_eq!(second("2024-09-01"), Some(noon - DAY / 2));
        assert_eq!(parse("20240901120000", ColumnKind::Number), Some((Form::Number, Mark::units(20_240_901_120_000))));
        assert_eq!(parse("-1.5", ColumnKind::Unknown), Some((Form::Number, Mark(-1_500_000))));
        assert_eq!(parse("1725192000", ColumnKind::Date), Some((Form::Number, Mark::units(1_725_192_000))));
        for nothing in ["", "infinity", "甲", "2024-13-01", "2024-02-30", "2024-09/01", "2024-09-01 12:00", "1e5", "12x", "0x10"]
        {
            assert_eq!(parse(nothing, ColumnKind::Date), None, "{nothing}");
        }
    }

    #[test]
    fn bounds_are_written_in_the_form_of_their_column_and_rounded_down() {
        let mark = parse("2024-09-01 12:00:07.9", ColumnKind::Date).unwrap().1;
        for (like, text) in [
            ("2023-01-02 00:00:00.123+08", "2024-09-01 12:00:07"),
            ("2023-01-02T00:00:00Z", "2024-09-01T12:00:07"),
            ("2023/01/02 00:00:00", "2024/09/01 12:00:07"),
            ("20230102000000", "20240901120007"),
            ("20230102 000000", "20240901 120007"),
            ("2023-01-02", "2024-09-01"),
            ("20230102", "20240901"),
        ] {
            let form = parse(like, ColumnKind::Text).unwrap().0;
            assert_eq!(form.write(mark), text, "{like}");
        }
        assert_eq!(Form::Number.write(Mark(-1_500_000)), "-2");
        assert_eq!(Form::Number.write(Mark(1_999_999)), "1");
    }

    proptest! {
        #[test]
        fn what_is_written_is_never_greater_and_less_by_under_one_step(at in -62_000_000_000i64..250_000_000_000, parts in 0i128..1_000_000) {
            let mark = Mark(i128::from(at) * PARTS + parts);
            for (form, step) in [(Form::PLAIN, PARTS), (Form::Time(None, None, false), PARTS), (Form::Day(Some('-')), DAY), (Form::Number, PARTS)] {
                let kind = if form == Form::Number { ColumnKind::Number } else { ColumnKind::Date };
                let (read, again) = parse(&form.write(mark), kind).unwrap();
                prop_assert_eq!(read, form);
                prop_assert!(again <= mark && mark.0 - again.0 < step);
            }
        }
    }
}
