//! Telephone numbers. A field for mobile numbers must hold something that can be dialled; what else may stand there
//! (another kind of number, several, a hidden one) is odd only. A field for any number is never wrong, only odd.

use super::{Check, Env, Input, some, text_of};
use crate::finding::{Expected, RuleId, Severity, Text};
use crate::record::Record;
use crate::standard::{FieldIdx, NumberKind};
use crate::validate::sink::{Sink, Subject};

struct Item {
    field: FieldIdx,
    mobile: bool,
    subject: Subject,
}

struct TelephoneCheck(Box<[Item]>);

pub(super) fn compile(input: &Input<'_>) -> Option<Box<dyn Check>> {
    let fields = input.plan.indexed().filter_map(|(field, plan)| {
        let mobile = match plan.number? {
            NumberKind::Mobile => true,
            NumberKind::Telephone => false,
            NumberKind::Organisation => return None,
        };
        Some(Item { field, mobile, subject: Subject::new(plan) })
    });
    some(fields.collect(), TelephoneCheck)
}

impl Check for TelephoneCheck {
    fn row(&self, row: &Record<'_>, _env: &Env<'_>, out: &mut Sink<'_>) {
        for item in &self.0 {
            let Some(text) = text_of(row, item.field) else { continue };
            let Some((severity, expected, fix)) = odd(Line::of(text), item.mobile) else { continue };
            let found = Sink::found(&item.subject, row.get(item.field));
            out.add_with_fix(&item.subject, RuleId::TELEPHONE, severity, found, Expected::Words(expected), fix);
        }
    }
}

/// What a text is, as a telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Eleven digits, the first 1, the second 3 to 9.
    Mobile,
    /// A mobile number of machines or data cards.
    Machine,
    /// A mobile number among other characters: several numbers, or a remark.
    Among,
    /// An area and a number, whatever follows: an extension.
    Fixed,
    /// A number of another country.
    Abroad,
    /// A number of all the country (400, 800), a short or local one.
    Local,
    /// Digits are hidden.
    Masked,
    /// None of these.
    Unknown,
}

/// Mobile ranges that no person calls from: data cards and machines.
const MACHINES: [&[u8]; 5] = [b"145", b"146", b"147", b"148", b"149"];

impl Line {
    fn of(text: &str) -> Self {
        // The common case: nothing to take out.
        if is_mobile(text.as_bytes()) {
            return Self::of_mobile(text.as_bytes());
        }
        if text.contains('*') {
            return Self::Masked;
        }
        let compact: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
        let bare: Vec<u8> = compact.iter().copied().filter(|b| *b != b'-').collect();
        let home = bare.strip_prefix(b"+86").or_else(|| bare.strip_prefix(b"0086"));
        let rest = home.unwrap_or(&bare);
        if is_mobile(rest) {
            return Self::of_mobile(rest);
        }
        if rest.len() == 13 && rest.starts_with(b"86") && is_mobile(&rest[2..]) {
            return Self::of_mobile(&rest[2..]);
        }
        if rest.split(|b| !b.is_ascii_digit()).any(|run| is_mobile(without_country(run))) {
            return Self::Among;
        }
        let fixed = match home {
            Some(rest) => is_fixed(rest) || is_fixed(&[b"0", rest].concat()),
            None => is_fixed(&bare) || is_fixed(&compact),
        };
        match (fixed, home) {
            (true, _) => Self::Fixed,
            (false, Some(_)) => Self::Unknown,
            (false, None) => Self::of_other(&bare),
        }
    }

    fn of_mobile(bytes: &[u8]) -> Self {
        if MACHINES.iter().any(|m| bytes.starts_with(m)) { Self::Machine } else { Self::Mobile }
    }

    fn of_other(bare: &[u8]) -> Self {
        let digits = |bytes: &[u8], least: usize, most: usize| {
            (least..=most).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit)
        };
        let abroad = bare.strip_prefix(b"+").or_else(|| bare.strip_prefix(b"00"));
        if abroad.is_some_and(|rest| digits(rest, 7, 15) && rest[0] != b'0') {
            return Self::Abroad;
        }
        let service = digits(bare, 10, 10) && (bare.starts_with(b"400") || bare.starts_with(b"800"));
        if service || (digits(bare, 5, 8) && bare[0] != b'0') { Self::Local } else { Self::Unknown }
    }
}

/// Eleven digits, the first 1, the second 3 to 9.
fn is_mobile(bytes: &[u8]) -> bool {
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1]) && bytes[2..].iter().all(u8::is_ascii_digit)
}

