//! School years and terms.

use super::date::{Moment, no_term_in_a_date};
use super::{Coerced, Room, Trouble, Value, folded, is_digits, put, without_point_zero};
use crate::finding::{Expected, RuleId, Text};
use crate::normalize::document::Take;
use crate::standard::Format;

/// A school year, by its first calendar year, and the term where one is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SchoolYear {
    first: u32,
    term: Option<u32>,
}

enum Unread {
    Bad,
    /// `2023` alone: a calendar year or a school year.
    YearOnly,
    /// The second year is not the first plus one.
    Apart,
}

/// Brings a text into the form of a school year field.
pub(super) fn coerce(format: Format, take: Option<Take>, text: &str, room: &mut Room) -> Coerced {
    if crate::record::has_form(format, text) {
        return Ok(Value::Same);
    }
    let expected = || Expected::Format(format.name().into());
    let narrow = folded(text);
    match read(&narrow) {
        Ok(year) if year.term.is_some() && take != Some(Take::SchoolYear) => Err(Trouble::new(RuleId::LOSSY, expected()).fix(
            "学期会丢失；如确要舍去，在映射中写 take = \"school_year\"",
            "the term would be lost; if it may go, the mapping says take = \"school_year\"",
        )),
        Ok(year) => Ok(write(year.first, format, text, room)),
        Err(Unread::YearOnly) => Err(Trouble::new(RuleId::AMBIGUOUS, expected())
            .fix("一个年份可能指公历年或学年，写成 2023-2024", "one year may be a calendar or a school year; write 2023-2024")),
        // Eight digits may be two years run together or a date: those that are no pair of years are read as a date.
        Err(Unread::Apart) if !(take == Some(Take::SchoolYear) && crate::record::has_form(Format::Date, &narrow)) => {
            Err(Trouble::new(RuleId::COERCION, expected())
                .fix("后一年应为前一年加一", "the second year must be the first plus one"))
        }
        // A date has a school year, but only where the mapping asks for it.
        Err(Unread::Bad | Unread::Apart) if take == Some(Take::SchoolYear) => {
            super::date::coerce(Format::Date, take, None, text, room).map_err(|_| Trouble::new(RuleId::COERCION, expected()))?;
            Ok(rewrite(format, text, room))
        }
        Err(Unread::Bad | Unread::Apart) => Err(Trouble::new(RuleId::COERCION, expected())),
    }
}

/// After a date was read, `room.out` holds its school year, or the text itself was a canonical date.
fn rewrite(format: Format, text: &str, room: &mut Room) -> Value {
    if crate::record::has_form(Format::Date, text)
        && let Some(year) = crate::record::school_year_of(text)
    {
        room.out = year;
    }
    if format == Format::SchoolYearWord && !room.out.ends_with('年') {
        room.out.push_str("学年");
    }
    Value::Out
}

/// The school year that a moment falls in; it begins on 1 August.
pub(super) fn of_moment(moment: &Moment, format: Format, room: &mut Room) -> Coerced {
    let Some(month) = moment.month else {
        return Err(Trouble::new(RuleId::AMBIGUOUS, Expected::Format(Format::SchoolYear.name().into())));
    };
    let first = if month >= 8 { moment.year } else { moment.year - 1 };
    Ok(write(first, if format == Format::SchoolYearWord { format } else { Format::SchoolYear }, "", room))
}

fn write(first: u32, format: Format, given: &str, room: &mut Room) -> Value {
    let word = if format == Format::SchoolYearWord { "学年" } else { "" };
    put(&format!("{first:04}-{:04}{word}", first + 1), given, &mut room.out)
}

/// The number of a term out of a text that names one: `2023-2024-1`, `第一学期`, `2023秋`, `1`.
pub(super) fn term(text: &str, room: &mut Room) -> Coerced {
    let digit = term_of(text)?;
    Ok(put(digit, text, &mut room.out))
}

