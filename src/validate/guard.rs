//! One cell, looked at once: whether there is nothing to find fault with.
//!
//! Most cells are good, and most checks look at one cell. What all of them demand of it is gathered in one guard a
//! field. A cell that a guard lets pass is good; about the others the checks are asked one by one, as they know what to say.

use std::sync::Arc;

use super::damage::Damage;
use crate::record::{ValueRef, has_form, is_blank};
use crate::standard::{CodeSet, Format};

/// What the checks of single cells demand of one field. As it begins, it demands nothing.
pub(super) struct Guard {
    /// There must be a value.
    pub(super) mandatory: bool,
    /// It is a number, or else a text.
    pub(super) numeric: bool,
    /// Longest text, in characters.
    pub(super) longest: usize,
    /// The form of a text.
    pub(super) format: Format,
    /// It was not decoded wrongly.
    pub(super) sound: bool,
    /// Most digits of a number before its point.
    pub(super) whole: usize,
    /// Most digits of a number behind its point.
    pub(super) scale: usize,
    /// The set that values are of, and what separates several of them.
    pub(super) set: Option<(Arc<CodeSet>, Option<Arc<str>>)>,
    /// Whether every code of the field's set is good, so that a code found already need not be looked at.
    codes_are_good: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            mandatory: false,
            numeric: false,
            longest: usize::MAX,
            format: Format::Free,
            sound: false,
            whole: usize::MAX,
            scale: usize::MAX,
            set: None,
            codes_are_good: false,
        }
    }
}

impl Guard {
    /// The guard ready for use, once every check has said what it demands. `codes` is the field's set.
    pub(super) fn ready(mut self, codes: Option<&CodeSet>) -> Self {
        let good = |code: &str| !is_blank(code) && self.fits(code) && has_form(self.format, code) && self.is_sound(code);
        self.codes_are_good = !self.numeric && codes.is_some_and(|set| set.codes().iter().all(|code| good(&code.code)));
        self
    }

    /// Whether no check finds anything in a cell. False says that they must be asked.
    #[inline]
    pub(super) fn passes(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Null => !self.mandatory,
            ValueRef::Faulted => true,
            ValueRef::Code(..) => self.codes_are_good,
            ValueRef::Text(text) => self.text(text),
            ValueRef::Number(text) => self.numeric && self.digits(text) && self.is_of_set(text),
        }
    }

    #[inline]
    fn text(&self, text: &str) -> bool {
        if self.numeric {
            return false;
        }
        if is_blank(text) {
            return !self.mandatory;
        }
        let formed = self.format == Format::Free || has_form(self.format, text);
        formed && self.fits(text) && self.is_sound(text) && self.is_of_set(text)
    }

    #[inline]
    fn is_sound(&self, text: &str) -> bool {
        !self.sound || Damage::of(text).is_none()
    }

    /// A character has at least one byte, so most texts need no counting.
    #[inline]
    fn fits(&self, text: &str) -> bool {
        text.len() <= self.longest || text.chars().count() <= self.longest
    }

    fn digits(&self, text: &str) -> bool {
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let whole = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
        let scale = (digits.len() - whole).saturating_sub(1);
        // The one zero before the point is no digit of the number.
        (whole <= self.whole || digits[..whole] == *b"0") && scale <= self.scale
    }

    #[inline]
    fn is_of_set(&self, text: &str) -> bool {
        match &self.set {
            None => true,
            Some((set, None)) => set.find(text).is_some(),
            Some((set, Some(separator))) => text.split(&**separator).all(|part| set.find(part).is_some()),
        }
    }
}
