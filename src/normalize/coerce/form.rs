//! Numbers of things, codes with a check character, periods, addresses of the web.

use super::{Coerced, Trouble, Value, folded, is_digits, person, put, without_point_zero};
use crate::finding::{Expected, RuleId, Text};
use crate::standard::Format;

/// The trouble of a number that a spreadsheet has rounded.
pub(super) fn rounded() -> Box<Trouble> {
    let whole = Text::new("完整的号码", "the whole number");
    Trouble::new(RuleId::LOSSY, Expected::Words(whole)).fix(
        "电子表格已丢失数字：把该列设为文本后重新导出",
        "a spreadsheet has lost digits: make the column text and export again",
    )
}

/// Whether a text is a number in scientific notation, as spreadsheets show long numbers.
fn is_scientific(text: &str) -> bool {
    let Some(at) = text.bytes().position(|b| matches!(b, b'e' | b'E')) else { return false };
    let (mantissa, exponent) = (&text[..at], &text[at + 1..]);
    let Some(exponent) = exponent.strip_prefix('+') else { return false };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    is_digits(whole) && is_digits(fraction) && is_digits(exponent)
}

/// The number without the apostrophe that keeps spreadsheets from reading it as one.
fn without_apostrophe(text: &str) -> &str {
    match text.strip_prefix(['\'', '\u{2019}', '`']) {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()) => rest,
        _ => text,
    }
}

/// A student number, a course number, a telephone number: folded, otherwise as it stands.
pub(super) fn number_of_thing(text: &str, id15: bool, out: &mut String) -> Coerced {
    let narrow = folded(text);
    if is_scientific(&narrow) {
        return Err(rounded());
    }
    let bare = without_apostrophe(&narrow);
    if id15 && bare.len() == 15 {
        return person::resident_id(bare, true, out);
    }
    Ok(put(bare, text, out))
}

/// A mobile number: its eleven digits, without the country's number, blanks and hyphens. Anything else stands as a number.
pub(super) fn mobile(text: &str, out: &mut String) -> Coerced {
    let narrow = folded(text);
    if is_scientific(&narrow) {
        return Err(rounded());
    }
    let bare = without_point_zero(without_apostrophe(&narrow));
    let digits: String = bare.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let prefix = ["+86", "0086", "86"].into_iter().find_map(|country| digits.strip_prefix(country));
    let number = prefix.filter(|rest| rest.len() == 11).unwrap_or(&digits);
    let is_mobile = number.len() == 11 && is_digits(number) && number.starts_with('1');
    Ok(put(if is_mobile { number } else { bare }, text, out))
}

/// A text of fixed letters and digits: folded, otherwise as it stands.
pub(super) fn fixed(text: &str, out: &mut String) -> Coerced {
    let narrow = folded(text);
    Ok(put(without_apostrophe(&narrow), text, out))
}

/// Digits only.
pub(super) fn digits(text: &str, out: &mut String) -> Coerced {
    let narrow = folded(text);
    if is_scientific(&narrow) {
        return Err(rounded());
    }
    Ok(put(without_point_zero(without_apostrophe(&narrow)), text, out))
}

/// A credit code: capitals, no blanks, no hyphen.
pub(super) fn credit_code(text: &str, out: &mut String) -> Coerced {
    let narrow = folded(text);
    let bare = without_apostrophe(&narrow);
    if is_scientific(bare) {
        return Err(rounded());
    }
    if !bare.is_ascii() {
        // No credit code: taking characters out of it would let others join, and hide what was there.
        return Ok(put(bare, text, out));
    }
    let code: String = bare.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).collect();
    Ok(put(&code, text, out))
}

/// A web address: the scheme in small letters.
pub(super) fn url(text: &str, out: &mut String) -> Coerced {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().any(|b| b.is_ascii_uppercase()) => {
            Ok(put(&format!("{}://{rest}", scheme.to_ascii_lowercase()), text, out))
        }
        _ => Ok(Value::Same),
    }
}

/// First and last period, `n-n`: `第1-2节`, `1~2`, `01-02`, `1,2,3`, one period alone.
pub(super) fn periods(text: &str, out: &mut String) -> Coerced {
    let bad = || Trouble::new(RuleId::COERCION, Expected::Format(Format::Periods.name().into()));
    let narrow = folded(text);
    let bare = narrow.strip_prefix('第').unwrap_or(&narrow);
    let bare = bare.strip_suffix('节').unwrap_or(bare);
    let parts: Vec<&str> = bare.split(['-', '~', '—', '–', '至', '到', ',', '、', '.']).map(str::trim).collect();
    let numbers: Option<Vec<u32>> =
        parts.iter().map(|p| if is_digits(p) && p.len() <= 2 { p.parse().ok() } else { None }).collect();
    let Some(numbers) = numbers else {
        let run_together = is_digits(bare) && bare.len() > 2;
        return Err(match run_together {
            true => Trouble::new(RuleId::AMBIGUOUS, Expected::Format(Format::Periods.name().into()))
                .fix("写成 1-2 这样的形式", "write it as 1-2"),
            false => bad(),
        });
    };
    let listed = bare.contains([',', '、', '.']);
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Err(bad()) };
    let in_a_row = numbers.windows(2).all(|w| w[1] == w[0] + 1);
    if (listed && !in_a_row) || (!listed && numbers.len() > 2) || first > last || *first == 0 {
        return Err(bad().fix("不连续的节次请分成多行", "give periods that do not follow each other as rows of their own"));
    }
    Ok(put(&format!("{first}-{last}"), text, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobile_numbers_are_brought_to_eleven_digits_and_others_left() {
        let cases = [
            ("13800000000", "13800000000"),
            ("１３８００００００００", "13800000000"),
            ("+86 138-0000-0000", "13800000000"),
            ("008613800000000", "13800000000"),
            ("8613800000000", "13800000000"),
            ("'13800000000", "13800000000"),
            ("13800000000.0", "13800000000"),
            ("0755-20000000-8001", "0755-20000000-8001"),
            ("+85290000000", "+85290000000"),
            ("138****0000", "138****0000"),
            ("86", "86"),
        ];
        for (given, want) in cases {
            let mut out = String::new();
            let got = match mobile(given, &mut out) {
                Ok(Value::Same) => given.to_owned(),
                other => {
                    assert_eq!(other, Ok(Value::Out), "{given}");
                    out
                }
            };
            assert_eq!(got, want, "{given}");
        }
        assert!(mobile("1.38E+10", &mut String::new()).is_err());
    }
}
