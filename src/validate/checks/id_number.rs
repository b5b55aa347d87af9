//! Numbers of identity papers (GB 11643 and others), and what they say about birth, sex and age.
//!
//! A field of the form must hold a resident identity number. A free field may hold other papers: there a number is held
//! to the rule when the kind of paper says resident identity card, or when nothing is said and it is 18 digits long. A
//! number that fits another paper than the one named is odd, not wrong: the kind is more likely mistaken.

use std::sync::Arc;

use super::{Check, Env, Input, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::Record;
use crate::standard::{CodeSet, FieldIdx, FieldPlan, FieldType, Format, Paper, PersonPlan};
use crate::validate::paper::{Looks, fix, is_meant_as_resident, wanted};
use crate::validate::sink::{Sink, Subject};

struct IdNumberCheck {
    person: PersonPlan,
    /// The field's own form allows nothing but resident identity numbers.
    strict: bool,
    /// The field that tells the sex, with the codes of men and of women.
    sex: Option<(FieldIdx, Arc<str>, Arc<str>)>,
    divisions: Option<Arc<CodeSet>>,
    subject: Subject,
}

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let person = input.plan.person.clone()?;
    let number = input.plan.field(person.number);
    Some(Box::new(IdNumberCheck {
        strict: number.ty == FieldType::Text(Format::ResidentId),
        sex: person.sex.and_then(|field| sexes(field, input.plan.field(field))),
        divisions: input.around.divisions.clone(),
        subject: Subject::new(number),
        person,
    }))
}

/// The codes of men and of women in the field's set.
fn sexes(field: FieldIdx, plan: &FieldPlan) -> Option<(FieldIdx, Arc<str>, Arc<str>)> {
    let set = plan.code_set.as_ref()?;
    let code = |labels: [&str; 2]| {
        let found = labels.iter().find_map(|l| set.find_label(l).ok().flatten())?;
        Some(set.get(found).code.clone())
    };
    Some((field, code(["男性", "男"])?, code(["女性", "女"])?))
}

impl Check for IdNumberCheck {
    fn row(&self, row: &Record<'_>, env: &Env<'_>, out: &mut Sink<'_>) {
        let number = text_of(row, self.person.number);
        let mut looks = None;
        if let Some(text) = number {
            let found = Looks::of(text);
            looks = Some(found);
            let paper = self.paper(row);
            if let Some((severity, expected, fix)) = odd_for(self.strict, paper, found, text) {
                self.report(row, severity, expected, fix, out);
            }
            if found.is_eighteen() {
                self.agreement(row, text, found, env, out);
            }
        }
        let born = self.person.birth.and_then(|f| text_of(row, f)).filter(|d| is_day(d)).or_else(|| match (number, looks) {
            (Some(text), Some(looks)) if looks.is_eighteen() => Some(&text[6..14]),
            _ => None,
        });
        if let (Some((least, most)), Some(born)) = (self.person.ages, born) {
            self.age(row, (least, most), age(born, env.today), out);
        }
    }
}

/// What the row says about its paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Nothing.
    Nothing,
    /// A kind.
    Paper(Paper),
    /// A code of the school's own, or of a later print.
    Stranger,
}

/// Why a number cannot be that of the paper, or is odd for it.
fn odd_for(strict: bool, said: Said, looks: Looks, text: &str) -> Option<(Severity, Text, Option<Text>)> {
    let resident = |severity| Some((severity, wanted(text.as_bytes()), fix(text, looks)));
    match said {
        _ if strict && !is_whole(looks, text) => resident(Severity::Error),
        _ if strict => None,
        Said::Stranger => None,
        Said::Nothing if is_meant_as_resident(text) && !is_whole(looks, text) => resident(Severity::Error),
        Said::Nothing if looks == Looks::Masked => resident(Severity::Warning),
        Said::Nothing => None,
        Said::Paper(paper) if looks == Looks::OldResident && paper == Paper::Resident => resident(Severity::Warning),
        Said::Paper(paper) if looks.fits(paper, text) => None,
        Said::Paper(Paper::Resident) => match looks {
            Looks::Masked => resident(Severity::Warning),
            Looks::Unknown => resident(Severity::Error),
            _ => resident(Severity::Warning),
        },
        Said::Paper(_) => {
            let expected = Text::new("与证件类型相符的证件号", "a number that fits the kind of paper");
            Some((Severity::Warning, expected, fix(text, looks)))
        }
    }
}

/// Whether the check character and the date of a resident identity number, or of a number of the same form, are right.
fn is_whole(looks: Looks, text: &str) -> bool {
    looks.is_eighteen() || (looks == Looks::ForeignPermanent && text.len() == 18)
}

