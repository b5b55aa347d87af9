//! Values as cells.

use std::fmt::Write as _;

use tiberius::numeric::Numeric;
use tiberius::{ColumnData, ColumnType};

use super::moment::{Clock, Moment, write_date, write_offset};
use crate::finding::Text;
use crate::source::bytes::{push_hex, push_text};
use crate::source::{ColumnKind, SourceBatchBuilder};

/// How a value's text becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Without the blanks that fill `char(n)` up.
    Padded,
    /// An amount with four decimals, which the driver gives as a binary number.
    Money,
}

/// What a column's type means for its cells.
pub(super) fn kind(of: ColumnType) -> (ColumnKind, Form) {
    use ColumnType as Type;
    match of {
        Type::Bit | Type::Bitn => (ColumnKind::Bool, Form::Plain),
        Type::Int1 | Type::Int2 | Type::Int4 | Type::Int8 | Type::Intn => (ColumnKind::Number, Form::Plain),
        Type::Float4 | Type::Float8 | Type::Floatn => (ColumnKind::Number, Form::Plain),
        Type::Decimaln | Type::Numericn => (ColumnKind::Number, Form::Plain),
        Type::Money | Type::Money4 => (ColumnKind::Number, Form::Money),
        Type::Daten | Type::Datetime | Type::Datetime4 | Type::Datetimen | Type::Datetime2 | Type::DatetimeOffsetn => {
            (ColumnKind::Date, Form::Plain)
        }
        Type::BigChar | Type::NChar => (ColumnKind::Text, Form::Padded),
        Type::BigVarChar | Type::NVarchar | Type::Text | Type::NText | Type::Xml => (ColumnKind::Text, Form::Plain),
        Type::BigVarBin | Type::BigBinary | Type::Image | Type::Udt => (ColumnKind::Bytes, Form::Plain),
        Type::Timen | Type::Guid | Type::SSVariant | Type::Null => (ColumnKind::Unknown, Form::Plain),
    }
}

/// Above this an amount of four decimals is more than a binary number holds exactly: 2 to the power of 53 of its parts.
const EXACT_MONEY: f64 = 9_007_199_254_740_992.0 / 10_000.0;

