//! Dates and times in the shapes that schools have.

use jiff::civil::DateTime;

use super::{Coerced, Room, Trouble, Value, folded, is_digits, school_year, without_point_zero};
use crate::finding::{Expected, RuleId, Text};
use crate::normalize::document::{Serial, Take};
use crate::record::days_in_month;
use crate::standard::Format;

/// What a text says about a moment; what it does not say is not made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    pub(super) year: u32,
    pub(super) month: Option<u32>,
    pub(super) day: Option<u32>,
    time: Option<(u32, u32, u32)>,
    /// Whether parts of a second other than zero were given.
    fraction: bool,
}

/// Why a text is no moment.
enum Unread {
    /// Not in any known shape, or no such day.
    Bad,
    /// More than one reading.
    TwoReadings(&'static str, &'static str),
    /// A spreadsheet's serial number, and the mapping does not allow them.
    Serial,
    /// The way some databases write nothing.
    Nothing,
}

/// Brings a text into the form of a date or time field.
pub(super) fn coerce(format: Format, take: Option<Take>, serial: Option<Serial>, text: &str, room: &mut Room) -> Coerced {
    if crate::record::has_form(format, text) {
        return Ok(Value::Same);
    }
    if take != Some(Take::SchoolYear) && super::hyphens::moment(format, text.as_bytes(), &mut room.out) {
        return Ok(Value::Out);
    }
    let narrow = folded(text);
    if format == Format::Time
        && let Some(time) = time_alone(&narrow)
    {
        return write_time(time, text, room);
    }
    let moment = match read(&narrow, serial) {
        Ok(moment) => moment,
        Err(Unread::Nothing) => return Ok(Value::Nothing),
        Err(Unread::Bad) => return Err(bad(format)),
        Err(Unread::TwoReadings(zh, en)) => {
            return Err(Trouble::new(RuleId::AMBIGUOUS, Expected::Format(format.name().into())).fix(zh, en));
        }
        Err(Unread::Serial) => {
            return Err(bad(format).fix(
                "像电子表格的日期序号：在映射中写 serial = \"1900\"（或 \"1904\"）",
                "it looks like a spreadsheet's serial number: the mapping may say serial = \"1900\" (or \"1904\")",
            ));
        }
    };
    if take == Some(Take::SchoolYear) {
        return school_year::of_moment(&moment, format, room);
    }
    write(&moment, format, take, text, room)
}

fn bad(format: Format) -> Box<Trouble> {
    Trouble::new(RuleId::COERCION, Expected::Format(format.name().into()))
}

fn lossy(format: Format, zh: &str, en: &str, take: &str) -> Box<Trouble> {
    Trouble::new(RuleId::LOSSY, Expected::Format(format.name().into())).fix(
        format!("{zh}；如确要舍去，在映射中写 take = \"{take}\""),
        format!("{en}; if it may go, the mapping says take = \"{take}\""),
    )
}

fn write(moment: &Moment, format: Format, take: Option<Take>, given: &str, room: &mut Room) -> Coerced {
    use std::fmt::Write;
    let Moment { year, month, day, time, fraction } = *moment;
    let midnight = matches!(time, None | Some((0, 0, 0))) && !fraction;
    let incomplete =
        || bad(format).fix("日期不完整，不能推测缺少的部分", "the date is incomplete; the missing part cannot be made up");
    room.out.clear();
    // Writing into a string cannot fail.
    let _ = match format {
        Format::Date | Format::DateTime => {
            let (Some(month), Some(day)) = (month, day) else { return Err(incomplete()) };
            if format == Format::Date {
                if !midnight && take != Some(Take::Date) {
                    return Err(lossy(format, "时间部分会丢失", "the time of day would be lost", "date"));
                }
                write!(room.out, "{year:04}{month:02}{day:02}")
            } else {
                let (h, m, s) = time.unwrap_or_default();
                if fraction && take != Some(Take::Time) {
                    let want = Expected::Format(format.name().into());
                    let note = Trouble::new(RuleId::LOSSY, want).fix("秒以下部分已舍去", "parts of a second were dropped");
                    room.notes.push(*note.warning());
                }
                write!(room.out, "{year:04}{month:02}{day:02} {h:02}{m:02}{s:02}")
            }
        }
        Format::Month => {
            let Some(month) = month else { return Err(incomplete()) };
            if (!matches!(day, None | Some(1)) || !midnight) && take != Some(Take::Month) {
                return Err(lossy(format, "日会丢失", "the day would be lost", "month"));
            }
            write!(room.out, "{year:04}{month:02}")
        }
        Format::Year => {
            let first = matches!(month, None | Some(1)) && matches!(day, None | Some(1)) && midnight;
            if !first && take != Some(Take::Year) {
                return Err(lossy(format, "月和日会丢失", "month and day would be lost", "year"));
            }
            write!(room.out, "{year:04}")
        }
        Format::Time => {
            let Some(time) = time else { return Err(bad(format)) };
            if take != Some(Take::Time) {
                return Err(lossy(format, "日期部分会丢失", "the date would be lost", "time"));
            }
            return write_time(time, given, room);
        }
        _ => return Err(bad(format)),
    };
    Ok(if room.out == given { Value::Same } else { Value::Out })
}

