//! Settling: what became of a batch's rows.

use super::fault::db;
use super::lease::Row;
use super::lock::lock;
use super::place::count;
use super::{PostgresStore, Tx, inconsistent};
use crate::store::place::{Delta, Place, reason_code};
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

impl PostgresStore {
    pub(super) async fn settle_batch(
        &self,
        batch: BatchId,
        verdicts: &[MemberVerdict],
        reoffer_at: Option<Millis>,
        at: Millis,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin("settling").await?;
        let settling = self.settling(&mut tx, batch, at).await?;
        let sorted = Sorted::new(settling.rows, verdicts)?;
        let mut delta = Delta::default();
        settling.stored(&mut tx, &sorted.stored, &mut delta).await?;
        settling.refused(&mut tx, &sorted.refused, reoffer_at, &mut delta).await?;
        settling.unknown(&mut tx, &sorted.unknown, &mut delta).await?;
        settling.end(&mut tx, &delta).await?;
        self.commit(tx, "settling").await
    }

    pub(super) async fn give_batch_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        let mut tx = self.begin("giving a batch up").await?;
        let settling = self.settling(&mut tx, batch, at).await?;
        // 0 keeps the bound that the rows had.
        let all: Vec<(u32, u32)> = (0..settling.rows).map(|ordinal| (ordinal, 0)).collect();
        let mut delta = Delta::default();
        settling.unknown(&mut tx, &all, &mut delta).await?;
        settling.end(&mut tx, &delta).await?;
        self.commit(tx, "giving a batch up").await
    }

    /// The batch, its lease and its feed made sure of.
    async fn settling(&self, tx: &mut Tx, batch: BatchId, at: Millis) -> Result<Settling, StoreError> {
        let what = db("reading a batch");
        let none = || inconsistent(format!("batch {} is not in flight", batch.0));
        let known: Option<(i32, i32, i64)> = sqlx::query_as("SELECT upstream, feed, rows FROM batch WHERE id = $1")
            .bind(batch.0)
            .fetch_optional(&mut **tx)
            .await
            .map_err(what)?;
        let (upstream, feed, rows) = known.ok_or_else(none)?;
        self.fence(tx, Row::Upstream(upstream)).await?;
        let feed = FeedId(feed as u32);
        lock(tx, feed).await?;
        let open: bool = sqlx::query_scalar("SELECT settled IS NULL FROM batch WHERE id = $1")
            .bind(batch.0)
            .fetch_one(&mut **tx)
            .await
            .map_err(what)?;
        if !open {
            return Err(none());
        }
        Ok(Settling { batch: batch.0, upstream: UpstreamId(upstream as u32), feed, rows: rows as u32, at })
    }
}

impl Settling {
    /// How many of these members are the newest live version of their key.
    async fn newest(&self, tx: &mut Tx, ordinals: &[i64]) -> Result<i64, StoreError> {
        sqlx::query_scalar(
            "SELECT count(*) FROM member m JOIN feed f ON f.feed = m.feed AND f.seq = m.seq AND f.op = 0 \
             WHERE m.batch = $1 AND m.ordinal = ANY($2)",
        )
        .bind(self.batch)
        .bind(ordinals)
        .fetch_one(&mut **tx)
        .await
        .map_err(db("counting settled rows"))
    }

    async fn stored(&self, tx: &mut Tx, ordinals: &[u32], delta: &mut Delta) -> Result<(), StoreError> {
        if ordinals.is_empty() {
            return Ok(());
        }
        let list: Vec<i64> = ordinals.iter().map(|o| i64::from(*o)).collect();
        let newest = self.newest(tx, &list).await?;
        delta.add(Place::InFlight, -newest);
        delta.add(Place::Stored, newest);
        for sql in [
            "INSERT INTO delivered (upstream, feed, rid, seq, hash) SELECT upstream, feed, rid, seq, hash FROM member \
             WHERE batch = $1 AND op = 0 AND ordinal = ANY($2) \
             ON CONFLICT (upstream, feed, rid) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
            "DELETE FROM delivered d USING member m WHERE m.batch = $1 AND m.op = 1 AND m.ordinal = ANY($2) \
             AND d.upstream = m.upstream AND d.feed = m.feed AND d.rid = m.rid",
        ] {
            sqlx::query(sql).bind(self.batch).bind(&list).execute(&mut **tx).await.map_err(db("noting stored rows"))?;
        }
        sqlx::query("UPDATE stock SET last_stored = $1 WHERE feed = $2 AND upstream = $3")
            .bind(self.at)
            .bind(self.feed.0 as i32)
            .bind(self.upstream.0 as i32)
            .execute(&mut **tx)
            .await
            .map_err(db("noting stored rows"))?;
        Ok(())
    }