fn is_day(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whole years between two days `YYYYMMDD`; `None` when the first comes after the second.
fn age(born: &str, today: &str) -> Option<u32> {
    let (born, today): (u32, u32) = (born.parse().ok()?, today.parse().ok()?);
    today.checked_sub(born).map(|days| days / 10_000)
}

impl IdNumberCheck {
    fn paper(&self, row: &Record<'_>) -> Said {
        match self.person.paper.and_then(|field| text_of(row, field)) {
            None => Said::Nothing,
            Some(code) => self.person.paper_of(code).map_or(Said::Stranger, Said::Paper),
        }
    }

    fn report(&self, row: &Record<'_>, severity: Severity, expected: Text, fix: Option<Text>, out: &mut Sink<'_>) {
        let found = Sink::found(&self.subject, row.get(self.person.number));
        out.add_with_fix(&self.subject, RuleId::ID_NUMBER, severity, found, Expected::Words(expected), fix);
    }

    /// What a whole number says about the person, against today and the rest of the row.
    fn agreement(&self, row: &Record<'_>, text: &str, looks: Looks, env: &Env<'_>, out: &mut Sink<'_>) {
        let birth = &text[6..14];
        let mut odd = |severity, zh: &str, en: &str| self.report(row, severity, Text::new(zh, en), None, out);
        if birth > env.today {
            odd(Severity::Error, "出生日期不晚于今天的身份证件号", "a number whose birth date is not in the future");
        }
        if birth < "19000101" {
            odd(Severity::Warning, "1900 年以后出生者的身份证件号", "a number of somebody born after 1900");
        }
        match self.division(&text[..6], &birth[..4]) {
            // The six digits of residence permits are no divisions.
            _ if looks != Looks::Resident => {}
            Division::Unknown => {
                odd(Severity::Warning, "前六位为已知行政区划的身份证件号", "a number whose first six digits are a known division")
            }
            Division::Retired => odd(
                Severity::Warning,
                "前六位在出生时仍有效的身份证件号（号码在出生后编定，该区划此前已撤销）",
                "a number whose division was still there at birth (numbers are given after birth)",
            ),
            Division::Good => {}
        }
        if let Some((field, man, woman)) = &self.sex {
            let other = if text.as_bytes()[16] % 2 == 1 { woman } else { man };
            if row.get(*field).text().is_some_and(|sex| *sex == **other) {
                odd(
                    Severity::Warning,
                    "与性别一致的身份证件号（第 17 位奇男偶女）",
                    "a number that agrees with the sex (17th digit odd for men)",
                );
            }
        }
        if self.person.birth.and_then(|f| text_of(row, f)).is_some_and(|date| date != birth) {
            odd(
                Severity::Warning,
                "与出生日期一致的身份证件号（第 7 至 14 位）",
                "a number that agrees with the birth date (digits 7 to 14)",
            );
        }
    }

    fn division(&self, code: &str, born: &str) -> Division {
        let Some(divisions) = &self.divisions else { return Division::Good };
        let Some(known) = divisions.find(code) else { return Division::Unknown };
        // The last list with the code is of the end of a year: it went during the year after.
        let gone = divisions.ended(known).zip(born.parse::<u16>().ok()).is_some_and(|(last, born)| born > last + 1);
        if gone { Division::Retired } else { Division::Good }
    }

    fn age(&self, row: &Record<'_>, (least, most): (u8, u8), age: Option<u32>, out: &mut Sink<'_>) {
        let plausible = age.is_none_or(|age| (u32::from(least)..=u32::from(most)).contains(&age));
        if plausible {
            return;
        }
        let expected = Text::new(
            format!("{least} 至 {most} 岁的人，请核对出生日期与证件号"),
            format!("somebody aged {least} to {most}; check the birth date and the number"),
        );
        self.report(row, Severity::Warning, expected, None, out);
    }
}

/// What the first six digits of a number are.
enum Division {
    Good,
    Unknown,
    Retired,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_right_is_an_error() {
        use Severity::{Error, Warning};
        let paper = Said::Paper;
        let cases = [
            (false, Said::Nothing, "11010519491231002X", None),
            (false, Said::Nothing, "110105194912310021", Some(Error)),
            (false, Said::Nothing, "510107199502300013", Some(Error)),
            (false, Said::Nothing, "11010519491231002x", Some(Error)),
            (false, Said::Nothing, "1101051949123100AX", None),
            (false, Said::Nothing, "EF0000000", None),
            (false, Said::Nothing, "110105491231002", None),
            (false, Said::Nothing, "110105********002X", Some(Warning)),
            (false, Said::Nothing, "911124198108030024", None),
            (false, paper(Paper::Resident), "11010519491231002X", None),
            (false, paper(Paper::Resident), "11010519491231002X ", Some(Error)),
            (false, paper(Paper::Resident), "１１０１０５１９４９１２３１００２Ｘ", Some(Error)),
            (false, paper(Paper::Resident), "110105491231002", Some(Warning)),
            (false, paper(Paper::Resident), "110105491331002", Some(Error)),
            (false, paper(Paper::Resident), "EF0000000", Some(Warning)),
            (false, paper(Paper::Resident), "CAN110100000000", Some(Warning)),
            (false, paper(Paper::Resident), "911124198108030024", Some(Warning)),
            (false, paper(Paper::Resident), "810000199408230021", Some(Warning)),
            (false, paper(Paper::Resident), "1234", Some(Error)),
            (false, paper(Paper::Passport), "EF0000000", None),
            (false, paper(Paper::Passport), "11010519491231002X", Some(Warning)),
            (false, paper(Paper::Passport), "110105194912310021", Some(Warning)),
            (false, paper(Paper::Other), "任意文字", None),
            (false, Said::Stranger, "110105194912310021", None),
            (true, Said::Nothing, "EF0000000", Some(Error)),
            (true, Said::Nothing, "110105491231002", Some(Error)),
            (true, Said::Nothing, "911124198108030024", None),
            (true, Said::Nothing, "11010519491231002X", None),
        ];
        for (strict, said, text, want) in cases {
            let found = odd_for(strict, said, Looks::of(text), text).map(|(severity, ..)| severity);
            assert_eq!(found, want, "{strict} {said:?} {text}");
        }
    }

    #[test]
    fn ages_are_whole_years() {
        assert_eq!(age("20000229", "20250228"), Some(24));
        assert_eq!(age("20000229", "20250301"), Some(25));
        assert_eq!(age("20250102", "20250101"), None);
    }
}