/// As [`term`], as the digit.
pub(super) fn term_of(text: &str) -> Result<&'static str, Box<Trouble>> {
    let narrow = folded(text);
    let term = match read(&narrow) {
        Ok(year) => year.term,
        Err(_) => term_word(&narrow),
    };
    match term {
        Some(1) => Ok("1"),
        Some(2) => Ok("2"),
        Some(3) => Ok("3"),
        _ if narrow.len() >= 8 && narrow.contains(['/', '月']) => Err(no_term_in_a_date()),
        _ => Err(Trouble::new(
            RuleId::COERCION,
            Expected::Words(Text::new("学期，如 2023-2024-1 或 第一学期", "a term, as 2023-2024-1 or 第一学期")),
        )),
    }
}

/// Whether a text with a term names a school year too.
pub(super) fn names_year(text: &str) -> bool {
    read(&folded(text)).is_ok()
}

/// A term on its own.
fn term_word(text: &str) -> Option<u32> {
    match text {
        "1" | "01" | "一" | "第一学期" | "第1学期" | "上学期" | "秋" | "秋季" | "秋季学期" | "秋学期" | "第一" => {
            Some(1)
        }
        "2" | "02" | "二" | "第二学期" | "第2学期" | "下学期" | "春" | "春季" | "春季学期" | "春学期" | "第二" => {
            Some(2)
        }
        "3" | "03" | "三" | "第三学期" | "第3学期" | "夏" | "夏季" | "夏季学期" | "小学期" | "夏季小学期" | "第三" => {
            Some(3)
        }
        _ => None,
    }
}

fn read(text: &str) -> Result<SchoolYear, Unread> {
    let text = without_point_zero(text);
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    match head.len() {
        // 20232024, 202320241: years run together.
        8 | 9 => {
            let term = head.get(8..).filter(|t| !t.is_empty());
            let year = pair(&head[..4], &head[4..8])?;
            finish(year, term.unwrap_or(""), rest)
        }
        // 20231: the year that the school year begins in, and the term.
        5 if rest.is_empty() => finish(head[..4].parse().map_err(|_| Unread::Bad)?, &head[4..], ""),
        4 if rest.is_empty() => Err(Unread::YearOnly),
        4 => match rest.strip_prefix("学年") {
            Some(rest) => finish(head.parse().map_err(|_| Unread::Bad)?, "", rest),
            None => season(head, rest).map_or_else(|| second_year(head, rest), Ok),
        },
        2 => second_year(head, rest),
        _ => Err(Unread::Bad),
    }
}

/// `2023秋`, `2024春`: the season's own year; spring and summer belong to the school year begun before.
fn season(head: &str, rest: &str) -> Option<SchoolYear> {
    let year: u32 = head.parse().ok()?;
    let rest = rest.strip_prefix('年').unwrap_or(rest);
    let season = rest.chars().next().filter(|c| matches!(c, '秋' | '春' | '夏'))?;
    let term = term_word(rest)?;
    Some(SchoolYear { first: if season == '秋' { year } else { year.checked_sub(1)? }, term: Some(term) })
}

/// `2023-2024…`, `23-24…`.
fn second_year(head: &str, rest: &str) -> Result<SchoolYear, Unread> {
    let mark = rest.chars().next().filter(|c| matches!(c, '-' | '/' | '~' | '—' | '–' | '至' | '_')).ok_or(Unread::Bad)?;
    let rest = rest[mark.len_utf8()..].trim_start_matches(mark);
    if rest.len() < head.len() || !rest.is_char_boundary(head.len()) {
        return Err(Unread::Bad);
    }
    let (second, rest) = rest.split_at(head.len());
    if !is_digits(second) {
        return Err(Unread::Bad);
    }
    let year = pair(head, second)?;
    let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (term, rest) = rest.split_at(end);
    finish(year, term, rest)
}

