//! Settling: what became of a batch's rows.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::place::{Delta, Place, reason_code};
use super::{SqliteStore, Writer, begin, inconsistent, number_list};
use crate::store::verdicts::Sorted;
use crate::store::{BatchId, FeedId, MemberVerdict, Millis, Reason, StoreError, UpstreamId};

/// The batch being settled.
struct Settling {
    batch: i64,
    upstream: UpstreamId,
    feed: FeedId,
    rows: u32,
    at: Millis,
}

impl SqliteStore {
    pub(super) async fn settle_batch(
        &self,
        batch: BatchId,
        verdicts: &[MemberVerdict],
        reoffer_at: Option<Millis>,
        at: Millis,
    ) -> Result<(), StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "settling").await?;
        let settling = Settling::read(&mut tx, batch, at).await?;
        let sorted = Sorted::new(settling.rows, verdicts)?;
        let mut delta = Delta::default();
        settling.stored(&mut tx, &sorted.stored, &mut delta).await?;
        let refused = listed(&sorted.refused);
        settling.refused(&mut tx, &refused, reoffer_at, &mut delta).await?;
        settling.unknown(&mut tx, &listed(&sorted.unknown), &mut delta).await?;
        settling.end(&mut tx, &delta).await?;
        self.commit(tx, "settling").await
    }

    pub(super) async fn give_batch_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "giving a batch up").await?;
        let settling = Settling::read(&mut tx, batch, at).await?;
        // 0 keeps the bound that the rows had.
        let all: Vec<serde_json::Value> = (0..settling.rows).map(|o| serde_json::json!([o, 0])).collect();
        let mut delta = Delta::default();
        settling.unknown(&mut tx, &all, &mut delta).await?;
        settling.end(&mut tx, &delta).await?;
        self.commit(tx, "giving a batch up").await
    }
}

impl Settling {
    async fn read(tx: &mut Transaction<'_, Sqlite>, batch: BatchId, at: Millis) -> Result<Self, StoreError> {
        let known: Option<(u32, u32, u32)> =
            sqlx::query_as("SELECT upstream, feed, rows FROM batch WHERE id = ? AND settled IS NULL")
                .bind(batch.0)
                .fetch_optional(&mut **tx)
                .await
                .map_err(db("reading a batch"))?;
        let (upstream, feed, rows) = known.ok_or_else(|| inconsistent(format!("batch {} is not in flight", batch.0)))?;
        Ok(Self { batch: batch.0, upstream: UpstreamId(upstream), feed: FeedId(feed), rows, at })
    }

    /// How many of these members are the newest live version of their key.
    async fn newest(&self, tx: &mut Transaction<'_, Sqlite>, ordinals: &str) -> Result<i64, StoreError> {
        let (n,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM member m CROSS JOIN feed f ON f.seq = m.seq AND f.op = 0 \
             WHERE m.batch = ? AND m.ordinal IN (SELECT value FROM json_each(?))",
        )
        .bind(self.batch)
        .bind(ordinals)
        .fetch_one(&mut **tx)
        .await
        .map_err(db("counting settled rows"))?;
        Ok(n)
    }

    async fn stored(&self, tx: &mut Transaction<'_, Sqlite>, ordinals: &[u32], delta: &mut Delta) -> Result<(), StoreError> {
        if ordinals.is_empty() {
            return Ok(());
        }
        let list = number_list(ordinals.iter().map(|o| i64::from(*o)));
        let newest = self.newest(tx, &list).await?;
        delta.add(Place::InFlight, -newest);
        delta.add(Place::Stored, newest);
        for sql in [
            "INSERT INTO delivered (upstream, feed, rid, seq, hash) SELECT upstream, feed, rid, seq, hash FROM member \
             WHERE batch = ?1 AND op = 0 AND ordinal IN (SELECT value FROM json_each(?2)) \
             ON CONFLICT (upstream, feed, rid) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
            "DELETE FROM delivered WHERE (upstream, feed, rid) IN (SELECT upstream, feed, rid FROM member \
             WHERE batch = ?1 AND op = 1 AND ordinal IN (SELECT value FROM json_each(?2)))",
        ] {
            sqlx::query(sql).bind(self.batch).bind(&list).execute(&mut **tx).await.map_err(db("noting stored rows"))?;
        }
        sqlx::query("UPDATE stock SET last_stored = ? WHERE feed = ? AND upstream = ?")
            .bind(self.at)
            .bind(self.feed.0)
            .bind(self.upstream.0)
            .execute(&mut **tx)
            .await
            .map_err(db("noting stored rows"))?;
        Ok(())
    }

