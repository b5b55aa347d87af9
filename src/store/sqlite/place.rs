//! Where a live key is for an upstream, and the counters of that.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::{flight, number_list};
pub(super) use crate::store::place::{AGAIN, CursorColumns, Delta, Leaving, Place, cursor_of, left, ranges, reason_code};
use crate::store::{Cursor, FeedId, StoreError, UpstreamId};

impl Delta {
    pub(super) async fn apply(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        feed: FeedId,
        upstream: UpstreamId,
    ) -> Result<(), StoreError> {
        if self.columns().iter().all(|n| *n == 0) {
            return Ok(());
        }
        let mut query = sqlx::query(
            "UPDATE stock SET stored = stored + ?, in_flight = in_flight + ?, waiting = waiting + ?, refused = refused + ?, \
             unknown = unknown + ?, waits_parent = waits_parent + ?, waits_verdict = waits_verdict + ?, \
             not_due = not_due + ?, out_of_scope = out_of_scope + ?, unsealed = unsealed + ?, closed = closed + ? \
             WHERE feed = ? AND upstream = ?",
        );
        for n in self.columns() {
            query = query.bind(n);
        }
        query.bind(feed.0).bind(upstream.0).execute(&mut **tx).await.map_err(db("counting stock"))?;
        Ok(())
    }
}

/// The cursors of all upstreams attached to a feed.
pub(super) async fn cursors(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<Vec<(UpstreamId, Cursor)>, StoreError> {
    let rows: Vec<(u32, i64, Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT upstream, cursor, backfill_from, backfill_to FROM stock WHERE feed = ?")
            .bind(feed.0)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("reading cursors"))?;
    Ok(rows.into_iter().map(|(upstream, seq, from, to)| (UpstreamId(upstream), cursor_of((seq, from, to)))).collect())
}

/// Takes versions that are about to be replaced out of their places: what was in flight stays in flight, but no longer
/// as the newest version; exceptions go.
pub(super) async fn leave(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    upstream: UpstreamId,
    cursor: &Cursor,
    leaving: &[Leaving],
) -> Result<Delta, StoreError> {
    if leaving.is_empty() {
        return Ok(Delta::default());
    }
    let list = number_list(leaving.iter().map(|l| i64::from(l.rid)));
    let excepted: Vec<(u32, i64)> = sqlx::query_as(
        "DELETE FROM exception WHERE upstream = ? AND feed = ? AND rid IN (SELECT value FROM json_each(?)) RETURNING rid, reason",
    )
    .bind(upstream.0)
    .bind(feed.0)
    .bind(&list)
    .fetch_all(&mut **tx)
    .await
    .map_err(db("removing exceptions"))?;
    let keys = leaving.iter().map(|l| l.rid).collect();
    let flying = flight::overtake(tx, upstream, feed, &keys).await?;
    Ok(left(cursor, leaving, &excepted.into_iter().collect(), &flying))
}
