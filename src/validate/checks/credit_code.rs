//! Unified social credit codes (GB 32100).

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::{Record, credit_check};
use crate::standard::{FieldIdx, FieldType, Format};
use crate::validate::sink::{Sink, Subject};

struct CreditCodeCheck(Box<[(FieldIdx, Subject)]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let fields = input.plan.indexed().filter(|(_, f)| f.ty == FieldType::Text(Format::CreditCode));
    some(fields.map(|(i, f)| (i, Subject::new(f))).collect(), CreditCodeCheck)
}

impl Check for CreditCodeCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for (field, subject) in &self.0 {
            let Some(text) = text_of(row, *field) else { continue };
            let Some((expected, severity)) = wrong(text) else { continue };
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

/// The organisation code inside (GB 11714). Some registrars' bodies do not follow it, so it is worth a warning only.
fn organisation_fits(code: &[u8]) -> bool {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
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
