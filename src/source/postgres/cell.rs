//! PostgreSQL's texts of values as cells.

use encoding_rs::{Encoding, UTF_8};
use sqlx::postgres::{PgRow, PgTypeInfo};
use sqlx::{Row, TypeInfo, ValueRef};

use crate::source::bytes::{decode_cell, push_text, undecodable};
use crate::source::{ColumnKind, SourceBatchBuilder};

/// How a value's text becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// `t` and `f` in words.
    Bool,
    /// Without the `\x` in front.
    Bytes,
    /// Without the blanks that fill `character(n)` up.
    Padded,
}

/// What a column's type means for its cells.
pub(super) fn kind(info: &PgTypeInfo) -> (ColumnKind, Form) {
    match info.name() {
        "BOOL" => (ColumnKind::Bool, Form::Bool),
        "BYTEA" => (ColumnKind::Bytes, Form::Bytes),
        "CHAR" => (ColumnKind::Text, Form::Padded),
        "TEXT" | "VARCHAR" | "NAME" | "CITEXT" => (ColumnKind::Text, Form::Plain),
        "INT2" | "INT4" | "INT8" | "FLOAT4" | "FLOAT8" | "NUMERIC" => (ColumnKind::Number, Form::Plain),
        "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => (ColumnKind::Date, Form::Plain),
        _ => (ColumnKind::Unknown, Form::Plain),
    }
}

/// Bytes of a row's values.
pub(super) fn bytes(row: &PgRow) -> usize {
    (0..row.len()).filter_map(|index| row.try_get_raw(index).ok()?.as_bytes().ok().map(<[u8]>::len)).sum()
}

/// Appends the cell at `index`.
pub(super) fn push(row: &PgRow, index: usize, form: Form, fallback: Option<&'static Encoding>, batch: &mut SourceBatchBuilder) {
    let value = row.try_get_raw(index).ok().filter(|value| !value.is_null());
    let Some(bytes) = value.and_then(|value| value.as_bytes().ok()) else {
        return batch.push(None);
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return misfit(bytes, index, fallback, batch);
    };
    let text = match form {
        Form::Plain => text,
        Form::Bool if text == "t" => "true",
        Form::Bool if text == "f" => "false",
        Form::Bool => text,
        Form::Bytes => text.strip_prefix("\\x").unwrap_or(text),
        Form::Padded => text.trim_end_matches(' '),
    };
    push_text(batch, index, text);
}

/// A server of encoding SQL_ASCII gives bytes as they were put in.
fn misfit(bytes: &[u8], index: usize, fallback: Option<&'static Encoding>, batch: &mut SourceBatchBuilder) {
    let encoding = fallback.unwrap_or(UTF_8);
    let mut text = String::new();
    if !decode_cell(encoding, bytes, &mut text) {
        batch.fault(Some(index), undecodable(encoding.name()));
    }
    batch.push(Some(&text));
}
