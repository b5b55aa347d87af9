//! Organisation codes (GB 11714), and the unified social credit codes that replaced them: always odd only, as some
//! registrars' bodies do not follow the rule.

use super::credit_code::organisation_fits;
use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::{Record, has_form};
use crate::standard::{FieldIdx, Format, NumberKind};
use crate::validate::sink::{Sink, Subject};

struct OrganisationCheck(Box<[(FieldIdx, Subject)]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let fields = input.plan.indexed().filter(|(_, f)| f.number == Some(NumberKind::Organisation));
    some(fields.map(|(i, f)| (i, Subject::new(f))).collect(), OrganisationCheck)
}

impl Check for OrganisationCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for (field, subject) in &self.0 {
            let Some(text) = text_of(row, *field).filter(|t| !is_organisation(t)) else { continue };
            let expected = Expected::Words(Text::new(
                "校验码正确的 9 位组织机构代码，或 18 位统一社会信用代码",
                "an organisation code of 9 characters, or a credit code of 18, whose check character fits",
            ));
            let found = Sink::found(subject, row.get(*field));
            let fix = text.bytes().any(|b| b.is_ascii_lowercase()).then(|| Text::new("字母应为大写", "letters must be capitals"));
            out.add_with_fix(subject, RuleId::CREDIT_CODE, Severity::Warning, found, expected, fix);
        }
    }
}

/// Nine characters, with or without a hyphen before the last, or a credit code.
fn is_organisation(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.len() {
        9 => organisation_fits(bytes),
        10 if bytes[8] == b'-' => organisation_fits(&[&bytes[..8], &bytes[9..]].concat()),
        _ => has_form(Format::CreditCode, text),
    }
}

#[cfg(test)]
mod tests {
    use super::is_organisation;

    #[test]
    fn check_characters_are_those_computed_by_hand() {
        for good in ["D2143569X", "D2143569-X", "71526726X", "400002259", "9144030071526726XG"] {
            assert!(is_organisation(good), "{good}");
        }
        for bad in ["D21435690", "D2143569x", "71526726", "7152672-6X", "7152672６X", "字字字", "911100001000013428", ""] {
            assert!(!is_organisation(bad), "{bad}");
        }
    }
}
