//! What a cell holds, as text.
//!
//! Numbers come with the 15 digits that Excel keeps and without exponent; a longer one has lost digits and is a fault,
//! never a wrong number. A number format of zeros (`00000000`) pads, with the letters or digits it puts around, because
//! that is how leading zeros of IDs are shown; a per cent sign is kept. Dates are `2024-09-01`, with a time
//! `2024-09-01 08:30:00`; a time alone is `08:30:00`. Logical values are TRUE and FALSE. Error values are faults.

use std::fmt::Write;

use calamine::{ExcelDateTime, ExcelDateTimeType};

use super::sheet::SheetRow;
use crate::finding::Text;

/// The days that Excel can show as dates.
const LAST_DAY: f64 = 2_958_466.0;
const DAY: u64 = 86_400;

/// What a number format adds to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NumberStyle {
    /// Nothing that matters.
    Plain,
    /// Leading zeros up to so many digits, between two texts.
    Padded(String, usize, String),
    /// Shown times a hundred, with a per cent sign.
    Percent,
    /// Shown as a day of the week: it is a date.
    Weekday,
}

impl NumberStyle {
    /// Reads a format code; only its first section matters.
    pub fn of(code: &str) -> Self {
        let (mut before, mut zeros, mut after) = (String::new(), 0, String::new());
        let (mut plain, mut bare) = (true, String::new());
        let mut characters = code.chars();
        while let Some(character) = characters.next() {
            match character {
                ';' => break,
                '"' => {
                    let text: String = characters.by_ref().take_while(|c| *c != '"').collect();
                    if zeros == 0 { before.push_str(&text) } else { after.push_str(&text) }
                }
                '\\' => {
                    let text = characters.next();
                    if zeros == 0 { before.extend(text) } else { after.extend(text) }
                }
                '[' => characters.by_ref().take_while(|c| *c != ']').for_each(drop),
                '_' | '*' => drop(characters.next()),
                '0' if after.is_empty() => zeros += 1,
                other => {
                    plain = false;
                    bare.push(other);
                }
            }
        }
        let name = |text: &str| text.chars().all(char::is_alphanumeric);
        if plain && zeros > 1 && name(&before) && name(&after) {
            Self::Padded(before, zeros, after)
        } else if bare.contains('%') {
            Self::Percent
        } else if bare.contains("aaa") {
            Self::Weekday
        } else {
            Self::Plain
        }
    }
}

/// Puts a number into a row.
pub(super) fn put_number(row: &mut SheetRow, column: usize, value: f64, style: &NumberStyle, is_1904: bool) {
    match style {
        NumberStyle::Weekday => {
            put_date(row, column, &ExcelDateTime::new(value, ExcelDateTimeType::DateTime, is_1904), is_1904);
        }
        _ if !value.is_finite() || (value.fract() == 0.0 && value.abs() >= 1e15) => row.fault(column, too_long()),
        NumberStyle::Padded(before, digits, after) if value.fract() == 0.0 && value >= 0.0 => {
            row.put(column, |text| {
                let _ = write!(text, "{before}{:0digits$}{after}", value as u64);
            });
        }
        NumberStyle::Percent => row.put(column, |text| {
            push_number(text, value * 100.0);
            text.push('%');
        }),
        _ => row.put(column, |text| push_number(text, value)),
    }
}

/// A number without exponent, of at most 15 digits, as Excel shows it.
fn push_number(text: &mut String, value: f64) {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let _ = write!(text, "{}", value as i64);
        return;
    }
    let from = text.len();
    let _ = write!(text, "{value}");
    let digits = text[from..].trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    if digits > 15 {
        text.truncate(from);
        let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
        let _ = write!(text, "{rounded}");
    }
}

/// Puts a date, a time or a length of time into a row.
pub(super) fn put_date(row: &mut SheetRow, column: usize, date: &ExcelDateTime, is_1904: bool) {
    let value = date.as_f64();
    if !(0.0..LAST_DAY).contains(&value) {
        return row.fault(column, no_date());
    }
    let seconds = (value * DAY as f64).round() as u64;
    let (days, time) = (seconds / DAY, seconds % DAY);
    let (hours, minutes, seconds) = (time / 3600, time / 60 % 60, time % 60);
    row.put(column, |text| {
        let _ = if date.is_duration() {
            write!(text, "{:02}:{minutes:02}:{seconds:02}", days * 24 + hours)
        } else if days == 0 {
            write!(text, "{hours:02}:{minutes:02}:{seconds:02}")
        } else {
            let day = ExcelDateTime::new(days as f64, ExcelDateTimeType::DateTime, is_1904);
            let (year, month, day, ..) = day.to_ymd_hms_milli();
            let written = write!(text, "{year:04}-{month:02}-{day:02}");
            if time == 0 { written } else { write!(text, " {hours:02}:{minutes:02}:{seconds:02}") }
        };
    });
}

