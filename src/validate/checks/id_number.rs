//! Resident identity numbers (GB 11643), and what they say about birth and sex.
//!
//! A field of that form must hold one. A free field for identity numbers may hold other papers: there a number of 18
//! digits is held to the rule only when the row's kind of paper says resident identity card, or says nothing.

use std::sync::Arc;

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::{Record, has_form, resident_check, resident_id_is_whole};
use crate::standard::{CodeIdx, CodeSet, FieldIdx, FieldType, Format, Sensitivity, TablePlan};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    strict: bool,
    /// The field that tells the kind of paper, and the code of the resident identity card in it.
    paper: Option<(FieldIdx, Arc<str>)>,
    /// The field that tells the sex, with the codes of men and of women.
    sex: Option<(FieldIdx, Arc<str>, Arc<str>)>,
    birth: Option<FieldIdx>,
    divisions: Option<Arc<CodeSet>>,
    subject: Subject,
}

struct IdNumberCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let plan = input.plan;
    let mut items = Vec::new();
    for (field, f) in plan.indexed() {
        let strict = f.ty == FieldType::Text(Format::ResidentId);
        let free = f.ty == FieldType::Text(Format::Free) && f.sensitivity == Sensitivity::IdNumber;
        if !strict && !free {
            continue;
        }
        items.push(Item {
            field,
            strict,
            paper: labelled(plan, &["居民身份证"]).map(|(i, set, codes)| (i, code(set, codes[0]))),
            sex: labelled(plan, &["男性", "女性"])
                .or_else(|| labelled(plan, &["男", "女"]))
                .map(|(i, set, codes)| (i, code(set, codes[0]), code(set, codes[1]))),
            birth: plan
                .indexed()
                .find(|(_, f)| f.ty == FieldType::Text(Format::Date) && f.label.contains("出生"))
                .map(|(i, _)| i),
            divisions: input.around.divisions.clone(),
            subject: Subject::new(f),
        });
    }
    some(items, IdNumberCheck)
}

fn code(set: &CodeSet, idx: CodeIdx) -> Arc<str> {
    set.get(idx).code.clone()
}

/// The field whose code set has all these labels: what a field means is read from its codes, not from its name.
fn labelled<'a>(plan: &'a TablePlan, labels: &[&str]) -> Option<(FieldIdx, &'a CodeSet, Vec<CodeIdx>)> {
    plan.indexed().find_map(|(i, f)| {
        let set = f.code_set.as_deref()?;
        let codes: Option<Vec<CodeIdx>> = labels.iter().map(|l| set.find_label(l).ok().flatten()).collect();
        Some((i, set, codes?))
    })
}

impl Check for IdNumberCheck {
    fn row(&self, row: &Record<'_>, env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let Some(text) = text_of(row, item.field) else { continue };
            if !item.concerns(row, text) {
                continue;
            }
            if has_form(Format::ResidentId, text) {
                item.consistency(row, text, env, out);
            } else {
                let found = Sink::found(&item.subject, row.get(item.field));
                let expected = Expected::Words(wanted(text.as_bytes()));
                out.add_with_fix(&item.subject, RuleId::ID_NUMBER, Severity::Error, found, expected, fix(text));
            }
        }
    }
}

impl Item {
    fn concerns(&self, row: &Record<'_>, text: &str) -> bool {
        if self.strict {
            return true;
        }
        let says_resident = match &self.paper {
            None => true,
            Some((field, resident)) => row.get(*field).text().is_none_or(|paper| *paper == **resident),
        };
        says_resident && text.len() == 18 && text.as_bytes()[..17].iter().all(u8::is_ascii_digit)
    }

