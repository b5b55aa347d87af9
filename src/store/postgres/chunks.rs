//! What an upstream holds, as bitmaps.

use sqlx::PgExecutor;

use super::Tx;
use super::fault::db;

use crate::store::chunks::{Chunks, Kept};
use crate::store::open_run::bitmap_bytes;
use crate::store::{FeedId, StoreError, UpstreamId};

/// One of the sets of an (upstream, feed).
#[derive(Clone, Copy)]
pub(super) struct Set {
    pub(super) upstream: UpstreamId,
    pub(super) feed: FeedId,
    pub(super) kept: Kept,
}

impl Set {
    /// All of it.
    pub(super) async fn load(self, conn: impl PgExecutor<'_>) -> Result<Chunks, StoreError> {
        let rows = sqlx::query_as("SELECT chunk, bits FROM held WHERE upstream = $1 AND feed = $2 AND kind = $3")
            .bind(self.upstream.0 as i32)
            .bind(self.feed.0 as i32)
            .bind(self.kept.code())
            .fetch_all(conn)
            .await
            .map_err(db("reading what an upstream holds"))?;
        Chunks::read(rows)
    }

    /// The chunks that these numbers lie in.
    async fn around(self, tx: &mut Tx, numbers: &Chunks) -> Result<Chunks, StoreError> {
        let rows =
            sqlx::query_as("SELECT chunk, bits FROM held WHERE upstream = $1 AND feed = $2 AND kind = $3 AND chunk = ANY($4)")
                .bind(self.upstream.0 as i32)
                .bind(self.feed.0 as i32)
                .bind(self.kept.code())
                .bind(numbers.keys())
                .fetch_all(&mut **tx)
                .await
                .map_err(db("reading what an upstream holds"))?;
        Chunks::read(rows)
    }

    /// Adds numbers.
    pub(super) async fn add(self, tx: &mut Tx, numbers: &[u64]) -> Result<(), StoreError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let new = Chunks::of(numbers);
        let old = self.around(tx, &new).await?;
        let is_new = new.0.keys().any(|chunk| !old.0.contains_key(chunk));
        self.write(tx, &old.with(new)).await?;
        if is_new && self.kept == Kept::Seqs { self.prune(tx).await } else { Ok(()) }
    }

    /// Takes numbers out.
    pub(super) async fn remove(self, tx: &mut Tx, numbers: &[u64]) -> Result<(), StoreError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let less = Chunks::of(numbers);
        let old = self.around(tx, &less).await?;
        self.write(tx, &old.without(&less)).await
    }

    async fn write(self, tx: &mut Tx, changed: &Chunks) -> Result<(), StoreError> {
        for (chunk, bits) in &changed.0 {
            sqlx::query(
                "INSERT INTO held (upstream, feed, kind, chunk, bits) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (upstream, feed, kind, chunk) DO UPDATE SET bits = excluded.bits",
            )
            .bind(self.upstream.0 as i32)
            .bind(self.feed.0 as i32)
            .bind(self.kept.code())
            .bind(*chunk as i64)
            .bind(bitmap_bytes(bits))
            .execute(&mut **tx)
            .await
            .map_err(db("noting what an upstream holds"))?;
        }
        Ok(())
    }

    /// Forgets seqs of which no row is left in the feed, chunk by chunk.
    async fn prune(self, tx: &mut Tx) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM held WHERE upstream = $1 AND feed = $2 AND kind = $3 AND NOT EXISTS (SELECT 1 FROM feed f \
             WHERE f.feed = $2 AND f.seq BETWEEN chunk << 16 AND (chunk << 16) + 65535)",
        )
        .bind(self.upstream.0 as i32)
        .bind(self.feed.0 as i32)
        .bind(self.kept.code())
        .execute(&mut **tx)
        .await
        .map_err(db("noting what an upstream holds"))?;
        Ok(())
    }
}
