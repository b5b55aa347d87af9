//! SQLite values as text cells. A value's own type counts, not the column's.

use encoding_rs::{Encoding, UTF_8};
use sqlx::sqlite::{SqliteColumn, SqliteRow, SqliteValueRef};
use sqlx::{Column as _, Decode, Row, Sqlite, TypeInfo, ValueRef};

use crate::source::bytes::{decode_cell, push_hex, undecodable};
use crate::source::{ColumnKind, SourceBatchBuilder};

/// How the bytes of texts are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts {
    /// The database's encoding.
    pub encoding: &'static Encoding,
    /// Tried for texts that are not in it.
    pub fallback: Option<&'static Encoding>,
}

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
pub(super) fn push(row: &SqliteRow, index: usize, batch: &mut SourceBatchBuilder, texts: Texts) {
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
        _ => text(bytes(value), index, batch, texts),
    }
}

fn number<T: ToString, E>(value: Result<T, E>, batch: &mut SourceBatchBuilder) {
    batch.push(value.ok().map(|number| number.to_string()).as_deref());
}

fn bytes(value: SqliteValueRef<'_>) -> &[u8] {
    <&[u8] as Decode<Sqlite>>::decode(value).unwrap_or_default()
}

fn text(bytes: &[u8], index: usize, batch: &mut SourceBatchBuilder, texts: Texts) {
    if texts.encoding == UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return batch.push(Some(text));
    }
    let mut text = String::new();
    if decode_cell(texts.encoding, bytes, &mut text) {
        return batch.push(Some(&text));
    }
    if let Some(fallback) = texts.fallback {
        let mut again = String::new();
        if decode_cell(fallback, bytes, &mut again) {
            return batch.push(Some(&again));
        }
    }
    batch.fault(Some(index), undecodable(texts.encoding.name()));
    batch.push(Some(&text));
}
