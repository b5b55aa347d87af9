//! What sources showed, and what pauses because of it.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::{SqliteStore, Writer, begin, inconsistent, runs};
use crate::finding::Text;
use crate::store::shapes::digest_of;
use crate::store::{FeedId, KnownShape, NotedRow, PausedRow, RunEnd, RunId, RunSummary, Seen, Shapes, StoreError};

#[async_trait::async_trait]
impl Shapes for SqliteStore {
    async fn shape(&self, feed: FeedId, source: &str, mapping_digest: [u8; 16]) -> Result<KnownShape, StoreError> {
        let what = db("reading what a source showed");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        let body: Option<(String,)> = sqlx::query_as(
            "SELECT h.body FROM shape h JOIN source s ON s.id = h.source WHERE h.feed = ? AND s.name = ? AND h.mapping = ?",
        )
        .bind(feed.0)
        .bind(source)
        .bind(mapping_digest.as_slice())
        .fetch_optional(&mut *conn)
        .await
        .map_err(what)?;
        let pause: Option<(String, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT p.body, p.accepted FROM paused p JOIN source s ON s.id = p.source \
             WHERE p.feed = ? AND s.name = ? AND p.mapping = ?",
        )
        .bind(feed.0)
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
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, runs, .. } = &mut *guard;
        let mut tx = begin(conn, "ending a run").await?;
        let summary = runs::finish(&mut tx, feeds, runs, run, end).await?;
        note(&mut tx, run, end, seen).await?;
        self.commit(tx, "ending a run").await?;
        Ok(summary)
    }

    async fn paused(&self) -> Result<Vec<PausedRow>, StoreError> {
        type Row = (u32, String, String, Vec<u8>, String, i64, i64, Option<Vec<u8>>, Vec<u8>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT p.feed, f.name, s.name, p.mapping, p.body, p.records, p.since, p.accepted, p.digest FROM paused p \
             JOIN feeds f ON f.id = p.feed JOIN source s ON s.id = p.source ORDER BY p.since, f.name, s.name",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading what pauses"))?;
        let row = |(feed, table, source, mapping, body, records, since, accepted, digest): Row| {
            Ok(PausedRow {
                feed: FeedId(feed),
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
             JOIN source s ON s.id = h.source WHERE h.noted IS NOT NULL ORDER BY h.noted DESC, f.name, s.name",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading what changed at sources"))?;
        let row = |(table, source, zh, en, at)| NotedRow { table, source, text: Text::new(zh, en), at };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn accept_shape(&self, feed: FeedId, source: &str) -> Result<bool, StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "accepting what a source shows").await?;
        let done =
            sqlx::query("UPDATE paused SET accepted = digest WHERE feed = ? AND source = (SELECT id FROM source WHERE name = ?)")
                .bind(feed.0)
                .bind(source)
                .execute(&mut *tx)
                .await
                .map_err(db("accepting what a source shows"))?;
        self.commit(tx, "accepting what a source shows").await?;
        Ok(done.rows_affected() > 0)
    }

    async fn shape_of_run(&self, run: RunId) -> Result<Option<[u8; 16]>, StoreError> {
        let found: Option<(Option<Vec<u8>>,)> = sqlx::query_as("SELECT shape FROM run WHERE id = ?")
            .bind(run.0)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading a run"))?;
        found.and_then(|(shape,)| shape).map(|bytes| digest_of(&bytes)).transpose()
    }
}

/// Notes what a run saw, within the transaction that ends it.
async fn note(tx: &mut Transaction<'_, Sqlite>, run: RunId, end: &RunEnd, seen: &Seen) -> Result<(), StoreError> {
    let what = db("noting what a source shows");
    let place: Option<(u32, i64, Vec<u8>)> =
        sqlx::query_as("UPDATE run SET shape = ? WHERE id = ? RETURNING feed, source, mapping")
            .bind(seen.digest.as_slice())
            .bind(run.0)
            .fetch_optional(&mut **tx)
            .await
            .map_err(what)?;
    let (feed, source, mapping) = place.ok_or_else(|| inconsistent(format!("there is no run {}", run.0)))?;
    if let Some(body) = &seen.pause {
        sqlx::query(
            "INSERT INTO paused (feed, source, mapping, digest, body, since, records) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, count(*) FROM head WHERE feed = ?1 AND source = ?2 AND flags & 1 = 0 \
             ON CONFLICT (feed, source) DO UPDATE SET mapping = excluded.mapping, digest = excluded.digest, \
             body = excluded.body, \
             records = CASE WHEN mapping = excluded.mapping THEN records ELSE excluded.records END, \
             since = CASE WHEN mapping = excluded.mapping THEN since ELSE excluded.since END, \
             accepted = CASE WHEN mapping = excluded.mapping THEN accepted END",
        )
        .bind(feed)
        .bind(source)
        .bind(&mapping)
        .bind(seen.digest.as_slice())
        .bind(body)
        .bind(end.at)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
    } else if end.error.is_none() {
        sqlx::query("DELETE FROM paused WHERE feed = ? AND source = ?")
            .bind(feed)
            .bind(source)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        sqlx::query(
            "INSERT INTO shape (feed, source, mapping, digest, body, zh, en, noted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
             CASE WHEN ?6 IS NOT NULL THEN ?8 END) ON CONFLICT (feed, source) DO UPDATE SET mapping = excluded.mapping, \
             digest = excluded.digest, body = excluded.body, zh = coalesce(excluded.zh, zh), en = coalesce(excluded.en, en), \
             noted = coalesce(excluded.noted, noted)",
        )
        .bind(feed)
        .bind(source)
        .bind(&mapping)
        .bind(seen.digest.as_slice())
        .bind(&seen.body)
        .bind(seen.noted.as_ref().map(|text| &*text.zh))
        .bind(seen.noted.as_ref().map(|text| &*text.en))
        .bind(end.at)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
    }
    Ok(())
}
