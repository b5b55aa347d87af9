//! Whether what a complete run did not see is gone, or what speaks against it: pure, no database.

use super::bound::bound;
use super::{Millis, StoreError};
use crate::finding::Text;

/// What a run knows for and against believing that rows which did not come are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Digest of the names and kinds of the columns read; `None` where nothing was read.
    pub columns: Option<[u8; 16]>,
    /// How many files were read; 0 where a source is not made of files.
    pub parts: u32,
    /// What the source itself has against it: of a complete run, why what it misses waits for approval; of an incomplete
    /// one, why it was not complete.
    pub doubt: Option<Text>,
    /// What may go waits for the end of the collection that the run is part of (see [`super::Landing::settle_deletions`]).
    pub later: bool,
}

/// Deletions of a source and table as they were shown: an approval is for these and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved {
    /// Records deleted.
    pub deleted: u64,
    /// Records of the list that were not: they had come back, or were another source's by then.
    pub spared: u64,
}

/// What the last complete run of the same source and table knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Former {
    pub(super) columns: Option<[u8; 16]>,
    pub(super) parts: u32,
    pub(super) mapping: [u8; 16],
    pub(super) ended: Millis,
    /// Rows that the conditions of its mapping left out.
    pub(super) filtered: u64,
}

impl Former {
    /// From its columns in a database.
    pub(super) fn read((columns, parts, mapping, ended, filtered): (Option<Vec<u8>>, i64, Vec<u8>, i64, i64)) -> Self {
        let columns = columns.and_then(|bytes| bytes.try_into().ok());
        let (parts, filtered) = (u32::try_from(parts).unwrap_or(0), filtered.unsigned_abs());
        Self { columns, parts, mapping: mapping.try_into().unwrap_or_default(), ended, filtered }
    }
}

/// What happens with the records held for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// They wait for approval, or for a run that proves more.
    Ask,
    /// They go when the collection has ended well.
    Due,
    /// They wait for approval or their return alone: no later run says anything about them.
    Stay,
}

impl Kind {
    /// How it is written in a database.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Ask => 0,
            Self::Due => 1,
            Self::Stay => 2,
        }
    }
}

/// Why records are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) kind: Kind,
    pub(super) why: Text,
}

/// A complete run that misses records.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// Live records of the table.
    pub(super) live: u64,
    /// Of these, the source's own.
    pub(super) own: u64,
    /// Of its own, those that the run did not see.
    pub(super) missing: u64,
    /// Records deleted within seven days without being asked for.
    pub(super) recent: u64,
    /// New rows whose key cannot be read.
    pub(super) keyless: u64,
    /// Rows that the conditions of the mapping leave out.
    pub(super) filtered: u64,
    /// The run had an error.
    pub(super) error: bool,
    pub(super) evidence: &'a Evidence,
    /// Digest of the run's mapping.
    pub(super) mapping: [u8; 16],
    pub(super) former: Option<&'a Former>,
    /// Why records are held already whatever later runs miss.
    pub(super) stays: Option<&'a Text>,
}

/// Why the missing records are held, or `None` when they go at once.
pub(super) fn judge(case: &Case<'_>) -> Option<Hold> {
    let ask = |why| Some(Hold { kind: Kind::Ask, why });
    // Before all else: a run that is odd in another way too must not let the next one forget this.
    if let Some(why) = case.stays.cloned().or_else(|| case.former.and_then(|former| out_of_reach(former, case))) {
        return Some(Hold { kind: Kind::Stay, why });
    }
    if case.error {
        return ask(Text::new("本次读取出错", "the run had an error"));
    }
    if case.missing >= case.own {
        return ask(emptied(case.own));
    }
    if let Some(doubt) = &case.evidence.doubt {
        return ask(doubt.clone());
    }
    if case.former.is_some_and(|former| former.columns.zip(case.evidence.columns).is_some_and(|(then, now)| then != now)) {
        return ask(other_columns());
    }
    if let Some(why) = too_many(case) {
        return ask(why);
    }
    if case.keyless > 0 {
        let n = case.keyless;
        return ask(Text::new(
            format!("有 {n} 行新数据的主键无法读取，可能就是这些记录"),
            format!("{n} new rows without a readable key may be the missing records"),
        ));
    }
    case.evidence.later.then(|| Hold { kind: Kind::Due, why: companions() })
}

