//! Messages of PostgreSQL's plugin `pgoutput`, version 1 of its protocol: what the server writes into its log of changes,
//! as bytes. Pure.
//!
//! Streamed and prepared transactions are not asked for, so their messages do not come.

/// A place in the server's log. Later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Lsn(pub u64);

impl Lsn {
    /// From the server's text: two hexadecimal numbers with a slash between.
    pub fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let part = |digits: &str| u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
        Some(Self(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

impl std::fmt::Display for Lsn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// A transaction begins; the log holds whole committed ones, one after the other.
    Begin {
        /// Its number.
        xid: u32,
    },
    /// It ends.
    Commit {
        /// Right behind its last record.
        end: Lsn,
    },
    /// What a table looks like whose changes follow.
    Relation(Relation<'a>),
    /// A row came.
    Insert {
        /// The table's number.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row changed.
    Update {
        /// The table's number.
        relation: u32,
        /// What it was, where the server tells: its identity if that changed, or all of it.
        old: Option<Tuple<'a>>,
        /// What it is.
        new: Tuple<'a>,
    },
    /// A row went.
    Delete {
        /// The table's number.
        relation: u32,
    },
    /// Tables were emptied.
    Truncate {
        /// Their numbers.
        relations: Vec<u32>,
    },
    /// Names of types, origins, messages of applications: nothing about rows.
    Other,
}

/// A table, as its changes have it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation<'a> {
    /// Its number in the catalogue.
    pub id: u32,
    /// Its columns' names, in the order of the tuples' cells.
    pub columns: Vec<&'a [u8]>,
}

/// The cells of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tuple<'a>(pub Vec<Datum<'a>>);

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datum<'a> {
    /// Nothing (NULL).
    Null,
    /// A long value that did not change and is not repeated.
    Kept,
    /// The value's text.
    Text(&'a [u8]),
}

/// Bytes that are no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a change in the log is not in the form of pgoutput's protocol 1")]
pub(super) struct Malformed;

/// Reads one message.
pub(super) fn decode(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut bytes = Bytes(bytes);
    let message = match bytes.u8()? {
        b'B' => {
            bytes.skip(16)?;
            Message::Begin { xid: bytes.u32()? }
        }
        b'C' => {
            bytes.skip(9)?;
            let end = Lsn(bytes.u64()?);
            bytes.skip(8)?;
            Message::Commit { end }
        }
        b'R' => Message::Relation(relation(&mut bytes)?),
        b'I' => {
            let relation = bytes.u32()?;
            bytes.must_be(b'N')?;
            Message::Insert { relation, new: tuple(&mut bytes)? }
        }
        b'U' => update(&mut bytes)?,
        b'D' => {
            let relation = bytes.u32()?;
            if !matches!(bytes.u8()?, b'K' | b'O') {
                return Err(Malformed);
            }
            tuple(&mut bytes)?;
            Message::Delete { relation }
        }
        b'T' => {
            let count = bytes.u32()?;
            bytes.skip(1)?;
            // The count is the server's word; the bytes are what there is.
            if bytes.0.len() != (count as usize).checked_mul(4).ok_or(Malformed)? {
                return Err(Malformed);
            }
            let relations = (0..count).map(|_| bytes.u32()).collect::<Result<_, _>>()?;
            Message::Truncate { relations }
        }
        b'Y' | b'O' | b'M' => return Ok(Message::Other),
        _ => return Err(Malformed),
    };
    if bytes.0.is_empty() { Ok(message) } else { Err(Malformed) }
}

fn relation<'a>(bytes: &mut Bytes<'a>) -> Result<Relation<'a>, Malformed> {
    let id = bytes.u32()?;
    // Schema, name, and what of old rows is told.
    bytes.text()?;
    bytes.text()?;
    bytes.skip(1)?;
    let count = bytes.u16()?;
    let column = |_| {
        bytes.skip(1)?;
        let name = bytes.text()?;
        // Type and its modifier.
        bytes.skip(8)?;
        Ok(name)
    };
    Ok(Relation { id, columns: (0..count).map(column).collect::<Result<_, _>>()? })
}

fn update<'a>(bytes: &mut Bytes<'a>) -> Result<Message<'a>, Malformed> {
    let relation = bytes.u32()?;
    let old = match bytes.u8()? {
        b'N' => None,
        b'K' | b'O' => {
            let old = tuple(bytes)?;
            bytes.must_be(b'N')?;
            Some(old)
        }
        _ => return Err(Malformed),
    };
    Ok(Message::Update { relation, old, new: tuple(bytes)? })
}

