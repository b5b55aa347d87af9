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

/// Bytes that cannot stand in a JSON string as they are.
static ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Appends a text as a JSON string; only what JSON demands is escaped.
pub fn json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        rest = &rest[at + 1..];
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
