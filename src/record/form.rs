//! Whether a canonical text has the form of its field.

use serde::de::IgnoredAny;

use crate::standard::Format;

/// Whether `text` is a canonical value of the form. Nothing is coerced; a text of any form is never empty.
pub fn has_form(format: Format, text: &str) -> bool {
    let bytes = text.as_bytes();
    match format {
        Format::Free => true,
        Format::Uid32 => bytes.try_into().is_ok_and(is_uid),
        Format::Digits10 => bytes.len() == 10 && all_digits(bytes),
        Format::CreditCode => credit_code_is_whole(bytes),
        Format::ResidentId => resident_id_is_whole(bytes),
        Format::Date => is_date(bytes),
        Format::Month => bytes.len() == 6 && all_digits(bytes) && (1..=12).contains(&number(&bytes[4..])),
        Format::Year => bytes.len() == 4 && all_digits(bytes),
        Format::SchoolYear => is_school_year(bytes),
        Format::SchoolYearWord => text.strip_suffix("学年").is_some_and(|t| is_school_year(t.as_bytes())),
        Format::YearSerial => bytes.len() == 6 && all_digits(bytes),
        Format::DateTime => bytes.len() == 15 && bytes[8] == b' ' && is_date(&bytes[..8]) && is_time(&bytes[9..]),
        Format::Time => is_time(bytes),
        Format::Periods => is_periods(text),
        Format::Url => is_url(text),
        Format::Json => serde_json::from_str::<IgnoredAny>(text).is_ok(),
    }
}

/// Without an early end, so that many bytes are looked at at once.
fn is_uid(bytes: &[u8; 32]) -> bool {
    bytes.iter().fold(true, |all, b| all & (b.is_ascii_digit() | b.is_ascii_uppercase()))
}

#[inline]
fn all_digits(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, b| all & b.is_ascii_digit())
}

/// The number that a few digits stand for.
#[inline]
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |n, d| n * 10 + u32::from(d.wrapping_sub(b'0')))
}

/// The days of a month of the Gregorian calendar; 0 for a month that does not exist.
pub fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

#[inline]
fn is_date(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 8]>::try_from(bytes) else { return false };
    if !all_digits(bytes) {
        return false;
    }
    let (year, month, day) = (number(&bytes[..4]), number(&bytes[4..6]), number(&bytes[6..]));
    year > 0 && day > 0 && (day <= 28 || day <= days_in_month(year, month)) && (1..=12).contains(&month)
}

#[inline]
fn is_time(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 6]>::try_from(bytes) else { return false };
    all_digits(bytes) && number(&bytes[..2]) < 24 && number(&bytes[2..4]) < 60 && number(&bytes[4..]) < 60
}

fn is_school_year(bytes: &[u8]) -> bool {
    bytes.len() == 9
        && bytes[4] == b'-'
        && all_digits(&bytes[..4])
        && all_digits(&bytes[5..])
        && number(&bytes[..4]) + 1 == number(&bytes[5..])
}

fn is_periods(text: &str) -> bool {
    let Some((first, last)) = text.split_once('-') else { return false };
    let fits = |t: &str| (1..=4).contains(&t.len()) && all_digits(t.as_bytes());
    fits(first) && fits(last) && number(first.as_bytes()) <= number(last.as_bytes())
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|b| b.is_ascii_lowercase())
        && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'.' | b'-'))
        && !rest.is_empty()
        && !rest.chars().any(char::is_whitespace)
}

/// The check character of the first 17 digits of a resident identity number (ISO 7064 MOD 11-2); `None` unless they
/// are digits.
pub fn resident_check(body: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if body.len() != 17 || !all_digits(body) {
        return None;
    }
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    Some(b"10X98765432"[(sum % 11) as usize])
}

