//! The rows of a batch in flight, in one piece of bytes instead of a row each: pure, no database.
//!
//! A member follows the one before it: a byte of flags, the steps of row id and seq as zigzag varints, refusals and bound where
//! there are any, then the record key, 16 bytes where it is hexadecimal and 32 where it is not.

use roaring::RoaringBitmap;

use super::place::{Delta, Place, reason_code};
use super::verdicts::Sorted;
use super::{MemberRow, Op, Reason, StoreError};
use crate::record::RecordKey;

/// The form of the bytes below.
const FORM: u8 = 1;
/// Flags of a member.
const DELETES: u8 = 1;
const TEXT_KEY: u8 = 2;
const STORY: u8 = 4;

/// A row of a batch in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) rid: u32,
    pub(super) seq: u64,
    pub(super) op: Op,
    /// How often it was refused before.
    pub(super) refusals: u32,
    /// The bound of its batches' rows; 0 = none.
    pub(super) split: u32,
    pub(super) key: RecordKey,
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn put(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// What is left of the bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u64> {
        let (mut n, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            n |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(n);
            }
            shift += 7;
        }
    }

    fn step(&mut self) -> Option<i64> {
        let n = self.number()?;
        Some((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    fn member(&mut self, before: (u32, u64)) -> Option<Member> {
        let flags = self.byte()?;
        let rid = u32::try_from(i64::from(before.0).checked_add(self.step()?)?).ok()?;
        let seq = before.1.wrapping_add_signed(self.step()?);
        let (mut refusals, mut split) = (0, 0);
        if flags & STORY != 0 {
            refusals = u32::try_from(self.number()?).ok()?;
            split = u32::try_from(self.number()?).ok()?;
        }
        let key = if flags & TEXT_KEY != 0 {
            RecordKey::parse(std::str::from_utf8(self.take(32)?).ok()?).unwrap_or_default()
        } else {
            RecordKey::from_bits(self.take(16)?.try_into().ok()?)
        };
        let op = if flags & DELETES != 0 { Op::Delete } else { Op::Upsert };
        Some(Member { rid, seq, op, refusals, split, key })
    }
}

/// Members as bytes, in wire order.
pub(super) fn pack(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + members.len() * 20);
    out.push(FORM);
    let mut before = (0u32, 0u64);
    for m in members {
        let bits = m.key.bits();
        let story = m.refusals > 0 || m.split > 0;
        let mut flags = if m.op == Op::Delete { DELETES } else { 0 };
        flags |= if bits.is_none() { TEXT_KEY } else { 0 };
        flags |= if story { STORY } else { 0 };
        out.push(flags);
        put(zigzag(i64::from(m.rid) - i64::from(before.0)), &mut out);
        put(zigzag(m.seq.wrapping_sub(before.1) as i64), &mut out);
        if story {
            put(u64::from(m.refusals), &mut out);
            put(u64::from(m.split), &mut out);
        }
        match bits {
            Some(bits) => out.extend_from_slice(&bits),
            // A key that never was one, 32 NULs, comes back as it was.
            None => out.extend_from_slice(m.key.as_str().as_bytes()),
        }
        before = (m.rid, m.seq);
    }
    out
}

/// Members from their bytes.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<Member>, StoreError> {
    let broken = || StoreError::Inconsistent("the members of a batch cannot be read".to_owned());
    let mut reader = Reader(bytes);
    if reader.byte() != Some(FORM) {
        return Err(broken());
    }
    let mut members = Vec::with_capacity(bytes.len() / 19);
    let mut before = (0, 0);
    while !reader.0.is_empty() {
        let member = reader.member(before).ok_or_else(broken)?;
        before = (member.rid, member.seq);
        members.push(member);
    }
    Ok(members)
}

/// Members as they are shown outside.
pub(super) fn shown(members: Vec<Member>) -> Vec<MemberRow> {
    let row = |(ordinal, m): (u32, Member)| MemberRow { ordinal, rid: u64::from(m.rid), seq: m.seq, record_key: m.key };
    (0u32..).zip(members).map(row).collect()
}

/// A row that becomes an exception at settling.
#[derive(Debug)]
pub(super) struct Fallen<'a> {
    pub(super) rid: u32,
    pub(super) seq: u64,
    pub(super) refusals: u32,
    pub(super) split: u32,
    pub(super) text: Option<&'a str>,
    pub(super) field: Option<&'a str>,
}

