//! Settling: what became of a batch's rows.

use roaring::RoaringBitmap;

use super::chunks::Set;
use super::fault::db;
use super::lease::Row;
use super::lock::lock;
use super::place::count;
use super::{PostgresStore, Tx, inconsistent, signed};
use crate::store::chunks::Kept;
use crate::store::flight::{Fallen, Member, Settlement, unpack};
use crate::store::open_run::bitmap;
use crate::store::place::reason_code;
use crate::store::verdicts::Sorted;
use crate::store::{BatchId, FeedId, MemberVerdict, Millis, Reason, StoreError, UpstreamId};

/// The batch being settled.
struct Settling {
    batch: i64,
    upstream: UpstreamId,
    feed: FeedId,
    members: Vec<Member>,
    /// Row ids of members that are no longer the newest version of their key.
    overtaken: RoaringBitmap,
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
        let sorted = Sorted::new(settling.members.len() as u32, verdicts)?;
        settling.end(&mut tx, &sorted, reoffer_at).await?;
        self.commit(tx, "settling").await
    }

    pub(super) async fn give_batch_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        let mut tx = self.begin("giving a batch up").await?;
        let settling = self.settling(&mut tx, batch, at).await?;
        settling.end(&mut tx, &Sorted::given_up(settling.members.len() as u32), None).await?;
        self.commit(tx, "giving a batch up").await
    }

    /// The batch, its lease and its feed made sure of.
    async fn settling(&self, tx: &mut Tx, batch: BatchId, at: Millis) -> Result<Settling, StoreError> {
        let what = db("reading a batch");
        let none = || inconsistent(format!("batch {} is not in flight", batch.0));
        let known: Option<(i32, i32)> = sqlx::query_as("SELECT upstream, feed FROM flight WHERE batch = $1")
            .bind(batch.0)
            .fetch_optional(&mut **tx)
            .await
            .map_err(what)?;
        let (upstream, feed) = known.ok_or_else(none)?;
        self.fence(tx, Row::Upstream(upstream)).await?;
        let (upstream, feed) = (UpstreamId(upstream as u32), FeedId(feed as u32));
        lock(tx, feed).await?;
        let open: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as("SELECT overtaken, members FROM flight WHERE batch = $1")
            .bind(batch.0)
            .fetch_optional(&mut **tx)
            .await
            .map_err(what)?;
        let (overtaken, members) = open.ok_or_else(none)?;
        Ok(Settling { batch: batch.0, upstream, feed, members: unpack(&members)?, overtaken: bitmap(&overtaken)?, at })
    }
}

impl Settling {
    /// Carries the verdicts out; the members go, the batch keeps its mark.
    async fn end(&self, tx: &mut Tx, sorted: &Sorted<'_>, reoffer_at: Option<Millis>) -> Result<(), StoreError> {
        let settlement = Settlement::new(&self.members, &self.overtaken, sorted)?;
        if !sorted.stored.is_empty() {
            self.stored(tx, &settlement).await?;
        }
        let again = |row: &Fallen<'_>| reoffer_at.filter(|_| row.refusals == 1);
        self.except(tx, Reason::Refused, &settlement.refused, again).await?;
        self.except(tx, Reason::Unknown, &settlement.unknown, |_| Some(self.at)).await?;
        self.let_go(tx).await?;
        let what = db("ending a batch");
        sqlx::query("DELETE FROM flight WHERE batch = $1").bind(self.batch).execute(&mut **tx).await.map_err(what)?;
        let sql = "UPDATE batch SET settled = $1 WHERE id = $2";
        sqlx::query(sql).bind(self.at).bind(self.batch).execute(&mut **tx).await.map_err(what)?;
        count(tx, self.feed, self.upstream, &settlement.delta).await
    }

    async fn stored(&self, tx: &mut Tx, settlement: &Settlement<'_>) -> Result<(), StoreError> {
        let set = |kept| Set { upstream: self.upstream, feed: self.feed, kept };
        set(Kept::Rids).add(tx, &settlement.held).await?;
        set(Kept::Rids).remove(tx, &settlement.dropped).await?;
        set(Kept::Seqs).add(tx, &settlement.seqs).await?;
        sqlx::query("UPDATE stock SET last_stored = $1 WHERE feed = $2 AND upstream = $3")
            .bind(self.at)
            .bind(self.feed.0 as i32)
            .bind(self.upstream.0 as i32)
            .execute(&mut **tx)
            .await
            .map_err(db("noting stored rows"))?;
        Ok(())
    }

    async fn except(
        &self,
        tx: &mut Tx,
        reason: Reason,
        rows: &[Fallen<'_>],
        due: impl Fn(&Fallen<'_>) -> Option<Millis>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let number = |n: fn(&Fallen<'_>) -> u64| signed(rows.iter().map(n));
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due, text, field, refusals, split) \
             SELECT $1, $2, j.rid, j.seq, $3, $4, j.due, j.text, j.field, j.refusals, j.split \
             FROM unnest($5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[]) \
             j(rid, seq, due, text, field, refusals, split)",
        )
        .bind(self.upstream.0 as i32)
        .bind(self.feed.0 as i32)
        .bind(reason_code(reason))
        .bind(self.at)
        .bind(number(|r| u64::from(r.rid)))
        .bind(number(|r| r.seq))
        .bind(rows.iter().map(due).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.text).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.field).collect::<Vec<_>>())
        .bind(number(|r| u64::from(r.refusals)))
        .bind(number(|r| u64::from(r.split)))
        .execute(&mut **tx)
        .await
        .map_err(db("noting rows that are not stored"))?;
        Ok(())
    }

    /// Newer versions need wait no longer.
    async fn let_go(&self, tx: &mut Tx) -> Result<(), StoreError> {
        if self.overtaken.is_empty() {
            return Ok(());
        }
        sqlx::query("UPDATE exception SET due = $1 WHERE upstream = $2 AND feed = $3 AND reason = $4 AND rid = ANY($5)")
            .bind(self.at)
            .bind(self.upstream.0 as i32)
            .bind(self.feed.0 as i32)
            .bind(reason_code(Reason::WaitsVerdict))
            .bind(signed(self.overtaken.iter().map(u64::from)))
            .execute(&mut **tx)
            .await
            .map_err(db("ending a batch"))?;
        Ok(())
    }
}
