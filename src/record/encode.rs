//! Canonical JSON of a record.

use super::batch::{Record, ValueRef};
use crate::standard::FieldIdx;

/// Appends a record as canonical JSON: every field in plan order, `null` where there is nothing, numbers as JSON
/// numbers, everything else as strings, no blanks. A faulted cell is written as `null`; only accepted rows are stored.
pub fn canonical_json(row: &Record<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, field) in row.plan().fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b"\":");
        match row.get(FieldIdx(i as u16)) {
            ValueRef::Null | ValueRef::Faulted => out.extend_from_slice(b"null"),
            ValueRef::Number(text) => out.extend_from_slice(text.as_bytes()),
            ValueRef::Text(text) | ValueRef::Code(_, text) => json_string(text, out),
        }
    }
    out.push(b'}');
}

/// Appends a text as a JSON string; only what JSON demands is escaped.
pub fn json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..i]);
        from = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
