//! Codes: as code, with or without leading zeros, as label, as the school's own word.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Coerced, Room, Trouble, Value, folded, is_digits, put, school_year, without_point_zero};
use crate::finding::{Expected, RuleId};
use crate::normalize::document::Take;
use crate::standard::{CodeIdx, CodeSet, fold_label};

/// How texts become codes of one field's set.
#[derive(Debug)]
pub(in crate::normalize) struct CodeRules {
    set: Arc<CodeSet>,
    aliases: HashMap<Box<str>, CodeIdx>,
    /// Yes and no, where the set has exactly these two.
    truth: Option<(CodeIdx, CodeIdx)>,
    /// The source says that the column holds booleans, so that 1 and 0 are yes and no.
    pub(in crate::normalize) boolean_column: bool,
    /// The lengths of codes that are digits only.
    widths: Box<[usize]>,
    is_term: bool,
}

impl CodeRules {
    /// The rules that the set alone gives.
    pub(super) fn new(set: Arc<CodeSet>, is_term: bool) -> Self {
        let label = |label: &str| set.find_label(label).ok().flatten();
        let truth = label("是").zip(label("否")).filter(|_| set.codes().len() == 2);
        let mut widths: Vec<usize> = set.codes().iter().filter(|c| is_digits(&c.code)).map(|c| c.code.len()).collect();
        widths.sort_unstable();
        widths.dedup();
        Self { set, aliases: HashMap::new(), truth, boolean_column: false, widths: widths.into(), is_term }
    }

    /// Adds a word of the school's own.
    pub(in crate::normalize) fn alias(&mut self, word: &str, code: CodeIdx) {
        self.aliases.insert(word.into(), code);
    }

    /// The set.
    pub(in crate::normalize) fn set(&self) -> &Arc<CodeSet> {
        &self.set
    }

    /// A code's text.
    pub(in crate::normalize) fn text(&self, idx: CodeIdx) -> &str {
        &self.set.get(idx).code
    }

    /// Whether a word stands for nothing elsewhere but means something in this set: 无 for no, or a label.
    pub(in crate::normalize) fn means_something(&self, word: &str) -> bool {
        !word.is_empty()
            && (self.aliases.contains_key(word)
                || self.set.find(word).is_some()
                || self.truth(word).is_some()
                || !matches!(self.set.find_label(word), Ok(None)))
    }

    /// A text as a code. A text that is none is given back as it stands: the code set check reports it.
    pub(super) fn coerce(&self, text: &str, take: Option<Take>, room: &mut Room) -> Coerced {
        if let Some(idx) = self.aliases.get(text).copied() {
            return Ok(Value::Code(idx));
        }
        if take == Some(Take::Term) {
            return self.term(text);
        }
        // Where the source says boolean, its 1 and 0 are truth values, not codes.
        if self.boolean_column
            && let Some(idx) = self.truth(text)
        {
            return Ok(Value::Code(idx));
        }
        if let Some(idx) = self.set.find(text) {
            return Ok(Value::Code(idx));
        }
        let narrow = folded(text);
        let idx = match self.find(&narrow)? {
            None if narrow.as_ref() != text => self.by_label(text)?,
            found => found,
        };
        match idx {
            Some(idx) => Ok(Value::Code(idx)),
            None if self.is_term => self.bare_term(text),
            None => Ok(put(&narrow, text, &mut room.out)),
        }
    }

    fn find(&self, text: &str) -> Result<Option<CodeIdx>, Box<Trouble>> {
        if let Some(idx) = self.set.find(text).or_else(|| self.truth(text)) {
            return Ok(Some(idx));
        }
        let bare = without_point_zero(text.strip_prefix('\'').unwrap_or(text));
        if let Some(idx) = self.set.find(bare) {
            return Ok(Some(idx));
        }
        if is_digits(bare) {
            return self.other_width(bare);
        }
        if let Some(idx) = self.other_case(bare) {
            return Ok(Some(idx));
        }
        if let Some(idx) = self.by_label(text)? {
            return Ok(Some(idx));
        }
        Ok(self.code_and_label(text))
    }

    /// `1` for `01`, `01` for `1`.
    fn other_width(&self, digits: &str) -> Result<Option<CodeIdx>, Box<Trouble>> {
        let stripped = digits.trim_start_matches('0');
        let mut found = None;
        for width in &self.widths {
            if *width < stripped.len() || *width == digits.len() || *width > 16 {
                continue;
            }
            let padded = format!("{stripped:0>width$}");
            if let Some(idx) = self.set.find(&padded) {
                if found.is_some_and(|f| f != idx) {
                    return Err(self.ambiguous().fix("补足前导零", "write the leading zeros"));
                }
                found = Some(idx);
            }
        }
        Ok(found)
    }

    /// Letters of the other case; a final K, which some catalogues append to a major's code.
    fn other_case(&self, text: &str) -> Option<CodeIdx> {
        if !text.is_ascii() {
            return None;
        }
        let upper = text.to_ascii_uppercase();
        let with_k = upper.strip_suffix('K').filter(|t| t.len() >= 4 && is_digits(t));
        self.set
            .find(&upper)
            .or_else(|| self.set.find(&text.to_ascii_lowercase()))
            .or_else(|| with_k.and_then(|t| self.set.find(t)))
    }

    fn by_label(&self, text: &str) -> Result<Option<CodeIdx>, Box<Trouble>> {
        let many = |_| self.ambiguous().fix("该名称对应多个代码，请直接给代码", "several codes bear this label; give the code");
        if let Some(idx) = self.set.find_label(text).map_err(many)? {
            return Ok(Some(idx));
        }
        // 男 for 男性, 汉 for 汉族.
        for ending in ["性", "族"] {
            if let Ok(Some(idx)) = self.set.find_label(&format!("{text}{ending}")) {
                return Ok(Some(idx));
            }
        }
        Ok(None)
    }