fn write_time((h, m, s): (u32, u32, u32), given: &str, room: &mut Room) -> Coerced {
    use std::fmt::Write;
    room.out.clear();
    let _ = write!(room.out, "{h:02}{m:02}{s:02}");
    Ok(if room.out == given { Value::Same } else { Value::Out })
}

/// A time without a date: `8:00`, `08:00:30`, `0800`, `080030`, `8时5分`.
fn time_alone(text: &str) -> Option<(u32, u32, u32)> {
    if is_digits(text) {
        let n: Vec<u32> = text.as_bytes().chunks(2).map(|c| c.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'))).collect();
        return match (text.len(), n.as_slice()) {
            (4, [h, m]) => real_time(*h, *m, 0),
            (6, [h, m, s]) => real_time(*h, *m, *s),
            _ => None,
        };
    }
    let mut cursor = Cursor(text);
    let (time, fraction) = cursor.time()?;
    (cursor.0.is_empty() && !fraction).then_some(time)
}

fn real_time(h: u32, m: u32, s: u32) -> Option<(u32, u32, u32)> {
    (h < 24 && m < 60 && s < 60).then_some((h, m, s))
}

fn real_date(year: u32, month: u32, day: u32) -> Result<Moment, Unread> {
    let real = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month) && year >= 1;
    if real { Ok(Moment { year, month: Some(month), day: Some(day), ..Moment::default() }) } else { Err(Unread::Bad) }
}

fn read(text: &str, serial: Option<Serial>) -> Result<Moment, Unread> {
    let zeros = text.bytes().all(|b| matches!(b, b'0' | b'-' | b'/' | b':' | b' ' | b'.'));
    if zeros && text.len() >= 8 && text.contains("0000") {
        return Err(Unread::Nothing);
    }
    let bare = without_point_zero(text);
    if is_digits(bare) {
        return compact(bare, serial);
    }
    if let Some(serial) = serial
        && let Some((whole, fraction)) = text.split_once('.')
        && is_digits(whole)
        && is_digits(fraction)
        && whole.len() <= 5
    {
        return from_serial(whole, fraction, serial);
    }
    shaped(text)
}

/// Digits only.
fn compact(text: &str, serial: Option<Serial>) -> Result<Moment, Unread> {
    let part = |from: usize, to: usize| text[from..to].parse::<u32>().map_err(|_| Unread::Bad);
    match text.len() {
        4 if serial.is_none() => Ok(Moment { year: part(0, 4)?, ..Moment::default() }),
        6 => {
            let month = part(4, 6)?;
            let known = (1..=12).contains(&month).then_some(month).ok_or(Unread::Bad)?;
            Ok(Moment { year: part(0, 4)?, month: Some(known), ..Moment::default() })
        }
        8 => real_date(part(0, 4)?, part(4, 6)?, part(6, 8)?),
        12 | 14 => {
            let date = real_date(part(0, 4)?, part(4, 6)?, part(6, 8)?)?;
            let seconds = if text.len() == 14 { part(12, 14)? } else { 0 };
            let time = real_time(part(8, 10)?, part(10, 12)?, seconds).ok_or(Unread::Bad)?;
            Ok(Moment { time: Some(time), ..date })
        }
        1..=5 => serial.map_or(Err(Unread::Serial), |s| from_serial(text, "0", s)),
        _ => Err(Unread::Bad),
    }
}

