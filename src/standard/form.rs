//! The forms of texts, as the published documents mean them: the reading that the oracle goes by.

use jiff::civil::Date;

use super::Format;

/// At least one character that is no blank: a text of blanks alone counts as empty.
pub(super) const NOT_BLANK: &str = r"\P{White_Space}";
/// A text that counts as empty.
pub(super) const BLANK: &str = r"^\p{White_Space}*$";

/// Whether a text that is there is of the form.
pub(super) fn fits(format: Format, text: &str) -> bool {
    match format {
        Format::Free => true,
        Format::Uid32 => text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
        Format::Digits10 => digits(text, 10),
        Format::CreditCode => credit_code(text),
        Format::ResidentId => resident_id(text),
        Format::Date => date(text),
        Format::Month => digits(text, 6) && ("01"..="12").contains(&&text[4..]),
        Format::Year => digits(text, 4),
        Format::SchoolYear => school_year(text),
        Format::SchoolYearWord => text.strip_suffix("学年").is_some_and(school_year),
        Format::YearSerial => digits(text, 6),
        Format::DateTime => text.split_once(' ').is_some_and(|(day, clock)| date(day) && time(clock)),
        Format::Time => time(text),
        Format::Periods => periods(text),
        Format::Url => url(text),
        Format::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
    }
}

/// The form as a pattern, as near as a pattern comes: check characters and real calendar dates are beyond it.
pub(super) fn pattern(format: Format) -> Option<String> {
    const YEAR: &str = "[0-9]{4}";
    const MONTH: &str = "(?:0[1-9]|1[0-2])";
    const DAY: &str = "(?:0[1-9]|[12][0-9]|3[01])";
    const CLOCK: &str = "(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]";
    let inner = match format {
        Format::Free | Format::Json => return None,
        Format::Uid32 => "[0-9A-Z]{32}".to_owned(),
        Format::Digits10 => "[0-9]{10}".to_owned(),
        Format::CreditCode => "[0-9A-HJ-NP-RTUWXY]{18}".to_owned(),
        Format::ResidentId => format!("[0-9]{{6}}{YEAR}{MONTH}{DAY}[0-9]{{3}}[0-9X]"),
        Format::Date => format!("{YEAR}{MONTH}{DAY}"),
        Format::Month => format!("{YEAR}{MONTH}"),
        Format::Year => YEAR.to_owned(),
        Format::SchoolYear => format!("{YEAR}-{YEAR}"),
        Format::SchoolYearWord => format!("{YEAR}-{YEAR}学年"),
        Format::YearSerial => "[0-9]{6}".to_owned(),
        Format::DateTime => format!("{YEAR}{MONTH}{DAY} {CLOCK}"),
        Format::Time => CLOCK.to_owned(),
        Format::Periods => "[0-9]{1,4}-[0-9]{1,4}".to_owned(),
        Format::Url => r"[a-z][a-z0-9+.\-]*://\P{White_Space}+".to_owned(),
    };
    Some(format!("^(?:{inner})$"))
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|b| b.is_ascii_digit())
}

fn date(text: &str) -> bool {
    if !digits(text, 8) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (text[..4].parse(), text[4..6].parse(), text[6..].parse()) else { return false };
    year != 0 && Date::new(year, month, day).is_ok()
}

fn time(text: &str) -> bool {
    digits(text, 6) && &text[..2] < "24" && &text[2..4] < "60" && &text[4..] < "60"
}

fn school_year(text: &str) -> bool {
    text.split_once('-').is_some_and(|(first, second)| {
        digits(first, 4) && digits(second, 4) && first.parse::<u16>().ok().map(|y| y + 1) == second.parse().ok()
    })
}

fn periods(text: &str) -> bool {
    let number = |t: &str| if t.len() <= 4 && digits(t, t.len()) { t.parse::<u16>().ok() } else { None };
    text.split_once('-').is_some_and(|(first, last)| matches!((number(first), number(last)), (Some(f), Some(l)) if f <= l))
}

