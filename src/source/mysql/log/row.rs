//! Table maps and rows as the log holds them. Only the columns asked for are taken out; the others are stepped over.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::value::{Logged, decimal_bytes};

/// The log holds something else than expected: a type that is not known, or an end too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

type Taken<T> = Result<T, Unreadable>;

/// Rows that are packed are at most this large when unpacked; the server's own bound.
const LONGEST: u64 = 1 << 30;

/// Bytes being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, count: usize) -> Taken<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of so many bytes, the least significant first.
    pub fn number(&mut self, bytes: usize) -> Taken<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn count(&mut self, bytes: usize) -> Taken<usize> {
        usize::try_from(self.number(bytes)?).map_err(|_| Unreadable)
    }

    /// A number that says itself how long it is.
    fn packed(&mut self) -> Taken<usize> {
        match self.number(1)? {
            252 => self.count(2),
            253 => self.count(3),
            254 => self.count(8),
            255 => Err(Unreadable),
            small => Ok(small as usize),
        }
    }

    /// A name with its length before it and a zero behind it.
    fn name(&mut self) -> Taken<&'a str> {
        let length = self.count(1)?;
        let name = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(name).map_err(|_| Unreadable)
    }
}

/// What a table looked like when its rows were logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableMap {
    pub id: u64,
    pub schema: String,
    pub table: String,
    columns: Vec<(u8, [u8; 2])>,
}

impl TableMap {
    /// Reads the body of a table map.
    pub fn read(body: &[u8]) -> Taken<Self> {
        let mut bytes = Bytes(body);
        let id = bytes.number(6)?;
        bytes.take(2)?;
        let (schema, table) = (bytes.name()?.to_owned(), bytes.name()?.to_owned());
        let count = bytes.packed()?;
        let kinds = bytes.take(count)?;
        let length = bytes.packed()?;
        let mut about = Bytes(bytes.take(length)?);
        let columns = kinds.iter().map(|kind| {
            let said = about.take(length_about(*kind))?;
            Ok((*kind, [said.first().copied().unwrap_or_default(), said.get(1).copied().unwrap_or_default()]))
        });
        Ok(Self { id, schema, table, columns: columns.collect::<Taken<_>>()? })
    }
}

/// How many bytes say more of a type.
fn length_about(kind: u8) -> usize {
    match kind {
        4 | 5 | 17..=19 | 140 | 242 | 245 | 249..=252 | 255 => 1,
        15 | 16 | 141 | 246..=248 | 254 => 2,
        _ => 0,
    }
}

/// What was done to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Write,
    Update,
    Delete,
}

/// Some rows of one table.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    /// Whether what a row became may leave out parts of documents.
    partial: bool,
    before: Option<&'a [u8]>,
    after: Option<&'a [u8]>,
    data: Vec<u8>,
}

/// Which table the rows of an event are of.
pub(super) fn table_of(body: &[u8]) -> Taken<u64> {
    Bytes(body).number(6)
}

/// What an event's kind does to rows; nothing for other events.
pub(super) fn deed(kind: u8) -> Option<Deed> {
    match kind {
        23 | 30 | 166 | 169 => Some(Deed::Write),
        24 | 31 | 39 | 167 | 170 => Some(Deed::Update),
        25 | 32 | 168 | 171 => Some(Deed::Delete),
        _ => None,
    }
}

impl<'a> Rows<'a> {
    /// Reads the body of an event of rows.
    pub fn read(kind: u8, deed: Deed, body: &'a [u8]) -> Taken<Self> {
        let mut bytes = Bytes(body);
        bytes.take(8)?;
        if matches!(kind, 30..=32 | 39 | 169..=171) {
            let extra = bytes.count(2)?;
            bytes.take(extra.saturating_sub(2))?;
        }
        let columns = bytes.packed()?;
        let bitmap = columns.div_ceil(8);
        let before = (deed != Deed::Write).then(|| bytes.take(bitmap)).transpose()?;
        let after = (deed != Deed::Delete).then(|| bytes.take(bitmap)).transpose()?;
        let data = if kind >= 166 { unpacked(bytes.0)? } else { bytes.0.to_vec() };
        Ok(Self { partial: kind == 39, before, after, data })
    }

    /// Tells of each row what the columns `wanted` held before and hold after; an image that the log does not hold has
    /// none. `wanted` is ascending.
    pub fn each(
        &self,
        map: &TableMap,
        wanted: &[usize],
        mut tell: impl FnMut(&[Part<'_>], &[Part<'_>]) -> Taken<()>,
    ) -> Taken<()> {
        let mut bytes = Bytes(&self.data);
        while !bytes.0.is_empty() {
            let before = self.before.map(|present| image(&mut bytes, map, present, wanted, false)).transpose()?;
            let after = self.after.map(|present| image(&mut bytes, map, present, wanted, self.partial)).transpose()?;
            tell(&before.unwrap_or_default(), &after.unwrap_or_default())?;
        }
        Ok(())
    }
}