/// What settling a batch changes.
#[derive(Debug, Default)]
pub(super) struct Settlement<'a> {
    pub(super) delta: Delta,
    /// Row ids that the upstream holds from now on, whichever version.
    pub(super) held: Vec<u64>,
    /// Row ids that it has deleted.
    pub(super) dropped: Vec<u64>,
    /// Newest versions that it has stored.
    pub(super) seqs: Vec<u64>,
    pub(super) refused: Vec<Fallen<'a>>,
    pub(super) unknown: Vec<Fallen<'a>>,
}

impl<'a> Settlement<'a> {
    /// What the verdicts come to. `overtaken`: row ids of members that are no longer the newest version of their key.
    pub(super) fn new(members: &[Member], overtaken: &RoaringBitmap, sorted: &Sorted<'a>) -> Result<Self, StoreError> {
        let mut out = Self::default();
        let mut newest = |m: &Member, place: Place| {
            let stands = overtaken.is_empty() || !overtaken.contains(m.rid);
            if stands && m.op == Op::Upsert {
                out.delta.add(Place::InFlight, -1);
                out.delta.add(place, 1);
            }
            stands
        };
        let of = |ordinal: u32| {
            let none = || StoreError::Inconsistent(format!("a batch has no row {ordinal}"));
            members.get(ordinal as usize).ok_or_else(none)
        };
        for ordinal in &sorted.stored {
            let m = of(*ordinal)?;
            let stands = newest(m, Place::Stored);
            if m.op == Op::Delete {
                out.dropped.push(u64::from(m.rid));
            } else {
                out.held.push(u64::from(m.rid));
                if stands {
                    out.seqs.push(m.seq);
                }
            }
        }
        for (ordinal, text, field) in &sorted.refused {
            let m = of(*ordinal)?;
            if newest(m, Place::of_reason(reason_code(Reason::Refused))) {
                let refusals = m.refusals.saturating_add(1);
                out.refused.push(Fallen { rid: m.rid, seq: m.seq, refusals, split: 0, text: Some(text), field: *field });
            }
        }
        for (ordinal, split) in &sorted.unknown {
            let m = of(*ordinal)?;
            if newest(m, Place::of_reason(reason_code(Reason::Unknown))) {
                let split = if *split > 0 { *split } else { m.split };
                out.unknown.push(Fallen { rid: m.rid, seq: m.seq, refusals: m.refusals, split, text: None, field: None });
            }
        }
        Ok(out)
    }
}

/// What the unsettled batches of one (upstream, feed) hold.
#[derive(Debug, Default)]
pub(super) struct Flying {
    /// Row ids of their members.
    pub(super) rids: RoaringBitmap,
    /// Those among them whose newest version is another one.
    pub(super) overtaken: RoaringBitmap,
}

impl Flying {
    /// Over all batches.
    pub(super) fn over(batches: impl Iterator<Item = (RoaringBitmap, RoaringBitmap)>) -> Self {
        let mut all = Self::default();
        for (rids, overtaken) in batches {
            all.rids |= rids;
            all.overtaken |= overtaken;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member() -> impl Strategy<Value = Member> {
        let key = prop_oneof![
            any::<[u8; 16]>().prop_map(RecordKey::from_bits),
            "[A-Z0-9]{32}".prop_map(|text| RecordKey::parse(&text).unwrap()),
        ];
        let story = prop_oneof![Just((0, 0)), any::<(u32, u32)>()];
        (any::<u32>(), any::<u64>(), any::<bool>(), story, key).prop_map(|(rid, seq, deletes, (refusals, split), key)| Member {
            rid,
            seq,
            op: if deletes { Op::Delete } else { Op::Upsert },
            refusals,
            split,
            key,
        })
    }

    proptest! {
        #[test]
        fn members_come_back_as_they_were(members in prop::collection::vec(member(), 0..40), cut in any::<prop::sample::Index>()) {
            let bytes = pack(&members);
            prop_assert_eq!(unpack(&bytes).unwrap(), members);
            // Bytes cut off are found out, or end between two members.
            let cut = cut.index(bytes.len());
            if let Ok(fewer) = unpack(&bytes[..cut]) {
                prop_assert_eq!(pack(&fewer), &bytes[..cut]);
            }
        }
    }

    #[test]
    fn rows_in_order_take_little_more_than_their_keys() {
        let one = |i: u32| Member {
            rid: 1_000_000 + i,
            seq: 1 << 48 | u64::from(i),
            op: Op::Upsert,
            refusals: 0,
            split: 0,
            key: RecordKey::from_bits([i as u8; 16]),
        };
        let members: Vec<Member> = (0..2_000).map(one).collect();
        assert!(pack(&members).len() < 2_000 * 19 + 20, "{}", pack(&members).len());
    }
}
