//! From a driver's values to cells.

use encoding_rs::Encoding;
use odbc_api::{CursorRow, DataType, Error, Nullable};

use crate::source::bytes::{decode_cell, push_hex, push_text, undecodable};
use crate::source::{ColumnKind, SourceBatchBuilder};

/// Buffers longer than this are not kept: they would be cleared for every cell.
const KEPT: usize = 4096;

/// How a value becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The driver's text.
    Plain,
    /// Without the blanks that fill CHAR(n) up.
    Padded,
    /// The shortest text of a floating-point number that is exact.
    Single,
    /// The same in double precision.
    Double,
    /// 0 and 1 in words.
    Bit,
    /// Bytes as hexadecimal digits.
    Bytes,
}

/// What a column's type means for its cells. `pads`: whether CHAR(n) of this product is filled up.
pub(super) fn kind(of: &DataType, pads: bool) -> (ColumnKind, Form) {
    match of {
        DataType::Char { .. } | DataType::WChar { .. } => (ColumnKind::Text, if pads { Form::Padded } else { Form::Plain }),
        DataType::Varchar { .. } | DataType::WVarchar { .. } | DataType::LongVarchar { .. } | DataType::WLongVarchar { .. } => {
            (ColumnKind::Text, Form::Plain)
        }
        // The driver's text has all digits; a binary number would not.
        DataType::Numeric { .. } | DataType::Decimal { .. } => (ColumnKind::Number, Form::Plain),
        DataType::Integer | DataType::SmallInt | DataType::BigInt | DataType::TinyInt => (ColumnKind::Number, Form::Plain),
        DataType::Float { .. } | DataType::Double => (ColumnKind::Number, Form::Double),
        DataType::Real => (ColumnKind::Number, Form::Single),
        DataType::Date | DataType::Timestamp { .. } => (ColumnKind::Date, Form::Plain),
        DataType::Bit => (ColumnKind::Bool, Form::Bit),
        DataType::LongVarbinary { .. } | DataType::Varbinary { .. } | DataType::Binary { .. } => (ColumnKind::Bytes, Form::Bytes),
        DataType::Time { .. } | DataType::Unknown | DataType::Other { .. } => (ColumnKind::Unknown, Form::Plain),
    }
}

/// A column's type in SQL's words; empty for one that has none.
pub(super) fn declared(of: &DataType) -> String {
    let sized = |name: &str, size: Option<usize>| size.map_or_else(|| name.to_owned(), |size| format!("{name}({size})"));
    let length = |length: &Option<std::num::NonZeroUsize>| length.map(std::num::NonZeroUsize::get);
    match of {
        DataType::Char { length: own } | DataType::WChar { length: own } => sized("char", length(own)),
        DataType::Varchar { length: own } | DataType::WVarchar { length: own } => sized("varchar", length(own)),
        DataType::LongVarchar { .. } | DataType::WLongVarchar { .. } => "text".into(),
        DataType::Numeric { precision, scale } | DataType::Decimal { precision, scale } => {
            format!("decimal({precision},{scale})")
        }
        DataType::TinyInt => "tinyint".into(),
        DataType::SmallInt => "smallint".into(),
        DataType::Integer => "integer".into(),
        DataType::BigInt => "bigint".into(),
        DataType::Real => "real".into(),
        DataType::Float { .. } | DataType::Double => "double".into(),
        DataType::Date => "date".into(),
        DataType::Time { .. } => "time".into(),
        DataType::Timestamp { .. } => "timestamp".into(),
        DataType::Bit => "bit".into(),
        _ => String::new(),
    }
}

/// Buffers that values pass through.
#[derive(Default)]
pub(super) struct Buffers {
    wide: Vec<u16>,
    narrow: Vec<u8>,
    text: String,
}