/// Appends a value; `text` is a buffer that is used again.
pub(super) fn push(value: &ColumnData<'_>, index: usize, form: Form, text: &mut String, batch: &mut SourceBatchBuilder) {
    text.clear();
    let sound = match value {
        ColumnData::String(Some(own)) => {
            return push_text(batch, index, if form == Form::Padded { own.trim_end_matches(' ') } else { own });
        }
        ColumnData::Xml(Some(own)) => return push_text(batch, index, own.as_ref().as_ref()),
        ColumnData::F64(Some(amount)) if form == Form::Money => {
            let _ = write!(text, "{amount:.4}");
            if amount.abs() >= EXACT_MONEY {
                batch.fault(Some(index), inexact());
            }
            true
        }
        ColumnData::F32(Some(amount)) if form == Form::Money => write!(text, "{amount:.4}").is_ok(),
        ColumnData::Bit(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::U8(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::I16(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::I32(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::I64(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::F32(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::F64(Some(own)) => write!(text, "{own}").is_ok(),
        ColumnData::Numeric(Some(own)) => {
            decimal(*own, text);
            true
        }
        // In capitals, as the server itself writes it.
        ColumnData::Guid(Some(own)) => write!(text, "{own:X}").is_ok(),
        ColumnData::Binary(Some(own)) => {
            push_hex(text, own);
            true
        }
        ColumnData::Date(Some(own)) => write_date(i64::from(own.days()), text),
        ColumnData::Time(Some(own)) => clock(*own).write(text),
        ColumnData::DateTime(Some(own)) => Moment::of_datetime(own.days(), own.seconds_fragments()).write(text),
        // Minutes, whatever the driver calls them.
        ColumnData::SmallDateTime(Some(own)) => Moment::of_minutes(own.days(), own.seconds_fragments()).write(text),
        ColumnData::DateTime2(Some(own)) => Moment::of(own.date().days(), clock(own.time())).write(text),
        ColumnData::DateTimeOffset(Some(own)) => {
            let greenwich = Moment::of(own.datetime2().date().days(), clock(own.datetime2().time()));
            let sound = greenwich.shifted(own.offset()).write(text);
            write_offset(own.offset(), text);
            sound
        }
        _ => return batch.push(None),
    };
    if !sound {
        batch.fault(Some(index), no_moment());
    }
    batch.push(sound.then_some(text));
}

fn clock(time: tiberius::time::Time) -> Clock {
    Clock::of(time.increments(), time.scale())
}

/// All digits, those behind the point included.
fn decimal(number: Numeric, text: &mut String) {
    let scale = usize::from(number.scale());
    let digits = format!("{:0width$}", number.value().unsigned_abs(), width = scale + 1);
    let (whole, parts) = digits.split_at(digits.len() - scale);
    let sign = if number.value() < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    let _ = write!(text, "{sign}{whole}{point}{parts}");
}

fn inexact() -> Text {
    Text::new(
        "金额过大，末位可能不准；请用查询读取：CAST(列 AS decimal(19, 4))",
        "an amount this large may be wrong in its last digits; read it by a query: CAST(column AS decimal(19, 4))",
    )
}

fn no_moment() -> Text {
    Text::new("日期或时间超出日历，无法读取", "a date or time outside of the calendar, which cannot be read")
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};
    use tiberius::xml::XmlData;

    use super::*;
    use crate::finding::Place;
    use crate::source::{Column, Position};

    /// The cell of a value, and how many faults it is.
    fn cell(value: ColumnData<'_>, of: ColumnType) -> (Option<String>, usize) {
        let (kind, form) = kind(of);
        let mut batch = SourceBatchBuilder::new([Column { name: "c".into(), kind }].into(), 1);
        push(&value, 0, form, &mut String::new(), &mut batch);
        batch.end_row(Place::Row(1));
        let batch = batch.finish(Position(Vec::new()));
        (batch.cell(0, 0).map(str::to_owned), batch.faults().len())
    }

    fn numeric(value: i128, scale: u8) -> ColumnData<'static> {
        ColumnData::Numeric(Some(Numeric::new_with_scale(value, scale)))
    }

    fn string(text: &str) -> ColumnData<'_> {
        ColumnData::String(Some(Cow::Borrowed(text)))
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for (value, of, expected) in [
            (ColumnData::Bit(Some(true)), ColumnType::Bit, "true"),
            (ColumnData::Bit(Some(false)), ColumnType::Bitn, "false"),
            (ColumnData::U8(Some(255)), ColumnType::Int1, "255"),
            (ColumnData::I16(Some(-32768)), ColumnType::Int2, "-32768"),
            (ColumnData::I32(Some(-7)), ColumnType::Int4, "-7"),
            (ColumnData::I64(Some(9_007_199_254_740_993)), ColumnType::Int8, "9007199254740993"),
            (ColumnData::F32(Some(0.1)), ColumnType::Float4, "0.1"),
            (ColumnData::F64(Some(0.1)), ColumnType::Float8, "0.1"),
            (ColumnData::F64(Some(1e21)), ColumnType::Floatn, "1000000000000000000000"),
            (numeric(125_000, 4), ColumnType::Numericn, "12.5000"),
            (numeric(-5, 2), ColumnType::Decimaln, "-0.05"),
            (numeric(7, 0), ColumnType::Decimaln, "7"),
            (numeric(-(10_i128.pow(38) - 1), 38), ColumnType::Decimaln, "-0.99999999999999999999999999999999999999"),
            (ColumnData::F64(Some(4800.0)), ColumnType::Money, "4800.0000"),
            (ColumnData::F64(Some(-12.3456)), ColumnType::Money4, "-12.3456"),
            (ColumnData::F64(Some(99_999_999_999.9999)), ColumnType::Money, "99999999999.9999"),
            (ColumnData::F64(Some(12.5)), ColumnType::SSVariant, "12.5"),
        ] {
            assert_eq!(cell(value, of), (Some(expected.to_owned()), 0));
        }
        let (text, faults) = cell(ColumnData::F64(Some(1e12)), ColumnType::Money);
        assert_eq!((text.as_deref(), faults), (Some("1000000000000.0000"), 1));
    }

    #[test]
    fn texts_and_bytes_come_as_they_are() {
        let guid = tiberius::Uuid::from_u128(0x6F96_19FF_8B86_D011_B42D_00C0_4FC9_64FF);
        for (value, of, expected) in [
            (string("张三"), ColumnType::NVarchar, "张三"),
            (string(" 两端 "), ColumnType::BigVarChar, " 两端 "),
            (string("男  "), ColumnType::NChar, "男"),
            (string("01  "), ColumnType::BigChar, "01"),
            (string(""), ColumnType::NText, ""),
            (string("长文"), ColumnType::Text, "长文"),
            (ColumnData::Xml(Some(Cow::Owned(XmlData::new("<a/>")))), ColumnType::Xml, "<a/>"),
            (ColumnData::Guid(Some(guid)), ColumnType::Guid, "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
            (ColumnData::Binary(Some(Cow::Borrowed(&[0, 255, 0xAB]))), ColumnType::BigVarBin, "00ffab"),
        ] {
            assert_eq!(cell(value, of), (Some(expected.to_owned()), 0));
        }
        assert_eq!(cell(string("张\u{FFFD}"), ColumnType::NVarchar), (Some("张\\u{FFFD}".to_owned()), 1));
    }

    #[test]
    fn dates_and_times_are_of_the_calendar() {
        let date = Date::new(738_763);
        let time = Time::new(306_005_000_000, 7);
        for (value, of, expected) in [
            (ColumnData::Date(Some(date)), ColumnType::Daten, "2023-09-01"),
            (ColumnData::Time(Some(time)), ColumnType::Timen, "08:30:00.5"),
            (ColumnData::DateTime(Some(DateTime::new(45_168, 9_180_000))), ColumnType::Datetime, "2023-09-01 08:30:00"),
            (ColumnData::SmallDateTime(Some(SmallDateTime::new(45_168, 510))), ColumnType::Datetime4, "2023-09-01 08:30:00"),
            (ColumnData::DateTime2(Some(DateTime2::new(date, time))), ColumnType::Datetime2, "2023-09-01 08:30:00.5"),
            (
                ColumnData::DateTimeOffset(Some(DateTimeOffset::new(DateTime2::new(date, time), 480))),
                ColumnType::DatetimeOffsetn,
                "2023-09-01 16:30:00.5+08:00",
            ),
        ] {
            assert_eq!(cell(value, of), (Some(expected.to_owned()), 0));
        }
        let (text, faults) = cell(ColumnData::Date(Some(Date::new(3_652_059))), ColumnType::Daten);
        assert_eq!((text, faults), (None, 1), "no such day");
    }

    #[test]
    fn nothing_is_nothing_whatever_its_type() {
        for value in [
            ColumnData::Bit(None),
            ColumnData::I64(None),
            ColumnData::F64(None),
            ColumnData::Numeric(None),
            ColumnData::String(None),
            ColumnData::Xml(None),
            ColumnData::Guid(None),
            ColumnData::Binary(None),
            ColumnData::Date(None),
            ColumnData::DateTime(None),
            ColumnData::DateTimeOffset(None),
        ] {
            assert_eq!(cell(value, ColumnType::Money), (None, 0));
        }
    }

    #[test]
    fn types_say_what_columns_hold() {
        for (of, expected) in [
            (ColumnType::Bitn, (ColumnKind::Bool, Form::Plain)),
            (ColumnType::Intn, (ColumnKind::Number, Form::Plain)),
            (ColumnType::Money, (ColumnKind::Number, Form::Money)),
            (ColumnType::Decimaln, (ColumnKind::Number, Form::Plain)),
            (ColumnType::Datetimen, (ColumnKind::Date, Form::Plain)),
            (ColumnType::Timen, (ColumnKind::Unknown, Form::Plain)),
            (ColumnType::NChar, (ColumnKind::Text, Form::Padded)),
            (ColumnType::BigVarChar, (ColumnKind::Text, Form::Plain)),
            (ColumnType::Image, (ColumnKind::Bytes, Form::Plain)),
            (ColumnType::SSVariant, (ColumnKind::Unknown, Form::Plain)),
        ] {
            assert_eq!(kind(of), expected, "{of:?}");
        }
    }
}