fn emptied(own: u64) -> Text {
    Text::new(
        format!("该来源在本表的 {own} 条记录会全部消失；视图为空、权限被收回、过滤条件排除全部行、关联的表为空时也是这样"),
        format!(
            "none of the source's {own} records would be left; it looks the same when a view is empty, a grant was revoked, a filter \
             leaves every row out or a joined table is empty"
        ),
    )
}

/// What the run could not reach though it may be there.
fn out_of_reach(former: &Former, case: &Case<'_>) -> Option<Text> {
    if former.mapping != case.mapping {
        return Some(Text::new(
            "映射改变后读不到；可能只是不在新映射的范围内，而不是被删除",
            "not read since the mapping was changed; it may only leave them out",
        ));
    }
    if case.filtered > former.filtered {
        let more = case.filtered - former.filtered;
        return Some(Text::new(
            format!("映射的条件（[[where]]）比上次完整读取多排除 {more} 行；这些记录可能只是不再符合条件，而不是被删除"),
            format!(
                "the mapping's conditions ([[where]]) leave out {more} rows more than in the last complete run; the records may only \
                 not fit them any more"
            ),
        ));
    }
    let (then, now) = (former.parts, case.evidence.parts);
    (then > now).then(|| {
        Text::new(
            format!("上次完整读取了 {then} 个文件，这次只有 {now} 个；补齐文件，或批准"),
            format!("the last complete run read {then} files, this one {now}; put the files back, or approve"),
        )
    })
}

fn companions() -> Text {
    Text::new("等同一来源的其他表在本次采集中读完", "waits until the other tables of the source are read in the same collection")
}

fn other_columns() -> Text {
    Text::new(
        "列（名称或类型）与上次完整读取时不同；再以同样的列完整读一次，或批准",
        "the columns (names or kinds) are not those of the last complete run; one more complete run with the same columns settles it, \
         or an approval",
    )
}

fn too_many(case: &Case<'_>) -> Option<Text> {
    let Case { live, missing, recent, .. } = *case;
    let bound = bound(live + recent);
    if missing > bound {
        return Some(Text::new(
            format!("{live} 条记录中有 {missing} 条消失，超过 {bound} 条"),
            format!("{missing} of {live} records are missing, more than {bound}"),
        ));
    }
    (missing + recent > bound).then(|| {
        Text::new(
            format!("{missing} 条记录消失，加上七天内已删除的 {recent} 条，共超过 {bound} 条"),
            format!("{missing} records are missing and {recent} went within seven days, together more than {bound}"),
        )
    })
}

/// Whether a complete run came out empty, of whose source there were records before.
pub(super) fn came_out_empty(read: u64, filtered: u64, had_rows: bool) -> bool {
    read <= filtered && had_rows
}