    async fn refused(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        refused: &[serde_json::Value],
        reoffer_at: Option<Millis>,
        delta: &mut Delta,
    ) -> Result<(), StoreError> {
        if refused.is_empty() {
            return Ok(());
        }
        let newest = self.newest(tx, &ordinal_list(refused)).await?;
        delta.add(Place::InFlight, -newest);
        delta.add(Place::of_reason(reason_code(Reason::Refused)), newest);
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due, text, field, refusals, split) \
             SELECT m.upstream, m.feed, m.rid, m.seq, ?1, ?2, CASE WHEN m.refusals = 0 THEN ?3 END, j.value ->> 1, \
             j.value ->> 2, m.refusals + 1, 0 FROM json_each(?4) j \
             CROSS JOIN member m ON m.batch = ?5 AND m.ordinal = j.value ->> 0 JOIN feed f ON f.seq = m.seq",
        )
        .bind(reason_code(Reason::Refused))
        .bind(self.at)
        .bind(reoffer_at)
        .bind(serde_json::Value::from(refused.to_vec()).to_string())
        .bind(self.batch)
        .execute(&mut **tx)
        .await
        .map_err(db("noting refused rows"))?;
        Ok(())
    }

    async fn unknown(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        unknown: &[serde_json::Value],
        delta: &mut Delta,
    ) -> Result<(), StoreError> {
        if unknown.is_empty() {
            return Ok(());
        }
        let newest = self.newest(tx, &ordinal_list(unknown)).await?;
        delta.add(Place::InFlight, -newest);
        delta.add(Place::of_reason(reason_code(Reason::Unknown)), newest);
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due, refusals, split) \
             SELECT m.upstream, m.feed, m.rid, m.seq, ?1, ?2, ?2, m.refusals, \
             CASE WHEN j.value ->> 1 > 0 THEN j.value ->> 1 ELSE m.split END FROM json_each(?3) j \
             CROSS JOIN member m ON m.batch = ?4 AND m.ordinal = j.value ->> 0 JOIN feed f ON f.seq = m.seq",
        )
        .bind(reason_code(Reason::Unknown))
        .bind(self.at)
        .bind(serde_json::Value::from(unknown.to_vec()).to_string())
        .bind(self.batch)
        .execute(&mut **tx)
        .await
        .map_err(db("noting unknown rows"))?;
        Ok(())
    }

    /// Newer versions need wait no longer; the members go, the batch keeps its mark.
    async fn end(&self, tx: &mut Transaction<'_, Sqlite>, delta: &Delta) -> Result<(), StoreError> {
        let what = db("ending a batch");
        sqlx::query(
            "UPDATE exception SET due = ?1 WHERE upstream = ?2 AND feed = ?3 AND reason = ?4 \
             AND rid IN (SELECT rid FROM member WHERE batch = ?5)",
        )
        .bind(self.at)
        .bind(self.upstream.0)
        .bind(self.feed.0)
        .bind(reason_code(Reason::WaitsVerdict))
        .bind(self.batch)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
        sqlx::query("DELETE FROM member WHERE batch = ?").bind(self.batch).execute(&mut **tx).await.map_err(what)?;
        sqlx::query("UPDATE batch SET settled = ? WHERE id = ?")
            .bind(self.at)
            .bind(self.batch)
            .execute(&mut **tx)
            .await
            .map_err(what)?;
        delta.apply(tx, self.feed, self.upstream).await
    }
}

fn ordinal_list(verdicts: &[serde_json::Value]) -> String {
    number_list(verdicts.iter().filter_map(|v| v.get(0).and_then(serde_json::Value::as_i64)))
}

/// Verdicts as `json_each` takes them.
fn listed<T: serde::Serialize>(verdicts: &[T]) -> Vec<serde_json::Value> {
    verdicts.iter().map(|v| serde_json::json!(v)).collect()
}
