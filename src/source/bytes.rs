//! Bytes that should have been text.

use encoding_rs::{DecoderResult, Encoding};

use super::SourceBatchBuilder;
use crate::finding::Text;

/// Appends bytes as `\xB0\xC1`: what was there can still be seen, and nothing is passed off as a character.
pub(super) fn push_escaped(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        text.push_str("\\x");
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Appends bytes as lower-case hexadecimal digits.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Decodes a cell's bytes strictly. What cannot be decoded appears as escapes; false says that there was some.
pub(super) fn decode_cell(encoding: &'static Encoding, bytes: &[u8], text: &mut String) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let (mut rest, mut sound, mut done) = (bytes, true, 0);
    loop {
        text.reserve(decoder.max_utf8_buffer_length_without_replacement(rest.len()).unwrap_or(rest.len() * 4) + 8);
        let (result, read) = decoder.decode_to_string_without_replacement(rest, text, true);
        rest = &rest[read..];
        done += read;
        match result {
            DecoderResult::InputEmpty => return sound,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, after) => {
                let end = done - after as usize;
                push_escaped(text, &bytes[end - bad as usize..end]);
                sound = false;
            }
        }
    }
}

/// Appends a text as a cell. Damage that happened before the text was stored is a fault of the row.
pub(super) fn push_text(batch: &mut SourceBatchBuilder, column: usize, text: &str) {
    let lost = text.contains(REPLACEMENT);
    let zero = text.contains('\0');
    if !lost && !zero {
        return batch.push(Some(text));
    }
    if lost {
        batch.fault(Some(column), replaced());
    }
    if zero {
        batch.fault(Some(column), zeroed());
    }
    batch.push(Some(&text.replace(REPLACEMENT, "\\u{FFFD}").replace('\0', "\\x00")));
}

const REPLACEMENT: char = '\u{FFFD}';

/// What is said of a replacement character.
pub(super) fn replaced() -> Text {
    Text::new(
        "含有替换字符 U+FFFD，说明文字此前已经损坏；请在来源系统中更正或重新导出",
        "the replacement character U+FFFD: the text was damaged earlier; mend it in the source system or export it again",
    )
}

/// What is said of a NUL.
pub(super) fn zeroed() -> Text {
    Text::new(
        "含有 NUL 字符（0x00），已用 \\x00 标出；请在来源系统中更正或重新导出",
        "a NUL character, shown as \\x00; mend it in the source system or export it again",
    )
}

/// What is said of a cell whose bytes are no text.
pub(super) fn undecodable(encoding: &str) -> Text {
    Text::new(
        format!("含有无法按 {encoding} 解码的字节，已用 \\xNN 标出；请在来源系统中更正该单元格，或在设置中指定正确的编码"),
        format!("bytes that are not {encoding}, shown as \\xNN; mend the cell in the source system, or set the right encoding"),
    )
}
