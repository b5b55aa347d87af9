//! What the number of an identity paper looks like. Formats of papers other than the resident identity card come from
//! common practice, not from a standard: they are worth warnings only.

use crate::finding::Text;
use crate::record::{has_form, resident_check, resident_id_is_whole};
use crate::standard::{Format, Paper};

/// What a number is, by its form alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// A whole resident identity number.
    Resident,
    /// The same form for residents of Hong Kong and Macao (810000, 820000).
    HongKongMacaoPermit,
    /// The same form for residents of Taiwan (830000).
    TaiwanPermit,
    /// The same form for foreigners (first digit 9), or three letters and twelve digits as before 2023.
    ForeignPermanent,
    /// A resident identity number of 15 digits, as given before 1999, with a real date.
    OldResident,
    /// A passport: one or two letters and seven or eight digits, or the nine digits of old ones.
    Passport,
    /// 港澳居民来往内地通行证: H or M and ten digits, or the eight of them that newer cards show.
    HomeReturn,
    /// 台湾居民来往大陆通行证: eight digits.
    TaiwanTravel,
    /// Digits are hidden.
    Masked,
    /// None of these.
    Unknown,
}

impl Looks {
    /// The form of a number.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        if bytes.contains(&b'*') {
            return Self::Masked;
        }
        let letters = bytes.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let digits = bytes.len() - letters;
        let all_digits = bytes[letters..].iter().all(u8::is_ascii_digit);
        match (letters, digits) {
            (0, 18) if resident_id_is_whole(bytes) => Self::of_eighteen(bytes),
            (0, 15) if all_digits && has_form(Format::Date, &format!("19{}", &text[6..12])) => Self::OldResident,
            (0, 8) if all_digits => Self::TaiwanTravel,
            (0, 9) if all_digits && (text.starts_with("14") || text.starts_with("15")) => Self::Passport,
            (1, 8 | 10) if all_digits && matches!(bytes[0], b'H' | b'M' | b'h' | b'm') => Self::HomeReturn,
            (1, 7 | 8) | (2, 7) if all_digits => Self::Passport,
            (3, 12) if all_digits => Self::ForeignPermanent,
            _ => Self::Unknown,
        }
    }

    fn of_eighteen(bytes: &[u8]) -> Self {
        match (bytes[0], &bytes[..6]) {
            (_, b"810000" | b"820000") => Self::HongKongMacaoPermit,
            (_, b"830000") => Self::TaiwanPermit,
            (b'9', _) => Self::ForeignPermanent,
            _ => Self::Resident,
        }
    }

    /// Which paper has such numbers, in words.
    pub(super) fn words(self) -> Option<Text> {
        let (zh, en) = match self {
            Self::Resident => ("居民身份证", "a resident identity card"),
            Self::HongKongMacaoPermit => ("港澳居民居住证", "a residence permit of Hong Kong and Macao residents"),
            Self::TaiwanPermit => ("台湾居民居住证", "a residence permit of Taiwan residents"),
            Self::ForeignPermanent => ("外国人永久居留身份证", "a foreign permanent resident card"),
            Self::Passport => ("护照", "a passport"),
            Self::HomeReturn => ("港澳居民来往内地通行证", "a travel permit of Hong Kong and Macao residents"),
            Self::TaiwanTravel => ("台湾居民来往大陆通行证", "a travel permit of Taiwan residents"),
            Self::OldResident | Self::Masked | Self::Unknown => return None,
        };
        Some(Text::new(zh, en))
    }

    /// Whether such a number can be that of a kind of paper. Where forms are not certain, any number can.
    pub(super) fn fits(self, paper: Paper, text: &str) -> bool {
        let plain = |least: usize, most: usize| {
            (least..=most).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'(' | b')' | b'-' | b'/' | b' '))
                && text.bytes().any(|b| b.is_ascii_digit())
        };
        match paper {
            Paper::Resident => matches!(self, Self::Resident | Self::OldResident),
            Paper::Household => true,
            Paper::Military | Paper::Other => self != Self::Resident,
            Paper::Passport => !self.is_eighteen() && plain(5, 15),
            Paper::HongKongMacao => self == Self::HongKongMacaoPermit || (!self.is_eighteen() && plain(6, 15)),
            Paper::Taiwan => self == Self::TaiwanPermit || (!self.is_eighteen() && plain(7, 15)),
            Paper::ForeignPermanent => self == Self::ForeignPermanent,
        }
    }

    /// A form of 18 characters whose check character fits.
    pub(super) fn is_eighteen(self) -> bool {
        matches!(self, Self::Resident | Self::HongKongMacaoPermit | Self::TaiwanPermit)
    }
}

