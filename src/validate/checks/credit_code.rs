//! Unified social credit codes (GB 32100).

use std::sync::Arc;

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::{Record, credit_check};
use crate::standard::{CodeSet, FieldIdx, FieldType, Format};
use crate::validate::sink::{Sink, Subject};

struct CreditCodeCheck {
    fields: Box<[(FieldIdx, Subject)]>,
    registry: Registry,
}

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let fields = input.plan.indexed().filter(|(_, f)| f.ty == FieldType::Text(Format::CreditCode));
    let registry = Registry { registrars: input.around.registrars.clone(), divisions: input.around.divisions.clone() };
    some(fields.map(|(i, f)| (i, Subject::new(f))).collect(), |fields| CreditCodeCheck { fields, registry })
}

impl Check for CreditCodeCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for (field, subject) in &self.fields {
            let Some(text) = text_of(row, *field) else { continue };
            let Some((expected, severity)) = wrong(text).or_else(|| self.registry.odd(text)) else { continue };
            let found = Sink::found(subject, row.get(*field));
            out.add_with_fix(subject, RuleId::CREDIT_CODE, severity, found, Expected::Words(expected), fix(text));
        }
    }
}

fn wrong(text: &str) -> Option<(Text, Severity)> {
    let bytes = text.as_bytes();
    if bytes.len() != 18 {
        return Some((Text::new("18 位统一社会信用代码", "a unified social credit code of 18 characters"), Severity::Error));
    }
    match credit_check(&bytes[..17]) {
        None => Some((
            Text::new(
                "由 0-9 与不含 I、O、S、V、Z 的大写字母组成的统一社会信用代码",
                "a credit code of digits and capitals without I, O, S, V, Z",
            ),
            Severity::Error,
        )),
        Some(check) if check != bytes[17] => Some((
            Text::new("校验码正确的统一社会信用代码", "a unified social credit code whose check character fits"),
            Severity::Error,
        )),
        Some(_) if !organisation_fits(&bytes[8..17]) => Some((
            Text::new(
                "内含组织机构代码校验码正确的统一社会信用代码",
                "a credit code whose inner organisation code fits its check character",
            ),
            Severity::Warning,
        )),
        Some(_) => None,
    }
}

/// Who registers organisations, and where: what the first eight characters say. Both lists grow, so nothing is an error.
struct Registry {
    registrars: Option<Arc<CodeSet>>,
    divisions: Option<Arc<CodeSet>>,
}

/// Registrars of the whole country, which is no division.
const NATIONAL: &str = "100000";

impl Registry {
    /// What is odd about a code whose check character fits.
    fn odd(&self, text: &str) -> Option<(Text, Severity)> {
        let stranger = |set: &Option<Arc<CodeSet>>, code: &str| set.as_ref().is_some_and(|s| s.find(code).is_none());
        if stranger(&self.registrars, &text[..2]) {
            return Some((
                Text::new(
                    "首两位为已知登记管理部门与机构类别的统一社会信用代码",
                    "a credit code whose first two characters are a known registrar and category",
                ),
                Severity::Warning,
            ));
        }
        let division = &text[2..8];
        if division != NATIONAL
            && stranger(&self.divisions, division)
            && stranger(&self.divisions, &format!("{}00", &division[..4]))
        {
            return Some((
                Text::new(
                    "第 3 至 8 位为已知行政区划的统一社会信用代码",
                    "a credit code whose characters 3 to 8 are a known division",
                ),
                Severity::Hint,
            ));
        }
        None
    }
}

/// The organisation code inside (GB 11714). Some registrars' bodies do not follow it, so it is worth a warning only.
pub(super) fn organisation_fits(code: &[u8]) -> bool {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    if code.len() != 9 || !code[..8].iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
        return false;
    }
    let value = |b: u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b) - 55 };
    let sum: u32 = code.iter().zip(WEIGHTS).map(|(b, w)| value(*b) * w).sum();
    b"0X987654321"[(sum % 11) as usize] == code[8]
}

fn fix(text: &str) -> Option<Text> {
    if text.len() == 15 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Text::new("这像是 15 位的旧营业执照注册号", "this looks like an old business licence number of 15 digits"));
    }
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Some(Text::new("字母应为大写", "letters must be capitals"));
    }
    if text.bytes().any(|b| matches!(b, b'I' | b'O' | b'Z' | b'S')) {
        return Some(Text::new("字母 I、O、Z、S 多为数字 1、0、2、5 之误", "I, O, Z, S mostly stand for 1, 0, 2, 5"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_registrars_are_odd_and_strange_divisions_worth_a_hint() {
        let set = |codes: &[&str]| {
            let rows = codes.iter().map(|c| crate::standard::Code { code: (*c).into(), label: "".into() });
            Some(Arc::new(CodeSet::new("s", "s", false, rows.collect::<Vec<_>>())))
        };
        let registry = Registry { registrars: set(&["12", "91"]), divisions: set(&["440300", "350100"]) };
        let severity = |code: &str| registry.odd(code).map(|o| o.1);
        assert_eq!(severity("9144030071526726XG"), None);
        assert_eq!(severity("12100000400002259P"), None);
        // A county of a known prefecture.
        assert_eq!(severity("91350199M000100Y43"), None);
        assert_eq!(severity("91999900M000100Y43"), Some(Severity::Hint));
        assert_eq!(severity("Z144030071526726XG"), Some(Severity::Warning));
    }

    #[test]
    fn the_organisation_code_inside_is_worth_a_warning() {
        assert!(wrong("9144030071526726XG").is_none());
        assert!(wrong("12100000400002259P").is_none());
        assert!(wrong("91350100M000100Y43").is_none());
        assert_eq!(wrong("911100001000013428").map(|w| w.1), Some(Severity::Error));
        assert_eq!(
            wrong("12440300123456788T").map(|w| w.1),
            Some(Severity::Warning).filter(|_| !organisation_fits(b"123456788"))
        );
        assert_eq!(wrong("123").map(|w| w.1), Some(Severity::Error));
    }
}
