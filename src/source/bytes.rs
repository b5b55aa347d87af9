//! Bytes that should have been text.

use encoding_rs::{DecoderResult, Encoding};

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

/// What is said of a cell whose bytes are no text.
pub(super) fn undecodable(encoding: &str) -> Text {
    Text::new(
        format!("含有无法按 {encoding} 解码的字节，已用 \\xNN 标出；请在来源系统中更正该单元格，或在设置中指定正确的编码"),
        format!("bytes that are not {encoding}, shown as \\xNN; mend the cell in the source system, or set the right encoding"),
    )
}
