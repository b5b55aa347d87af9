//! Which encoding a file is in: decided by its whole content, never by its first bytes alone.
//!
//! One pass reads the file, checks it as UTF-8 and takes the content's hash, by which a changed file is known. Only a
//! file that fails is read once more as GB18030, strictly, and only one with zero bytes is looked at as UTF-16.

use std::cmp::Ordering;
use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{Decoder, DecoderResult, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use xxhash_rust::xxh3::Xxh3;

use crate::source::files::Reader;

const CHUNK: usize = 64 * 1024;

/// What a scan of a file found.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// The encoding.
    pub encoding: &'static Encoding,
    /// Bytes of byte-order mark at the start.
    pub mark: u64,
    /// Hash of the raw content.
    pub hash: u128,
    /// Places that cannot be decoded in the chosen encoding.
    pub undecodable: u64,
    /// What the first bytes say when this is no text at all.
    pub not_text: Option<&'static str>,
}

impl Scan {
    /// The encoding's name as users know it.
    pub fn name(&self) -> &'static str {
        match (self.encoding, self.mark > 0) {
            (e, true) if e == UTF_8 => "UTF-8 with byte-order mark",
            (e, _) if e == GB18030 => "GB18030",
            (e, _) => e.name(),
        }
    }
}

/// The encoding a setting names.
pub(super) fn by_name(name: &str) -> Option<&'static Encoding> {
    match name {
        "utf-8" => Some(UTF_8),
        "gb18030" => Some(GB18030),
        "utf-16le" => Some(UTF_16LE),
        "utf-16be" => Some(UTF_16BE),
        _ => None,
    }
}

/// Reads the whole file and decides; again only where there are zero bytes or it is not UTF-8. `forced` is the setting, which settles the encoding beforehand.
pub(super) fn scan(file: &mut Reader, forced: Option<&'static Encoding>) -> io::Result<Scan> {
    let mut zeros = false;
    let mut utf8 = Strict::new(UTF_8);
    let mut hash = Xxh3::new();
    let mut head = Vec::new();
    each_chunk(file, |chunk| {
        if head.len() < 8 {
            head.extend_from_slice(&chunk[..chunk.len().min(8)]);
        }
        hash.update(chunk);
        zeros |= chunk.contains(&0);
        utf8.feed(chunk);
    })?;
    let (marked, mark) = byte_order_mark(&head);
    let mut scan = Scan { encoding: UTF_8, mark, hash: hash.digest128(), undecodable: utf8.finish(), not_text: not_text(&head) };
    if let Some(encoding) = forced.or(marked) {
        scan.mark = if marked == Some(encoding) { mark } else { 0 };
        scan.encoding = encoding;
        if encoding != UTF_8 {
            scan.undecodable = count(file, encoding)?;
        }
        return Ok(scan);
    }
    scan.mark = 0;
    let mut counts = Counts::default();
    if zeros {
        each_chunk(file, |chunk| counts.add(chunk))?;
    }
    let wide = match counts.utf16() {
        Some(encoding) if count(file, encoding)? == 0 => Some(encoding),
        _ => None,
    };
    if let Some(encoding) = wide.filter(|_| counts.zeros_are_common()) {
        (scan.encoding, scan.undecodable) = (encoding, 0);
        return Ok(scan);
    }
    if scan.undecodable > 0 {
        let gb = count(file, GB18030)?;
        if let Some(encoding) = wide.filter(|_| gb > 0) {
            (scan.encoding, scan.undecodable) = (encoding, 0);
            return Ok(scan);
        }
        // Damaged either way: the encoding that explains more of the file wins.
        if gb < scan.undecodable {
            (scan.encoding, scan.undecodable) = (GB18030, gb);
        }
    }
    Ok(scan)
}

fn byte_order_mark(head: &[u8]) -> (Option<&'static Encoding>, u64) {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => (Some(UTF_8), 3),
        [0xFF, 0xFE, ..] => (Some(UTF_16LE), 2),
        [0xFE, 0xFF, ..] => (Some(UTF_16BE), 2),
        [0x84, 0x31, 0x95, 0x33, ..] => (Some(GB18030), 4),
        _ => (None, 0),
    }
}

