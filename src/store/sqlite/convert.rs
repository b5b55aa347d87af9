//! From rows to bitmaps: what format 3 kept in a row a member and a row a delivered record.

use futures_util::TryStreamExt;
use sqlx::{Sqlite, Transaction};

use super::chunks::Set;
use super::fault::db;
use super::flight;
use crate::record::RecordKey;
use crate::store::chunks::Kept;
use crate::store::flight::Member;
use crate::store::moves::Moves;
use crate::store::{FeedId, Op, StoreError, UpstreamId};

/// Takes the rows over and drops their tables.
pub(super) async fn convert(tx: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
    let what = db("migrating");
    let batches: Vec<(i64, u32, u32)> =
        sqlx::query_as("SELECT id, upstream, feed FROM batch WHERE settled IS NULL").fetch_all(&mut **tx).await.map_err(what)?;
    for (batch, upstream, feed) in batches {
        let moves = moves(tx, batch).await?;
        flight::insert(tx, batch, UpstreamId(upstream), FeedId(feed), &moves).await?;
    }
    let pairs: Vec<(u32, u32)> =
        sqlx::query_as("SELECT DISTINCT upstream, feed FROM delivered").fetch_all(&mut **tx).await.map_err(what)?;
    for (upstream, feed) in pairs {
        let (mut rids, mut seqs) = (Vec::new(), Vec::new());
        {
            let mut rows = sqlx::query_as::<_, (u32, i64)>("SELECT rid, seq FROM delivered WHERE upstream = ? AND feed = ?")
                .bind(upstream)
                .bind(feed)
                .fetch(&mut **tx);
            while let Some((rid, seq)) = rows.try_next().await.map_err(what)? {
                rids.push(u64::from(rid));
                seqs.push(seq as u64);
            }
        }
        let set = |kept| Set { upstream: UpstreamId(upstream), feed: FeedId(feed), kept };
        set(Kept::Rids).add(tx, &rids).await?;
        set(Kept::Seqs).add(tx, &seqs).await?;
    }
    for sql in ["DROP TABLE member", "DROP TABLE delivered"] {
        sqlx::query(sql).execute(&mut **tx).await.map_err(what)?;
    }
    Ok(())
}

/// The members of a batch, as if it were staged now.
async fn moves(tx: &mut Transaction<'_, Sqlite>, batch: i64) -> Result<Moves, StoreError> {
    let rows: Vec<(u32, i64, String, i64, u32, u32, bool)> = sqlx::query_as(
        "SELECT m.rid, m.seq, m.key, m.op, m.refusals, m.split, f.seq IS NULL FROM member m LEFT JOIN feed f ON f.seq = m.seq \
         WHERE m.batch = ? ORDER BY m.ordinal",
    )
    .bind(batch)
    .fetch_all(&mut **tx)
    .await
    .map_err(db("migrating"))?;
    let mut moves = Moves::default();
    for (rid, seq, key, op, refusals, split, overtaken) in rows {
        let op = if op == 0 { Op::Upsert } else { Op::Delete };
        let key = RecordKey::parse(&key).unwrap_or_default();
        moves.rids.insert(rid);
        if overtaken {
            moves.overtaken.insert(rid);
        }
        moves.members.push(Member { rid, seq: seq as u64, op, refusals, split, key });
    }
    Ok(moves)
}