    async fn refused(
        &self,
        tx: &mut Tx,
        refused: &[(u32, &str, Option<&str>)],
        reoffer_at: Option<Millis>,
        delta: &mut Delta,
    ) -> Result<(), StoreError> {
        if refused.is_empty() {
            return Ok(());
        }
        let ordinals: Vec<i64> = refused.iter().map(|(o, ..)| i64::from(*o)).collect();
        let newest = self.newest(tx, &ordinals).await?;
        delta.add(Place::InFlight, -newest);
        delta.add(Place::of_reason(reason_code(Reason::Refused)), newest);
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due, text, field, refusals, split) \
             SELECT m.upstream, m.feed, m.rid, m.seq, $1, $2, CASE WHEN m.refusals = 0 THEN $3::bigint END, j.text, j.field, \
             m.refusals + 1, 0 FROM unnest($4::bigint[], $5::text[], $6::text[]) j(ordinal, text, field) \
             JOIN member m ON m.batch = $7 AND m.ordinal = j.ordinal JOIN feed f ON f.feed = m.feed AND f.seq = m.seq",
        )
        .bind(reason_code(Reason::Refused))
        .bind(self.at)
        .bind(reoffer_at)
        .bind(ordinals)
        .bind(refused.iter().map(|(_, text, _)| clean(text)).collect::<Vec<_>>())
        .bind(refused.iter().map(|(.., field)| field.map(clean)).collect::<Vec<_>>())
        .bind(self.batch)
        .execute(&mut **tx)
        .await
        .map_err(db("noting refused rows"))?;
        Ok(())
    }

    async fn unknown(&self, tx: &mut Tx, unknown: &[(u32, u32)], delta: &mut Delta) -> Result<(), StoreError> {
        if unknown.is_empty() {
            return Ok(());
        }
        let ordinals: Vec<i64> = unknown.iter().map(|(o, _)| i64::from(*o)).collect();
        let newest = self.newest(tx, &ordinals).await?;
        delta.add(Place::InFlight, -newest);
        delta.add(Place::of_reason(reason_code(Reason::Unknown)), newest);
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due, refusals, split) \
             SELECT m.upstream, m.feed, m.rid, m.seq, $1, $2, $2, m.refusals, \
             CASE WHEN j.split > 0 THEN j.split ELSE m.split END FROM unnest($3::bigint[], $4::bigint[]) j(ordinal, split) \
             JOIN member m ON m.batch = $5 AND m.ordinal = j.ordinal JOIN feed f ON f.feed = m.feed AND f.seq = m.seq",
        )
        .bind(reason_code(Reason::Unknown))
        .bind(self.at)
        .bind(ordinals)
        .bind(unknown.iter().map(|(_, split)| i64::from(*split)).collect::<Vec<_>>())
        .bind(self.batch)
        .execute(&mut **tx)
        .await
        .map_err(db("noting unknown rows"))?;
        Ok(())
    }

    /// Newer versions need wait no longer; the members go, the batch keeps its mark.
    async fn end(&self, tx: &mut Tx, delta: &Delta) -> Result<(), StoreError> {
        let what = db("ending a batch");
        sqlx::query(
            "UPDATE exception SET due = $1 WHERE upstream = $2 AND feed = $3 AND reason = $4 \
             AND rid IN (SELECT rid FROM member WHERE batch = $5)",
        )
        .bind(self.at)
        .bind(self.upstream.0 as i32)
        .bind(self.feed.0 as i32)
        .bind(reason_code(Reason::WaitsVerdict))
        .bind(self.batch)
        .execute(&mut **tx)
        .await
        .map_err(what)?;
        sqlx::query("DELETE FROM member WHERE batch = $1").bind(self.batch).execute(&mut **tx).await.map_err(what)?;
        let sql = "UPDATE batch SET settled = $1 WHERE id = $2";
        sqlx::query(sql).bind(self.at).bind(self.batch).execute(&mut **tx).await.map_err(what)?;
        count(tx, self.feed, self.upstream, delta).await
    }
}
