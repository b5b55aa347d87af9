//! Looking keys up that follow each other: one walk over the heads instead of a search a key.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::inconsistent;
use crate::record::RecordBatch;
use crate::store::sort::{Found, Group};
use crate::store::{FeedId, StoreError};

/// Keys of one walk.
const KEYS: usize = 2_000;
/// Heads that a walk passes at most, for each key that it looks for.
const PASSED: usize = 2;

/// All heads of a stretch as one value: a row a head would cost more than the walk. An entry is the row's number, four
/// times the key's length plus the flags, the hash and the key.
const STRETCH: &str = "SELECT CAST(group_concat(rid || ':' || (length(nk) * 4 + flags) || ':' || hash || nk, '') AS BLOB), count(*) \
     FROM (SELECT rid, nk, flags, hash FROM head WHERE feed = ? AND nk BETWEEN ? AND ? ORDER BY nk LIMIT ?)";

/// Looks up what a walk answers: which groups' keys are unknown, and which are there with the same content. Returns the
/// groups that must be searched for all the same. `walks` becomes false when the batch's keys lie so far apart that
/// walking does not pay.
pub(super) async fn look_up(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    batch: &RecordBatch,
    groups: &[Group],
    walks: &mut bool,
    found: &mut [Option<Found>],
) -> Result<Vec<usize>, StoreError> {
    if !*walks || !groups.is_sorted_by_key(Group::first) {
        return Ok((0..groups.len()).collect());
    }
    let mut rest = Vec::new();
    for (part, from) in groups.chunks(KEYS).zip((0..).step_by(KEYS)) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
        let most = part.len() * PASSED + 1;
        let (stretch, passed): (Option<Vec<u8>>, i64) = sqlx::query_as(STRETCH)
            .bind(feed.0)
            .bind(batch.row(first.first()).natural_key())
            .bind(batch.row(last.first()).natural_key())
            .bind(most as i64)
            .fetch_one(&mut **tx)
            .await
            .map_err(db("walking along keys"))?;
        let heads = heads(stretch.as_deref().unwrap_or_default())?;
        let whole = passed.unsigned_abs() < most as u64;
        let before = rest.len();
        meet(batch, part, &heads, whole, &mut found[from..from + part.len()], |at| rest.push(from + at));
        if !whole && rest.len() - before > part.len() / 2 {
            *walks = false;
            rest.extend(from + part.len()..groups.len());
            break;
        }
    }
    Ok(rest)
}

/// A head as the walk tells it.
struct Head<'a> {
    rid: u32,
    flags: u32,
    hash: &'a [u8],
    key: &'a [u8],
}

fn heads(mut stretch: &[u8]) -> Result<Vec<Head<'_>>, StoreError> {
    let broken = || inconsistent("a stretch of keys cannot be read");
    let mut heads = Vec::new();
    while !stretch.is_empty() {
        let (rid, rest) = number(stretch).ok_or_else(broken)?;
        let (sizes, rest) = number(rest).ok_or_else(broken)?;
        let (hash, rest) = rest.split_at_checked(16).ok_or_else(broken)?;
        let (key, rest) = rest.split_at_checked((sizes / 4) as usize).ok_or_else(broken)?;
        heads.push(Head { rid, flags: sizes % 4, hash, key });
        stretch = rest;
    }
    if heads.is_sorted_by(|a, b| a.key < b.key) { Ok(heads) } else { Err(broken()) }
}

/// Decimal digits up to a colon, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().position(|b| *b == b':')?;
    let number = text[..end].iter().try_fold(0u32, |n, digit| {
        n.checked_mul(10)?.checked_add(u32::from(*digit).checked_sub(u32::from(b'0')).filter(|d| *d < 10)?)
    })?;
    Some((number, &text[end + 1..]))
}

/// Goes along both, groups and heads, in key order. `whole`: every head of the stretch is there.
fn meet(
    batch: &RecordBatch,
    groups: &[Group],
    heads: &[Head<'_>],
    whole: bool,
    found: &mut [Option<Found>],
    mut search: impl FnMut(usize),
) {
    let mut heads = heads.iter().peekable();
    for (at, group) in groups.iter().enumerate() {
        let row = batch.row(group.first());
        while heads.next_if(|head| head.key < row.natural_key()).is_some() {}
        match heads.peek() {
            Some(head) if head.key == row.natural_key() => {
                if head.flags == 0 && group.content(batch).is_some_and(|hash| head.hash == hash.0) {
                    found[at] = Some(Found { rid: head.rid, odd: None });
                } else {
                    search(at);
                }
            }
            Some(_) => {}
            None if whole => {}
            None => search(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{heads, number};

    #[test]
    fn numbers_end_at_a_colon() {
        assert_eq!(number(b"0:"), Some((0, &b""[..])));
        assert_eq!(number(b"4294967295:x"), Some((u32::MAX, &b"x"[..])));
        for text in [&b"4294967296:"[..], b"12", b"1a:", b"-1:"] {
            assert_eq!(number(text), None);
        }
    }

    #[test]
    fn a_stretch_is_read_whole_or_refused() {
        let read = |stretch: &[u8]| -> Option<Vec<(u32, u32, Vec<u8>)>> {
            Some(heads(stretch).ok()?.into_iter().map(|h| (h.rid, h.flags, h.key.to_vec())).collect())
        };
        let both = b"7:14:0123456789abcdef\x00:912:8:0123456789abcdefk1";
        assert_eq!(read(both), Some(vec![(7, 2, b"\x00:9".to_vec()), (12, 0, b"k1".to_vec())]));
        assert_eq!(read(b""), Some(Vec::new()));
        assert_eq!(read(&both[..both.len() - 1]), None);
        assert_eq!(read(b"12:8:0123456789abcdefk17:14:0123456789abcdef\x00:9"), None, "not in key order");
    }
}
