//! Tombstones: a record that is gone becomes a deletion in the feed, with its last payload.

use roaring::RoaringBitmap;
use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::feeds::{IndexedField, unindex};
use super::number_list;
use super::place::{Leaving, cursors, leave};
use super::write::take_seqs;
use crate::store::{FeedId, Millis, StoreError};

/// Records a statement buries at once.
const AT_ONCE: usize = 1000;

/// Buries the live ones among these records; returns how many.
pub(super) async fn bury(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    indexed: &[IndexedField],
    rids: &RoaringBitmap,
    at: Millis,
) -> Result<u64, StoreError> {
    let live: Vec<(u32, i64)> = sqlx::query_as(
        "SELECT rid, seq FROM head WHERE feed = ? AND flags & 1 = 0 AND rid IN (SELECT value FROM json_each(?)) ORDER BY seq",
    )
    .bind(feed.0)
    .bind(number_list(rids.iter().map(i64::from)))
    .fetch_all(&mut **tx)
    .await
    .map_err(db("reading records that are gone"))?;
    for part in live.chunks(AT_ONCE) {
        let leaving: Vec<Leaving> = part.iter().map(|(rid, seq)| Leaving { rid: *rid, seq: *seq as u64, live: true }).collect();
        bury_part(tx, feed, indexed, &leaving, at).await?;
    }
    Ok(live.len() as u64)
}

async fn bury_part(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    indexed: &[IndexedField],
    leaving: &[Leaving],
    at: Millis,
) -> Result<(), StoreError> {
    for (upstream, cursor) in cursors(tx, feed).await? {
        leave(tx, feed, upstream, &cursor, leaving).await?.apply(tx, feed, upstream).await?;
    }
    unindex(tx, feed, indexed, leaving.iter().map(|l| l.seq)).await?;
    let first = take_seqs(tx, leaving.len()).await? as i64;
    let last = first + leaving.len() as i64 - 1;
    let old = number_list(leaving.iter().map(|l| l.seq as i64));
    sqlx::query(
        "INSERT INTO feed (seq, feed, rid, op, key, nk, hash, at, payload) \
         SELECT ? + row_number() OVER (ORDER BY seq) - 1, feed, rid, 1, key, nk, hash, ?, payload FROM feed \
         WHERE seq IN (SELECT value FROM json_each(?))",
    )
    .bind(first)
    .bind(at)
    .bind(&old)
    .execute(&mut **tx)
    .await
    .map_err(db("writing tombstones"))?;
    sqlx::query("DELETE FROM feed WHERE seq IN (SELECT value FROM json_each(?))")
        .bind(&old)
        .execute(&mut **tx)
        .await
        .map_err(db("writing tombstones"))?;
    sqlx::query(
        "UPDATE head SET seq = f.seq, flags = 1 FROM feed f WHERE f.seq BETWEEN ? AND ? AND head.feed = f.feed AND head.nk = f.nk",
    )
    .bind(first)
    .bind(last)
    .execute(&mut **tx)
    .await
    .map_err(db("writing tombstones"))?;
    sqlx::query("UPDATE feeds SET live = live - ?, seq = ? WHERE id = ?")
        .bind(leaving.len() as i64)
        .bind(last)
        .bind(feed.0)
        .execute(&mut **tx)
        .await
        .map_err(db("writing tombstones"))?;
    Ok(())
}