fn url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|b| b.is_ascii_lowercase())
        && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'.' | b'-'))
        && !rest.is_empty()
        && !text.contains(char::is_whitespace)
}

/// GB 32100-2015: 18 of 31 symbols, the last a check character.
fn credit_code(text: &str) -> bool {
    const SYMBOLS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let value = |b: u8| SYMBOLS.iter().position(|s| *s == b);
    let Some(values) = text.bytes().map(value).collect::<Option<Vec<_>>>() else { return false };
    if values.len() != 18 {
        return false;
    }
    let mut weight = 1;
    let mut sum = 0;
    for value in &values[..17] {
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    values[17] == (31 - sum % 31) % 31
}

/// GB 11643-1999: 17 digits with a real birth date, and a check character.
fn resident_id(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if text.len() != 18 || !text.is_ascii() || !digits(&text[..17], 17) || !date(&text[6..14]) {
        return false;
    }
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    text.as_bytes()[17] == b"10X98765432"[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use super::{Format, fits, pattern};

    const CASES: &[(Format, &[&str], &[&str])] = &[
        (Format::Uid32, &["0123456789ABCDEF0123456789ABCDEF"], &["0123456789abcdef0123456789abcdef", "0123"]),
        (Format::Digits10, &["4111010001"], &["411101000", "41110100０1", "4111010001 "]),
        (
            Format::CreditCode,
            &["9144030071526726XG", "12100000400002259P", "91350100M000100Y43", "12440300123456788T"],
            &["911100001000013428", "9144030071526726XI", "9144030071526726X", ""],
        ),
        (
            Format::ResidentId,
            &["11010519491231002X", "440524188001010014", "440308199901101512", "810000199408230021", "830000199201300022"],
            &["510107199502300013", "110105194912310021", "11010519491213002X", "11010519491231002x", "110105491231002"],
        ),
        (Format::Date, &["20240229", "19850412"], &["20230229", "20240230", "2024-02-29", "00000000", "202402", "99990000"]),
        (Format::Month, &["202412"], &["202413", "202400", "2024-1"]),
        (Format::Year, &["2024"], &["24", "2024年"]),
        (Format::SchoolYear, &["2024-2025"], &["2023-2025", "2024", "24-25", "2024-2025-1"]),
        (Format::SchoolYearWord, &["2024-2025学年"], &["2024-2025", "2024-2026学年"]),
        (Format::YearSerial, &["202401"], &["2024", "20240A"]),
        (Format::DateTime, &["20240229 235959"], &["20240229235959", "20240229 240000", "20240230 000000"]),
        (Format::Time, &["000000", "235959"], &["236000", "240000", "12:00:00"]),
        (Format::Periods, &["1-2", "3-3", "09-10"], &["2-1", "1", "1-2-3", "-2"]),
        (
            Format::Url,
            &["https://a.edu.cn/x?y=1", "rtsp://10.0.0.1:554/1"],
            &["www.a.cn", "http://", "http://a b", "HTTP://a", "://a"],
        ),
        (Format::Json, &["{\"a\":[1]}", "[]"], &["{a:1}", "{"]),
    ];

    #[test]
    fn forms_are_what_the_print_says() {
        for (format, good, bad) in CASES {
            for text in *good {
                assert!(fits(*format, text), "{format:?} {text}");
            }
            for text in *bad {
                assert!(!fits(*format, text), "{format:?} {text}");
            }
        }
        assert_eq!(CASES.len() + 1, Format::ALL.len(), "every form but free text has cases");
    }

    #[test]
    fn patterns_let_all_good_texts_pass() {
        for (format, good, _) in CASES {
            if let Some(pattern) = pattern(*format) {
                let pattern = regex::Regex::new(&pattern).unwrap();
                for text in *good {
                    assert!(pattern.is_match(text), "{format:?} {text}");
                }
            }
        }
    }
}
