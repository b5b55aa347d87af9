//! Key values as the log holds them, as cells.

use encoding_rs::Encoding;
use jiff::Timestamp;
use jiff::tz::Offset;

/// How the bytes of a key column become a cell, by the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum KeyForm {
    /// A whole number. The log does not say whether it has a sign.
    Integer {
        /// Whether there are no negative ones.
        unsigned: bool,
    },
    /// DECIMAL.
    Decimal,
    /// YEAR.
    Year,
    /// DATE or DATETIME.
    Date,
    /// TIMESTAMP, given out at this offset.
    Instant(Offset),
    /// A text.
    Text {
        /// What it is kept in.
        encoding: &'static Encoding,
        /// Whether other characters may be something else than they claim to be.
        ascii_only: bool,
    },
}

/// A value as the log holds it: the column's type there, what is said of the type, and the bytes without their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Logged<'a> {
    pub kind: u8,
    pub about: &'a [u8],
    pub bytes: &'a [u8],
}

/// The cell; nothing when the bytes do not fit the form, as those from before a change of the column's type.
pub(super) fn cell(form: KeyForm, value: Logged<'_>) -> Option<String> {
    let Logged { kind, about, bytes } = value;
    match (form, kind) {
        (KeyForm::Integer { unsigned }, 1 | 2 | 3 | 8 | 9) => integer(bytes, unsigned),
        (KeyForm::Decimal, 246) => decimal(bytes, usize::from(*about.first()?), usize::from(*about.get(1)?)),
        (KeyForm::Year, 13) => Some(match bytes.first()? {
            0 => "0000".to_owned(),
            year => (1900 + u32::from(*year)).to_string(),
        }),
        (KeyForm::Date, 10 | 14) => date(bytes),
        (KeyForm::Date, 12) => old_moment(bytes),
        (KeyForm::Date, 18) => moment(bytes, *about.first()?),
        (KeyForm::Instant(offset), 7) => instant(u32::from_le_bytes(bytes.try_into().ok()?), offset, String::new()),
        (KeyForm::Instant(offset), 17) => {
            let (seconds, rest) = bytes.split_first_chunk::<4>()?;
            instant(u32::from_be_bytes(*seconds), offset, fraction(rest, *about.first()?)?)
        }
        (KeyForm::Text { encoding, ascii_only }, 15 | 253 | 254) => {
            let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
            (text.is_ascii() || !ascii_only).then(|| text.into_owned())
        }
        _ => None,
    }
}