/// What is said of a number that Excel could not keep.
fn too_long() -> Text {
    Text::new(
        "数字超过 15 位，Excel 已丢失末尾数字，无法还原；请在来源中将该列设为“文本”后重新录入或导出",
        "a number of more than 15 digits, of which Excel has lost the last; make the column text in the source and enter or export it again",
    )
}

fn no_date() -> Text {
    Text::new(
        "单元格设为日期格式，但数值不是日期；请更正数值或格式",
        "the cell has a date format, and its number is no date; correct the number or the format",
    )
}

/// What is said of an error value.
pub(super) fn error_value(error: &calamine::CellErrorType) -> Text {
    Text::new(
        format!("单元格是错误值 {error}；请在来源文件中更正公式或数据"),
        format!("the cell holds the error {error}; mend the formula or what it refers to"),
    )
}

/// What is said of a formula whose result was not stored.
pub(super) fn no_result() -> Text {
    Text::new(
        "公式没有保存计算结果；请用 Excel 或 WPS 打开文件，重新计算后保存",
        "a formula without a stored result; open the file in Excel or WPS, let it calculate, and save it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: f64, code: &str) -> Option<String> {
        let mut row = SheetRow::default();
        row.begin(1);
        put_number(&mut row, 0, value, &NumberStyle::of(code), false);
        row.cell(0).map(str::to_owned)
    }

    #[test]
    fn numbers_come_as_they_are_meant() {
        for (value, code, expected) in [
            (20_230_101.0, "General", Some("20230101")),
            (2.023_010_1e9, "General", Some("2023010100")),
            (0.1 + 0.2, "General", Some("0.3")),
            (1.1 + 2.2 - 0.2, "0.00", Some("3.1")),
            (-0.5, "General", Some("-0.5")),
            (1e-7, "General", Some("0.0000001")),
            (999_999_999_999_999.0, "0", Some("999999999999999")),
            (1e15, "0", None),
            (110_101_199_001_011_000.0, "0", None),
            (f64::INFINITY, "0", None),
            (123.0, "000000", Some("000123")),
            (123.0, "\"X\"0000", Some("X0123")),
            (123.0, "\\B0000_ ;@", Some("B0123")),
            (123.4, "0000", Some("123.4")),
            (5.0, "0\"元\"", Some("5")),
            (5.0, "#,##0.00", Some("5")),
            (0.855, "0.0%", Some("85.5%")),
            (0.07, "0%", Some("7%")),
            (45_536.0, "aaaa", Some("2024-09-01")),
        ] {
            assert_eq!(shown(value, code).as_deref(), expected, "{value} as {code}");
        }
    }

    #[test]
    fn dates_and_times_are_told_apart() {
        for (value, kind, is_1904, expected) in [
            (45_536.0, ExcelDateTimeType::DateTime, false, Some("2024-09-01")),
            (44_074.0, ExcelDateTimeType::DateTime, true, Some("2024-09-01")),
            (45_536.354_166_666_7, ExcelDateTimeType::DateTime, false, Some("2024-09-01 08:30:00")),
            (45_535.999_999_99, ExcelDateTimeType::DateTime, false, Some("2024-09-01")),
            (0.354_166_666_666, ExcelDateTimeType::DateTime, false, Some("08:30:00")),
            (1.104_166_666_667, ExcelDateTimeType::TimeDelta, false, Some("26:30:00")),
            (-1.0, ExcelDateTimeType::DateTime, false, None),
            (1e9, ExcelDateTimeType::DateTime, false, None),
        ] {
            let mut row = SheetRow::default();
            row.begin(1);
            put_date(&mut row, 0, &ExcelDateTime::new(value, kind, is_1904), is_1904);
            assert_eq!(row.cell(0), expected, "{value}");
        }
    }
}