/// 18 characters of which the first 17 are digits: nothing but a resident identity number looks so.
pub(super) fn is_meant_as_resident(text: &str) -> bool {
    text.len() == 18 && text.as_bytes()[..17].iter().all(u8::is_ascii_digit)
}

/// Says which part of a resident identity number is wrong, never the number.
pub(super) fn wanted(bytes: &[u8]) -> Text {
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

/// What most likely happened to a resident identity number.
pub(super) fn fix(text: &str, looks: Looks) -> Option<Text> {
    let bytes = text.as_bytes();
    if looks == Looks::Masked {
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
    let paper = looks.words()?;
    Some(Text::new(
        format!("这像是{}的号码，请核对证件类型", paper.zh),
        format!("it looks like the number of {}; check the kind of paper", paper.en),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_by_their_form() {
        let cases = [
            ("11010519491231002X", Looks::Resident),
            ("440524188001010014", Looks::Resident),
            ("810000199408230021", Looks::HongKongMacaoPermit),
            ("830000199201300022", Looks::TaiwanPermit),
            ("911124198108030024", Looks::ForeignPermanent),
            ("CAN110100000000", Looks::ForeignPermanent),
            ("110105491231002", Looks::OldResident),
            ("110105491331002", Looks::Unknown),
            ("EF0000000", Looks::Passport),
            ("E00000000", Looks::Passport),
            ("G00000000", Looks::Passport),
            ("140000000", Looks::Passport),
            ("150000000", Looks::Passport),
            ("160000000", Looks::Unknown),
            ("PE0000000", Looks::Passport),
            ("P0000000", Looks::Passport),
            ("K00000000", Looks::Passport),
            ("MA0000000", Looks::Passport),
            ("H0000000000", Looks::HomeReturn),
            ("M00000000", Looks::HomeReturn),
            ("00000000", Looks::TaiwanTravel),
            ("110105********002X", Looks::Masked),
            ("510107199502300013", Looks::Unknown),
            ("110105194912310021", Looks::Unknown),
            ("11010519491231002x", Looks::Unknown),
            ("１１０１０５１９４９１２３１００２Ｘ", Looks::Unknown),
            ("军字第0000000号", Looks::Unknown),
            ("", Looks::Unknown),
        ];
        for (text, want) in cases {
            assert_eq!(Looks::of(text), want, "{text}");
        }
    }

    #[test]
    fn a_number_fits_the_papers_that_have_such_numbers() {
        let cases = [
            ("11010519491231002X", Paper::Resident, true),
            ("11010519491231002X", Paper::Household, true),
            ("11010519491231002X", Paper::Passport, false),
            ("11010519491231002X", Paper::Other, false),
            ("11010519491231002X", Paper::Military, false),
            ("军字第0000000号", Paper::Military, true),
            ("810000199408230021", Paper::Resident, false),
            ("810000199408230021", Paper::HongKongMacao, true),
            ("810000199408230021", Paper::Other, true),
            ("830000199201300022", Paper::Taiwan, true),
            ("830000199201300022", Paper::HongKongMacao, false),
            ("H0000000000", Paper::HongKongMacao, true),
            ("A000000(0)", Paper::HongKongMacao, true),
            ("00000000", Paper::Taiwan, true),
            ("0000000000(A)", Paper::Taiwan, true),
            ("911124198108030024", Paper::ForeignPermanent, true),
            ("CAN110100000000", Paper::ForeignPermanent, true),
            ("CAN1101000000", Paper::ForeignPermanent, false),
            ("AB123456C", Paper::Passport, true),
            ("护照遗失", Paper::Passport, false),
        ];
        for (text, paper, want) in cases {
            assert_eq!(Looks::of(text).fits(paper, text), want, "{text} {paper:?}");
        }
    }

    #[test]
    fn says_which_part_is_wrong() {
        assert!(wanted(b"123").en.contains("18 characters"));
        assert!(wanted(b"1101051949123100AX").en.contains("digits"));
        assert!(wanted(b"510107199502300013").en.contains("real date"));
        assert!(wanted(b"110105194912310021").en.contains("check character"));
    }

    #[test]
    fn the_likely_cause_is_named() {
        let said = |text: &str| fix(text, Looks::of(text)).map(|f| f.en).unwrap_or_default();
        assert!(said("11010519491231002x").contains("capital X"));
        assert!(said("110105194912310000").contains("spreadsheet"));
        assert!(said("110105491231002").contains("id15"));
        assert!(said("EF0000000").contains("passport"));
        assert!(said("110105********002X").contains("masked"));
        assert!(said("110105194912310021").is_empty());
    }
}
