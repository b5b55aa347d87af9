//! What sources of one table give and hold, kept at the end of their runs.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::deletion::standing_of;
use super::fault::db;
use super::held::keep_held;
use super::number_list;
use super::runs::{OpenRun, bitmap, bitmap_bytes};
use crate::store::{FeedId, StoreError};

/// Records held by others go over to a run's source where it has seen them: those that they miss, and all of a source that it has
/// taken over from. What it gives is remembered, if others feed the table too.
pub(super) async fn share(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun, complete: bool) -> Result<(), StoreError> {
    // One statement, for most tables have one source, and most runs of pushed rows are short.
    let others: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT 0, source, rids FROM missing WHERE feed = ?1 AND source <> ?2 \
         UNION ALL SELECT 1, source, x'' FROM yields WHERE feed = ?1 AND taker = ?2 \
         UNION ALL SELECT 2, source, x'' FROM (SELECT source FROM run WHERE feed = ?1 AND source < ?2 LIMIT 1) \
         UNION ALL SELECT 2, source, x'' FROM (SELECT source FROM run WHERE feed = ?1 AND source > ?2 LIMIT 1)",
    )
    .bind(open.feed.0)
    .bind(open.source)
    .fetch_all(&mut **tx)
    .await
    .map_err(db("taking records over"))?;
    if others.is_empty() {
        return Ok(());
    }
    let seen = open.all_seen();
    for (kind, source, bytes) in others {
        match kind {
            0 => {
                let missed = bitmap(&bytes)?;
                let taken = &missed & &seen;
                hand_over(tx, open.feed, source, open.source, &taken).await?;
                keep_held(tx, open.feed, source, &(missed - taken)).await?;
            }
            1 => {
                let taken = standing_of(tx, open.feed, source).await? & &seen;
                hand_over(tx, open.feed, source, open.source, &taken).await?;
            }
            _ => {}
        }
    }
    remember(tx, open, complete).await
}

/// Gives those of these records that one source holds to another.
pub(super) async fn hand_over(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    from: i64,
    to: i64,
    rids: &RoaringBitmap,
) -> Result<(), StoreError> {
    if rids.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE head SET source = ? WHERE feed = ? AND source = ? AND rid IN (SELECT value FROM json_each(?))")
        .bind(to)
        .bind(feed.0)
        .bind(from)
        .bind(number_list(rids.iter().map(i64::from)))
        .execute(&mut **tx)
        .await
        .map_err(db("taking records over"))?;
    Ok(())
}

/// Notes what the run's source gives: what a complete run has seen, and what later ones add.
async fn remember(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun, complete: bool) -> Result<(), StoreError> {
    let what = db("noting what a source gives");
    let mut given = open.seen.clone();
    if complete {
        sqlx::query("DELETE FROM given WHERE feed = ? AND source = ?")
            .bind(open.feed.0)
            .bind(open.source)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
    }
    for (chunk, rids) in &mut given {
        let before: Option<(Vec<u8>,)> = sqlx::query_as("SELECT rids FROM given WHERE feed = ? AND source = ? AND chunk = ?")
            .bind(open.feed.0)
            .bind(open.source)
            .bind(chunk)
            .fetch_optional(&mut **tx)
            .await
            .map_err(what)?;
        if let Some((bytes,)) = before {
            *rids |= bitmap(&bytes)?;
        }
        sqlx::query("INSERT OR REPLACE INTO given (feed, source, chunk, rids) VALUES (?, ?, ?, ?)")
            .bind(open.feed.0)
            .bind(open.source)
            .bind(chunk)
            .bind(bitmap_bytes(rids))
            .execute(&mut **tx)
            .await
            .map_err(what)?;
    }
    Ok(())
}

/// What sources of a table give, by source.
pub(super) async fn given(conn: &mut SqliteConnection, feed: FeedId) -> Result<BTreeMap<i64, RoaringBitmap>, StoreError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT source, rids FROM given WHERE feed = ?")
        .bind(feed.0)
        .fetch_all(conn)
        .await
        .map_err(db("reading what sources give"))?;
    let mut given: BTreeMap<i64, RoaringBitmap> = BTreeMap::new();
    for (source, bytes) in rows {
        *given.entry(source).or_default() |= bitmap(&bytes)?;
    }
    Ok(given)
}

/// Gives records that a complete run of their holder has missed to the sources that give them; takes them out of `missing`.
pub(super) async fn give_up(
    tx: &mut Transaction<'_, Sqlite>,
    open: &OpenRun,
    missing: &mut RoaringBitmap,
) -> Result<(), StoreError> {
    for (source, given) in given(tx, open.feed).await? {
        let taken = &*missing & &given;
        if source != open.source && !taken.is_empty() {
            hand_over(tx, open.feed, open.source, source, &taken).await?;
            *missing -= taken;
        }
    }
    Ok(())
}
