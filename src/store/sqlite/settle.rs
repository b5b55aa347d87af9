//! Settling: what became of a batch's rows.

use roaring::RoaringBitmap;
use sqlx::{Sqlite, Transaction};

use super::chunks::Set;
use super::fault::db;
use super::place::reason_code;
use super::runs::bitmap;
use super::{SqliteStore, Writer, begin, inconsistent, number_list};
use crate::store::chunks::Kept;
use crate::store::flight::{Fallen, Member, Settlement, unpack};
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
        let sorted = Sorted::new(settling.members.len() as u32, verdicts)?;
        settling.end(&mut tx, &sorted, reoffer_at).await?;
        self.commit(tx, "settling").await
    }

    pub(super) async fn give_batch_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "giving a batch up").await?;
        let settling = Settling::read(&mut tx, batch, at).await?;
        settling.end(&mut tx, &Sorted::given_up(settling.members.len() as u32), None).await?;
        self.commit(tx, "giving a batch up").await
    }
}

impl Settling {
    async fn read(tx: &mut Transaction<'_, Sqlite>, batch: BatchId, at: Millis) -> Result<Self, StoreError> {
        let known: Option<(u32, u32, Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT upstream, feed, overtaken, members FROM flight WHERE batch = ?")
                .bind(batch.0)
                .fetch_optional(&mut **tx)
                .await
                .map_err(db("reading a batch"))?;
        let none = || inconsistent(format!("batch {} is not in flight", batch.0));
        let (upstream, feed, overtaken, members) = known.ok_or_else(none)?;
        let (members, overtaken) = (unpack(&members)?, bitmap(&overtaken)?);
        Ok(Self { batch: batch.0, upstream: UpstreamId(upstream), feed: FeedId(feed), members, overtaken, at })
    }

    /// Carries the verdicts out; the members go, the batch keeps its mark.
    async fn end(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        sorted: &Sorted<'_>,
        reoffer_at: Option<Millis>,
    ) -> Result<(), StoreError> {
        let settlement = Settlement::new(&self.members, &self.overtaken, sorted)?;
        if !sorted.stored.is_empty() {
            self.stored(tx, &settlement).await?;
        }
        let again = |row: &Fallen<'_>| reoffer_at.filter(|_| row.refusals == 1);
        self.except(tx, Reason::Refused, &settlement.refused, again).await?;
        self.except(tx, Reason::Unknown, &settlement.unknown, |_| Some(self.at)).await?;
        self.let_go(tx).await?;
        for sql in ["DELETE FROM flight WHERE batch = ?1", "UPDATE batch SET settled = ?2 WHERE id = ?1"] {
            sqlx::query(sql).bind(self.batch).bind(self.at).execute(&mut **tx).await.map_err(db("ending a batch"))?;
        }
        settlement.delta.apply(tx, self.feed, self.upstream).await
    }

    async fn stored(&self, tx: &mut Transaction<'_, Sqlite>, settlement: &Settlement<'_>) -> Result<(), StoreError> {
        let set = |kept| Set { upstream: self.upstream, feed: self.feed, kept };
        set(Kept::Rids).add(tx, &settlement.held).await?;
        set(Kept::Rids).remove(tx, &settlement.dropped).await?;
        set(Kept::Seqs).add(tx, &settlement.seqs).await?;
        sqlx::query("UPDATE stock SET last_stored = ? WHERE feed = ? AND upstream = ?")
            .bind(self.at)
            .bind(self.feed.0)
            .bind(self.upstream.0)
            .execute(&mut **tx)
            .await
            .map_err(db("noting stored rows"))?;
        Ok(())
    }

    async fn except(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        reason: Reason,
        rows: &[Fallen<'_>],
        due: impl Fn(&Fallen<'_>) -> Option<Millis>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let row = |r: &Fallen<'_>| serde_json::json!([r.rid, r.seq as i64, due(r), r.text, r.field, r.refusals, r.split]);
        let list: Vec<serde_json::Value> = rows.iter().map(row).collect();
        sqlx::query(
            "INSERT INTO exception (upstream, feed, rid, seq, reason, since, due, text, field, refusals, split) \
             SELECT ?1, ?2, j.value ->> 0, j.value ->> 1, ?3, ?4, j.value ->> 2, j.value ->> 3, j.value ->> 4, j.value ->> 5, \
             j.value ->> 6 FROM json_each(?5) j",
        )
        .bind(self.upstream.0)
        .bind(self.feed.0)
        .bind(reason_code(reason))
        .bind(self.at)
        .bind(serde_json::Value::Array(list).to_string())
        .execute(&mut **tx)
        .await
        .map_err(db("noting rows that are not stored"))?;
        Ok(())
    }

    /// Newer versions need wait no longer.
    async fn let_go(&self, tx: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
        if self.overtaken.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "UPDATE exception SET due = ? WHERE upstream = ? AND feed = ? AND reason = ? AND rid IN (SELECT value FROM json_each(?))",
        )
        .bind(self.at)
        .bind(self.upstream.0)
        .bind(self.feed.0)
        .bind(reason_code(Reason::WaitsVerdict))
        .bind(number_list(self.overtaken.iter().map(i64::from)))
        .execute(&mut **tx)
        .await
        .map_err(db("ending a batch"))?;
        Ok(())
    }
}
