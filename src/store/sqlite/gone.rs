//! Records that are gone at the source and still stand upstream.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::chunks::Set;
use super::fault::db;
use super::{SqliteStore, Writer, begin};
use crate::record::RecordKey;
use crate::store::chunks::Kept;
use crate::store::{FeedId, Gone, GoneRow, Millis, StoreError, UpstreamId};

#[async_trait::async_trait]
impl Gone for SqliteStore {
    async fn gone(&self, feed: Option<FeedId>) -> Result<Vec<GoneRow>, StoreError> {
        let what = db("reading what is gone");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        // `flags <> 0` is what the index of odd heads asks for, word by word: without it all heads are read.
        let rows = sqlx::query(
            "SELECT k.upstream, u.name, h.feed, f.name, s.name, t.key, t.nk, t.at, h.rid FROM head h \
             JOIN stock k ON k.feed = h.feed JOIN upstream u ON u.id = k.upstream JOIN feeds f ON f.id = h.feed \
             JOIN source s ON s.id = h.source JOIN feed t ON t.seq = h.seq \
             LEFT JOIN withdrawn w ON w.upstream = k.upstream AND w.feed = h.feed AND w.rid = h.rid AND w.seq = h.seq \
             WHERE h.flags <> 0 AND h.flags = 1 AND w.rid IS NULL AND (?1 IS NULL OR h.feed = ?1) ORDER BY u.name, f.name, t.key",
        )
        .bind(feed.map(|feed| feed.0))
        .fetch_all(&mut *conn)
        .await
        .map_err(what)?;
        let mut holds = HashMap::new();
        let mut gone = Vec::new();
        for row in &rows {
            let (entry, rid) = gone_row(row).map_err(what)?;
            let place = (entry.upstream, entry.feed);
            if let std::collections::hash_map::Entry::Vacant(new) = holds.entry(place) {
                new.insert(Set { upstream: place.0, feed: place.1, kept: Kept::Rids }.load(&mut *conn).await?);
            }
            if holds.get(&place).is_some_and(|set| set.contains(rid)) {
                gone.push(entry);
            }
        }
        Ok(gone)
    }

    async fn mark_withdrawn(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        keys: &[RecordKey],
        note: &str,
        at: Millis,
    ) -> Result<u64, StoreError> {
        let what = db("noting what was withdrawn");
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "noting what was withdrawn").await?;
        let holds = Set { upstream, feed, kept: Kept::Rids }.load(&mut *tx).await?;
        let mut marked = 0;
        for key in keys {
            let found: Option<(u32, i64)> = sqlx::query_as(
                "SELECT rid, seq FROM feed WHERE op = 1 AND seq = (SELECT seq FROM feed INDEXED BY feed_order WHERE feed = ? AND key = ? \
                 LIMIT 1)",
            )
            .bind(feed.0)
            .bind(key.as_str())
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
            let Some((rid, seq)) = found.filter(|(rid, _)| holds.contains(u64::from(*rid))) else { continue };
            let done = sqlx::query(
                "INSERT INTO withdrawn (upstream, feed, rid, seq, at, note) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (upstream, feed, rid) \
                 DO UPDATE SET seq = excluded.seq, at = excluded.at, note = excluded.note WHERE withdrawn.seq <> excluded.seq",
            )
            .bind(upstream.0)
            .bind(feed.0)
            .bind(rid)
            .bind(seq)
            .bind(at)
            .bind(note)
            .execute(&mut *tx)
            .await
            .map_err(what)?;
            marked += done.rows_affected();
        }
        self.commit(tx, "noting what was withdrawn").await?;
        Ok(marked)
    }
}

/// An entry, and its row id.
fn gone_row(row: &SqliteRow) -> Result<(GoneRow, u64), sqlx::Error> {
    let entry = GoneRow {
        upstream: UpstreamId(row.try_get(0)?),
        upstream_name: row.try_get(1)?,
        feed: FeedId(row.try_get(2)?),
        table: row.try_get(3)?,
        source: row.try_get(4)?,
        record_key: RecordKey::parse(row.try_get(5)?).unwrap_or_default(),
        natural_key: row.try_get(6)?,
        since: row.try_get(7)?,
    };
    Ok((entry, row.try_get::<i64, _>(8)?.unsigned_abs()))
}
