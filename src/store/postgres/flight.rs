//! Batches in flight, a row each.

use roaring::RoaringBitmap;
use sqlx::PgExecutor;

use super::Tx;
use super::fault::db;
use crate::store::flight::{Flying, pack};
use crate::store::moves::Moves;
use crate::store::open_run::{bitmap, bitmap_bytes};
use crate::store::{FeedId, StoreError, UpstreamId};

/// Row ids of one batch in flight, and those that were overtaken.
pub(super) type Rids = (RoaringBitmap, RoaringBitmap);

/// The batches in flight of an (upstream, feed).
pub(super) async fn batches(
    conn: impl PgExecutor<'_>,
    upstream: UpstreamId,
    feed: FeedId,
) -> Result<Vec<(i64, Rids)>, StoreError> {
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT batch, rids, overtaken FROM flight WHERE upstream = $1 AND feed = $2")
            .bind(upstream.0 as i32)
            .bind(feed.0 as i32)
            .fetch_all(conn)
            .await
            .map_err(db("reading batches in flight"))?;
    rows.into_iter().map(|(batch, rids, overtaken)| Ok((batch, (bitmap(&rids)?, bitmap(&overtaken)?)))).collect()
}

/// What is in flight of an (upstream, feed).
pub(super) async fn flying(conn: impl PgExecutor<'_>, upstream: UpstreamId, feed: FeedId) -> Result<Flying, StoreError> {
    Ok(Flying::over(batches(conn, upstream, feed).await?.into_iter().map(|(_, rids)| rids)))
}

/// Writes the rows of a new batch.
pub(super) async fn insert(tx: &mut Tx, batch: i64, upstream: UpstreamId, feed: FeedId, moves: &Moves) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO flight (batch, upstream, feed, rids, overtaken, members) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(batch)
        .bind(upstream.0 as i32)
        .bind(feed.0 as i32)
        .bind(bitmap_bytes(&moves.rids))
        .bind(bitmap_bytes(&moves.overtaken))
        .bind(pack(&moves.members))
        .execute(&mut **tx)
        .await
        .map_err(db("writing a batch"))?;
    Ok(())
}

/// Notes that these keys get a newer version, and returns those of which the newest version was in flight.
pub(super) async fn overtake(
    tx: &mut Tx,
    upstream: UpstreamId,
    feed: FeedId,
    keys: &RoaringBitmap,
) -> Result<RoaringBitmap, StoreError> {
    let mut newest = RoaringBitmap::new();
    for (batch, (rids, overtaken)) in batches(&mut **tx, upstream, feed).await? {
        let now = (rids & keys) - &overtaken;
        if now.is_empty() {
            continue;
        }
        sqlx::query("UPDATE flight SET overtaken = $1 WHERE batch = $2")
            .bind(bitmap_bytes(&(overtaken | &now)))
            .bind(batch)
            .execute(&mut **tx)
            .await
            .map_err(db("noting newer versions"))?;
        newest |= now;
    }
    Ok(newest)
}