fn tuple<'a>(bytes: &mut Bytes<'a>) -> Result<Tuple<'a>, Malformed> {
    let count = bytes.u16()?;
    let cell = |_| match bytes.u8()? {
        b'n' => Ok(Datum::Null),
        b'u' => Ok(Datum::Kept),
        b't' => {
            let length = bytes.u32()?;
            Ok(Datum::Text(bytes.take(length as usize)?))
        }
        _ => Err(Malformed),
    };
    Ok(Tuple((0..count).map(cell).collect::<Result<_, _>>()?))
}

/// What is left of a message.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.take(count).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn must_be(&mut self, wanted: u8) -> Result<(), Malformed> {
        if self.u8()? == wanted { Ok(()) } else { Err(Malformed) }
    }

    /// A text up to its zero byte.
    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
        let text = self.take(length)?;
        self.skip(1)?;
        Ok(text)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Messages as the server writes them.
    pub(in super::super) mod written {
        pub fn begin(xid: u32) -> Vec<u8> {
            [&b"B"[..], &7u64.to_be_bytes(), &9u64.to_be_bytes(), &xid.to_be_bytes()].concat()
        }

        pub fn commit(end: u64) -> Vec<u8> {
            [&b"C\0"[..], &(end - 8).to_be_bytes(), &end.to_be_bytes(), &9u64.to_be_bytes()].concat()
        }

        pub fn relation(id: u32, columns: &[&str]) -> Vec<u8> {
            let mut bytes = [&b"R"[..], &id.to_be_bytes(), b"jw\0XS_JBXX\0d", &(columns.len() as u16).to_be_bytes()].concat();
            for name in columns {
                bytes.extend([&b"\x01"[..], name.as_bytes(), &[0], &25u32.to_be_bytes(), &u32::MAX.to_be_bytes()].concat());
            }
            bytes
        }

        /// `~` is a value that is kept, `!` none.
        pub fn tuple(cells: &[&str]) -> Vec<u8> {
            let mut bytes = (cells.len() as u16).to_be_bytes().to_vec();
            for cell in cells {
                match *cell {
                    "~" => bytes.push(b'u'),
                    "!" => bytes.push(b'n'),
                    text => bytes.extend([&b"t"[..], &(text.len() as u32).to_be_bytes(), text.as_bytes()].concat()),
                }
            }
            bytes
        }

        pub fn insert(id: u32, cells: &[&str]) -> Vec<u8> {
            [&b"I"[..], &id.to_be_bytes(), b"N", &tuple(cells)].concat()
        }

        pub fn update(id: u32, old: Option<(u8, &[&str])>, cells: &[&str]) -> Vec<u8> {
            let old = old.map(|(kind, cells)| [&[kind][..], &tuple(cells)].concat()).unwrap_or_default();
            [&b"U"[..], &id.to_be_bytes(), &old, b"N", &tuple(cells)].concat()
        }

        pub fn delete(id: u32, cells: &[&str]) -> Vec<u8> {
            [&b"D"[..], &id.to_be_bytes(), b"K", &tuple(cells)].concat()
        }

        pub fn truncate(ids: &[u32]) -> Vec<u8> {
            let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
            [&b"T"[..], &((ids.len() / 4) as u32).to_be_bytes(), &[0], &ids].concat()
        }
    }

    use written as w;

    fn cells<'a>(cells: &[&'a str]) -> Tuple<'a> {
        let cell = |cell: &&'a str| match *cell {
            "~" => Datum::Kept,
            "!" => Datum::Null,
            text => Datum::Text(text.as_bytes()),
        };
        Tuple(cells.iter().map(cell).collect())
    }

    #[test]
    fn each_message_is_read() {
        let long = "长".repeat(70_000);
        for (bytes, message) in [
            (w::begin(731), Message::Begin { xid: 731 }),
            (w::commit(0x0123_4567_89AB), Message::Commit { end: Lsn(0x0123_4567_89AB) }),
            (
                w::relation(16_384, &["ID", "姓名"]),
                Message::Relation(Relation { id: 16_384, columns: vec![b"ID", "姓名".as_bytes()] }),
            ),
            (w::relation(1, &[]), Message::Relation(Relation { id: 1, columns: vec![] })),
            (w::insert(5, &["1", "!", ""]), Message::Insert { relation: 5, new: cells(&["1", "!", ""]) }),
            (w::insert(5, &[&long]), Message::Insert { relation: 5, new: cells(&[&long]) }),
            (w::update(5, None, &["1", "~"]), Message::Update { relation: 5, old: None, new: cells(&["1", "~"]) }),
            (
                w::update(5, Some((b'K', &["1", "!"])), &["2", "b"]),
                Message::Update { relation: 5, old: Some(cells(&["1", "!"])), new: cells(&["2", "b"]) },
            ),
            (
                w::update(5, Some((b'O', &["1", "a"])), &["1", "b"]),
                Message::Update { relation: 5, old: Some(cells(&["1", "a"])), new: cells(&["1", "b"]) },
            ),
            (w::delete(5, &["1", "!"]), Message::Delete { relation: 5 }),
            (w::truncate(&[5, 6]), Message::Truncate { relations: vec![5, 6] }),
            (b"Y\0\0\0\x01pg_catalog\0text\0".to_vec(), Message::Other),
            (b"O\0\0\0\0\0\0\0\x01elsewhere\0".to_vec(), Message::Other),
            (b"M\0\0\0\0\0\0\0\0\x01note\0\0\0\0\x02hi".to_vec(), Message::Other),
        ] {
            assert_eq!(decode(&bytes), Ok(message));
        }
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        for bytes in [
            w::begin(1),
            w::commit(9),
            w::relation(1, &["a"]),
            w::insert(1, &["ab"]),
            w::update(1, Some((b'K', &["a"])), &["b"]),
            w::delete(1, &["a"]),
            w::truncate(&[1]),
        ] {
            for length in 0..bytes.len() {
                assert_eq!(decode(&bytes[..length]), Err(Malformed), "{length} of {bytes:?}");
            }
            assert_eq!(decode(&[&bytes[..], b"x"].concat()), Err(Malformed));
        }
        // A stream of a transaction under way, which is not asked for.
        assert_eq!(decode(b"S\0\0\0\x01\x01"), Err(Malformed));
    }

    #[test]
    fn places_in_the_log_are_read_and_written_as_the_server_does() {
        for (text, place) in [("0/0", 0), ("0/16B3748", 0x16B_3748), ("1/0", 1 << 32), ("FFFFFFFF/FFFFFFFF", u64::MAX)] {
            assert_eq!(Lsn::parse(text), Some(Lsn(place)));
            assert_eq!(Lsn(place).to_string(), text);
        }
        for wrong in ["", "0", "0/", "/0", "g/0", "+1/0", "100000000/0", "0/0/0"] {
            assert_eq!(Lsn::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0usize..12) {
            let _ = decode(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = b"BCRIUDTYOMSx"[kind];
            }
            let _ = decode(&bytes);
        }

        #[test]
        fn no_change_of_a_message_is_too_odd(at in 0usize..60, byte in any::<u8>(), which in 0usize..5) {
            let mut bytes = match which {
                0 => w::relation(1, &["ID", "NAME"]),
                1 => w::insert(1, &["1", "a", "!"]),
                2 => w::update(1, Some((b'K', &["1", "!"])), &["2", "~"]),
                3 => w::truncate(&[1, 2, 3]),
                _ => w::delete(1, &["1"]),
            };
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = decode(&bytes);
        }
    }
}
