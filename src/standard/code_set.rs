//! Code sets: the closed and open lists of values that coded fields draw on.

use std::collections::HashMap;
use std::sync::Arc;

use super::CodeIdx;
use super::code_index::CodeIndex;

/// One code and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code as reported, leading zeros and all.
    pub code: Arc<str>,
    /// The printed Chinese label.
    pub label: Arc<str>,
}

/// A code set, compiled for look-up by code and by folded label.
#[derive(Debug)]
pub struct CodeSet {
    /// The set's id: `KCLXDM`, or `gbt_2260_county` for a national one.
    pub id: Arc<str>,
    /// The set's Chinese name.
    pub name_zh: Arc<str>,
    /// Whether the list is closed. A value outside an open list is a warning, never an error.
    pub closed: bool,
    codes: Box<[Code]>,
    by_code: CodeIndex,
    by_label: HashMap<Box<str>, LabelMatch>,
    ends: HashMap<CodeIdx, u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LabelMatch {
    One(CodeIdx),
    Several,
}

impl CodeSet {
    /// Compiles a set. Later rows with a code already seen keep the first.
    pub fn new(
        id: impl Into<Arc<str>>,
        name_zh: impl Into<Arc<str>>,
        closed: bool,
        rows: impl IntoIterator<Item = Code>,
    ) -> Self {
        let mut codes: Vec<Code> = Vec::new();
        let mut by_code = CodeIndex::default();
        let mut by_label: HashMap<Box<str>, LabelMatch> = HashMap::new();
        for row in rows {
            if by_code.get(&row.code).is_some() {
                continue;
            }
            let idx = CodeIdx(codes.len() as u32);
            by_code.insert(&row.code, idx);
            by_label
                .entry(fold_label(&row.label).into())
                .and_modify(|m| *m = LabelMatch::Several)
                .or_insert(LabelMatch::One(idx));
            codes.push(row);
        }
        Self { id: id.into(), name_zh: name_zh.into(), closed, codes: codes.into(), by_code, by_label, ends: HashMap::new() }
    }

    /// Compiles a set of which some codes are retired: these are known as codes, but their labels find nothing, so that a
    /// present label is not ambiguous with a past one.
    pub fn dated(
        id: impl Into<Arc<str>>,
        name_zh: impl Into<Arc<str>>,
        closed: bool,
        current: impl IntoIterator<Item = Code>,
        retired: impl IntoIterator<Item = Code>,
    ) -> Self {
        let mut set = Self::new(id, name_zh, closed, current);
        let mut codes = std::mem::take(&mut set.codes).into_vec();
        for code in retired {
            if set.by_code.get(&code.code).is_none() {
                set.by_code.insert(&code.code, CodeIdx(codes.len() as u32));
                codes.push(code);
            }
        }
        set.codes = codes.into();
        set
    }

    /// Notes the last years of codes that are no longer valid.
    pub(super) fn ending(mut self, ends: HashMap<Arc<str>, u16>) -> Self {
        self.ends = ends.into_iter().filter_map(|(code, year)| Some((self.by_code.get(&code)?, year))).collect();
        self
    }

    /// The last year in which a code was valid; `None` while it is, and where no year is known.
    pub fn ended(&self, code: CodeIdx) -> Option<u16> {
        self.ends.get(&code).copied()
    }

    /// The code at an index.
    #[inline]
    pub fn get(&self, idx: CodeIdx) -> &Code {
        &self.codes[idx.0 as usize]
    }

    /// Finds a code as reported, exactly.
    #[inline]
    pub fn find(&self, code: &str) -> Option<CodeIdx> {
        self.by_code.get(code)
    }

    /// Finds a code by its label, brackets, blanks and commas of either width alike. `Err` when several codes bear it.
    pub fn find_label(&self, label: &str) -> Result<Option<CodeIdx>, AmbiguousLabel> {
        match self.by_label.get(fold_label(label).as_str()) {
            None => Ok(None),
            Some(LabelMatch::One(idx)) => Ok(Some(*idx)),
            Some(LabelMatch::Several) => Err(AmbiguousLabel),
        }
    }

    /// All codes in printed order.
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }
}

/// Several codes of the set bear this label, so a label alone does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("several codes bear this label")]
pub struct AmbiguousLabel;

/// Folds a label for comparison: brackets, commas, blanks and dots of either width alike, 其它 as 其他, ASCII lower case.
pub fn fold_label(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    for c in label.chars() {
        match c {
            '（' | '【' | '〔' | '［' | '[' => out.push('('),
            '）' | '】' | '〕' | '］' | ']' => out.push(')'),
            '，' | '、' | ',' | '；' | ';' => out.push(','),
            '·' | '•' | '‧' | '∙' | '⋅' | '・' | '．' | '˙' => out.push('.'),
            c if c.is_whitespace() || matches!(c, '\u{200B}' | '\u{FEFF}' | '\u{00AD}') => {}
            '\u{FF01}'..='\u{FF5E}' => {
                let half = char::from_u32(c as u32 - 0xFEE0).unwrap_or(c);
                out.push(half.to_ascii_lowercase());
            }
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    if out.contains("其它") {
        out = out.replace("其它", "其他");
    }
    out
}