/// A spreadsheet's day number, with the part of the day behind the point.
fn from_serial(whole: &str, fraction: &str, serial: Serial) -> Result<Moment, Unread> {
    let days: i64 = whole.parse().map_err(|_| Unread::Bad)?;
    let (origin, days) = match serial {
        // Day 60 of the 1900 calendar is 29 February 1900, which never was.
        Serial::From1900 if days == 60 || days == 0 => return Err(Unread::Bad),
        Serial::From1900 if days < 60 => (jiff::civil::date(1899, 12, 31), days),
        Serial::From1900 => (jiff::civil::date(1899, 12, 30), days),
        Serial::From1904 => (jiff::civil::date(1904, 1, 1), days),
    };
    let date = origin.checked_add(jiff::Span::new().try_days(days).map_err(|_| Unread::Bad)?).map_err(|_| Unread::Bad)?;
    let part: f64 = format!("0.{fraction}").parse().map_err(|_| Unread::Bad)?;
    let seconds = (part * 86_400.0).round() as i64;
    let moment = date.at(0, 0, 0, 0).checked_add(jiff::Span::new().seconds(seconds)).map_err(|_| Unread::Bad)?;
    let mut read = from_civil(moment);
    if seconds == 0 {
        read.time = None;
    }
    Ok(read)
}

fn from_civil(moment: DateTime) -> Moment {
    Moment {
        year: moment.year().unsigned_abs().into(),
        month: Some(moment.month().unsigned_abs().into()),
        day: Some(moment.day().unsigned_abs().into()),
        time: Some((
            moment.hour().unsigned_abs().into(),
            moment.minute().unsigned_abs().into(),
            moment.second().unsigned_abs().into(),
        )),
        fraction: false,
    }
}

/// Year, month and day with separators, perhaps a time, perhaps a zone.
fn shaped(text: &str) -> Result<Moment, Unread> {
    let mut cursor = Cursor(text);
    let first = cursor.digits();
    let mut moment = match first.len() {
        4 => cursor.date_after(first)?,
        8 => compact(first, None)?,
        1 | 2 if cursor.0.starts_with(['-', '/', '.']) => {
            return Err(Unread::TwoReadings(
                "年份写成四位，顺序写成年月日",
                "write the year with four digits, in the order year, month, day",
            ));
        }
        _ => return Err(Unread::Bad),
    };
    if cursor.0.is_empty() {
        return Ok(moment);
    }
    if moment.day.is_none() {
        return Err(Unread::Bad);
    }
    let rest = cursor.0;
    cursor.0 = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
    let (time, fraction) = cursor.time().or_else(|| cursor.time_run_together()).ok_or(Unread::Bad)?;
    moment.time = Some(time);
    moment.fraction = fraction;
    match cursor.zone().ok_or(Unread::Bad)? {
        None => Ok(moment),
        Some(minutes) => in_beijing(moment, minutes),
    }
}