/// The first year, when the second is the first plus one. Two digits mean this century.
fn pair(first: &str, second: &str) -> Result<u32, Unread> {
    let (a, b): (u32, u32) = (first.parse().map_err(|_| Unread::Bad)?, second.parse().map_err(|_| Unread::Bad)?);
    if a + 1 != b {
        return Err(Unread::Apart);
    }
    Ok(if first.len() == 2 { 2000 + a } else { a })
}

/// The term behind a school year: a digit run on (`term`), or words (`rest`).
fn finish(first: u32, term: &str, rest: &str) -> Result<SchoolYear, Unread> {
    if !term.is_empty() {
        let number = matches!(term, "1" | "2" | "3").then(|| term.parse().ok()).flatten();
        return match (number, rest) {
            (Some(number), "" | "学期") => Ok(SchoolYear { first, term: Some(number) }),
            _ => Err(Unread::Bad),
        };
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("学年").or_else(|| rest.strip_prefix('年')).unwrap_or(rest);
    let rest = rest.trim_start_matches(['-', '/', '_', ' ', '(', '第', '—']);
    let rest = rest.strip_suffix(')').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(SchoolYear { first, term: None });
    }
    let word = rest.strip_suffix("学期").filter(|w| !w.is_empty()).unwrap_or(rest);
    let term = term_word(word).or(match word {
        "上" => Some(1),
        "下" => Some(2),
        _ => None,
    });
    term.map(|term| SchoolYear { first, term: Some(term) }).ok_or(Unread::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(take: Option<Take>, text: &str) -> Result<String, RuleId> {
        let mut room = Room::default();
        match coerce(Format::SchoolYear, take, text, &mut room) {
            Ok(Value::Same) => Ok(text.to_owned()),
            Ok(_) => Ok(room.out),
            Err(trouble) => Err(trouble.rule),
        }
    }

    #[test]
    fn school_years_in_many_forms() {
        let take = Some(Take::SchoolYear);
        for text in [
            "2023-2024学年第一学期",
            "2023-20241",
            "2023-2024-1",
            "20231",
            "202320241",
            "23-24-1",
            "2023秋",
            "2023年秋季学期",
            "2024春",
            "2023-2024学年（2）",
            "2023-2024学年上学期",
            "2023/2024",
            "2023—2024学年",
            "20232024",
            "2023学年",
            "23-24",
            "2023-09-01",
            "20240115",
            "２０２３－２０２４",
            "2023--2024",
        ] {
            assert_eq!(year(take, text).as_deref(), Ok("2023-2024"), "{text}");
        }
    }

    #[test]
    fn a_school_year_in_words_loses_nothing() {
        for text in ["2023-2024学年", "2023—2024学年", "2023-2024年", "2023学年"] {
            assert_eq!(year(None, text).as_deref(), Ok("2023-2024"), "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed_or_lost() {
        let cases = [
            ("2023", RuleId::AMBIGUOUS),
            ("2023-2025", RuleId::COERCION),
            ("2023-2025-1", RuleId::COERCION),
            ("2023-2024-1", RuleId::LOSSY),
            ("2023-2024-5", RuleId::COERCION),
            ("去年", RuleId::COERCION),
            ("2023-09-01", RuleId::COERCION),
        ];
        for (text, rule) in cases {
            assert_eq!(year(None, text), Err(rule), "{text}");
        }
    }

    #[test]
    fn terms() {
        for (text, want) in [
            ("2023-2024-1", "1"),
            ("2023-2024学年第二学期", "2"),
            ("2024春", "2"),
            ("20231", "1"),
            ("第一学期", "1"),
            ("下学期", "2"),
            ("夏季学期", "3"),
            ("2", "2"),
            ("23-24-1", "1"),
        ] {
            assert_eq!(term_of(text).ok(), Some(want), "{text}");
        }
        assert!(term_of("2023-09-01").is_err() && term_of("4").is_err() && term_of("2023-2024").is_err());
    }
}
