//! The counters of where live keys are, and the way out of a place.

use super::fault::db;
use super::{Tx, flight};
use crate::store::place::{Delta, Leaving, cursor_of, left};
use crate::store::{Cursor, FeedId, StoreError, UpstreamId};

/// Adds changes to the counters of a (feed, upstream).
pub(super) async fn count(tx: &mut Tx, feed: FeedId, upstream: UpstreamId, delta: &Delta) -> Result<(), StoreError> {
    if delta.columns().iter().all(|n| *n == 0) {
        return Ok(());
    }
    let mut query = sqlx::query(
        "UPDATE stock SET stored = stored + $1, in_flight = in_flight + $2, waiting = waiting + $3, refused = refused + $4, \
         unknown = unknown + $5, waits_parent = waits_parent + $6, waits_verdict = waits_verdict + $7, \
         not_due = not_due + $8, out_of_scope = out_of_scope + $9, unsealed = unsealed + $10, closed = closed + $11 \
         WHERE feed = $12 AND upstream = $13",
    );
    for n in delta.columns() {
        query = query.bind(n);
    }
    query.bind(feed.0 as i32).bind(upstream.0 as i32).execute(&mut **tx).await.map_err(db("counting stock"))?;
    Ok(())
}

/// The cursors of all upstreams attached to a feed.
pub(super) async fn cursors(tx: &mut Tx, feed: FeedId) -> Result<Vec<(UpstreamId, Cursor)>, StoreError> {
    let rows: Vec<(i32, i64, Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT upstream, cursor, backfill_from, backfill_to FROM stock WHERE feed = $1 ORDER BY upstream")
            .bind(feed.0 as i32)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("reading cursors"))?;
    Ok(rows.into_iter().map(|(upstream, seq, from, to)| (UpstreamId(upstream as u32), cursor_of((seq, from, to)))).collect())
}

/// Takes versions that are about to be replaced out of their places: what was in flight stays in flight, but no longer
/// as the newest version; exceptions go.
pub(super) async fn leave(
    tx: &mut Tx,
    feed: FeedId,
    upstream: UpstreamId,
    cursor: &Cursor,
    leaving: &[Leaving],
) -> Result<Delta, StoreError> {
    if leaving.is_empty() {
        return Ok(Delta::default());
    }
    let rids: Vec<i64> = leaving.iter().map(|l| i64::from(l.rid)).collect();
    let excepted: Vec<(i64, i64)> =
        sqlx::query_as("DELETE FROM exception WHERE upstream = $1 AND feed = $2 AND rid = ANY($3) RETURNING rid, reason")
            .bind(upstream.0 as i32)
            .bind(feed.0 as i32)
            .bind(&rids)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("removing exceptions"))?;
    let excepted = excepted.into_iter().map(|(rid, reason)| (rid as u32, reason)).collect();
    let keys = leaving.iter().map(|l| l.rid).collect();
    let flying = flight::overtake(tx, upstream, feed, &keys).await?;
    Ok(left(cursor, leaving, &excepted, &flying))
}
