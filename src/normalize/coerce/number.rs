//! Numbers: exact, never rounded.

use super::{Coerced, Trouble, Value, folded};
use crate::finding::{Expected, RuleId};
use crate::record::canonical_number;
use crate::standard::FieldType;

/// A factor that a mapping multiplies by, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::normalize) struct Factor {
    digits: i128,
    scale: u32,
}

impl Factor {
    /// From plain decimal text; `None` when it is too long to be exact.
    pub(in crate::normalize) fn parse(text: &str) -> Option<Self> {
        let (digits, scale) = exact(text)?;
        Some(Self { digits, scale })
    }

    fn times(&self, canonical: &str) -> Option<String> {
        let (digits, scale) = exact(canonical)?;
        let product = digits.checked_mul(self.digits)?;
        let scale = (scale + self.scale) as usize;
        let mut text = product.unsigned_abs().to_string();
        if text.len() <= scale {
            text.insert_str(0, &"0".repeat(scale + 1 - text.len()));
        }
        text.insert(text.len() - scale, '.');
        if product < 0 {
            text.insert(0, '-');
        }
        Some(text.trim_end_matches('.').to_owned())
    }
}

/// A decimal as its digits and how many of them follow the point.
fn exact(text: &str) -> Option<(i128, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, u32::try_from(fraction.len()).ok().filter(|s| *s <= 30)?))
}

fn expected(ty: FieldType) -> Expected {
    match ty {
        FieldType::Integer { digits } => Expected::Digits(digits.into()),
        FieldType::Decimal { precision, scale } => Expected::Decimal { precision: precision.into(), scale: scale.into() },
        FieldType::Text(_) => Expected::Text,
    }
}

/// Brings a text into canonical decimal form in `out`.
pub(super) fn coerce(ty: FieldType, factor: Option<&Factor>, text: &str, out: &mut String) -> Coerced {
    if factor.is_none() && is_canonical(ty, text) {
        out.clear();
        out.push_str(text);
        return Ok(Value::Number);
    }
    let narrow = folded(text);
    let plain = ungrouped(&narrow).map_err(|trouble| trouble.expecting(ty))?;
    let plain = plain.as_deref().unwrap_or(&narrow);
    if canonical_number(plain, out).is_err() {
        return Err(not_a_number(ty, plain));
    }
    if plain.contains(['e', 'E']) && loses_digits(plain) {
        return Err(Trouble::new(RuleId::LOSSY, expected(ty)).fix(
            "科学记数法已丢失数字：把该列设为数值或文本后重新导出",
            "scientific notation has lost digits: export the column as plain numbers",
        ));
    }
    if let Some(factor) = factor {
        let product = factor.times(out).ok_or_else(|| Trouble::new(RuleId::COERCION, expected(ty)))?;
        if canonical_number(&product, out).is_err() {
            return Err(Trouble::new(RuleId::COERCION, expected(ty)));
        }
    }
    if matches!(ty, FieldType::Integer { .. }) && out.contains('.') {
        return Err(Trouble::new(RuleId::LOSSY, expected(ty))
            .fix("此字段为整数，小数部分会丢失", "the field is a whole number; the fraction would be lost"));
    }
    Ok(Value::Number)
}

