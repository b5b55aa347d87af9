//! Tombstones: a record that is gone becomes a deletion in the feed, with its last payload.

use roaring::RoaringBitmap;

use super::Tx;
use super::fault::db;
use super::lock::Locked;
use super::place::{count, cursors, leave};
use super::write::unindex;
use crate::store::place::Leaving;
use crate::store::{Millis, StoreError};

/// Records a statement buries at once.
const AT_ONCE: usize = 5000;

/// Buries the live ones among these records; returns how many.
pub(super) async fn bury(tx: &mut Tx, locked: &Locked, rids: &RoaringBitmap, at: Millis) -> Result<u64, StoreError> {
    let live: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT h.rid, h.seq FROM head h JOIN unnest($2::bigint[]) r(rid) ON h.rid = r.rid \
         WHERE h.feed = $1 AND h.flags & 1 = 0 ORDER BY h.seq",
    )
    .bind(locked.feed.0 as i32)
    .bind(rids.iter().map(i64::from).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await
    .map_err(db("reading records that are gone"))?;
    for part in live.chunks(AT_ONCE) {
        let leaving: Vec<Leaving> =
            part.iter().map(|(rid, seq)| Leaving { rid: *rid as u32, seq: *seq as u64, live: true }).collect();
        bury_part(tx, locked, &leaving, at).await?;
    }
    Ok(live.len() as u64)
}

async fn bury_part(tx: &mut Tx, locked: &Locked, leaving: &[Leaving], at: Millis) -> Result<(), StoreError> {
    let what = db("writing tombstones");
    let feed = locked.feed;
    for (upstream, cursor) in cursors(tx, feed).await? {
        let delta = leave(tx, feed, upstream, &cursor, leaving).await?;
        count(tx, feed, upstream, &delta).await?;
    }
    let old: Vec<i64> = leaving.iter().map(|l| l.seq as i64).collect();
    unindex(tx, feed, &old).await?;
    let taken = locked.take(tx, leaving.len(), 0, -(leaving.len() as i64)).await?;
    sqlx::query(
        "INSERT INTO feed (feed, seq, rid, op, key, nk, hash, at, payload) \
         SELECT feed, $2 + row_number() OVER (ORDER BY seq) - 1, rid, 1, key, nk, hash, $3, payload FROM feed \
         WHERE feed = $1 AND seq = ANY($4)",
    )
    .bind(feed.0 as i32)
    .bind(taken.first)
    .bind(at)
    .bind(&old)
    .execute(&mut **tx)
    .await
    .map_err(what)?;
    sqlx::query("DELETE FROM feed WHERE feed = $1 AND seq = ANY($2)")
        .bind(feed.0 as i32)
        .bind(&old)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
    sqlx::query(
        "UPDATE head SET seq = f.seq, flags = 1 FROM feed f WHERE f.feed = $1 AND f.seq BETWEEN $2 AND $3 \
         AND head.feed = $1 AND head.nk = short_key(f.nk)",
    )
    .bind(feed.0 as i32)
    .bind(taken.first)
    .bind(taken.last)
    .execute(&mut **tx)
    .await
    .map_err(what)?;
    Ok(())
}
