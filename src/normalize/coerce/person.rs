//! Names and resident identity numbers.

use super::form::rounded;
use super::{Coerced, Trouble, Value, folded, put};
use crate::finding::{Expected, RuleId, Text};
use crate::record::resident_check;

/// The look-alikes of the middle dot in names. All are stored as U+00B7.
fn is_dot(c: char) -> bool {
    matches!(c, '\u{2022}' | '\u{2027}' | '\u{2219}' | '\u{22C5}' | '\u{30FB}' | '\u{FF0E}' | '\u{02D9}' | '\u{FF65}')
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{323AF}' | '\u{F900}'..='\u{FAFF}' | '\u{3007}' | '\u{E000}'..='\u{F8FF}')
}

/// A name: the dot in its one form, padding between Han characters gone, everything else as it stands.
pub(super) fn name(text: &str, out: &mut String) -> Value {
    let touches = text.chars().any(|c| is_dot(c) || c == '.' || c == ' ');
    if !touches {
        return Value::Same;
    }
    out.clear();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let between_han = out.chars().next_back().is_some_and(is_han) && next_is_han(&rest);
        match c {
            c if is_dot(c) => out.push('\u{B7}'),
            '.' if between_han => out.push('\u{B7}'),
            ' ' if between_han => {}
            c => out.push(c),
        }
    }
    if out == text { Value::Same } else { Value::Out }
}

/// Whether the next character that is no blank is a Han character.
fn next_is_han(rest: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    rest.clone().find(|c| *c != ' ').is_some_and(is_han)
}

/// A resident identity number: folded, blanks out, its last letter a capital Latin X. Of 15 digits only where the
/// mapping says that they are to become 18.
pub(super) fn resident_id(text: &str, id15: bool, out: &mut String) -> Coerced {
    let narrow = folded(text);
    let bare = narrow.strip_prefix(['\'', '\u{2019}']).unwrap_or(&narrow);
    if bare.contains(['e', 'E']) && bare.contains('+') {
        return Err(rounded());
    }
    let mut id: String =
        bare.chars().filter(|c| *c != ' ').map(|c| if matches!(c, 'x' | '\u{425}' | '\u{445}') { 'X' } else { c }).collect();
    if id15 && id.len() == 15 && id.bytes().all(|b| b.is_ascii_digit()) {
        id.insert_str(6, "19");
        match resident_check(id.as_bytes()) {
            Some(check) => id.push(char::from(check)),
            None => {
                let want = Expected::Words(Text::new("15 位居民身份证号", "a resident identity number of 15 digits"));
                return Err(Trouble::new(RuleId::COERCION, want));
            }
        }
    }
    Ok(put(&id, text, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_one_dot_and_lose_padding_only() {
        let cases = [
            ("买买提•艾力", "买买提·艾力"),
            ("买买提．艾力", "买买提·艾力"),
            ("买买提.艾力", "买买提·艾力"),
            ("买买提・艾力", "买买提·艾力"),
            ("买买提·艾力", "买买提·艾力"),
            ("张 三", "张三"),
            ("张  三", "张三"),
            ("John R. Smith", "John R. Smith"),
            ("①号", "①号"),
            ("Ａ先生", "Ａ先生"),
            ("𫖯𬭎", "𫖯𬭎"),
        ];
        let mut out = String::new();
        for (given, want) in cases {
            let value = name(given, &mut out);
            let got = if value == Value::Same { given } else { out.as_str() };
            assert_eq!(got, want, "{given}");
        }
    }

    #[test]
    fn old_numbers_become_new_ones_only_when_told() {
        let mut out = String::new();
        assert_eq!(resident_id("110105491231002", true, &mut out), Ok(Value::Out));
        assert_eq!(out, "11010519491231002X");
        assert_eq!(resident_id("610104620927690", true, &mut out), Ok(Value::Out));
        assert_eq!(out, "610104196209276908");
        assert_eq!(resident_id("110105491231002", false, &mut out), Ok(Value::Same));
        assert_eq!(resident_id("1101051949 1231002ｘ", false, &mut out), Ok(Value::Out));
        assert_eq!(out, "11010519491231002X");
        assert!(resident_id("4.40524E+17", false, &mut out).is_err());
    }
}
