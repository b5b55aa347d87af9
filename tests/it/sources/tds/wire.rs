//! The server's side of TDS 7.4: packets, and the tokens that answers are made of.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Kinds of messages.
pub const BATCH: u8 = 1;
pub const ATTENTION: u8 = 6;
pub const LOGIN: u8 = 16;
pub const FIRST: u8 = 18;
const ANSWER: u8 = 4;

const HEADER: usize = 8;
const PACKET: usize = 4096;
const LAST: u8 = 1;

/// Chinese_PRC_CI_AS: the code page 936.
pub const CHINESE: [u8; 5] = [0x04, 0x08, 0xD0, 0x00, 0x00];

/// The next message, its kind first; nothing when the line has ended.
pub fn message(line: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut payload = Vec::new();
    loop {
        let mut header = [0; HEADER];
        line.read_exact(&mut header).ok()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let start = payload.len();
        payload.resize(start + length - HEADER, 0);
        line.read_exact(&mut payload[start..]).ok()?;
        if header[1] & LAST != 0 {
            return Some((header[0], payload));
        }
    }
}

/// An answer on its way, packet by packet.
pub struct Answer<'l> {
    line: &'l mut TcpStream,
    waiting: Vec<u8>,
    number: u8,
}

impl<'l> Answer<'l> {
    pub fn new(line: &'l mut TcpStream) -> Self {
        Self { line, waiting: Vec::new(), number: 1 }
    }

    /// Sends tokens, as far as they fill packets.
    pub fn send(&mut self, tokens: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(tokens);
        while self.waiting.len() > PACKET - HEADER {
            let rest = self.waiting.split_off(PACKET - HEADER);
            let full = std::mem::replace(&mut self.waiting, rest);
            self.packet(&full, 0)?;
        }
        Ok(())
    }

    /// Sends what is left and ends the message.
    pub fn end(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.waiting);
        self.packet(&rest, LAST)
    }

    /// Sends what is left as a packet that is not the last one.
    pub fn cut(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.waiting);
        self.packet(&rest, 0)
    }

    fn packet(&mut self, payload: &[u8], status: u8) -> io::Result<()> {
        let length = u16::try_from(payload.len() + HEADER).unwrap().to_be_bytes();
        let mut packet = vec![ANSWER, status, length[0], length[1], 0, 0, self.number, 0];
        packet.extend_from_slice(payload);
        self.number = self.number.wrapping_add(1);
        self.line.write_all(&packet)
    }
}

/// The server's first message.
pub fn first(encryption: u8) -> Vec<u8> {
    // Version at 11, encryption at 17.
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 10, 50, 0x17, 0x70, 0, 0, encryption]
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.encode_utf16().count()).unwrap()];
    bytes.extend(utf16(text));
    bytes
}

fn token(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The login is accepted.
pub fn accepted() -> Vec<u8> {
    let mut body = vec![1, 0x74, 0, 0, 4];
    body.extend(short("Microsoft SQL Server"));
    body.extend([10, 50, 0x17, 0x70]);
    let mut bytes = token(0xAD, &body);
    let mut size = vec![4];
    size.extend(short("4096"));
    size.extend(short("4096"));
    bytes.extend(token(0xE3, &size));
    bytes.extend(done(0, 0));
    bytes
}

/// A transaction has begun.
pub fn begun() -> Vec<u8> {
    token(0xE3, &[8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0])
}

/// An error, which ends its statement.
pub fn error(number: u32, class: u8, text: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([1, class]);
    body.extend(u16::try_from(text.encode_utf16().count()).unwrap().to_le_bytes());
    body.extend(utf16(text));
    body.extend(short("TESTED"));
    body.extend(short(""));
    body.extend(1_u32.to_le_bytes());
    let mut bytes = token(0xAA, &body);
    bytes.extend(done(2, 0));
    bytes
}

/// The end of a statement: `status` 0, 2 after an error, 0x20 when it was cancelled.
pub fn done(status: u16, rows: u64) -> Vec<u8> {
    let counted = if status == 0 && rows > 0 { 0x10 } else { status };
    let mut bytes = vec![0xFD];
    bytes.extend(counted.to_le_bytes());
    bytes.extend(0xC1_u16.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    bytes
}

/// The columns of a result: names, and types as they are written on the line.
pub fn columns(columns: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0x81];
    bytes.extend(u16::try_from(columns.len()).unwrap().to_le_bytes());
    for (name, of) in columns {
        bytes.extend([0, 0, 0, 0, 9, 0]);
        bytes.extend(*of);
        bytes.extend(short(name));
    }
    bytes
}

/// A row of values as they are written on the line.
pub fn row(values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0xD1];
    values.iter().for_each(|value| bytes.extend(value));
    bytes
}

/// The types that tables of texts need.
pub fn bigint() -> Vec<u8> {
    vec![0x26, 8]
}

pub fn float() -> Vec<u8> {
    vec![0x6D, 8]
}

/// A text or bytes of any length; `kind` 0xE7 for nvarchar(max), 0xA5 for varbinary(max).
pub fn long(kind: u8) -> Vec<u8> {
    let mut bytes = vec![kind, 0xFF, 0xFF];
    if kind == 0xE7 {
        bytes.extend(CHINESE);
    }
    bytes
}

/// A value of at most 255 bytes behind its length.
pub fn tiny(bytes: &[u8]) -> Vec<u8> {
    let mut value = vec![u8::try_from(bytes.len()).unwrap()];
    value.extend(bytes);
    value
}

/// A value of at most 8,000 bytes behind its length.
pub fn medium(bytes: &[u8]) -> Vec<u8> {
    let mut value = u16::try_from(bytes.len()).unwrap().to_le_bytes().to_vec();
    value.extend(bytes);
    value
}

/// A value of any length, in one piece.
pub fn whole(bytes: &[u8]) -> Vec<u8> {
    let mut value = (bytes.len() as u64).to_le_bytes().to_vec();
    if !bytes.is_empty() {
        value.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        value.extend(bytes);
    }
    value.extend([0; 4]);
    value
}

/// No value of any length.
pub fn nothing_long() -> Vec<u8> {
    vec![0xFF; 8]
}