fn integer(bytes: &[u8], unsigned: bool) -> Option<String> {
    let mut wide = [0; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let negative = !unsigned && bytes.last()? & 0x80 != 0;
    if negative {
        wide[bytes.len()..].fill(0xFF);
        return Some(i64::from_le_bytes(wide).to_string());
    }
    Some(u64::from_le_bytes(wide).to_string())
}

/// Bytes that so many decimal digits take.
const DIGIT_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// How many bytes a DECIMAL takes; nothing when there is no such type.
pub(super) fn decimal_bytes(precision: usize, scale: usize) -> Option<usize> {
    let whole = precision.checked_sub(scale)?;
    let part = |digits: usize| digits / 9 * 4 + DIGIT_BYTES[digits % 9];
    Some(part(whole) + part(scale))
}

fn decimal(bytes: &[u8], precision: usize, scale: usize) -> Option<String> {
    if Some(bytes.len()) != decimal_bytes(precision, scale) {
        return None;
    }
    let negative = bytes.first()? & 0x80 == 0;
    let mut plain = bytes.to_vec();
    plain[0] ^= 0x80;
    if negative {
        plain.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let mut rest = plain.as_slice();
    let mut digits = String::new();
    let mut take = |count: usize| -> Option<()> {
        let (group, left) = rest.split_at_checked(DIGIT_BYTES[count])?;
        rest = left;
        let number = group.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        if count > 0 {
            digits.push_str(&format!("{number:0count$}"));
        }
        Some(())
    };
    let whole = precision - scale;
    take(whole % 9)?;
    (0..whole / 9).try_for_each(|_| take(9))?;
    (0..scale / 9).try_for_each(|_| take(9))?;
    take(scale % 9)?;
    let (front, back) = digits.split_at_checked(whole)?;
    let front = front.trim_start_matches('0');
    let mut text = if negative { "-".to_owned() } else { String::new() };
    text.push_str(if front.is_empty() { "0" } else { front });
    if scale > 0 {
        text.push('.');
        text.push_str(back);
    }
    Some(text)
}

fn date(bytes: &[u8]) -> Option<String> {
    let &[a, b, c] = bytes else { return None };
    let packed = u32::from_le_bytes([a, b, c, 0]);
    Some(format!("{:04}-{:02}-{:02}", packed >> 9, packed >> 5 & 15, packed & 31))
}

/// DATETIME as it was before MySQL 5.6: the digits as one number.
fn old_moment(bytes: &[u8]) -> Option<String> {
    let digits = format!("{:014}", u64::from_le_bytes(bytes.try_into().ok()?));
    let part = |from: usize, to: usize| digits.get(from..to);
    let date = format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?);
    Some(format!("{date} {}:{}:{}", part(8, 10)?, part(10, 12)?, part(12, 14)?))
}

fn moment(bytes: &[u8], digits: u8) -> Option<String> {
    let (&[a, b, c, d, e], rest) = bytes.split_first_chunk::<5>()?;
    let packed = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]).checked_sub(0x80_0000_0000)?;
    let (months, days) = (packed >> 22, packed >> 17 & 31);
    let (hours, minutes, seconds) = (packed >> 12 & 31, packed >> 6 & 63, packed & 63);
    let date = format!("{:04}-{:02}-{days:02}", months / 13, months % 13);
    Some(format!("{date} {hours:02}:{minutes:02}:{seconds:02}{}", fraction(rest, digits)?))
}

fn instant(seconds: u32, offset: Offset, fraction: String) -> Option<String> {
    if seconds == 0 {
        return Some(format!("0000-00-00 00:00:00{fraction}"));
    }
    let civil = offset.to_datetime(Timestamp::from_second(i64::from(seconds)).ok()?);
    Some(format!("{}{fraction}", civil.strftime("%Y-%m-%d %H:%M:%S")))
}

