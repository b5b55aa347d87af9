//! Texts that were decoded wrongly, known by what they look like.

use std::sync::LazyLock;

/// What happened to a text, the worst of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// U+FFFD, or two of them read as GBK (锟斤拷): the characters are gone.
    Lost,
    /// UTF-8 read as a Western encoding: Ã©.
    ReadAsLatin,
    /// UTF-8 read as GBK: 鑱屼笟.
    ReadAsGbk,
    /// A run of question marks: an encoding that has no Chinese characters.
    Marks,
    /// Private-use characters, whose look only one font knew.
    Private,
}

impl Damage {
    /// What happened to a text; `None` for sound ones, at the cost of one look at each byte.
    pub(super) fn of(text: &str) -> Option<Self> {
        let found = if is_suspicious(text.as_bytes()) { closer(text) } else { None };
        match found {
            // GBK has private characters too, so that a wrong reading may hold some.
            None | Some(Self::Private) if begins_like_gbk(text) => read_as_gbk(text).or(found),
            found => found,
        }
    }
}

/// Whether any byte deserves a closer look: a question mark, the leads of Western letters, of private and of replacement
/// characters, and of 锟. Without branches, so that it is done sixteen bytes at a time.
fn is_suspicious(bytes: &[u8]) -> bool {
    let single = bytes.iter().fold(false, |seen, b| seen | (*b == b'?') | (*b >= 0xEE) | (b.wrapping_sub(0xC2) < 2));
    let lost = bytes.windows(2).fold(false, |seen, w| seen | ((w[0] == 0x94) & (w[1] == 0x9F)));
    single | lost
}