/// Whether a text is a number in canonical form already. Not all such numbers need be known here.
fn is_canonical(ty: FieldType, text: &str) -> bool {
    let bytes = text.as_bytes();
    let whole = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let (head, tail) = bytes.split_at(whole);
    let head = whole == 1 || (whole > 1 && head[0] != b'0');
    let fraction = matches!(ty, FieldType::Decimal { .. });
    head && match tail {
        [] => true,
        [b'.', digits @ .., last] if fraction => matches!(last, b'1'..=b'9') && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// What is wrong with a text's commas, before the field's type is known.
enum Comma {
    Two,
}

impl Comma {
    fn expecting(self, ty: FieldType) -> Box<Trouble> {
        match self {
            Self::Two => Trouble::new(RuleId::AMBIGUOUS, expected(ty))
                .fix("逗号是千位分隔还是小数点不明", "the comma may group thousands or mark decimals"),
        }
    }
}

/// The number without the commas or blanks that group its thousands; `None` when there are none.
fn ungrouped(text: &str) -> Result<Option<String>, Comma> {
    let Some(mark) = text.chars().find(|c| matches!(c, ',' | '，' | ' ' | '\'')) else { return Ok(None) };
    let (sign, rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (&text[..1], rest.trim_start()),
        None => ("", text),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let mut groups = whole.split(mark);
    let head = groups.next().unwrap_or("");
    let tails: Vec<&str> = groups.collect();
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let grouped = (1..=3).contains(&head.len()) && digits(head) && tails.iter().all(|g| g.len() == 3 && digits(g));
    if tails.is_empty() && digits(head) {
        // Only a blank between sign and digits.
        return Ok(Some(format!("{sign}{rest}")));
    }
    if !grouped {
        let comma = matches!(mark, ',' | '，');
        return if comma && digits(head) && tails.len() == 1 && digits(tails[0]) { Err(Comma::Two) } else { Ok(None) };
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Some(format!("{sign}{head}{}{point}{fraction}", tails.concat())))
}

/// Whether the exponent appends zeros that the mantissa never had: digits were lost on the way.
fn loses_digits(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let places = mantissa.split_once('.').map_or(0, |(_, f)| f.len());
    let significant = mantissa.bytes().filter(u8::is_ascii_digit).count();
    exponent.parse::<i32>().is_ok_and(|e| e > 0 && e as usize > places && significant >= 3)
}

fn not_a_number(ty: FieldType, text: &str) -> Box<Trouble> {
    let trouble = Trouble::new(RuleId::COERCION, expected(ty));
    if text.ends_with('%') {
        return trouble
            .fix("去掉百分号，并在映射中用 multiply 说明换算", "drop the per cent sign and say multiply in the mapping");
    }
    let starts_with_digit = text.bytes().next().is_some_and(|b| b.is_ascii_digit());
    if starts_with_digit && text.chars().last().is_some_and(char::is_alphabetic) {
        return trouble.fix("去掉数值后的单位", "drop the unit behind the number");
    }
    trouble
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: FieldType = FieldType::Integer { digits: 10 };
    const MONEY: FieldType = FieldType::Decimal { precision: 20, scale: 4 };

    fn run(ty: FieldType, text: &str) -> Result<String, RuleId> {
        let mut out = String::new();
        coerce(ty, None, text, &mut out).map(|_| out).map_err(|t| t.rule)
    }

    #[test]
    fn reads_what_schools_write() {
        let cases = [
            ("1,234.50", "1234.5"),
            ("１２３", "123"),
            ("1，234，567", "1234567"),
            ("-1,000", "-1000"),
            ("12.0", "12"),
            ("007", "7"),
            (".5", "0.5"),
            ("1 234 567", "1234567"),
            ("- 5", "-5"),
            ("1.5e3", "1500"),
            ("1E-3", "0.001"),
        ];
        for (text, want) in cases {
            assert_eq!(run(MONEY, text).as_deref(), Ok(want), "{text}");
        }
        assert_eq!(run(WHOLE, "12.0").as_deref(), Ok("12"));
    }

    #[test]
    fn refuses_what_it_would_have_to_guess_or_lose() {
        let cases = [
            (WHOLE, "12.5", RuleId::LOSSY),
            (MONEY, "1,5", RuleId::AMBIGUOUS),
            (MONEY, "12,34", RuleId::AMBIGUOUS),
            (MONEY, "4.40524E+17", RuleId::LOSSY),
            (MONEY, "85%", RuleId::COERCION),
            (MONEY, "30人", RuleId::COERCION),
            (MONEY, "abc", RuleId::COERCION),
            (MONEY, "1,23,456", RuleId::COERCION),
            (MONEY, "三百", RuleId::COERCION),
        ];
        for (ty, text, rule) in cases {
            assert_eq!(run(ty, text), Err(rule), "{text}");
        }
    }

    #[test]
    fn factors_are_exact() {
        let times = |factor: &str, text: &str| {
            let mut out = String::new();
            coerce(MONEY, Factor::parse(factor).as_ref(), text, &mut out).map(|_| out)
        };
        assert_eq!(times("0.01", "8550").as_deref(), Ok("85.5"));
        assert_eq!(times("0.01", "5").as_deref(), Ok("0.05"));
        assert_eq!(times("10000", "1.2345").as_deref(), Ok("12345"));
        assert_eq!(times("100", "-0.07").as_deref(), Ok("-7"));
    }
}
