//! A file as a stream of decoded text, before anything is split.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{Decoder, DecoderResult};
use xxhash_rust::xxh3::Xxh3;

use super::encoding::Scan;
use crate::source::bytes::push_escaped;
use crate::source::files::Reader;

const CHUNK: usize = 64 * 1024;
/// No encoding here has longer sequences.
const LONGEST: usize = 8;

/// Why a place in the text is not what the file's author wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Bytes that mean nothing in the file's encoding.
    Undecodable,
    /// A NUL.
    Zero,
    /// U+FFFD: the character was lost before the file was written.
    Replacement,
}

/// Decoded text with a moving window. Flawed places appear as escapes and are listed by offset.
pub(super) struct TextStream {
    file: Reader,
    decoder: Decoder,
    raw: Vec<u8>,
    unread: usize,
    recent: Vec<u8>,
    hash: Xxh3,
    text: String,
    start: usize,
    consumed: u64,
    flaws: VecDeque<(u64, Flaw)>,
    ended: bool,
}

impl TextStream {
    /// Starts behind the byte-order mark.
    pub fn new(mut file: Reader, scan: &Scan) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut mark = vec![0; scan.mark as usize];
        file.read_exact(&mut mark)?;
        let mut hash = Xxh3::new();
        hash.update(&mark);
        Ok(Self {
            file,
            decoder: scan.encoding.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            unread: 0,
            recent: Vec::new(),
            hash,
            text: String::new(),
            start: 0,
            consumed: 0,
            flaws: VecDeque::new(),
            ended: false,
        })
    }

    /// The text decoded and not yet consumed.
    pub fn text(&self) -> &str {
        &self.text[self.start..]
    }

    /// Whether no more text will come behind [`Self::text`].
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes of decoded text consumed so far.
    pub fn offset(&self) -> u64 {
        self.consumed
    }

    /// Hash of all raw bytes, once the stream has ended.
    pub fn hash(&self) -> u128 {
        self.hash.digest128()
    }

    /// Drops `bytes` from the front of the window, with the flaws in them.
    pub fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.consumed += bytes as u64;
        while self.flaws.front().is_some_and(|(at, _)| *at < self.consumed) {
            self.flaws.pop_front();
        }
    }

    /// The flaws within the next `bytes` of text, by offset in the window.
    pub fn flaws(&self, bytes: usize) -> impl Iterator<Item = (usize, Flaw)> {
        let (from, to) = (self.consumed, self.consumed + bytes as u64);
        self.flaws.iter().take_while(move |(at, _)| *at < to).map(move |(at, flaw)| ((at - from) as usize, *flaw))
    }

    /// Goes on to an offset that an earlier reader had reached.
    pub fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        while self.consumed < offset {
            if self.text().is_empty() && !self.fill()? {
                return Ok(());
            }
            let step = (offset - self.consumed).min(self.text().len() as u64);
            self.consume(step as usize);
        }
        Ok(())
    }

    /// Decodes more: as much as waits already, so that a long record is looked at a few times only. False at the end.
    pub fn fill(&mut self) -> io::Result<bool> {
        self.text.drain(..self.start);
        self.start = 0;
        let goal = (self.text.len() * 2).max(CHUNK);
        while self.text.len() < goal && !self.ended {
            self.step()?;
        }
        Ok(!self.text.is_empty())
    }

    fn step(&mut self) -> io::Result<()> {
        if self.unread == self.raw.len() {
            self.raw.resize(CHUNK, 0);
            let read = self.file.read(&mut self.raw)?;
            self.raw.truncate(read);
            self.unread = 0;
            self.hash.update(&self.raw);
        }
        let last = self.raw.is_empty();
        let before = self.text.len();
        self.text.reserve(4 * CHUNK);
        let input = &self.raw[self.unread..];
        let (result, read) = self.decoder.decode_to_string_without_replacement(input, &mut self.text, last);
        self.remember(read);
        self.note_odd_characters(before);
        match result {
            DecoderResult::InputEmpty => self.ended = last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, after) => {
                let end = self.recent.len().saturating_sub(after as usize);
                let start = end.saturating_sub(bad as usize);
                self.flaws.push_back((self.consumed + self.text.len() as u64, Flaw::Undecodable));
                push_escaped(&mut self.text, &self.recent[start..end]);
            }
        }
        Ok(())
    }

    /// Keeps the last bytes handed to the decoder: a bad sequence may have begun in them.
    fn remember(&mut self, read: usize) {
        let taken = &self.raw[self.unread..self.unread + read];
        self.recent.extend_from_slice(&taken[taken.len().saturating_sub(LONGEST)..]);
        let surplus = self.recent.len().saturating_sub(LONGEST);
        self.recent.drain(..surplus);
        self.unread += read;
    }

    fn note_odd_characters(&mut self, from: usize) {
        let fresh = &self.text[from..];
        if !fresh.as_bytes().contains(&0) && !fresh.contains('\u{FFFD}') {
            return;
        }
        let fresh = self.text.split_off(from);
        for character in fresh.chars() {
            let flaw = match character {
                '\0' => Flaw::Zero,
                '\u{FFFD}' => Flaw::Replacement,
                _ => {
                    self.text.push(character);
                    continue;
                }
            };
            self.flaws.push_back((self.consumed + self.text.len() as u64, flaw));
            self.text.push_str(if flaw == Flaw::Zero { "\\x00" } else { "\\u{FFFD}" });
        }
    }
}