/// What an image holds of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The column is not in the image.
    Absent,
    /// NULL.
    Null,
    /// A value.
    Value(Logged<'a>),
}

fn image<'a>(bytes: &mut Bytes<'a>, map: &'a TableMap, present: &[u8], wanted: &[usize], partial: bool) -> Taken<Vec<Part<'a>>> {
    if partial && bytes.packed()? & 1 != 0 {
        let documents = map.columns.iter().filter(|(kind, _)| *kind == 245).count();
        bytes.take(documents.div_ceil(8))?;
    }
    let is_set = |bits: &[u8], at: usize| bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    let count = (0..map.columns.len()).filter(|at| is_set(present, *at)).count();
    let nulls = bytes.take(count.div_ceil(8))?;
    let mut parts = vec![Part::Absent; wanted.len()];
    let mut ordinal = 0;
    for (at, (kind, about)) in map.columns.iter().enumerate() {
        if !is_set(present, at) {
            continue;
        }
        let part = if is_set(nulls, ordinal) {
            Part::Null
        } else {
            let length = length(bytes, *kind, about)?;
            Part::Value(Logged { kind: *kind, about, bytes: bytes.take(length)? })
        };
        ordinal += 1;
        if let Ok(place) = wanted.binary_search(&at) {
            parts[place] = part;
        }
    }
    Ok(parts)
}

/// How long a value is; takes the length off where it stands before the value.
fn length(bytes: &mut Bytes<'_>, kind: u8, about: &[u8; 2]) -> Taken<usize> {
    let [first, second] = about.map(usize::from);
    match kind {
        1 | 13 => Ok(1),
        2 => Ok(2),
        9..=11 | 14 => Ok(3),
        3 | 4 | 7 => Ok(4),
        5 | 8 | 12 => Ok(8),
        6 => Ok(0),
        16 => Ok(second + usize::from(first > 0)),
        17 => Ok(4 + first.div_ceil(2)),
        18 => Ok(5 + first.div_ceil(2)),
        19 => Ok(3 + first.div_ceil(2)),
        246 => decimal_bytes(first, second).ok_or(Unreadable),
        15 | 141 => bytes.count(if first + (second << 8) < 256 { 1 } else { 2 }),
        140 | 242 | 245 | 249..=252 | 255 if (1..=4).contains(&first) => bytes.count(first),
        // ENUM and SET under the name of CHAR: the second byte is their length.
        247 | 248 => Ok(second),
        254 if matches!(first, 247 | 248) => Ok(second),
        254 => {
            // Two bits of a CHAR's length stand inverted in its type.
            let longest = second | ((first & 0x30) ^ 0x30) << 4;
            bytes.count(if longest < 256 { 1 } else { 2 })
        }
        _ => Err(Unreadable),
    }
}