fn not_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3, 4, ..] => Some("an .xlsx workbook or zip archive"),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Some("an .xls workbook"),
        [0x1F, 0x8B, ..] => Some("a gzip archive"),
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF document"),
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32 text"),
        _ => None,
    }
}

fn each_chunk(file: &mut Reader, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => take(&buffer[..n]),
        }
    }
}

fn count(file: &mut Reader, encoding: &'static Encoding) -> io::Result<u64> {
    let mut strict = Strict::new(encoding);
    each_chunk(file, |chunk| strict.feed(chunk))?;
    Ok(strict.finish())
}

/// Counts what cannot be decoded.
struct Strict {
    decoder: Decoder,
    text: Vec<u8>,
    errors: u64,
}

impl Strict {
    fn new(encoding: &'static Encoding) -> Self {
        Self { decoder: encoding.new_decoder_without_bom_handling(), text: vec![0; 4 * CHUNK], errors: 0 }
    }

    fn feed(&mut self, chunk: &[u8]) {
        self.decode(chunk, false);
    }

    fn finish(mut self) -> u64 {
        self.decode(&[], true);
        self.errors
    }

    fn decode(&mut self, mut chunk: &[u8], last: bool) {
        loop {
            let (result, read, _) = self.decoder.decode_to_utf8_without_replacement(chunk, &mut self.text, last);
            chunk = &chunk[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.errors += 1,
            }
        }
    }
}

/// What tells UTF-16 without a byte-order mark: where line ends and zero bytes stand. Its line ends are line feeds (or
/// carriage returns) with a zero byte on a fixed side, all at offsets of the same parity; in other encodings they are
/// at either, and a zero byte beside one is a rarity.
#[derive(Default)]
struct Counts {
    length: u64,
    zeros: u64,
    even_breaks: u64,
    odd_breaks: u64,
    little: Pairs,
    big: Pairs,
    previous: u8,
}

/// ASCII characters, in pairs of bytes read one way.
#[derive(Default)]
struct Pairs {
    breaks: u64,
    printable: u64,
}

impl Pairs {
    fn add(&mut self, character: u8) {
        self.breaks += u64::from(matches!(character, b'\n' | b'\r'));
        self.printable += u64::from(matches!(character, b'\t' | b' '..=b'~'));
    }
}

impl Counts {
    fn add(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            let odd = self.length % 2 == 1;
            if odd && byte == 0 {
                self.little.add(self.previous);
            }
            if odd && self.previous == 0 {
                self.big.add(byte);
            }
            if matches!(byte, b'\n' | b'\r') {
                if odd { self.odd_breaks += 1 } else { self.even_breaks += 1 }
            }
            self.zeros += u64::from(byte == 0);
            self.previous = byte;
            self.length += 1;
        }
    }

    /// Rare zero bytes are taken for strays, unless the file is nothing else than UTF-16.
    fn zeros_are_common(&self) -> bool {
        self.zeros * 64 >= self.length
    }

    /// UTF-16 of one kind or the other, if the file can be that.
    fn utf16(&self) -> Option<&'static Encoding> {
        if self.zeros == 0 || self.length % 2 == 1 {
            return None;
        }
        if self.even_breaks + self.odd_breaks == 0 {
            // One line: its delimiters and digits must do.
            return match self.little.printable.cmp(&self.big.printable) {
                Ordering::Greater => Some(UTF_16LE),
                Ordering::Less => Some(UTF_16BE),
                Ordering::Equal => None,
            };
        }
        let (encoding, breaks, strays) = if self.little.breaks >= self.big.breaks {
            (UTF_16LE, self.little.breaks, self.odd_breaks)
        } else {
            (UTF_16BE, self.big.breaks, self.even_breaks)
        };
        (breaks > 0 && strays <= breaks).then_some(encoding)
    }
}