/// Digits behind the second with their point, as many as the column has.
fn fraction(bytes: &[u8], digits: u8) -> Option<String> {
    let digits = usize::from(digits);
    if bytes.len() != digits.div_ceil(2) {
        return None;
    }
    if digits == 0 {
        return Some(String::new());
    }
    let number = bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let even = format!("{number:0width$}", width = bytes.len() * 2);
    Some(format!(".{}", even.get(..digits)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(form: KeyForm, kind: u8, about: &[u8], bytes: &[u8]) -> Option<String> {
        cell(form, Logged { kind, about, bytes })
    }

    #[test]
    fn numbers_have_the_sign_that_the_catalogue_says() {
        let (signed, unsigned) = (KeyForm::Integer { unsigned: false }, KeyForm::Integer { unsigned: true });
        for (form, kind, bytes, expected) in [
            (signed, 1, &[0xFF][..], "-1"),
            (unsigned, 1, &[0xFF], "255"),
            (signed, 2, &[0x00, 0x80], "-32768"),
            (unsigned, 9, &[0xFF, 0xFF, 0xFF], "16777215"),
            (signed, 9, &[0xFE, 0xFF, 0xFF], "-2"),
            (signed, 3, &[1, 0, 0, 0], "1"),
            (unsigned, 8, &[0xFF; 8], "18446744073709551615"),
            (signed, 8, &[0xFF; 8], "-1"),
        ] {
            assert_eq!(given(form, kind, &[], bytes).as_deref(), Some(expected));
        }
    }

    #[test]
    fn decimals_are_written_as_the_server_writes_them() {
        // The example of the server's own source, and its negative.
        let positive = [0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2];
        let negative: Vec<u8> = positive.iter().map(|byte: &u8| !byte).collect();
        assert_eq!(given(KeyForm::Decimal, 246, &[14, 4], &positive).as_deref(), Some("1234567890.1234"));
        assert_eq!(given(KeyForm::Decimal, 246, &[14, 4], &negative).as_deref(), Some("-1234567890.1234"));
        assert_eq!(given(KeyForm::Decimal, 246, &[3, 2], &[0x80, 0x05]).as_deref(), Some("0.05"));
        assert_eq!(given(KeyForm::Decimal, 246, &[9, 0], &[0x80, 0, 0, 7]).as_deref(), Some("7"));
        assert_eq!(given(KeyForm::Decimal, 246, &[9, 0], &[0x80, 0, 7]), None, "too short");
    }

    #[test]
    fn dates_and_times_are_written_as_the_server_writes_them() {
        let date = (2023_u32 << 9 | 9 << 5 | 1).to_le_bytes();
        assert_eq!(given(KeyForm::Date, 10, &[], &date[..3]).as_deref(), Some("2023-09-01"));
        let packed = 0x80_0000_0000_u64 | (2023 * 13 + 9) << 22 | 1 << 17 | 8 << 12 | 30 << 6 | 59;
        let mut bytes = packed.to_be_bytes()[3..].to_vec();
        assert_eq!(given(KeyForm::Date, 18, &[0], &bytes).as_deref(), Some("2023-09-01 08:30:59"));
        bytes.extend([0x04, 0xCE]);
        assert_eq!(given(KeyForm::Date, 18, &[3], &bytes).as_deref(), Some("2023-09-01 08:30:59.123"));
        let old = 20_230_901_083_059_u64.to_le_bytes();
        assert_eq!(given(KeyForm::Date, 12, &[], &old).as_deref(), Some("2023-09-01 08:30:59"));
        let beijing = KeyForm::Instant(Offset::from_seconds(8 * 3600).unwrap());
        // 2023-09-01T00:00:00Z
        let seconds = 1_693_526_400_u32;
        assert_eq!(given(beijing, 17, &[0], &seconds.to_be_bytes()).as_deref(), Some("2023-09-01 08:00:00"));
        assert_eq!(given(beijing, 7, &[], &seconds.to_le_bytes()).as_deref(), Some("2023-09-01 08:00:00"));
        assert_eq!(given(KeyForm::Year, 13, &[], &[123]).as_deref(), Some("2023"));
        assert_eq!(given(KeyForm::Year, 13, &[], &[0]).as_deref(), Some("0000"));
    }

    #[test]
    fn texts_are_decoded_by_the_column_s_encoding_or_not_at_all() {
        let text = |encoding, ascii_only| KeyForm::Text { encoding, ascii_only };
        let gbk = encoding_rs::GB18030.encode("学号").0.into_owned();
        assert_eq!(given(text(encoding_rs::UTF_8, false), 15, &[], "学号".as_bytes()).as_deref(), Some("学号"));
        assert_eq!(given(text(encoding_rs::GB18030, false), 254, &[], &gbk).as_deref(), Some("学号"));
        assert_eq!(given(text(encoding_rs::UTF_8, false), 15, &[], &gbk), None, "not of the encoding");
        let latin = text(encoding_rs::WINDOWS_1252, true);
        assert_eq!(given(latin, 15, &[], b"A1").as_deref(), Some("A1"));
        assert_eq!(given(latin, 15, &[], &gbk), None, "may be GBK that is called latin1");
    }

    #[test]
    fn what_has_another_type_than_the_catalogue_says_is_nothing() {
        assert_eq!(given(KeyForm::Integer { unsigned: false }, 15, &[], b"1"), None);
        assert_eq!(given(KeyForm::Date, 3, &[], &[1, 0, 0, 0]), None);
    }
}