/// Moves a moment given in another zone to +08:00.
fn in_beijing(moment: Moment, minutes: i64) -> Result<Moment, Unread> {
    let (Some(month), Some(day), Some((h, m, s))) = (moment.month, moment.day, moment.time) else { return Err(Unread::Bad) };
    let civil = DateTime::new(moment.year as i16, month as i8, day as i8, h as i8, m as i8, s as i8, 0);
    let there = civil.map_err(|_| Unread::Bad)?;
    let here = there.checked_add(jiff::Span::new().minutes(8 * 60 - minutes)).map_err(|_| Unread::Bad)?;
    Ok(Moment { fraction: moment.fraction, ..from_civil(here) })
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn digits(&mut self) -> &'a str {
        let end = self.0.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits
    }

    fn short(&mut self) -> Option<u32> {
        let digits = self.digits();
        if (1..=2).contains(&digits.len()) { digits.parse().ok() } else { None }
    }

    fn eat(&mut self, any: &[char]) -> Option<char> {
        let c = self.0.chars().next().filter(|c| any.contains(c))?;
        self.0 = &self.0[c.len_utf8()..];
        Some(c)
    }

    /// Month and day behind a year of four digits.
    fn date_after(&mut self, year: &str) -> Result<Moment, Unread> {
        let year: u32 = year.parse().map_err(|_| Unread::Bad)?;
        let mark = self.eat(&['-', '/', '.', '年']).ok_or(Unread::Bad)?;
        self.0 = self.0.trim_start();
        if mark == '年' && self.0.is_empty() {
            return Ok(Moment { year, ..Moment::default() });
        }
        let month = self.short().filter(|m| (1..=12).contains(m)).ok_or(Unread::Bad)?;
        let second = if mark == '年' { self.eat(&['月']) } else { self.eat(&[mark]) };
        self.0 = if second.is_some() { self.0.trim_start() } else { self.0 };
        match second {
            None if self.0.is_empty() && mark != '年' => Ok(Moment { year, month: Some(month), ..Moment::default() }),
            Some('月') if self.0.is_empty() => Ok(Moment { year, month: Some(month), ..Moment::default() }),
            None => Err(Unread::Bad),
            Some(_) => {
                let day = self.short().ok_or(Unread::Bad)?;
                if mark == '年' {
                    self.eat(&['日', '号']);
                }
                real_date(year, month, day)
            }
        }
    }

    /// Hours, minutes and seconds with separators; the flag says whether parts of a second were given.
    fn time(&mut self) -> Option<((u32, u32, u32), bool)> {
        let start = self.0;
        let read = self.time_inner();
        if read.is_none() {
            self.0 = start;
        }
        read
    }

    fn time_inner(&mut self) -> Option<((u32, u32, u32), bool)> {
        let before = self.half_of_day();
        let mut hour = self.short()?;
        self.eat(&[':', '时', '点'])?;
        let minute = if self.0.starts_with(|c: char| c.is_ascii_digit()) { self.short()? } else { 0 };
        let (mut second, mut fraction) = (0, false);
        if self.eat(&[':', '分']).is_some() && self.0.starts_with(|c: char| c.is_ascii_digit()) {
            second = self.short()?;
            if self.eat(&['.']).is_some() {
                fraction = self.digits().bytes().any(|b| b != b'0');
            }
            self.eat(&['秒']);
        }
        match before.or_else(|| self.half_of_day()) {
            Some(Half::First) if hour == 12 => hour = 0,
            Some(Half::Second) if hour < 12 => hour += 12,
            Some(Half::First) if hour > 12 => return None,
            _ => {}
        }
        Some((real_time(hour, minute, second)?, fraction))
    }

    fn time_run_together(&mut self) -> Option<((u32, u32, u32), bool)> {
        let digits = self.digits();
        if matches!(digits.len(), 4 | 6) { Some((time_alone(digits)?, false)) } else { None }
    }

    fn half_of_day(&mut self) -> Option<Half> {
        let rest = self.0.trim_start();
        let words = [
            ("上午", Half::First),
            ("下午", Half::Second),
            ("AM", Half::First),
            ("PM", Half::Second),
            ("am", Half::First),
            ("pm", Half::Second),
        ];
        let (word, half) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
        self.0 = rest[word.len()..].trim_start();
        Some(half)
    }

    /// The zone's offset in minutes; `Some(None)` when the text ends here, `None` when something else follows.
    fn zone(&mut self) -> Option<Option<i64>> {
        let rest = self.0.trim_start();
        if rest.is_empty() {
            return Some(None);
        }
        if matches!(rest, "Z" | "z" | "UTC" | "GMT") {
            return Some(Some(0));
        }
        let sign = if rest.starts_with('+') {
            1
        } else if rest.starts_with('-') {
            -1
        } else {
            return None;
        };
        let digits: String = rest[1..].chars().filter(|c| *c != ':').collect();
        let (h, m) = match (digits.len(), is_digits(&digits)) {
            (2, true) => (digits.parse::<i64>().ok()?, 0),
            (4, true) => (digits[..2].parse::<i64>().ok()?, digits[2..].parse::<i64>().ok()?),
            _ => return None,
        };
        (h <= 14 && m < 60).then_some(Some(sign * (h * 60 + m)))
    }
}

enum Half {
    First,
    Second,
}