/// Length, digits, check character and birth date of a resident identity number; whether the date lies in the past is
/// the rule's business.
pub fn resident_id_is_whole(bytes: &[u8]) -> bool {
    bytes.len() == 18 && resident_check(&bytes[..17]) == Some(bytes[17]) && is_date(&bytes[6..14])
}

/// The check character of the first 17 characters of a unified social credit code (GB 32100); `None` when one of them
/// is not in its alphabet.
pub fn credit_check(body: &[u8]) -> Option<u8> {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const NONE: u8 = u8::MAX;
    /// By byte: its place in the alphabet.
    static PLACES: [u8; 256] = {
        let mut places = [NONE; 256];
        let mut at = 0;
        while at < ALPHABET.len() {
            places[ALPHABET[at] as usize] = at as u8;
            at += 1;
        }
        places
    };
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    if body.len() != 17 {
        return None;
    }
    let mut sum = 0;
    for (byte, weight) in body.iter().zip(WEIGHTS) {
        match PLACES[usize::from(*byte)] {
            NONE => return None,
            place => sum += u32::from(place) * weight,
        }
    }
    Some(ALPHABET[((31 - sum % 31) % 31) as usize])
}

fn credit_code_is_whole(bytes: &[u8]) -> bool {
    bytes.len() == 18 && credit_check(&bytes[..17]) == Some(bytes[17])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_take_what_the_standard_prints_and_nothing_near_it() {
        let good = [
            (Format::Uid32, "0123456789ABCDEFGHIJKLMNOPQRSTUV"),
            (Format::Digits10, "4111010001"),
            (Format::Date, "20240229"),
            (Format::Month, "202312"),
            (Format::Year, "2024"),
            (Format::SchoolYear, "2023-2024"),
            (Format::SchoolYearWord, "2023-2024学年"),
            (Format::YearSerial, "202401"),
            (Format::DateTime, "20240229 235959"),
            (Format::Time, "000000"),
            (Format::Periods, "1-2"),
            (Format::Periods, "3-3"),
            (Format::Url, "rtsp://10.0.0.1/a"),
            (Format::Json, "{\"a\":1}"),
        ];
        for (format, text) in good {
            assert!(has_form(format, text), "{} {text}", format.name());
        }
        let bad = [
            (Format::Uid32, "0123456789abcdefGHIJKLMNOPQRSTUV"),
            (Format::Digits10, "411101000"),
            (Format::Date, "20230229"),
            (Format::Date, "2023-2-1"),
            (Format::Date, "20231301"),
            (Format::Date, "20230400"),
            (Format::Date, "１９８５０４１２"),
            (Format::Month, "202313"),
            (Format::SchoolYear, "2023-2025"),
            (Format::SchoolYearWord, "2023-2024"),
            (Format::DateTime, "20240229T235959"),
            (Format::DateTime, "20240229 240000"),
            (Format::Time, "236000"),
            (Format::Periods, "3-2"),
            (Format::Periods, "1"),
            (Format::Url, "HTTP://a"),
            (Format::Url, "http://a b"),
            (Format::Json, "{"),
        ];
        for (format, text) in bad {
            assert!(!has_form(format, text), "{} {text}", format.name());
        }
    }

    #[test]
    fn check_characters_are_those_computed_by_hand() {
        for id in ["11010519491231002X", "440524188001010014", "440308199901101512", "810000199408230021"] {
            assert!(has_form(Format::ResidentId, id), "{id}");
        }
        for id in ["110105194912310021", "11010519491213002X", "510107199502300013", "1101051949123100", "11010519491231002x"] {
            assert!(!has_form(Format::ResidentId, id), "{id}");
        }
        for code in ["9144030071526726XG", "12100000400002259P", "91350100M000100Y43", "12440300123456788T"] {
            assert!(has_form(Format::CreditCode, code), "{code}");
        }
        for code in ["911100001000013428", "9144030071526726XI", "9144030071526726Xg", ""] {
            assert!(!has_form(Format::CreditCode, code), "{code}");
        }
    }
}
