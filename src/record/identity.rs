//! Natural key, record key, content hash.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use super::batch::{Record, ValueRef};
use crate::standard::{FieldIdx, KeyPart, NaturalKey, Required, TablePlan};

/// The key of a row upstream: 128 bits, written as 32 upper-case hexadecimal digits.
///
/// The first 128 bits of SHA-256 over key namespace, table name and the natural key's canonical bytes, each framed by
/// its length; for anonymous tables HMAC-SHA-256 with the school's secret. Adopted keys (32 upper-case letters and
/// digits minted elsewhere) are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RecordKey([u8; 32]);

impl RecordKey {
    /// From 128 bits.
    pub fn from_bits(bits: [u8; 16]) -> Self {
        let mut text = [0u8; 32];
        for (i, byte) in bits.iter().enumerate() {
            text[2 * i] = HEX[usize::from(byte >> 4)];
            text[2 * i + 1] = HEX[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// From the printed form; `None` unless it is 32 upper-case letters and digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).then_some(Self(bytes))
    }

    /// The 128 bits that it prints; `None` unless it is upper-case hexadecimal.
    pub fn bits(&self) -> Option<[u8; 16]> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'A'..=b'F' => Some(c - b'A' + 10),
            _ => None,
        };
        let mut bits = [0; 16];
        for (byte, pair) in bits.iter_mut().zip(self.0.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(bits)
    }

    /// The printed form.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters and digits get in; a default key holds NUL bytes, which are ASCII too.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(super) fn write_hex<'a>(&self, buffer: &'a mut [u8; 32]) -> &'a str {
        *buffer = self.0;
        std::str::from_utf8(buffer).unwrap_or_default()
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// xxh3-128 over the plain values, each framed by its length; collected-at is left out, and so is a minted record key, which
/// follows from the natural key. An adopted one is in it: another adopted key is a change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct ContentHash(pub [u8; 16]);

/// The name under which keys are minted: the school code at first start. A later change of school code does not touch it.
#[derive(Clone)]
pub struct Namespace {
    /// The school code at first start.
    pub name: Arc<str>,
    /// The school's secret, for anonymous tables.
    pub secret: Arc<[u8]>,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How keys of one table are made, for one source.
#[derive(Debug, Clone)]
pub struct KeySpec {
    /// The parts: the table's own natural key, or the one that the mapping names.
    pub key: NaturalKey,
    /// The namespace.
    pub namespace: Namespace,
    /// The number of the system that the source belongs to; prefixes `@id`.
    pub system: Arc<str>,
}

impl KeySpec {
    /// The parts that a row's key is made of, and whether they are the preferred ones.
    pub fn parts_for(&self, has_source_id: bool) -> (&[KeyPart], bool) {
        let preferred = !self.key.preferred.is_empty() && (has_source_id || self.key.parts.is_empty());
        (if preferred { &self.key.preferred } else { &self.key.parts }, preferred)
    }

    /// The record key of a natural key. What a source gives to a merged table has the keys of that table.
    pub fn record_key(&self, plan: &TablePlan, natural_key: &[u8]) -> RecordKey {
        let table = plan.part.as_ref().map_or(&plan.name, |part| &part.table);
        let parts: [&[u8]; 3] = [self.namespace.name.as_bytes(), table.as_bytes(), natural_key];
        let mut bits = [0u8; 16];
        if plan.anonymous {
            // HMAC takes keys of any length, so this never fails.
            if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.namespace.secret) {
                for part in parts {
                    mac.update(&(part.len() as u32).to_be_bytes());
                    mac.update(part);
                }
                bits.copy_from_slice(&mac.finalize().into_bytes()[..16]);
            }
        } else {
            let mut hasher = Sha256::new();
            for part in parts {
                hasher.update((part.len() as u32).to_be_bytes());
                hasher.update(part);
            }
            bits.copy_from_slice(&hasher.finalize()[..16]);
        }
        RecordKey::from_bits(bits)
    }
}

/// Appends the natural key's canonical bytes of a row. False when a part is faulted or a mandatory part is missing, or
/// when nothing at all is there, so that there is no key.
///
/// Canonical bytes: one tag byte for which list of parts was used, then each part as a two-byte big-endian length
/// and its text; nothing there is the length `0xFFFF`. Keys of one table sort by their first part. A part too long for
/// the frame is replaced by its SHA-256, so that two long texts never share a key.
pub(super) fn natural_key(row: &Record<'_>, spec: &KeySpec, source_id: Option<&str>, out: &mut Vec<u8>) -> bool {
    let (parts, preferred) = spec.parts_for(source_id.is_some());
    out.push(u8::from(preferred));
    let mut something = false;
    for part in parts {
        let whole = match *part {
            KeyPart::Field(field) => push_value(out, row, field, &mut something, |t| Some(t.into())),
            KeyPart::Date(field) => push_value(out, row, field, &mut something, |t| date_part(t).map(Into::into)),
            KeyPart::SchoolYear(field) => push_value(out, row, field, &mut something, |t| school_year_of(t).map(Into::into)),
            KeyPart::SourceId => source_id.is_some_and(|id| {
                push_part(out, &spec.system);
                push_part(out, id);
                something = true;
                true
            }),
        };
        if !whole {
            return false;
        }
    }
    something
}

fn push_value<'a>(
    out: &mut Vec<u8>,
    row: &Record<'a>,
    field: FieldIdx,
    something: &mut bool,
    with: impl Fn(&'a str) -> Option<Cow<'a, str>>,
) -> bool {
    match row.get(field) {
        ValueRef::Faulted => false,
        ValueRef::Null => {
            out.extend_from_slice(&u16::MAX.to_be_bytes());
            row.plan().field(field).required != Required::Mandatory
        }
        ValueRef::Text(t) | ValueRef::Number(t) | ValueRef::Code(_, t) => with(t).is_some_and(|text| {
            push_part(out, &text);
            *something = true;
            true
        }),
    }
}

const LONGEST_PART: usize = u16::MAX as usize - 1;

fn push_part(out: &mut Vec<u8>, text: &str) {
    if text.len() > LONGEST_PART {
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        out.extend_from_slice(&(digest.len() as u16).to_be_bytes());
        out.extend_from_slice(digest.as_bytes());
        return;
    }
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The date of a canonical date or date-time text: its first 8 characters, if they are digits.
pub fn date_part(text: &str) -> Option<&str> {
    let date = text.get(..8)?;
    date.bytes().all(|b| b.is_ascii_digit()).then_some(date)
}

/// The school year that a canonical date falls in. It begins on 1 August.
pub fn school_year_of(text: &str) -> Option<String> {
    let date = date_part(text)?;
    let (year, month): (u32, u32) = (date[..4].parse().ok()?, date[4..6].parse().ok()?);
    let first = if month >= 8 { year } else { year.checked_sub(1)? };
    Some(format!("{first:04}-{:04}", first + 1))
}

/// The hash of a row's content; `room` is only a buffer.
pub(super) fn content_hash(row: &Record<'_>, room: &mut Vec<u8>) -> ContentHash {
    hash_fields(row, room, |_| true)
}

/// Sealed fields are left out too: the two sides of a comparison hold them in different forms.
pub(super) fn comparable_hash(row: &Record<'_>) -> ContentHash {
    let key = row.plan().roles.record_key;
    hash_fields(row, &mut Vec::new(), |field| Some(field) != key && !row.plan().field(field).sealed)
}

fn hash_fields(row: &Record<'_>, room: &mut Vec<u8>, taken: impl Fn(FieldIdx) -> bool) -> ContentHash {
    let roles = row.plan().roles;
    room.clear();
    for i in 0..row.plan().fields.len() {
        let field = FieldIdx(i as u16);
        let own_key = Some(field) == roles.record_key && !row.is_adopted();
        if Some(field) == roles.collected_at || own_key || !taken(field) {
            continue;
        }
        match row.get(field).text() {
            None => room.extend_from_slice(&u32::MAX.to_le_bytes()),
            Some(text) => {
                room.extend_from_slice(&(text.len() as u32).to_le_bytes());
                room.extend_from_slice(text.as_bytes());
            }
        }
    }
    ContentHash(xxh3_128(room).to_be_bytes())
}