/// The expectation of a date field, for messages elsewhere.
pub(super) fn no_term_in_a_date() -> Box<Trouble> {
    Trouble::new(RuleId::COERCION, Expected::Words(Text::new("学期，如 2023-2024-1", "a term, as 2023-2024-1")))
        .fix("日期不能单独决定学期，需用校历查询", "a date alone does not tell the term; ask the school calendar in the query")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(format: Format, take: Option<Take>, serial: Option<Serial>, text: &str) -> Result<String, RuleId> {
        let mut room = Room::default();
        match coerce(format, take, serial, text, &mut room) {
            Ok(Value::Same) => Ok(text.to_owned()),
            Ok(Value::Nothing) => Ok("(nothing)".to_owned()),
            Ok(_) => Ok(room.out),
            Err(trouble) => Err(trouble.rule),
        }
    }

    #[test]
    fn dates_in_the_shapes_that_schools_have() {
        let cases = [
            ("2023-9-1", "20230901"),
            ("2023/09/01 0:00", "20230901"),
            ("20230901", "20230901"),
            ("2023.9.1", "20230901"),
            ("2023年9月1日", "20230901"),
            ("2023年9月1号", "20230901"),
            ("2023年 9月 1日", "20230901"),
            ("19850412.0", "19850412"),
            ("2023-09-01 00:00:00.000", "20230901"),
            ("2023-09-01T00:00:00+08:00", "20230901"),
            ("2023-08-31T16:00:00Z", "20230901"),
            ("２０２３－０９－０１", "20230901"),
            ("0000-00-00", "(nothing)"),
            ("0000-00-00 00:00:00", "(nothing)"),
            ("2024-2-29", "20240229"),
            ("20230901000000", "20230901"),
            ("20230901 000000", "20230901"),
        ];
        for (text, want) in cases {
            assert_eq!(run(Format::Date, None, None, text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_or_two_dates_is_said() {
        let cases = [
            ("2023-2-30", RuleId::COERCION),
            ("20230229", RuleId::COERCION),
            ("2023年9月", RuleId::COERCION),
            ("202309", RuleId::COERCION),
            ("85-04-12", RuleId::AMBIGUOUS),
            ("1/2/2023", RuleId::AMBIGUOUS),
            ("45170", RuleId::COERCION),
            ("2023-09-01 08:30", RuleId::LOSSY),
            ("昨天", RuleId::COERCION),
            ("2023-2024", RuleId::COERCION),
            ("2023-09-01 25:00", RuleId::COERCION),
            ("2023-09-01 08:30 XYZ", RuleId::COERCION),
        ];
        for (text, rule) in cases {
            assert_eq!(run(Format::Date, None, None, text), Err(rule), "{text}");
        }
        assert_eq!(run(Format::Date, Some(Take::Date), None, "2023-09-01 08:30").as_deref(), Ok("20230901"));
    }

    #[test]
    fn serials_only_when_allowed() {
        let s1900 = Some(Serial::From1900);
        assert_eq!(run(Format::Date, None, s1900, "31149").as_deref(), Ok("19850412"));
        assert_eq!(run(Format::Date, None, s1900, "45170.0").as_deref(), Ok("20230901"));
        assert_eq!(run(Format::DateTime, None, s1900, "45170.5").as_deref(), Ok("20230901 120000"));
        assert_eq!(run(Format::Date, None, Some(Serial::From1904), "29687").as_deref(), Ok("19850412"));
        assert_eq!(run(Format::Date, None, s1900, "60"), Err(RuleId::COERCION));
        assert_eq!(run(Format::Date, None, s1900, "20230901").as_deref(), Ok("20230901"));
    }

    #[test]
    fn other_forms() {
        let cases = [
            (Format::Month, None, "2023年9月", Ok("202309")),
            (Format::Month, None, "2023-09", Ok("202309")),
            (Format::Month, None, "2023-09-01", Ok("202309")),
            (Format::Month, None, "2023-09-15", Err(RuleId::LOSSY)),
            (Format::Month, Some(Take::Month), "2023-09-15", Ok("202309")),
            (Format::Year, None, "2023年", Ok("2023")),
            (Format::Year, None, "2023.0", Ok("2023")),
            (Format::Year, None, "2023-09", Err(RuleId::LOSSY)),
            (Format::Year, Some(Take::Year), "2023-09-01", Ok("2023")),
            (Format::DateTime, None, "2023/9/1 8:05", Ok("20230901 080500")),
            (Format::DateTime, None, "2023-09-01T08:05:06.5", Ok("20230901 080506")),
            (Format::DateTime, None, "2023-09-01 00:30:00+09:00", Ok("20230831 233000")),
            (Format::DateTime, None, "2023-09-01", Ok("20230901 000000")),
            (Format::DateTime, None, "2023年9月1日 下午2时5分", Ok("20230901 140500")),
            (Format::DateTime, None, "2023-09-01 02:05 PM", Ok("20230901 140500")),
            (Format::Time, None, "8:00", Ok("080000")),
            (Format::Time, None, "0800", Ok("080000")),
            (Format::Time, None, "08:00:30", Ok("080030")),
            (Format::Time, None, "2023-09-01 08:00", Err(RuleId::LOSSY)),
            (Format::Time, Some(Take::Time), "2023-09-01 08:00", Ok("080000")),
            (Format::Time, None, "25:00", Err(RuleId::COERCION)),
        ];
        for (format, take, text, want) in cases {
            assert_eq!(run(format, take, None, text).as_deref(), want.as_ref().copied(), "{} {text}", format.name());
        }
    }
}
