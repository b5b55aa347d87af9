//! Landed records by key, by page and by position.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::fault::db;
use super::{PostgresStore, short_key};
use crate::record::RecordKey;
use crate::store::{FeedId, Op, RecordRow, Records, StoreError};

#[async_trait::async_trait]
impl Records for PostgresStore {
    async fn record(&self, feed: FeedId, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        // The index holds the record key behind the seq, so this reads the index and one record.
        let row = sqlx::query(
            "SELECT seq, op, key, nk, at, payload FROM feed \
             WHERE feed = $1 AND seq = (SELECT seq FROM feed WHERE feed = $1 AND key = $2 LIMIT 1)",
        )
        .bind(feed.0 as i32)
        .bind(key.as_str())
        .fetch_optional(self.readers()?)
        .await
        .map_err(db("reading a record"))?;
        row.map(|row| record_row(&row)).transpose().map_err(db("reading a record"))
    }

    async fn page(&self, feed: FeedId, after: Option<&[u8]>, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        // No natural key is empty, so the empty one lies before all of them.
        let rows = sqlx::query(
            "SELECT f.seq, f.op, f.key, f.nk, f.at, f.payload FROM head h JOIN feed f ON f.feed = h.feed AND f.seq = h.seq \
             WHERE h.feed = $1 AND h.nk > $2 AND h.flags & 1 = 0 ORDER BY h.nk LIMIT $3",
        )
        .bind(feed.0 as i32)
        .bind(&*short_key(after.unwrap_or_default()))
        .bind(i64::from(limit))
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading a page"))?;
        rows.iter().map(record_row).collect::<Result<_, _>>().map_err(db("reading a page"))
    }

    async fn changes(&self, feed: FeedId, after: u64, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        let rows =
            sqlx::query("SELECT seq, op, key, nk, at, payload FROM feed WHERE feed = $1 AND seq > $2 ORDER BY seq LIMIT $3")
                .bind(feed.0 as i32)
                .bind(i64::try_from(after).unwrap_or(i64::MAX))
                .bind(i64::from(limit))
                .fetch_all(self.readers()?)
                .await
                .map_err(db("reading changes"))?;
        rows.iter().map(record_row).collect::<Result<_, _>>().map_err(db("reading changes"))
    }

    async fn newest_seq(&self, feed: FeedId) -> Result<u64, StoreError> {
        let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM feeds WHERE id = $1")
            .bind(feed.0 as i32)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading a feed"))?;
        Ok(seq.map_or(0, i64::unsigned_abs))
    }
}

fn record_row(row: &PgRow) -> Result<RecordRow, sqlx::Error> {
    Ok(RecordRow {
        seq: row.try_get::<i64, _>(0)?.unsigned_abs(),
        op: if row.try_get::<i32, _>(1)? == 0 { Op::Upsert } else { Op::Delete },
        record_key: RecordKey::parse(row.try_get(2)?).unwrap_or_default(),
        natural_key: row.try_get(3)?,
        at: row.try_get(4)?,
        payload: row.try_get::<String, _>(5)?.into_bytes(),
    })
}