    /// `01 汉族`, `01-汉族`, `汉族(01)`: both must agree.
    fn code_and_label(&self, text: &str) -> Option<CodeIdx> {
        let agree = |code: &str, label: &str| {
            let idx = self.set.find(code.trim())?;
            (fold_label(&self.set.get(idx).label) == fold_label(label)).then_some(idx)
        };
        if let Some((label, code)) = text.strip_suffix(')').and_then(|t| t.rsplit_once('('))
            && let Some(idx) = agree(code, label)
        {
            return Some(idx);
        }
        let (code, label) = text.split_once([' ', '-', '|', ':', '.', '_'])?;
        agree(code, label).or_else(|| agree(label, code))
    }

    fn truth(&self, text: &str) -> Option<CodeIdx> {
        let (yes, no) = self.truth?;
        match text {
            "是" | "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "Y" | "y" | "√" | "✓" | "✔" | "有" | "T" | "t" => {
                Some(yes)
            }
            "否" | "false" | "False" | "FALSE" | "no" | "No" | "NO" | "N" | "n" | "×" | "✗" | "✘" | "无" | "F" | "f" => {
                Some(no)
            }
            "1" if self.boolean_column => Some(yes),
            "0" if self.boolean_column => Some(no),
            _ => None,
        }
    }

    fn term(&self, text: &str) -> Coerced {
        let digit = school_year::term_of(text)?;
        let padded = format!("0{digit}");
        match self.set.find(digit).or_else(|| self.set.find(&padded)) {
            Some(idx) => Ok(Value::Code(idx)),
            None => Err(Trouble::new(RuleId::COERCION, self.expected())),
        }
    }

    /// A term in words; a school year in front of it would be lost.
    fn bare_term(&self, text: &str) -> Coerced {
        match school_year::term_of(text) {
            Err(_) => Ok(Value::Same),
            Ok(_) if school_year::names_year(text) => Err(Trouble::new(RuleId::LOSSY, self.expected()).fix(
                "学年会丢失；如确要舍去，在映射中写 take = \"term\"",
                "the school year would be lost; if it may go, the mapping says take = \"term\"",
            )),
            Ok(_) => self.term(text),
        }
    }

    fn expected(&self) -> Expected {
        Expected::Code { set: self.set.id.clone(), near: Arc::from([]), all: false }
    }

    fn ambiguous(&self) -> Box<Trouble> {
        Trouble::new(RuleId::AMBIGUOUS, self.expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::Code;

    fn set(rows: &[(&str, &str)]) -> Arc<CodeSet> {
        let rows = rows.iter().map(|(code, label)| Code { code: (*code).into(), label: (*label).into() });
        Arc::new(CodeSet::new("S", "集", true, rows))
    }

    fn run(rules: &CodeRules, text: &str) -> Result<Option<String>, RuleId> {
        match rules.coerce(text, None, &mut Room::default()) {
            Ok(Value::Code(idx)) => Ok(Some(rules.text(idx).to_owned())),
            Ok(_) => Ok(None),
            Err(trouble) => Err(trouble.rule),
        }
    }

    #[test]
    fn codes_in_the_ways_that_schools_give_them() {
        let mut rules =
            CodeRules::new(set(&[("01", "汉族"), ("02", "蒙古族"), ("97", "其他（未列）"), ("520101", "石油")]), false);
        rules.alias("Han", CodeIdx(0));
        let cases = [
            ("01", Some("01")),
            ("1", Some("01")),
            ("001", Some("01")),
            ("1.0", Some("01")),
            ("０１", Some("01")),
            ("汉族", Some("01")),
            ("汉", Some("01")),
            ("Han", Some("01")),
            ("其它(未列)", Some("97")),
            ("01 汉族", Some("01")),
            ("汉族(01)", Some("01")),
            ("01 蒙古族", None),
            ("520101K", Some("520101")),
            ("03", None),
            ("汉人", None),
        ];
        for (text, want) in cases {
            assert_eq!(run(&rules, text), Ok(want.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn one_label_for_two_codes_is_not_decided() {
        let rules = CodeRules::new(set(&[("1", "甲"), ("2", "甲"), ("01", "乙"), ("001", "丙")]), false);
        assert_eq!(run(&rules, "甲"), Err(RuleId::AMBIGUOUS));
        assert_eq!(run(&rules, "1"), Ok(Some("1".to_owned())));
        assert_eq!(run(&rules, "0001"), Err(RuleId::AMBIGUOUS));
    }

    #[test]
    fn booleans_in_words() {
        let rules = CodeRules::new(set(&[("1", "是"), ("2", "否")]), false);
        for text in ["是", "true", "YES", "Y", "√", "有", "T", "1"] {
            assert_eq!(run(&rules, text), Ok(Some("1".to_owned())), "{text}");
        }
        for text in ["否", "false", "N", "×", "无", "2"] {
            assert_eq!(run(&rules, text), Ok(Some("2".to_owned())), "{text}");
        }
        assert_eq!(run(&rules, "0"), Ok(None));
        let mut of_booleans = CodeRules::new(set(&[("0", "是"), ("1", "否")]), false);
        of_booleans.boolean_column = true;
        assert_eq!(run(&of_booleans, "1"), Ok(Some("0".to_owned())));
        assert!(rules.means_something("无") && !rules.means_something("-"));
    }
}
