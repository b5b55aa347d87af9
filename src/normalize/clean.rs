//! What every cell goes through: ends trimmed, unseen characters gone, damage found.

/// What was found in a cell's characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Damage {
    /// U+FFFD: the source lost a character, it cannot be had back.
    pub(super) replacement: bool,
    /// A private-use character, whose look only one font knew.
    pub(super) private: bool,
}

/// Bytes that can begin a character which needs a closer look.
static SUSPICIOUS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || matches!(byte, 0x7F | 0xC2 | 0xE2 | 0xE3 | 0xEE | 0xEF | 0xF3 | 0xF4);
        byte += 1;
    }
    table
};

/// The text without blanks at its ends and without unseen characters. Borrowed when nothing inside changes.
pub(super) fn clean<'a>(raw: &'a str, buffer: &'a mut String) -> (&'a str, Damage) {
    let bytes = raw.as_bytes();
    if let (Some(first), Some(last)) = (bytes.first(), bytes.last())
        && *first > 0x20
        && *last > 0x20
        && !bytes.iter().any(|b| SUSPICIOUS[usize::from(*b)])
    {
        return (raw, Damage::default());
    }
    slow(raw, buffer)
}

fn slow<'a>(raw: &'a str, buffer: &'a mut String) -> (&'a str, Damage) {
    let mut damage = Damage::default();
    let mut changes = false;
    for c in raw.chars() {
        damage.replacement |= c == '\u{FFFD}';
        damage.private |= is_private(c);
        changes |= is_unseen(c) || is_wide_blank(c);
    }
    if !changes {
        return (raw.trim(), damage);
    }
    buffer.clear();
    for c in raw.chars() {
        if is_wide_blank(c) {
            buffer.push(' ');
        } else if !is_unseen(c) {
            buffer.push(c);
        }
    }
    (buffer.trim(), damage)
}

/// Characters that nobody sees: zero-width ones, soft hyphen, direction marks, control characters but for line ends
/// and tabs.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}')
        || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn is_wide_blank(c: char) -> bool {
    matches!(c, '\u{3000}' | '\u{00A0}' | '\u{2002}'..='\u{200A}' | '\u{202F}' | '\u{205F}')
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(raw: &str) -> String {
        clean(raw, &mut String::new()).0.to_owned()
    }

    #[test]
    fn ends_and_unseen_characters_go_and_nothing_else() {
        let cases = [
            ("张三", "张三"),
            (" 张三\u{3000}", "张三"),
            ("\u{FEFF}0101\u{200B}", "0101"),
            ("张\u{3000}三", "张 三"),
            ("a\u{00A0}b", "a b"),
            ("一行\n二行", "一行\n二行"),
            ("ab\u{0}c", "abc"),
            ("", ""),
            (" \u{3000}\t", ""),
            ("①②", "①②"),
            ("（全角）", "（全角）"),
        ];
        for (raw, want) in cases {
            assert_eq!(cleaned(raw), want, "{raw:?}");
        }
    }

    #[test]
    fn damage_is_found() {
        let damage = |raw: &str| clean(raw, &mut String::new()).1;
        assert!(damage("张\u{FFFD}").replacement);
        assert!(damage("张\u{E863}").private);
        assert!(damage("\u{10FFFD}").private);
        assert_eq!(damage("䶮𬭎"), Damage::default());
    }
}
