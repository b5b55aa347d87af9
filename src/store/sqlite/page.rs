//! Rows of the feed, a page at a time: one row of the database for a page, its columns joined to texts, because handing a row
//! over costs more than reading it.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::fault::db;
use super::{SqliteStore, inconsistent};
use crate::record::{ContentHash, RecordKey};
use crate::store::want::Want;
use crate::store::{FeedRow, Op, StoreError};

/// Rows of the first page of a call, and of any later one at most.
const FIRST: u32 = 250;
const MOST: u32 = 1_000;

macro_rules! joined {
    ($range:literal) => {
        concat!(
            "SELECT count(*), group_concat(seq), group_concat(rid), group_concat(op), group_concat(key), group_concat(hex(nk)), \
             group_concat(hex(hash)), group_concat(at), group_concat(octet_length(payload)), group_concat(payload, '') \
             FROM (SELECT seq, rid, op, key, nk, hash, at, payload FROM feed INDEXED BY feed_order WHERE feed = ?1 AND ",
            $range,
            " LIMIT ?4)"
        )
    };
}

/// Which rows, by the seqs `?2` and `?3`.
#[derive(Clone, Copy)]
pub(super) enum Range {
    /// From above the lower one upwards.
    Up,
    /// From the upper one downwards, to above the lower one.
    Down,
}

impl SqliteStore {
    /// Takes rows of a feed with seqs in `(from, to]` until no more are wanted.
    pub(super) async fn take_pages(
        &self,
        feed: i64,
        range: Range,
        mut from: i64,
        mut to: i64,
        want: &mut Want,
    ) -> Result<(), StoreError> {
        let what = db("reading pending rows");
        let sql = match range {
            Range::Up => joined!("seq > ?2 AND seq <= ?3 ORDER BY seq"),
            Range::Down => joined!("seq > ?2 AND seq <= ?3 ORDER BY seq DESC"),
        };
        let mut size = FIRST;
        while want.open() {
            let size_now = size.min(want.left);
            let row =
                sqlx::query(sql).bind(feed).bind(from).bind(to).bind(size_now).fetch_one(self.readers()?).await.map_err(what)?;
            let rows = rows(&row).map_err(what)?;
            let rows = rows.ok_or_else(|| inconsistent("a page of the feed cannot be read"))?;
            let (n, bytes) = (rows.len() as u32, rows.iter().map(|r| r.payload.len() as u64).sum::<u64>());
            match (range, rows.last()) {
                (Range::Up, Some(last)) => from = last.seq as i64,
                (Range::Down, Some(last)) => to = last.seq as i64 - 1,
                (_, None) => break,
            }
            for row in rows {
                if !want.open() {
                    break;
                }
                want.take(row);
            }
            if n < size_now {
                break;
            }
            // As many as the bytes that are still wanted may hold.
            let fit = want.bytes / (bytes / u64::from(n)).max(1) + 1;
            size = u32::try_from(fit).unwrap_or(MOST).min(MOST);
        }
        Ok(())
    }
}

/// The rows of a page; `None` when its columns do not fit together.
fn rows(page: &SqliteRow) -> Result<Option<Vec<FeedRow>>, sqlx::Error> {
    let count: u32 = page.try_get(0)?;
    if count == 0 {
        return Ok(Some(Vec::new()));
    }
    let mut columns = Vec::with_capacity(8);
    for at in 1..=8 {
        columns.push(page.try_get::<&str, _>(at)?.split(','));
    }
    let mut payloads: &[u8] = page.try_get(9)?;
    let mut rows = Vec::with_capacity(count as usize);
    for _ in 0..count {
        match one(&mut columns, &mut payloads) {
            Some(row) => rows.push(row),
            None => return Ok(None),
        }
    }
    Ok(payloads.is_empty().then_some(rows))
}

fn one(columns: &mut [std::str::Split<'_, char>], payloads: &mut &[u8]) -> Option<FeedRow> {
    let mut columns = columns.iter_mut();
    let mut next = || columns.next()?.next();
    let (seq, rid) = (next()?.parse::<i64>().ok()? as u64, next()?.parse().ok()?);
    let op = if next()? == "0" { Op::Upsert } else { Op::Delete };
    let record_key = RecordKey::parse(next()?).unwrap_or_default();
    let natural_key = hex::decode(next()?).ok()?;
    let mut hash = [0; 16];
    hex::decode_to_slice(next()?, &mut hash).ok()?;
    let at = next()?.parse().ok()?;
    let (payload, rest) = payloads.split_at_checked(next()?.parse().ok()?)?;
    *payloads = rest;
    Some(FeedRow { rid, seq, op, record_key, natural_key, hash: ContentHash(hash), at, payload: payload.to_vec(), split: 0 })
}