/// The code of a list of held records: each of a table's sources with its records as stored and the reason. Another list
/// has another code.
pub(super) fn list_code<'a>(held: impl Iterator<Item = (i64, &'a [u8], &'a str)>) -> String {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for (source, rids, why) in held {
        hash.update(&source.to_be_bytes());
        for bytes in [rids, why.as_bytes()] {
            hash.update(&(bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    }
    format!("{:08x}", hash.digest() >> 32)
}

/// The reason in both languages, from its columns; older hubs wrote English alone.
pub(super) fn why_text(zh: String, en: String) -> Text {
    if zh.is_empty() { Text::new(en.clone(), en) } else { Text { zh, en } }
}

/// A doubt from its columns.
pub(super) fn doubt_text(zh: Option<String>, en: Option<String>) -> Option<Text> {
    Some(Text { zh: zh?, en: en? })
}

/// When the records held for a source were last seen there: those that were missed by the same run first, together.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Waves(Vec<(Millis, roaring::RoaringBitmap)>);

impl Waves {
    /// From their stored form; empty bytes are none.
    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, StoreError> {
        let broken = || StoreError::Inconsistent("the times of held deletions cannot be read".to_owned());
        let mut waves = Vec::new();
        while !bytes.is_empty() {
            let (seen, rest) = bytes.split_first_chunk::<8>().ok_or_else(broken)?;
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
            let (rids, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(broken)?;
            waves.push((i64::from_be_bytes(*seen), super::open_run::bitmap(rids)?));
            bytes = rest;
        }
        Ok(Self(waves))
    }

    /// Their stored form.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (seen, rids) in &self.0 {
            let rids = super::open_run::bitmap_bytes(rids);
            out.extend(seen.to_be_bytes());
            out.extend((rids.len() as u32).to_be_bytes());
            out.extend(rids);
        }
        out
    }

    /// Goes from the records held before to those held now; the new ones among them were last seen at `seen`.
    pub(super) fn go_on(&mut self, before: &roaring::RoaringBitmap, now: &roaring::RoaringBitmap, seen: Millis) {
        let mut new = now.clone();
        for (_, rids) in &mut self.0 {
            *rids &= before;
            *rids &= now;
            new -= &*rids;
        }
        self.0.push((seen, new));
        self.0.retain(|(_, rids)| !rids.is_empty());
    }

    /// When a record was last seen; 0 where that is not known.
    pub(super) fn seen(&self, rid: u32) -> Millis {
        self.0.iter().find(|(_, rids)| rids.contains(rid)).map_or(0, |(seen, _)| *seen)
    }
}

#[cfg(test)]
mod tests {
    use roaring::RoaringBitmap;

    use super::*;

    const COLUMNS: Evidence = Evidence { columns: Some([1; 16]), parts: 2, doubt: None, later: false };

    fn former() -> Former {
        Former { columns: Some([1; 16]), parts: 2, mapping: [9; 16], ended: 5, filtered: 4 }
    }

    /// 100 live records, 90 of them the source's, `missing` of these missed.
    fn case<'a>(missing: u64, evidence: &'a Evidence, former: Option<&'a Former>) -> Case<'a> {
        let (live, own, recent, keyless, filtered, error, stays) = (100, 90, 0, 0, 4, false, None);
        Case { live, own, missing, recent, keyless, filtered, error, evidence, mapping: [9; 16], former, stays }
    }

