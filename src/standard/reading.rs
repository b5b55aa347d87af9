//! What `x-number` and `x-person` mean, and which texts have lost characters: the reading that the oracle goes by. It is
//! written apart from the checks on purpose, from the standards' words and with patterns in place of kernels.

use std::sync::LazyLock;

use jsonschema::{Keyword, ValidationError};
use regex::Regex;
use serde_json::{Map, Value};

use super::{Format, Paper, form};

/// A constant pattern; one that does not compile matches nothing, and the tests below see it.
struct Pattern(LazyLock<Option<Regex>>);

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|p| p.is_match(text))
    }
}

/// A mobile number anywhere in a text, with or without the country's number.
static MOBILE: Pattern = Pattern(LazyLock::new(|| Regex::new("(?:^|[^0-9])(?:86|0086)?1[3-9][0-9]{9}(?:[^0-9]|$)").ok()));
/// A number of another country, a number for all of the country, a short or local one.
static OTHER: Pattern =
    Pattern(LazyLock::new(|| Regex::new(r"^(?:(?:\+|00)[1-9][0-9]{6,14}|[48]00[0-9]{7}|[1-9][0-9]{4,7})$").ok()));
/// A fixed line with its area, whatever follows.
static FIXED: Pattern = Pattern(LazyLock::new(|| Regex::new(r"^\(?0[0-9]{2,3}\)?-?[2-9][0-9]{6,7}(?:[^0-9](?s:.*))?$").ok()));
/// Numbers of papers other than the resident identity card.
static PAPER: Pattern = Pattern(LazyLock::new(|| {
    let pattern = "^(?:[0-9]{8}|1[45][0-9]{7}|[A-Za-z][0-9]{7,8}|[HMhm][0-9]{10}|[A-Za-z]{2}[0-9]{7}|[A-Za-z]{3}[0-9]{12})$";
    Regex::new(pattern).ok()
}));

/// Whether characters of the text are gone for good: U+FFFD, and what two of them look like when read as GBK.
pub(super) fn has_lost(text: &str) -> bool {
    text.contains('\u{FFFD}') || text.contains("锟斤拷")
}

/// Whether a text may stand where a mobile number belongs: one is in it, or it is another telephone number, or masked.
pub(super) fn may_be_mobile(text: &str) -> bool {
    if text.contains('*') {
        return true;
    }
    let compact = text.replace(' ', "");
    let bare = compact.replace('-', "");
    match bare.strip_prefix("+86").or_else(|| bare.strip_prefix("0086")) {
        Some(home) => MOBILE.fits(home) || FIXED.fits(home) || FIXED.fits(&format!("0{home}")),
        None => MOBILE.fits(&bare) || FIXED.fits(&bare) || FIXED.fits(&compact) || OTHER.fits(&bare),
    }
}

/// `x-person`: a number that is said to be of a resident identity card, or looks like one where nothing is said.
pub(super) struct Person {
    number: String,
    paper: Option<String>,
    resident: Vec<String>,
    /// The field's own form says more already.
    has_form: bool,
}

impl Person {
    /// Reads the keyword of a document.
    pub(super) fn of(document: &Map<String, Value>, keyword: &Value) -> Self {
        let name = |part: &str| keyword.get(part).and_then(Value::as_str).map(str::to_owned);
        let papers = keyword.get("papers").and_then(Value::as_object);
        let resident = |p: &Value| p.as_str().and_then(Paper::from_name) == Some(Paper::Resident);
        let number = name("number").unwrap_or_default();
        let has_form = document.get("properties").and_then(|p| p.get(&number)).is_some_and(|f| f.get("format").is_some());
        Self {
            has_form,
            number,
            paper: name("paper"),
            resident: papers.into_iter().flatten().filter(|(_, p)| resident(p)).map(|(code, _)| code.clone()).collect(),
        }
    }

    fn holds(&self, row: &Value) -> bool {
        let text = |name: &str| row.get(name).and_then(Value::as_str).filter(|t| !t.trim().is_empty());
        let Some(number) = text(&self.number).filter(|_| !self.has_form) else { return true };
        let whole = form::fits(Format::ResidentId, number);
        match self.paper.as_deref().and_then(text) {
            Some(code) if self.resident.iter().any(|r| r == code) => {
                whole || number.contains('*') || old_resident(number) || PAPER.fits(number)
            }
            Some(_) => true,
            None => whole || !eighteen(number),
        }
    }
}

impl<'i> Keyword<'i> for Person {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.holds(instance) { Ok(()) } else { Err(ValidationError::custom("no such identity number can be right")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.holds(instance)
    }
}

/// 18 characters of which the first 17 are digits.
fn eighteen(text: &str) -> bool {
    text.len() == 18 && text.bytes().take(17).all(|b| b.is_ascii_digit())
}

/// A number of 15 digits, as given before 1999.
fn old_resident(text: &str) -> bool {
    text.len() == 15 && text.bytes().all(|b| b.is_ascii_digit()) && form::fits(Format::Date, &format!("19{}", &text[6..12]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile_and_tell_numbers_apart() {
        for good in ["13800000000", "+86 138-0000-0000", "138****0000", "+85291234567", "010-62345678", "13800000000/13900000000"]
        {
            assert!(may_be_mobile(good), "{good}");
        }
        for bad in ["12800000000", "1380000000", "138000000000", "无此号码", "+8612800000000"] {
            assert!(!may_be_mobile(bad), "{bad}");
        }
        assert!(PAPER.fits("EF0000000") && !PAPER.fits("E0000000000"));
        assert!(old_resident("110105491231002") && !old_resident("110105491331002"));
    }
}
