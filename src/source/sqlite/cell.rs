//! SQLite values as text cells. A value's own type counts, not the column's.

use encoding_rs::{Encoding, UTF_8};
use sqlx::sqlite::{SqliteColumn, SqliteRow, SqliteValueRef};
use sqlx::{Column as _, Decode, Row, Sqlite, TypeInfo, ValueRef};

use crate::source::bytes::{decode_cell, push_hex, push_text, undecodable};
use crate::source::{ColumnKind, SourceBatchBuilder};

/// What the declared type says.
pub(super) fn kind(column: &SqliteColumn) -> ColumnKind {
    match column.type_info().name() {
        "INTEGER" | "REAL" | "NUMERIC" | "INT4" => ColumnKind::Number,
        "TEXT" => ColumnKind::Text,
        "BLOB" => ColumnKind::Bytes,
        "DATE" | "DATETIME" => ColumnKind::Date,
        "BOOLEAN" => ColumnKind::Bool,
        _ => ColumnKind::Unknown,
    }
}

/// Appends the cell at `index`.
pub(super) fn push(row: &SqliteRow, index: usize, batch: &mut SourceBatchBuilder, fallback: Option<&'static Encoding>) {
    let Ok(value) = row.try_get_raw(index) else {
        return batch.push(None);
    };
    if value.is_null() {
        return batch.push(None);
    }
    let stored = value.type_info().name().to_owned();
    match stored.as_str() {
        "INTEGER" => number(<i64 as Decode<Sqlite>>::decode(value), batch),
        "REAL" => number(<f64 as Decode<Sqlite>>::decode(value), batch),
        "BLOB" => {
            let mut hex = String::new();
            push_hex(&mut hex, bytes(value));
            batch.push(Some(&hex));
        }
        _ => text(bytes(value), index, batch, fallback),
    }
}

fn number<T: ToString, E>(value: Result<T, E>, batch: &mut SourceBatchBuilder) {
    batch.push(value.ok().map(|number| number.to_string()).as_deref());
}

fn bytes(value: SqliteValueRef<'_>) -> &[u8] {
    <&[u8] as Decode<Sqlite>>::decode(value).unwrap_or_default()
}

/// Stored bytes need not be UTF-8: SQLite takes what it is given. (A database in UTF-16 is converted by SQLite itself.)
fn text(bytes: &[u8], index: usize, batch: &mut SourceBatchBuilder, fallback: Option<&'static Encoding>) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return push_text(batch, index, text);
    }
    let encoding = fallback.unwrap_or(UTF_8);
    let mut text = String::new();
    if !decode_cell(encoding, bytes, &mut text) {
        batch.fault(Some(index), undecodable(encoding.name()));
    }
    batch.push(Some(&text));
}
