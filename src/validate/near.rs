//! The codes that somebody may have meant.

use std::collections::HashMap;
use std::sync::Arc;

use crate::finding::Expected;
use crate::standard::{Code, CodeSet, fold_label};

/// Sets up to this size are shown whole.
const WHOLE: usize = 24;
/// How many near codes are named.
const NAMED: usize = 3;
/// Searches a batch; a batch full of different nonsense shall not be searched value by value.
const SEARCHES: usize = 16;
/// Below this likeness a code is no help.
const LIKE: f64 = 0.7;

/// A code set and a value not in it.
type Asked = (Arc<str>, Box<str>);

/// Finds near codes, each value once, a bounded number of times.
#[derive(Default)]
pub(super) struct Near {
    known: HashMap<Asked, Arc<[Box<str>]>>,
}

fn line(code: &Code) -> Box<str> {
    if code.label.is_empty() || code.label == code.code {
        return (&*code.code).into();
    }
    format!("{} {}", code.code, code.label).into()
}

/// The expectation of a set small enough to be shown whole.
pub(super) fn whole_set(set: &CodeSet) -> Option<Expected> {
    let codes = set.codes();
    (codes.len() <= WHOLE).then(|| Expected::Code { set: set.id.clone(), near: codes.iter().map(line).collect(), all: true })
}

impl Near {
    /// The expectation of a large set for one value.
    pub(super) fn expected(&mut self, set: &CodeSet, value: &str) -> Expected {
        let key = (set.id.clone(), Box::from(value));
        let near = match self.known.get(&key) {
            Some(near) => near.clone(),
            None if self.known.len() >= SEARCHES => Arc::from([]),
            None => {
                let near = nearest(set, value);
                self.known.insert(key, Arc::clone(&near));
                near
            }
        };
        Expected::Code { set: set.id.clone(), near, all: false }
    }
}

fn nearest(set: &CodeSet, value: &str) -> Arc<[Box<str>]> {
    let folded = fold_label(value);
    let first = folded.chars().next();
    let mut best: Vec<(f64, &Code)> = Vec::new();
    for code in set.codes() {
        // Large sets: only codes and labels that begin like the value are worth measuring.
        let by_code = code.code.chars().next() == value.chars().next();
        let by_label = code.label.chars().any(|c| Some(c) == first);
        let mut score = 0.0;
        if by_code {
            score = strsim::jaro_winkler(value, &code.code);
        }
        if by_label {
            score = f64::max(score, strsim::jaro_winkler(&folded, &fold_label(&code.label)));
        }
        if score >= LIKE && (best.len() < NAMED || best.last().is_some_and(|(worst, _)| score > *worst)) {
            let at = best.partition_point(|(s, _)| *s >= score);
            best.insert(at, (score, code));
            best.truncate(NAMED);
        }
    }
    best.into_iter().map(|(_, code)| line(code)).collect()
}
