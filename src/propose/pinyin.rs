//! Pinyin without tones: how Chinese words are spelled in column names.

use std::collections::HashSet;

use pinyin::{ToPinyin, ToPinyinMulti};

/// More spellings of one word than these are not kept.
const MOST: usize = 8;

/// All syllables that there are.
pub(super) struct Syllables(HashSet<&'static str>);

impl Syllables {
    /// Those of the common characters.
    pub fn new() -> Self {
        Self(('\u{4E00}'..='\u{9FA5}').filter_map(|c| c.to_pinyin()).map(pinyin::Pinyin::plain).collect())
    }

    /// The lengths of syllables that a text begins with.
    pub fn at_start(&self, text: &str) -> impl Iterator<Item = usize> {
        (1..=text.len().min(6)).filter(|len| text.get(..*len).is_some_and(|start| self.0.contains(start)))
    }
}

fn readings(c: char) -> Vec<String> {
    let Some(many) = c.to_pinyin_multi() else {
        return if c.is_ascii_alphanumeric() { vec![c.to_ascii_lowercase().to_string()] } else { Vec::new() };
    };
    let mut out: Vec<String> = Vec::new();
    // Rare readings only make words look alike that are not: two are tried where both are common in names of things.
    let most = if "重长行调传参降还".contains(c) { 3 } else { 1 };
    for one in many.into_iter().take(most) {
        let plain = one.plain().replace('ü', "v");
        for spelled in [plain.replace('v', "u"), plain] {
            if !out.contains(&spelled) {
                out.push(spelled);
            }
        }
    }
    out
}

fn joined(text: &str, part: impl Fn(&str) -> String) -> Vec<String> {
    let mut out = vec![String::new()];
    for c in text.chars() {
        let readings = readings(c);
        if readings.is_empty() {
            return Vec::new();
        }
        let mut longer: Vec<String> = Vec::new();
        for start in &out {
            for reading in &readings {
                let next = format!("{start}{}", part(reading));
                if !longer.contains(&next) && longer.len() < MOST {
                    longer.push(next);
                }
            }
        }
        out = longer;
    }
    out.retain(|spelled| !spelled.is_empty());
    out
}

/// The full spellings of a word, lower case, syllables joined; none where it has other characters.
pub(super) fn spellings(word: &str) -> Vec<String> {
    joined(word, str::to_owned)
}

/// The initials of a word, upper case.
pub(super) fn initials(word: &str) -> Vec<String> {
    joined(word, |reading| reading.chars().take(1).collect::<String>().to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spelled_in_every_way_that_they_are_read() {
        assert_eq!(spellings("学号"), ["xuehao"]);
        assert!(spellings("女生").contains(&"nvsheng".to_owned()) && spellings("女生").contains(&"nusheng".to_owned()));
        assert!(spellings("重点").contains(&"zhongdian".to_owned()));
        assert_eq!(initials("身份证号"), ["SFZH"]);
        assert_eq!(spellings("学·号"), Vec::<String>::new());
    }
}