fn closer(text: &str) -> Option<Damage> {
    if text.contains('\u{FFFD}') || text.contains("锟斤拷") {
        return Some(Damage::Lost);
    }
    if read_as_latin(text) {
        return Some(Damage::ReadAsLatin);
    }
    if has_marks(text) {
        return Some(Damage::Marks);
    }
    text.chars().any(is_private).then_some(Damage::Private)
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

/// Four question marks in a row, or nothing but two and more of them.
fn has_marks(text: &str) -> bool {
    text.contains("????") || (text.len() > 1 && text.bytes().all(|b| matches!(b, b'?' | b' ')))
}

/// Ã or Â before the second half of a letter, or two leads of Chinese characters (ä to é) each before one.
fn read_as_latin(text: &str) -> bool {
    let half = |c: char| matches!(c, '\u{80}'..='\u{BF}' | 'Œ' | 'œ' | 'Š' | 'š' | 'Ÿ' | 'Ž' | 'ž' | 'ƒ' | 'ˆ' | '˜' | '\u{2013}'..='\u{203A}' | '€' | '™');
    let mut leads = 0;
    let mut before = '\0';
    for c in text.chars() {
        match before {
            'Ã' | 'Â' if matches!(c, '\u{80}'..='\u{BF}') => return true,
            'ä'..='é' if half(c) => leads += 1,
            _ => {}
        }
        before = c;
    }
    leads >= 2
}

/// The characters that GBK makes of the first two bytes of Chinese characters and their marks in UTF-8, a bit each from
/// U+4E00 on.
static FIRST_OF_GBK: LazyLock<Box<[u64]>> = LazyLock::new(|| {
    let mut bits = vec![0_u64; (0xA000 - 0x4E00) / 64];
    for lead in 0xE3..=0xEF_u8 {
        for trail in 0x80..=0xBF_u8 {
            let pair = [lead, trail];
            let (text, _) = encoding_rs::GBK.decode_without_bom_handling(&pair);
            for c in text.chars().filter(|c| matches!(c, '\u{4E00}'..='\u{9FFF}')) {
                let at = c as usize - 0x4E00;
                bits[at / 64] |= 1 << (at % 64);
            }
        }
    }
    bits.into()
});

/// How far into a text its first character beyond ASCII is looked for.
const NEAR: usize = 16;

/// Whether the first character beyond ASCII is one that GBK makes of a Chinese character's first two bytes.
fn begins_like_gbk(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(at) = bytes.iter().take(NEAR).position(|b| *b >= 0x80) else { return false };
    let Some(&[a, b, c]) = bytes.get(at..at + 3) else { return false };
    if !(0xE4..=0xE9).contains(&a) {
        return false;
    }
    let char = (usize::from(a & 0x0F) << 12) | (usize::from(b & 0x3F) << 6) | usize::from(c & 0x3F);
    let place = char.wrapping_sub(0x4E00);
    FIRST_OF_GBK.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
}

/// Back to bytes as GBK: when these are UTF-8 of common Chinese characters, the text was read wrongly. Sound texts are
/// so by chance about once in a million.
fn read_as_gbk(text: &str) -> Option<Damage> {
    let (bytes, _, lost) = encoding_rs::GBK.encode(text);
    if lost {
        return None;
    }
    // The last character may have lost its end, when a single byte was left over.
    let whole = match std::str::from_utf8(&bytes) {
        Ok(whole) => whole,
        Err(e) if bytes.len() - e.valid_up_to() < 3 => std::str::from_utf8(&bytes[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let mut chinese = whole.chars().filter(|c| !c.is_ascii());
    let common = |c: char| match c {
        '\u{3001}'..='\u{3011}' | '\u{FF01}'..='\u{FF5E}' | '·' => true,
        '\u{4E00}'..='\u{9FFF}' => {
            // The first level of GB 2312, by the first byte.
            let mut buffer = [0; 4];
            let (code, ..) = encoding_rs::GBK.encode(c.encode_utf8(&mut buffer));
            code.first().is_some_and(|lead| (0xB0..=0xD7).contains(lead))
        }
        _ => false,
    };
    let count = chinese.clone().count();
    (count >= 2 && chinese.all(common)).then_some(Damage::ReadAsGbk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_known_by_its_look() {
        let cases = [
            ("张\u{FFFD}", Damage::Lost),
            ("张锟斤拷三", Damage::Lost),
            ("锟斤拷", Damage::Lost),
            ("cafÃ©", Damage::ReadAsLatin),
            ("èŒä¸šæ•™è‚²", Damage::ReadAsLatin),
            ("鑱屼笟鏁欒偛", Damage::ReadAsGbk),
            ("2024淇℃伅宸ョ▼", Damage::ReadAsGbk),
            ("????", Damage::Marks),
            ("??", Damage::Marks),
            ("张????班", Damage::Marks),
            ("张\u{E863}", Damage::Private),
            ("\u{10FFFD}", Damage::Private),
        ];
        for (text, want) in cases {
            assert_eq!(Damage::of(text), Some(want), "{text}");
        }
    }

    #[test]
    fn sound_texts_are_left_alone() {
        let sound = [
            "",
            "职业教育",
            "张三",
            "䶮𬭎",
            "买买提·艾力",
            "李婷",
            "涓涓",
            "鏁",
            "联通",
            "真的吗？",
            "Why?",
            "what??",
            "José García",
            "Müller",
            "André·é",
            "Ångström",
            "（一）班",
            "①号楼",
            "昆锟公司",
            "25℃±1",
            "https://a.edu.cn/?a=1",
            "喆邨祎",
        ];
        for text in sound {
            assert_eq!(Damage::of(text), None, "{text}");
        }
    }

    #[test]
    fn chinese_read_as_gbk_is_found_from_two_characters_on() {
        for text in ["职业", "计算机应用技术", "信息工程学院", "（高职）电子商务", "张伟", "一、二"] {
            let (wrong, _) = encoding_rs::GBK.decode_without_bom_handling(text.as_bytes());
            if !wrong.contains('\u{FFFD}') {
                assert_eq!(Damage::of(&wrong), Some(Damage::ReadAsGbk), "{text} {wrong}");
            }
        }
    }
}
