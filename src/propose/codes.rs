//! A school's own values as codes: by what the comment explains, by labels, never by a guess.

use std::collections::BTreeMap;

use super::profile::{Profile, is_personal};
use super::terms::is_han;
use crate::normalize::Canon;
use crate::standard::{CodeSet, FieldIdx, TablePlan, fold_label};

/// What a comment says that own codes mean: `0` 女, `1` 男.
pub(super) type Dictionary = BTreeMap<String, String>;

/// Other words for labels, where neither contains the other.
const LABELS: &str = include_str!("../../schemas/propose/labels.csv");

/// The own values of a column for a coded field.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct CodeProposal {
    /// Values that need a line: the others are understood as they stand. Empty where values may not be shown.
    pub values: Vec<OwnValue>,
    /// Sampled values that are there, counting repetitions.
    pub rows: usize,
    /// Of these, values without a code, counting repetitions.
    pub unmapped_rows: usize,
    /// Different values without a code.
    pub unmapped: usize,
    /// The set.
    pub set: String,
}

/// One own value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OwnValue {
    /// The value.
    pub value: String,
    /// How often it stands in the samples.
    pub rows: usize,
    /// The code proposed.
    pub code: Option<String>,
    /// The code's label, or what the comment says of the value.
    pub label: Option<String>,
}

/// The codes that a comment explains: `性别（0女 1男）`, `状态：1-启用,0-停用`.
pub(super) fn dictionary(comment: &str) -> Dictionary {
    let mut out = Dictionary::new();
    let mut code = String::new();
    let mut label = String::new();
    let mut ended = false;
    let mut note = |code: &mut String, label: &mut String| {
        if !code.is_empty() && code.len() <= 3 && !label.is_empty() {
            out.insert(code.clone(), label.clone());
        }
        code.clear();
        label.clear();
    };
    for c in comment.chars() {
        if c.is_ascii_alphanumeric() {
            if !label.is_empty() || ended {
                note(&mut code, &mut label);
            }
            ended = false;
            code.push(c);
        } else if is_han(c) {
            if !code.is_empty() {
                label.push(c);
            }
        } else if !label.is_empty() {
            note(&mut code, &mut label);
        } else if !matches!(c, ':' | '：' | '=' | '-' | ' ' | '.' | '、' | '—') {
            ended = true;
        }
    }
    note(&mut code, &mut label);
    // One explained code is a word with a number in front of it.
    if out.len() < 2 { Dictionary::new() } else { out }
}

/// The code of a label as a school writes it: the label itself, a word for it, or the only label that contains it.
pub(super) fn by_label<'s>(set: &'s CodeSet, word: &str) -> Option<(&'s str, &'s str)> {
    let of = |idx| {
        let code = set.get(idx);
        (&*code.code, &*code.label)
    };
    if let Ok(Some(idx)) = set.find_label(word) {
        return Some(of(idx));
    }
    for (_, label) in other_words().filter(|(own, _)| *own == word) {
        if let Ok(Some(idx)) = set.find_label(label) {
            return Some(of(idx));
        }
    }
    let folded = fold_label(word);
    if folded.chars().filter(|c| is_han(*c)).count() < 2 && !matches!(word, "男" | "女") {
        return None;
    }
    let mut found = set.codes().iter().filter(|code| {
        let label = fold_label(&code.label);
        label.contains(&folded) || (label.chars().count() > 1 && folded.contains(&label))
    });
    match (found.next(), found.next()) {
        (Some(code), None) => Some((&*code.code, &*code.label)),
        _ => None,
    }
}

/// Proposes codes for the own values of a column.
pub(super) fn propose(plan: &TablePlan, idx: FieldIdx, profile: &Profile, dictionary: &Dictionary) -> Option<CodeProposal> {
    let field = plan.field(idx);
    let set = field.code_set.as_ref()?;
    let mut canon = Canon::new(plan, idx);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in profile.values() {
        *counts.entry(value).or_default() += 1;
    }
    let shown = !field.sensitivity.is_sensitive() && profile.listable().is_some();
    let mut out = CodeProposal { rows: profile.filled, set: set.id.to_string(), ..CodeProposal::default() };
    for (value, rows) in &counts {
        let explained = dictionary.get(*value);
        if explained.is_none() && canon.canonical(value).is_some_and(|code| set.find(&code).is_some()) {
            continue;
        }
        let found = by_label(set, explained.map_or(*value, String::as_str));
        // Without a line of its own a value has no code: lines are written for values that may be shown, for those that the
        // comment explains, and for other words for labels.
        if found.is_none() || !(shown || explained.is_some() || is_other_word(value)) {
            out.unmapped += 1;
            out.unmapped_rows += rows;
        }
        // A value of a person's form is shown only where it is a word of the code set.
        if shown && (found.is_some() || !is_personal(value)) {
            let label = found.map(|(_, label)| label.to_owned()).or_else(|| explained.cloned());
            out.values.push(OwnValue {
                value: (*value).to_owned(),
                rows: *rows,
                code: found.map(|(code, _)| code.to_owned()),
                label,
            });
        }
    }
    // What the comment explains is no sampled value: it may be shown whoever the field is about.
    for (own, label) in dictionary {
        if out.values.iter().any(|value| value.value == *own) {
            continue;
        }
        let found = by_label(set, label);
        let label = found.map_or(label.as_str(), |(_, label)| label).to_owned();
        out.values.push(OwnValue {
            value: own.clone(),
            rows: 0,
            code: found.map(|(code, _)| code.to_owned()),
            label: Some(label),
        });
    }
    // Where values may not be shown, all other words for the set's labels stand there, whether they occur or not.
    if !shown {
        for (word, label) in other_words() {
            if let Ok(Some(idx)) = set.find_label(label) {
                let code = set.get(idx);
                let (value, code, label) = (word.to_owned(), Some(code.code.to_string()), Some(code.label.to_string()));
                out.values.push(OwnValue { value, rows: 0, code, label });
            }
        }
    }
    Some(out)
}

fn other_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    LABELS.lines().skip(1).filter_map(|line| line.split_once(',')).map(|(word, label)| (word, label.trim()))
}

fn is_other_word(value: &str) -> bool {
    other_words().any(|(word, _)| word == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(comment: &str) -> Vec<(String, String)> {
        dictionary(comment).into_iter().collect()
    }

    #[test]
    fn comments_explain_codes() {
        let both = vec![("0".to_owned(), "女".to_owned()), ("1".to_owned(), "男".to_owned())];
        for comment in ["性别（0女 1男）", "性别:0-女,1-男", "性别 0：女；1：男", "性别（1=男，0=女）"] {
            assert_eq!(pairs(comment), both, "{comment}");
        }
        assert_eq!(pairs("学制（年）"), []);
        assert_eq!(pairs("A类课程"), []);
        assert_eq!(pairs("学号，20位"), []);
    }
}
