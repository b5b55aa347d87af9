//! Which code of a set a text is: short codes by their bytes in one word, the others by hash.

use std::collections::HashMap;
use std::sync::Arc;

use super::CodeIdx;

/// Codes to their places. Nearly all codes are up to seven bytes long: these are words in an open table.
#[derive(Debug, Default)]
pub(super) struct CodeIndex {
    /// A power of two of places, at most half of them taken.
    short: Box<[(u64, CodeIdx)]>,
    taken: usize,
    long: HashMap<Arc<str>, CodeIdx>,
}

/// No code: the highest byte of a word is a length of at most seven.
const FREE: u64 = u64::MAX;
const LONGEST: usize = 7;

/// A short text as one word: its bytes, and its length in the highest byte.
#[inline]
fn word(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.len() > LONGEST {
        return None;
    }
    let packed = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Some((bytes.len() as u64) << 56 | packed)
}

/// The place that a word is looked for first.
#[inline]
fn home(word: u64, mask: usize) -> usize {
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask
}

impl CodeIndex {
    /// The place of a code.
    #[inline]
    pub(super) fn get(&self, code: &str) -> Option<CodeIdx> {
        let Some(word) = word(code) else { return self.long.get(code).copied() };
        let mask = self.short.len().checked_sub(1)?;
        let mut at = home(word, mask);
        // Half of the places are free, so this ends.
        loop {
            match self.short[at] {
                (found, idx) if found == word => return Some(idx),
                (FREE, _) => return None,
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Adds a code that is not in it yet.
    pub(super) fn insert(&mut self, code: &Arc<str>, idx: CodeIdx) {
        let Some(word) = word(code) else {
            self.long.insert(Arc::clone(code), idx);
            return;
        };
        if (self.taken + 1) * 2 > self.short.len() {
            let wider = vec![(FREE, CodeIdx(0)); (self.short.len() * 2).max(8)].into_boxed_slice();
            for (word, idx) in std::mem::replace(&mut self.short, wider) {
                if word != FREE {
                    self.put(word, idx);
                }
            }
        }
        self.put(word, idx);
        self.taken += 1;
    }

    fn put(&mut self, word: u64, idx: CodeIdx) {
        let mask = self.short.len() - 1;
        let mut at = home(word, mask);
        while self.short[at].0 != FREE {
            at = (at + 1) & mask;
        }
        self.short[at] = (word, idx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_code_and_nothing_else() {
        let mut index = CodeIndex::default();
        assert_eq!(index.get("1"), None);
        let codes: Vec<Arc<str>> = (0..3000u32)
            .flat_map(|i| [format!("{i}"), format!("{i:06}"), format!("GB{i:08}")])
            .chain(["", "0", "\0", "\0\0", "汉", "汉族"].map(str::to_owned))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .map(Into::into)
            .collect();
        for (i, code) in codes.iter().enumerate() {
            assert_eq!(index.get(code), None, "{code}");
            index.insert(code, CodeIdx(i as u32));
        }
        for (i, code) in codes.iter().enumerate() {
            assert_eq!(index.get(code), Some(CodeIdx(i as u32)), "{code}");
        }
        for stranger in ["3000", "000", "GB1", "\0\0\0", "族", "99999999"] {
            assert_eq!(index.get(stranger), None, "{stranger}");
        }
    }
}