    #[test]
    fn few_missing_records_go_and_everything_else_is_held_with_a_reason() {
        let former = former();
        assert_eq!(judge(&case(5, &COLUMNS, Some(&former))), None);
        assert_eq!(judge(&case(5, &COLUMNS, None)), None, "the first complete run");
        let kind = |case: &Case<'_>| judge(case).map(|hold| (hold.kind, !hold.why.zh.is_empty() && !hold.why.en.is_empty()));
        let (ask, stay) = (Some((Kind::Ask, true)), Some((Kind::Stay, true)));
        assert_eq!(kind(&case(6, &COLUMNS, Some(&former))), ask, "more than five percent");
        assert_eq!(kind(&Case { recent: 3, ..case(3, &COLUMNS, Some(&former)) }), ask, "more within seven days");
        assert_eq!(kind(&Case { error: true, ..case(1, &COLUMNS, Some(&former)) }), ask, "an error");
        assert_eq!(kind(&Case { filtered: 5, ..case(1, &COLUMNS, Some(&former)) }), stay, "one row more left out");
        assert_eq!(kind(&Case { filtered: 3, ..case(1, &COLUMNS, Some(&former)) }), None, "fewer left out");
        assert_eq!(kind(&Case { keyless: 1, ..case(1, &COLUMNS, Some(&former)) }), ask, "a key that cannot be read");
        assert_eq!(kind(&Case { own: 2, ..case(2, &COLUMNS, Some(&former)) }), ask, "the source has none left, the table has");
        let other = Evidence { columns: Some([2; 16]), ..COLUMNS };
        assert_eq!(kind(&case(1, &other, Some(&former))), ask, "other columns");
        let unread = Evidence { columns: None, ..COLUMNS };
        assert_eq!(kind(&case(1, &unread, Some(&former))), None, "nothing is known of the columns");
        let fewer = Evidence { parts: 1, ..COLUMNS };
        assert_eq!(kind(&case(1, &fewer, Some(&former))), stay, "fewer files");
        let doubt = Evidence { doubt: Some(Text::new("疑", "doubt")), ..COLUMNS };
        assert_eq!(kind(&case(1, &doubt, Some(&former))), ask, "the source's own doubt");
        let mapped = Former { mapping: [8; 16], ..former.clone() };
        assert_eq!(kind(&case(1, &COLUMNS, Some(&mapped))), stay, "another mapping");
        let why = Text::new("前", "before");
        let held = Case { stays: Some(&why), ..case(1, &COLUMNS, Some(&former)) };
        assert_eq!(judge(&held), Some(Hold { kind: Kind::Stay, why: why.clone() }), "no later run settles it");
        for odd in [Case { error: true, ..held }, Case { missing: 90, ..held }, Case { evidence: &doubt, ..held }] {
            assert_eq!(judge(&odd), Some(Hold { kind: Kind::Stay, why: why.clone() }), "nor one that is odd itself");
        }
        for odd in
            [Case { missing: 90, ..case(1, &fewer, Some(&former)) }, Case { missing: 90, ..case(1, &doubt, Some(&mapped)) }]
        {
            assert_eq!(kind(&odd), stay, "two reasons at once: the one that stays");
        }
        let later = Evidence { later: true, ..COLUMNS };
        assert_eq!(kind(&case(1, &later, Some(&former))), Some((Kind::Due, true)));
        assert_eq!(kind(&case(6, &later, Some(&former))), ask, "what is held anyway is not due");
    }

    #[test]
    fn a_run_comes_out_empty_when_no_row_is_left_of_those_there_were() {
        assert!(came_out_empty(0, 0, true) && came_out_empty(7, 7, true));
        assert!(!came_out_empty(7, 6, true) && !came_out_empty(0, 0, false));
    }

    #[test]
    fn another_list_has_another_code() {
        let one = |source, rids: &'static [u8], why| list_code([(source, rids, why)].into_iter());
        assert_eq!(one(1, b"ab", "why"), one(1, b"ab", "why"));
        assert!(
            [one(2, b"ab", "why"), one(1, b"ac", "why"), one(1, b"abw", "hy"), one(1, b"ab", "other")]
                .iter()
                .all(|code| *code != one(1, b"ab", "why") && code.len() == 8)
        );
    }

    #[test]
    fn a_record_was_last_seen_before_the_run_that_missed_it_first() {
        let set = |rids: &[u32]| rids.iter().copied().collect::<RoaringBitmap>();
        let mut waves = Waves::default();
        waves.go_on(&set(&[]), &set(&[1, 2, 3]), 10);
        waves.go_on(&set(&[1, 2, 3]), &set(&[1, 2, 7]), 20);
        let mut again = Waves::read(&waves.bytes()).unwrap();
        assert_eq!(again, waves);
        assert_eq!([1, 2, 3, 7].map(|rid| again.seen(rid)), [10, 10, 0, 20]);
        // The second came back and went again meanwhile.
        again.go_on(&set(&[1, 7]), &set(&[1, 2, 7]), 30);
        assert_eq!([1, 2, 7].map(|rid| again.seen(rid)), [10, 30, 20]);
        assert_eq!(Waves::read(&[]).unwrap(), Waves::default());
        assert!(Waves::read(&[1]).is_err());
    }
}