    fn consistency(&self, row: &Record<'_>, text: &str, env: &Env<'_>, out: &mut Sink<'_>) {
        let birth = &text[6..14];
        let mut odd = |severity, zh: &str, en: &str| {
            let found = Sink::found(&self.subject, row.get(self.field));
            out.add(&self.subject, RuleId::ID_NUMBER, severity, found, Expected::Words(Text::new(zh, en)));
        };
        if birth > env.today {
            odd(Severity::Error, "出生日期不晚于今天的身份证件号", "a number whose birth date is not in the future");
        }
        if birth < "19000101" {
            odd(Severity::Warning, "1900 年以后出生者的身份证件号", "a number of somebody born after 1900");
        }
        if let Some(divisions) = &self.divisions {
            // Residence permits of Hong Kong, Macao and Taiwan residents and foreigners' cards have no division.
            let permit = ["81", "82", "83", "9"].iter().any(|p| text.starts_with(p));
            if !permit && divisions.find(&text[..6]).is_none() {
                odd(
                    Severity::Warning,
                    "前六位为已知行政区划的身份证件号",
                    "a number whose first six digits are a known division",
                );
            }
        }
        if let Some((field, man, woman)) = &self.sex {
            let says = if text.as_bytes()[16] % 2 == 1 { man } else { woman };
            let other = if text.as_bytes()[16] % 2 == 1 { woman } else { man };
            if row.get(*field).text().is_some_and(|sex| *sex == **other && *sex != **says) {
                odd(
                    Severity::Warning,
                    "与性别一致的身份证件号（第 17 位奇男偶女）",
                    "a number that agrees with the sex (17th digit odd for men)",
                );
            }
        }
        let differs = self.birth.and_then(|f| text_of(row, f)).is_some_and(|date| date != birth);
        if differs {
            odd(
                Severity::Warning,
                "与出生日期一致的身份证件号（第 7 至 14 位）",
                "a number that agrees with the birth date (digits 7 to 14)",
            );
        }
    }
}

/// Says which part of the number is wrong, never the number.
fn wanted(bytes: &[u8]) -> Text {
    if bytes.len() != 18 {
        return Text::new("18 位居民身份证号", "a resident identity number of 18 characters");
    }
    match resident_check(&bytes[..17]) {
        None => Text::new("前 17 位为数字的居民身份证号", "a resident identity number whose first 17 characters are digits"),
        Some(check) if check == bytes[17] && !resident_id_is_whole(bytes) => {
            Text::new("第 7 至 14 位为真实日期的居民身份证号", "a resident identity number with a real date in digits 7 to 14")
        }
        Some(_) => Text::new("校验码正确的居民身份证号", "a resident identity number whose check character fits"),
    }
}

fn fix(text: &str) -> Option<Text> {
    let bytes = text.as_bytes();
    if text.contains('*') {
        return Some(Text::new("号码被打码，请提供完整号码", "the number is masked; give it whole"));
    }
    if bytes.len() == 18 && text.ends_with('x') {
        return Some(Text::new("末位 x 应为大写 X", "the last x must be a capital X"));
    }
    if bytes.len() == 18 && text.ends_with("000") {
        return Some(Text::new(
            "末三位为 000：很可能被电子表格截断，需重新采集",
            "it ends in 000: most likely rounded by a spreadsheet; collect it again",
        ));
    }
    if bytes.len() == 15 && bytes.iter().all(u8::is_ascii_digit) {
        return Some(Text::new(
            "15 位旧号码：可在映射中设 id15 = true 升为 18 位",
            "an old number of 15 digits: the mapping may say id15 = true to make it 18",
        ));
    }
    let passport = matches!(bytes.len(), 8 | 9) && bytes[0].is_ascii_uppercase();
    passport.then(|| Text::new("像护照或通行证号，请核对证件类型", "it looks like a passport or permit; check the kind of paper"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_part_is_wrong() {
        assert!(wanted(b"123").en.contains("18 characters"));
        assert!(wanted(b"1101051949123100AX").en.contains("digits"));
        assert!(wanted(b"510107199502300013").en.contains("real date"));
        assert!(wanted(b"110105194912310021").en.contains("check character"));
    }
}