/// What MariaDB has packed: how many bytes follow as length, the length, and zlib.
pub(super) fn unpacked(data: &[u8]) -> Taken<Vec<u8>> {
    let mut bytes = Bytes(data);
    let head = bytes.number(1)?;
    if head >> 4 & 7 != 0 {
        return Err(Unreadable);
    }
    let length = bytes.take((head & 7) as usize)?.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    let mut whole = Vec::new();
    let mut unpacking = ZlibDecoder::new(bytes.0).take(length.min(LONGEST));
    unpacking.read_to_end(&mut whole).map_err(|_| Unreadable)?;
    if whole.len() as u64 == length { Ok(whole) } else { Err(Unreadable) }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// The body of a table map.
    pub fn table_map(id: u8, schema: &str, table: &str, columns: &[(u8, &[u8])]) -> Vec<u8> {
        let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0];
        for name in [schema, table] {
            body.push(name.len() as u8);
            body.extend(name.as_bytes());
            body.push(0);
        }
        body.push(columns.len() as u8);
        body.extend(columns.iter().map(|(kind, _)| *kind));
        let about: Vec<u8> = columns.iter().flat_map(|(_, about)| about.iter().copied()).collect();
        body.push(about.len() as u8);
        body.extend(about);
        body.extend(vec![0; columns.len().div_ceil(8)]);
        body
    }

    /// The body of an event of rows (version 1) with images of all columns.
    pub fn rows(id: u8, deed: Deed, columns: usize, data: &[u8]) -> Vec<u8> {
        let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0, columns as u8];
        let images = if deed == Deed::Update { 2 } else { 1 };
        body.extend(vec![0xFF; columns.div_ceil(8) * images]);
        body.extend(data);
        body
    }

    fn told(kind: u8, map: &TableMap, wanted: &[usize], body: &[u8]) -> Taken<Vec<(Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>)>> {
        let held = |parts: &[Part<'_>]| {
            let bytes = |part: &Part<'_>| match part {
                Part::Value(value) => Some(value.bytes.to_vec()),
                Part::Null | Part::Absent => None,
            };
            parts.iter().map(bytes).collect()
        };
        let mut all = Vec::new();
        Rows::read(kind, deed(kind).unwrap(), body)?.each(map, wanted, |before, after| {
            all.push((held(before), held(after)));
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn columns_are_found_behind_columns_of_every_type() {
        // Each type with what is said of it and a value; the key stands behind all of them.
        let all: [(u8, &[u8], &[u8]); 24] = [
            (1, &[], &[1]),
            (2, &[], &[1, 2]),
            (9, &[], &[1, 2, 3]),
            (3, &[], &[1, 2, 3, 4]),
            (8, &[], &[0; 8]),
            (4, &[4], &[0; 4]),
            (5, &[8], &[0; 8]),
            (246, &[14, 4], &[0; 7]),
            (16, &[2, 1], &[1, 1]),
            (13, &[], &[123]),
            (10, &[], &[0; 3]),
            (17, &[3], &[0; 6]),
            (18, &[6], &[0; 8]),
            (19, &[0], &[0; 3]),
            (15, &[10, 0], &[2, b'a', b'b']),
            (15, &[0, 1], &[2, 0, b'a', b'b']),
            (254, &[254, 20], &[2, b'a', b'b']),
            // CHAR(255) in four bytes a character: 1,020 bytes at most.
            (254, &[0xCE, 0xFC], &[1, 0, b'c']),
            (254, &[247, 1], &[1]),
            (254, &[248, 2], &[1, 1]),
            (252, &[2], &[3, 0, 1, 2, 3]),
            (245, &[4], &[2, 0, 0, 0, 9, 9]),
            (255, &[4], &[1, 0, 0, 0, 7]),
            (140, &[2], &[1, 0, 5]),
        ];
        let mut columns: Vec<(u8, &[u8])> = all.iter().map(|(kind, about, _)| (*kind, *about)).collect();
        columns.push((3, &[]));
        let map = TableMap::read(&table_map(7, "jiaowu", "xs", &columns)).unwrap();
        assert_eq!((map.id, map.schema.as_str(), map.table.as_str()), (7, "jiaowu", "xs"));
        let mut row = vec![0; columns.len().div_ceil(8)];
        row.extend(all.iter().flat_map(|(_, _, value)| value.iter().copied()));
        row.extend([42, 0, 0, 0]);
        let two = [row.clone(), row].concat();
        let found = told(23, &map, &[24], &rows(7, Deed::Write, columns.len(), &two)).unwrap();
        assert_eq!(found, vec![(vec![], vec![Some(vec![42, 0, 0, 0])]); 2]);
    }

    #[test]
    fn images_may_hold_some_columns_only_and_nothing() {
        let map = TableMap::read(&table_map(1, "a", "b", &[(3, &[]), (15, &[10, 0]), (1, &[])])).unwrap();
        // Before: the key alone; after: the second and third, the third NULL.
        let body = [&[1, 0, 0, 0, 0, 0, 1, 0, 3, 0b001, 0b110][..], &[0, 5, 0, 0, 0], &[0b10, 1, b'x']].concat();
        let found = told(24, &map, &[0, 1, 2], &body).unwrap();
        assert_eq!(found, [(vec![Some(vec![5, 0, 0, 0]), None, None], vec![None, Some(b"x".to_vec()), None])]);
        let cut = &body[..body.len() - 1];
        assert_eq!(told(24, &map, &[0], cut), Err(Unreadable));
    }

    #[test]
    fn rows_of_the_second_version_and_packed_rows_are_the_same_rows() {
        let map = TableMap::read(&table_map(1, "a", "b", &[(1, &[])])).unwrap();
        let expected = [(vec![], vec![Some(vec![9])])];
        assert_eq!(told(23, &map, &[0], &rows(1, Deed::Write, 1, &[0, 9])).unwrap(), expected);
        let second = [1, 0, 0, 0, 0, 0, 1, 0, 4, 0, 77, 77, 1, 1, 0, 9];
        assert_eq!(told(30, &map, &[0], &second).unwrap(), expected);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&[0, 9]).unwrap();
        let packed = [&[1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0x81, 2][..], &zlib.finish().unwrap()].concat();
        assert_eq!(told(166, &map, &[0], &packed).unwrap(), expected);
    }

    #[test]
    fn documents_that_changed_in_part_are_stepped_over() {
        let map = TableMap::read(&table_map(1, "a", "b", &[(245, &[4]), (1, &[])])).unwrap();
        let before = [0, 1, 0, 0, 0, 5, 8];
        let after = [1, 1, 0, 2, 0, 0, 0, 6, 6, 8];
        let body = [&[1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3, 3][..], &before, &after].concat();
        assert_eq!(told(39, &map, &[1], &body).unwrap(), [(vec![Some(vec![8])], vec![Some(vec![8])])]);
    }

    #[test]
    fn types_that_are_not_known_are_not_guessed_at() {
        let map = TableMap::read(&table_map(1, "a", "b", &[(200, &[]), (1, &[])])).unwrap();
        assert_eq!(told(23, &map, &[1], &rows(1, Deed::Write, 2, &[0, 1, 2])), Err(Unreadable));
        assert_eq!(TableMap::read(&[1, 0]), Err(Unreadable));
    }
}
