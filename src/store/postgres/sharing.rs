//! What sources of one table give and hold, kept at the end of their runs.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sqlx::PgConnection;

use super::Tx;
use super::deletion::standing_of;
use super::fault::db;
use super::held::keep_held;
use crate::store::open_run::{OpenRun, bitmap, bitmap_bytes};
use crate::store::{FeedId, StoreError};

/// Records held by others go over to a run's source where it has seen them: those that they miss, and all of a source that it has
/// taken over from. What it gives is remembered, if others feed the table too.
pub(super) async fn share(tx: &mut Tx, open: &OpenRun, complete: bool) -> Result<(), StoreError> {
    // One statement, for most tables have one source, and most runs of pushed rows are short.
    let others: Vec<(i32, i32, Vec<u8>)> = sqlx::query_as(
        "SELECT 0, source, rids FROM missing WHERE feed = $1 AND source <> $2 \
         UNION ALL SELECT 1, source, ''::bytea FROM yields WHERE feed = $1 AND taker = $2 \
         UNION ALL SELECT 2, source, ''::bytea FROM (SELECT source FROM run WHERE feed = $1 AND source < $2 LIMIT 1) below \
         UNION ALL SELECT 2, source, ''::bytea FROM (SELECT source FROM run WHERE feed = $1 AND source > $2 LIMIT 1) above",
    )
    .bind(open.feed.0 as i32)
    .bind(open.source as i32)
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
                hand_over(tx, open.feed, source, open.source as i32, &taken).await?;
                keep_held(tx, open.feed, source, &(missed - taken)).await?;
            }
            1 => {
                let taken = standing_of(tx, open.feed, source).await? & &seen;
                hand_over(tx, open.feed, source, open.source as i32, &taken).await?;
            }
            _ => {}
        }
    }
    remember(tx, open, complete).await
}

/// Gives those of these records that one source holds to another.
pub(super) async fn hand_over(tx: &mut Tx, feed: FeedId, from: i32, to: i32, rids: &RoaringBitmap) -> Result<(), StoreError> {
    if rids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE head SET source = $1 FROM unnest($4::bigint[]) r(rid) \
         WHERE head.feed = $2 AND head.source = $3 AND head.rid = r.rid",
    )
    .bind(to)
    .bind(feed.0 as i32)
    .bind(from)
    .bind(rids.iter().map(i64::from).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(db("taking records over"))?;
    Ok(())
}

/// Notes what the run's source gives: what a complete run has seen, and what later ones add.
async fn remember(tx: &mut Tx, open: &OpenRun, complete: bool) -> Result<(), StoreError> {
    let what = db("noting what a source gives");
    let before: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT chunk, rids FROM given WHERE feed = $1 AND source = $2")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    if complete {
        sqlx::query("DELETE FROM given WHERE feed = $1 AND source = $2")
            .bind(open.feed.0 as i32)
            .bind(open.source as i32)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
    }
    let mut given = open.seen.clone();
    for (chunk, bytes) in before.iter().filter(|_| !complete) {
        if let Some(rids) = given.get_mut(&(*chunk as u32)) {
            *rids |= bitmap(bytes)?;
        }
    }
    sqlx::query(
        "INSERT INTO given (feed, source, chunk, rids) SELECT $1, $2, chunk, rids FROM unnest($3::bigint[], $4::bytea[]) u(chunk, rids) \
         ON CONFLICT (feed, source, chunk) DO UPDATE SET rids = excluded.rids",
    )
    .bind(open.feed.0 as i32)
    .bind(open.source as i32)
    .bind(given.keys().map(|chunk| i64::from(*chunk)).collect::<Vec<_>>())
    .bind(given.values().map(bitmap_bytes).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(what)?;
    Ok(())
}

/// What sources of a table give, by source.
pub(super) async fn given(conn: &mut PgConnection, feed: FeedId) -> Result<BTreeMap<i32, RoaringBitmap>, StoreError> {
    let rows: Vec<(i32, Vec<u8>)> = sqlx::query_as("SELECT source, rids FROM given WHERE feed = $1")
        .bind(feed.0 as i32)
        .fetch_all(conn)
        .await
        .map_err(db("reading what sources give"))?;
    let mut given: BTreeMap<i32, RoaringBitmap> = BTreeMap::new();
    for (source, bytes) in rows {
        *given.entry(source).or_default() |= bitmap(&bytes)?;
    }
    Ok(given)
}

/// Gives records that a complete run of their holder has missed to the sources that give them; takes them out of `missing`.
pub(super) async fn give_up(tx: &mut Tx, open: &OpenRun, missing: &mut RoaringBitmap) -> Result<(), StoreError> {
    let own = open.source as i32;
    for (source, given) in given(tx, open.feed).await? {
        let taken = &*missing & &given;
        if source != own && !taken.is_empty() {
            hand_over(tx, open.feed, own, source, &taken).await?;
            *missing -= taken;
        }
    }
    Ok(())
}
