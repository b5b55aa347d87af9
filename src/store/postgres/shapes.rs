//! What sources showed, and what pauses because of it.

use super::fault::db;
use super::lock::lock;
use super::{PostgresStore, Tx};
use crate::finding::Text;
use crate::store::shapes::digest_of;
use crate::store::{FeedId, KnownShape, NotedRow, PausedRow, RunEnd, RunId, RunSummary, Seen, Shapes, StoreError};

#[async_trait::async_trait]
impl Shapes for PostgresStore {
    async fn shape(&self, feed: FeedId, source: &str, mapping_digest: [u8; 16]) -> Result<KnownShape, StoreError> {
        let what = db("reading what a source showed");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        let body: Option<(String,)> = sqlx::query_as(
            "SELECT h.body FROM shape h JOIN source s ON s.id = h.source WHERE h.feed = $1 AND s.name = $2 AND h.mapping = $3",
        )
        .bind(feed.0 as i32)
        .bind(source)
        .bind(mapping_digest.as_slice())
        .fetch_optional(&mut *conn)
        .await
        .map_err(what)?;
        let pause: Option<(String, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT p.body, p.accepted FROM paused p JOIN source s ON s.id = p.source \
             WHERE p.feed = $1 AND s.name = $2 AND p.mapping = $3",
        )
        .bind(feed.0 as i32)
        .bind(source)
        .bind(mapping_digest.as_slice())
        .fetch_optional(&mut *conn)
        .await
        .map_err(what)?;
        let (pause, accepted) = pause.unzip();
        let accepted = accepted.flatten().map(|bytes| digest_of(&bytes)).transpose()?;
        Ok(KnownShape { body: body.map(|(body,)| body), pause, accepted })
    }

    async fn finish_run_seen(&self, run: RunId, end: &RunEnd, seen: &Seen) -> Result<RunSummary, StoreError> {
        self.finish_run_with(run, end, Some(seen)).await
    }

    async fn paused(&self) -> Result<Vec<PausedRow>, StoreError> {
        type Found = (i32, String, String, Vec<u8>, String, i64, i64, Option<Vec<u8>>, Vec<u8>);
        let rows: Vec<Found> = sqlx::query_as(
            "SELECT p.feed, f.name, s.name, p.mapping, p.body, p.records, p.since, p.accepted, p.digest FROM paused p \
             JOIN feeds f ON f.id = p.feed JOIN source s ON s.id = p.source ORDER BY p.since, f.name COLLATE \"C\", s.name COLLATE \"C\"",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading what pauses"))?;
        let row = |(feed, table, source, mapping, body, records, since, accepted, digest): Found| {
            Ok(PausedRow {
                feed: FeedId(feed as u32),
                table,
                source,
                mapping_digest: digest_of(&mapping)?,
                body,
                records: records.unsigned_abs(),
                since,
                accepted: accepted == Some(digest),
            })
        };
        rows.into_iter().map(row).collect()
    }

    async fn noted(&self) -> Result<Vec<NotedRow>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT f.name, s.name, h.zh, h.en, h.noted FROM shape h JOIN feeds f ON f.id = h.feed \
             JOIN source s ON s.id = h.source WHERE h.noted IS NOT NULL ORDER BY h.noted DESC, f.name COLLATE \"C\", s.name COLLATE \"C\"",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading what changed at sources"))?;
        let row = |(table, source, zh, en, at)| NotedRow { table, source, text: Text::new(zh, en), at };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn accept_shape(&self, feed: FeedId, source: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin("accepting what a source shows").await?;
        lock(&mut tx, feed).await?;
        let sql = "UPDATE paused SET accepted = digest WHERE feed = $1 AND source = (SELECT id FROM source WHERE name = $2)";
        let done = sqlx::query(sql)
            .bind(feed.0 as i32)
            .bind(source)
            .execute(&mut *tx)
            .await
            .map_err(db("accepting what a source shows"))?;
        self.commit(tx, "accepting what a source shows").await?;
        Ok(done.rows_affected() > 0)
    }

    async fn shape_of_run(&self, run: RunId) -> Result<Option<[u8; 16]>, StoreError> {
        let found: Option<(Option<Vec<u8>>,)> = sqlx::query_as("SELECT shape FROM run WHERE id = $1")
            .bind(run.0)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading a run"))?;
        found.and_then(|(shape,)| shape).map(|bytes| digest_of(&bytes)).transpose()
    }
}

/// Notes what a run saw, within the transaction that ends it.
pub(super) async fn note(
    tx: &mut Tx,
    (run, source, feed): (RunId, i32, FeedId),
    end: &RunEnd,
    seen: &Seen,
) -> Result<(), StoreError> {
    let what = db("noting what a source shows");
    let mapping: Vec<u8> = sqlx::query_scalar("UPDATE run SET shape = $1 WHERE id = $2 RETURNING mapping")
        .bind(seen.digest.as_slice())
        .bind(run.0)
        .fetch_one(&mut **tx)
        .await
        .map_err(what)?;
    let feed = feed.0 as i32;
    if let Some(body) = &seen.pause {
        sqlx::query(
            "INSERT INTO paused (feed, source, mapping, digest, body, since, records) \
             SELECT $1, $2, $3, $4, $5, $6, count(*) FROM head WHERE feed = $1 AND source = $2 AND flags & 1 = 0 \
             ON CONFLICT (feed, source) DO UPDATE SET mapping = excluded.mapping, digest = excluded.digest, \
             body = excluded.body, \
             records = CASE WHEN paused.mapping = excluded.mapping THEN paused.records ELSE excluded.records END, \
             since = CASE WHEN paused.mapping = excluded.mapping THEN paused.since ELSE excluded.since END, \
             accepted = CASE WHEN paused.mapping = excluded.mapping THEN paused.accepted END",
        )
        .bind(feed)
        .bind(source)
        .bind(&mapping)
        .bind(seen.digest.as_slice())
        .bind(clean(body))
        .bind(end.at)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
    } else if end.error.is_none() {
        let over = "DELETE FROM paused WHERE feed = $1 AND source = $2";
        sqlx::query(over).bind(feed).bind(source).execute(&mut **tx).await.map_err(what)?;
        sqlx::query(
            "INSERT INTO shape (feed, source, mapping, digest, body, zh, en, noted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (feed, source) DO UPDATE SET mapping = excluded.mapping, digest = excluded.digest, \
             body = excluded.body, zh = coalesce(excluded.zh, shape.zh), en = coalesce(excluded.en, shape.en), \
             noted = coalesce(excluded.noted, shape.noted)",
        )
        .bind(feed)
        .bind(source)
        .bind(&mapping)
        .bind(seen.digest.as_slice())
        .bind(clean(&seen.body))
        .bind(seen.noted.as_ref().map(|text| clean(&text.zh)))
        .bind(seen.noted.as_ref().map(|text| clean(&text.en)))
        .bind(seen.noted.is_some().then_some(end.at))
        .execute(&mut **tx)
        .await
        .map_err(what)?;
    }
    Ok(())
}

/// The database takes no NUL in a text, and a column's name may hold one.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
