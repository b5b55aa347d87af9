//! Decimal numbers as canonical text.

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// Something else than digits, one point and a sign.
    #[error("not a decimal number")]
    Form,
}

/// Writes a decimal number in canonical form into `out` (cleared first): `-` only, no leading zeros but one before the
/// point, no trailing zeros after it, no `-0`. Accepts an exponent, as JSON does. Nothing is rounded.
pub fn canonical_number(text: &str, out: &mut String) -> Result<(), NumberFault> {
    out.clear();
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().map_err(|_| NumberFault::Form)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits_only(whole) || !digits_only(fraction) || exponent.abs() > 400 {
        return Err(NumberFault::Form);
    }
    if exponent == 0 {
        write_parts(negative, whole, fraction, out);
    } else {
        let digits = format!("{whole}{fraction}");
        let point = whole.len() as i32 + exponent;
        if point <= 0 {
            write_parts(negative, "", &format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)), out);
        } else if point as usize >= digits.len() {
            write_parts(negative, &format!("{digits}{}", "0".repeat(point as usize - digits.len())), "", out);
        } else {
            let (w, f) = digits.split_at(point as usize);
            write_parts(negative, w, f, out);
        }
    }
    Ok(())
}

fn write_parts(negative: bool, whole: &str, fraction: &str, out: &mut String) {
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        out.push('-');
    }
    out.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::canonical_number;

    #[test]
    fn writes_one_form_for_one_number() {
        let cases = [
            ("0", "0"),
            ("-0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("+3", "3"),
            (".5", "0.5"),
            ("-12.00", "-12"),
            ("1e3", "1000"),
            ("1.25E-2", "0.0125"),
            ("12.5e1", "125"),
            ("0.0", "0"),
            ("120e-1", "12"),
        ];
        let mut out = String::new();
        for (text, want) in cases {
            canonical_number(text, &mut out).unwrap();
            assert_eq!(out, want, "{text}");
        }
        for text in ["", "-", ".", "1,000", "1e", "0x1", "١", "1.2.3", "NaN", "1e9999"] {
            assert!(canonical_number(text, &mut out).is_err(), "{text}");
        }
    }
}
