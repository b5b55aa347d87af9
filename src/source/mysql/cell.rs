//! MySQL's texts of values as cells.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use sqlx::mysql::{MySqlRow, MySqlTypeInfo};
use sqlx::{Decode, MySql, Row, Type, TypeInfo, ValueRef};

use crate::source::bytes::{decode_cell, push_hex, push_text, undecodable};
use crate::source::{ColumnKind, SourceBatchBuilder};

/// How a value's text becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Bytes that are no text.
    Bytes,
    /// BIT(n): a number, most significant byte first.
    Bits,
    /// A date whose zero means nothing.
    Date,
    /// Bytes of this encoding that the server takes for latin1.
    Latin1(&'static Encoding),
}

/// What a column's type means for its cells.
pub(super) fn kind(info: &MySqlTypeInfo, missing_zeros: bool) -> (ColumnKind, Form) {
    let name = info.name();
    match name {
        "DATE" | "DATETIME" | "TIMESTAMP" => (ColumnKind::Date, if missing_zeros { Form::Date } else { Form::Plain }),
        "BIT" => (ColumnKind::Number, Form::Bits),
        "GEOMETRY" => (ColumnKind::Bytes, Form::Bytes),
        "TIME" | "JSON" | "NULL" => (ColumnKind::Unknown, Form::Plain),
        "ENUM" | "SET" => (ColumnKind::Text, Form::Plain),
        "BOOLEAN" | "FLOAT" | "DOUBLE" | "DECIMAL" | "YEAR" => (ColumnKind::Number, Form::Plain),
        _ if name.contains("INT") => (ColumnKind::Number, Form::Plain),
        // The name alone would take a text of a binary collation for bytes.
        _ if <str as Type<MySql>>::compatible(info) => (ColumnKind::Text, Form::Plain),
        _ => (ColumnKind::Bytes, Form::Bytes),
    }
}

/// Appends the cell at `index`.
pub(super) fn push(row: &MySqlRow, index: usize, form: Form, batch: &mut SourceBatchBuilder) {
    let value = row.try_get_raw(index).ok().filter(|value| !value.is_null());
    let Some(bytes) = value.and_then(|value| <&[u8] as Decode<MySql>>::decode(value).ok()) else {
        return batch.push(None);
    };
    match form {
        Form::Bytes => {
            let mut hex = String::new();
            push_hex(&mut hex, bytes);
            batch.push(Some(&hex));
        }
        Form::Bits => batch.push(Some(&bits(bytes).to_string())),
        Form::Date if is_zero_date(bytes) => batch.push(None),
        Form::Latin1(encoding) => latin1(bytes, encoding, index, batch),
        Form::Plain | Form::Date => plain(bytes, UTF_8, index, batch),
    }
}

fn bits(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn is_zero_date(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'0' | b'-' | b':' | b' ' | b'.'))
}

fn plain(bytes: &[u8], encoding: &'static Encoding, index: usize, batch: &mut SourceBatchBuilder) {
    if encoding == UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return push_text(batch, index, text);
    }
    let mut text = String::new();
    if !decode_cell(encoding, bytes, &mut text) {
        batch.fault(Some(index), undecodable(encoding.name()));
    }
    batch.push(Some(&text));
}

/// Takes the server's conversion from latin1 back and decodes the bytes as what they are. A text that does not fit into
/// latin1 was never in it. MySQL's latin1 is windows-1252 with the five gaps filled, as the codec has it.
fn latin1(bytes: &[u8], encoding: &'static Encoding, index: usize, batch: &mut SourceBatchBuilder) {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.is_ascii()) else {
        return plain(bytes, UTF_8, index, batch);
    };
    let (stored, _, unfit) = WINDOWS_1252.encode(text);
    if unfit { push_text(batch, index, text) } else { plain(&stored, encoding, index, batch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_one_number() {
        assert_eq!(bits(&[1]), 1);
        assert_eq!(bits(&[1, 0]), 256);
        assert_eq!(bits(&[0xFF; 8]), u64::MAX);
    }

    #[test]
    fn only_all_zeros_are_no_date() {
        for (text, expected) in [
            ("0000-00-00", true),
            ("0000-00-00 00:00:00", true),
            ("0000-00-00 00:00:00.000000", true),
            ("2023-00-00", false),
            ("2023-09-01", false),
        ] {
            assert_eq!(is_zero_date(text.as_bytes()), expected, "{text}");
        }
    }
}
