//! Records held: why they wait for approval or for the end of a collection, and when they no longer do.

use roaring::RoaringBitmap;

use super::Tx;
use super::fault::db;
use crate::finding::Text;
use crate::store::open_run::{OpenRun, bitmap, bitmap_bytes};
use crate::store::proof::{Hold, Kind, Waves, why_text};
use crate::store::{FeedId, Millis, RunId, StoreError};

/// Its rids, waves, kind and reason, in Chinese and English, as they are stored.
type HeldRow = (Vec<u8>, Vec<u8>, i32, String, String);

/// What is held for a source already.
#[derive(Default)]
pub(super) struct HeldBefore {
    pub(super) rids: RoaringBitmap,
    pub(super) waves: Waves,
    /// Why they stay held whatever later runs miss.
    pub(super) stays: Option<Text>,
}

/// What is held for the source of a run.
pub(super) async fn held(tx: &mut Tx, open: &OpenRun) -> Result<Option<HeldBefore>, StoreError> {
    let row: Option<HeldRow> = sqlx::query_as("SELECT rids, waves, kind, zh, why FROM missing WHERE feed = $1 AND source = $2")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .fetch_optional(&mut **tx)
        .await
        .map_err(db("reading held deletions"))?;
    let Some((rids, waves, kind, zh, en)) = row else { return Ok(None) };
    let stays = (kind == Kind::Stay.code()).then(|| why_text(zh, en));
    Ok(Some(HeldBefore { rids: bitmap(&rids)?, waves: Waves::read(&waves)?, stays }))
}

/// Holds deletions of a source's records for approval, whatever spoke for or against them before.
pub(super) async fn hold_for(
    tx: &mut Tx,
    feed: FeedId,
    source: i32,
    rids: &RoaringBitmap,
    why: &Text,
    at: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO missing (feed, source, rids, why, zh, since) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (feed, source) DO UPDATE SET rids = excluded.rids, why = excluded.why, zh = excluded.zh, kind = 0",
    )
    .bind(feed.0 as i32)
    .bind(source)
    .bind(bitmap_bytes(rids))
    .bind(&why.en)
    .bind(&why.zh)
    .bind(at)
    .execute(&mut **tx)
    .await
    .map_err(db("holding deletions"))?;
    Ok(())
}

/// Holds what a run has missed, or lets it wait for the end of the collection.
pub(super) async fn hold(
    tx: &mut Tx,
    (run, open): (RunId, &OpenRun),
    (rids, waves): (&RoaringBitmap, &Waves),
    hold: &Hold,
    at: Millis,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO missing (feed, source, rids, why, zh, kind, run, waves, since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (feed, source) DO UPDATE SET rids = excluded.rids, why = excluded.why, zh = excluded.zh, kind = excluded.kind, \
         run = excluded.run, waves = excluded.waves",
    )
    .bind(open.feed.0 as i32)
    .bind(open.source as i32)
    .bind(bitmap_bytes(rids))
    .bind(&hold.why.en)
    .bind(&hold.why.zh)
    .bind(hold.kind.code())
    .bind(run.0)
    .bind(waves.bytes())
    .bind(at)
    .execute(&mut **tx)
    .await
    .map_err(db("holding deletions"))?;
    Ok(())
}

/// Nothing is held for the source of a run any more.
pub(super) async fn drop_held(tx: &mut Tx, open: &OpenRun) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM missing WHERE feed = $1 AND source = $2")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .execute(&mut **tx)
        .await
        .map_err(db("dropping held deletions"))?;
    Ok(())
}

/// Takes what a run has seen, complete or not, off the deletions held for its source.
pub(super) async fn found_again(tx: &mut Tx, open: &OpenRun) -> Result<(), StoreError> {
    let held: Option<Vec<u8>> = sqlx::query_scalar("SELECT rids FROM missing WHERE feed = $1 AND source = $2")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .fetch_optional(&mut **tx)
        .await
        .map_err(db("reading held deletions"))?;
    let Some(bytes) = held else { return Ok(()) };
    keep_held(tx, open.feed, open.source as i32, &(bitmap(&bytes)? - open.all_seen())).await
}

/// Keeps only these of the records held for a source.
pub(super) async fn keep_held(tx: &mut Tx, feed: FeedId, source: i32, left: &RoaringBitmap) -> Result<(), StoreError> {
    let query = if left.is_empty() {
        sqlx::query("DELETE FROM missing WHERE feed = $1 AND source = $2").bind(feed.0 as i32).bind(source)
    } else {
        let sql = "UPDATE missing SET rids = $3 WHERE feed = $1 AND source = $2";
        sqlx::query(sql).bind(feed.0 as i32).bind(source).bind(bitmap_bytes(left))
    };
    query.execute(&mut **tx).await.map_err(db("holding deletions"))?;
    Ok(())
}
