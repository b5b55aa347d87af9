//! Natural keys in words, for messages.

use crate::standard::{KeyPart, NaturalKey, TablePlan};

/// Longest part of a key that is shown, in characters.
const SHOWN: usize = 40;

/// A natural key's canonical bytes in words: `KCH=K0001, KKXN=2024-2025`. `None` when a part of it is sensitive, the table
/// is anonymous, or the bytes are not of this key.
pub fn natural_key_words(plan: &TablePlan, key: &NaturalKey, bytes: &[u8]) -> Option<String> {
    let (tag, mut rest) = bytes.split_first()?;
    let parts = if *tag == 1 { &key.preferred } else { &key.parts };
    if plan.anonymous {
        return None;
    }
    let mut words = Vec::with_capacity(parts.len());
    for part in parts {
        let (name, sensitive) = match part {
            KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) => {
                (&*plan.field(*f).name, plan.field(*f).sensitivity.is_sensitive())
            }
            KeyPart::SourceId => {
                let system = take(&mut rest)??;
                words.push(format!("@id={system}/{}", shown(take(&mut rest)??)));
                continue;
            }
        };
        let value = take(&mut rest)?;
        if sensitive {
            return None;
        }
        words.push(format!("{name}={}", value.map_or_else(|| "∅".to_owned(), shown)));
    }
    rest.is_empty().then(|| words.join(", "))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// The next part: the inner `None` stands for nothing there, the outer one for bytes that cannot be read.
fn take<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let (len, tail) = rest.split_at_checked(2)?;
    let len = u16::from_be_bytes([len[0], len[1]]);
    if len == u16::MAX {
        *rest = tail;
        return Some(None);
    }
    let (text, tail) = tail.split_at_checked(usize::from(len))?;
    *rest = tail;
    std::str::from_utf8(text).ok().map(Some)
}