fn without_country(run: &[u8]) -> &[u8] {
    let rest = run.strip_prefix(b"0086").or_else(|| run.strip_prefix(b"86"));
    rest.unwrap_or(run)
}

/// An area of three or four digits that begins with 0, in brackets or not, a number of seven or eight, and an extension.
fn is_fixed(bytes: &[u8]) -> bool {
    let open = bytes.strip_prefix(b"(").unwrap_or(bytes);
    [3, 4].into_iter().any(|area| {
        let Some((code, rest)) = open.split_at_checked(area) else { return false };
        let rest = rest.strip_prefix(b")").unwrap_or(rest);
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        code[0] == b'0'
            && code.iter().all(u8::is_ascii_digit)
            && (7..=8).contains(&count)
            && rest.first().is_some_and(|b| (b'2'..=b'9').contains(b))
    })
}

/// Why a number is wrong or odd where it stands.
fn odd(line: Line, mobile: bool) -> Option<(Severity, Text, Option<Text>)> {
    let wanted = match mobile {
        true => Text::new("11 位手机号码（首位 1，次位 3 至 9）", "a mobile number of 11 digits, the first 1, the second 3 to 9"),
        false => Text::new("手机号码，或带区号的固定电话号码", "a mobile number, or a fixed line with its area"),
    };
    let (severity, fix) = match line {
        Line::Mobile => return None,
        Line::Fixed | Line::Abroad | Line::Local | Line::Among if !mobile => return None,
        Line::Masked => (Severity::Warning, Some(("号码被打码，请提供完整号码", "the number is masked; give it whole"))),
        Line::Machine => {
            (Severity::Warning, Some(("这是物联网卡或上网卡号段，请核对", "a range of machine or data cards; check it")))
        }
        Line::Among => (Severity::Warning, Some(("只填一个号码，说明写在别处", "give one number only, remarks elsewhere"))),
        Line::Fixed | Line::Local => {
            (Severity::Warning, Some(("像是固定电话或短号", "it looks like a fixed line or a short number")))
        }
        Line::Abroad => (Severity::Warning, Some(("这是境外号码，请核对", "a number of another country; check it"))),
        Line::Unknown if mobile => (Severity::Error, Some(("核对位数与号段", "check the count of digits and the range"))),
        Line::Unknown => (Severity::Warning, None),
    };
    Some((severity, wanted, fix.map(|(zh, en)| Text::new(zh, en))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &[(&str, Line)] = &[
        ("13800000000", Line::Mobile),
        ("19900000000", Line::Mobile),
        ("+8613800000000", Line::Mobile),
        ("+86 138-0000-0000", Line::Mobile),
        ("008613800000000", Line::Mobile),
        ("8613800000000", Line::Mobile),
        ("138 0000 0000", Line::Mobile),
        ("14500000000", Line::Machine),
        ("14800000000", Line::Machine),
        ("13800000000/13900000000", Line::Among),
        ("13800000000（家长）", Line::Among),
        ("010-60000000", Line::Fixed),
        ("(010)60000000", Line::Fixed),
        ("0755-20000000-8001", Line::Fixed),
        ("0755-20000000转8001", Line::Fixed),
        ("(0755)2000000-8001", Line::Fixed),
        ("010-6000-0000", Line::Fixed),
        ("0755 2000000", Line::Fixed),
        ("+86 10 60000000", Line::Fixed),
        ("+85290000000", Line::Abroad),
        ("0085290000000", Line::Abroad),
        ("60000000", Line::Local),
        ("4000000000", Line::Local),
        ("138****0000", Line::Masked),
        ("12800000000", Line::Unknown),
        ("1380000000", Line::Unknown),
        ("138000000000", Line::Unknown),
        ("+8612800000000", Line::Unknown),
        ("１３８００００００００", Line::Unknown),
        ("不详", Line::Unknown),
        ("00000000000", Line::Unknown),
        ("0", Line::Unknown),
    ];

    #[test]
    fn numbers_are_told_apart() {
        for (text, want) in CASES {
            assert_eq!(Line::of(text), *want, "{text}");
        }
    }

    #[test]
    fn a_general_field_refuses_nothing_and_a_mobile_field_only_what_cannot_be_dialled() {
        for (text, line) in CASES {
            let severity = |mobile| odd(*line, mobile).map(|(severity, ..)| severity);
            assert_ne!(severity(false), Some(Severity::Error), "{text}");
            assert_eq!(severity(true) == Some(Severity::Error), *line == Line::Unknown, "{text}");
        }
        assert!(odd(Line::Fixed, false).is_none() && odd(Line::Mobile, true).is_none());
    }
}