impl Buffers {
    /// Appends the value of column `at` (counted from 0) of a row.
    pub fn push(
        &mut self,
        row: &mut CursorRow<'_>,
        at: usize,
        form: Form,
        encoding: Option<&'static Encoding>,
        batch: &mut SourceBatchBuilder,
    ) -> Result<(), Error> {
        let number = u16::try_from(at + 1).unwrap_or(u16::MAX);
        self.text.clear();
        match form {
            Form::Double => {
                let mut value = Nullable::<f64>::null();
                row.get_data(number, &mut value)?;
                let text = value.into_opt().map(|value| value.to_string());
                batch.push(text.as_deref());
            }
            Form::Single => {
                let mut value = Nullable::<f32>::null();
                row.get_data(number, &mut value)?;
                let text = value.into_opt().map(|value| value.to_string());
                batch.push(text.as_deref());
            }
            Form::Bytes => {
                if self.narrow.capacity() > KEPT {
                    self.narrow = Vec::new();
                }
                if row.get_binary(number, &mut self.narrow)? {
                    push_hex(&mut self.text, &self.narrow);
                    batch.push(Some(&self.text));
                } else {
                    batch.push(None);
                }
            }
            Form::Plain | Form::Padded | Form::Bit => match encoding {
                None => {
                    if self.wide.capacity() > KEPT {
                        self.wide = Vec::new();
                    }
                    let found = row.get_wide_text(number, &mut self.wide)?;
                    wide(found.then_some(self.wide.as_slice()), at, form, &mut self.text, batch);
                }
                Some(encoding) => {
                    if self.narrow.capacity() > KEPT {
                        self.narrow = Vec::new();
                    }
                    let found = row.get_text(number, &mut self.narrow)?;
                    narrow(found.then_some(self.narrow.as_slice()), at, form, encoding, &mut self.text, batch);
                }
            },
        }
        Ok(())
    }
}

/// Appends a text of UTF-16. What is no character is a fault of the row.
pub(super) fn wide(value: Option<&[u16]>, at: usize, form: Form, text: &mut String, batch: &mut SourceBatchBuilder) {
    let Some(units) = value else { return batch.push(None) };
    text.clear();
    text.extend(char::decode_utf16(units.iter().copied()).map(|c| c.unwrap_or('\u{FFFD}')));
    lower(text, form);
    push_text(batch, at, shaped(text, form));
}

/// Appends a text of bytes.
pub(super) fn narrow(
    value: Option<&[u8]>,
    at: usize,
    form: Form,
    encoding: &'static Encoding,
    text: &mut String,
    batch: &mut SourceBatchBuilder,
) {
    let Some(bytes) = value else { return batch.push(None) };
    text.clear();
    if !decode_cell(encoding, bytes, text) {
        batch.fault(Some(at), undecodable(encoding.name()));
        return batch.push(Some(text));
    }
    lower(text, form);
    push_text(batch, at, shaped(text, form));
}

/// Drivers write bytes as upper-case digits where they are asked for text.
fn lower(text: &mut str, form: Form) {
    if form == Form::Bytes {
        text.make_ascii_lowercase();
    }
}

fn shaped(text: &str, form: Form) -> &str {
    match (form, text) {
        (Form::Padded, text) => text.trim_end_matches(' '),
        (Form::Bit, "1") => "true",
        (Form::Bit, "0") => "false",
        (_, text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types that SQL Server's columns have through FreeTDS, and Oracle's through its own driver.
    #[test]
    fn types_say_how_values_are_written() {
        use DataType::*;
        for (of, expected) in [
            (BigInt, (ColumnKind::Number, Form::Plain)),
            (Decimal { precision: 19, scale: 4 }, (ColumnKind::Number, Form::Plain)),
            (Numeric { precision: 38, scale: 10 }, (ColumnKind::Number, Form::Plain)),
            (Float { precision: 53 }, (ColumnKind::Number, Form::Double)),
            (Real, (ColumnKind::Number, Form::Single)),
            (Bit, (ColumnKind::Bool, Form::Bit)),
            (Timestamp { precision: 3 }, (ColumnKind::Date, Form::Plain)),
            (Date, (ColumnKind::Date, Form::Plain)),
            (Time { precision: 7 }, (ColumnKind::Unknown, Form::Plain)),
            (WVarchar { length: None }, (ColumnKind::Text, Form::Plain)),
            (WChar { length: None }, (ColumnKind::Text, Form::Padded)),
            (WLongVarchar { length: None }, (ColumnKind::Text, Form::Plain)),
            (Varbinary { length: None }, (ColumnKind::Bytes, Form::Bytes)),
            (LongVarbinary { length: None }, (ColumnKind::Bytes, Form::Bytes)),
            (Unknown, (ColumnKind::Unknown, Form::Plain)),
        ] {
            assert_eq!(kind(&of, true), expected, "{of:?}");
        }
        assert_eq!(kind(&Char { length: None }, false), (ColumnKind::Text, Form::Plain));
    }

    #[test]
    fn numbers_are_shortest_and_exact() {
        assert_eq!(shaped("ab  ", Form::Padded), "ab");
        assert_eq!([shaped("1", Form::Bit), shaped("0", Form::Bit), shaped("1", Form::Plain)], ["true", "false", "1"]);
        assert_eq!([0.1_f64.to_string(), 3.0_f64.to_string(), 1e21_f64.to_string()], ["0.1", "3", "1000000000000000000000"]);
    }
}
