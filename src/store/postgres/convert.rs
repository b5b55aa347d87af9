//! From rows to bitmaps: what format 1 kept in a row a member and a row a delivered record.

use super::Tx;
use futures_util::TryStreamExt;

use super::chunks::Set;
use super::fault::db;
use super::flight;
use crate::record::RecordKey;
use crate::store::chunks::Kept;
use crate::store::flight::Member;
use crate::store::moves::Moves;
use crate::store::{FeedId, Op, StoreError, UpstreamId};

/// Takes the rows over and drops their tables.
pub(super) async fn convert(tx: &mut Tx) -> Result<(), StoreError> {
    let what = db("migrating");
    let batches: Vec<(i64, i32, i32)> =
        sqlx::query_as("SELECT id, upstream, feed FROM batch WHERE settled IS NULL").fetch_all(&mut **tx).await.map_err(what)?;
    for (batch, upstream, feed) in batches {
        let moves = moves(tx, batch).await?;
        flight::insert(tx, batch, UpstreamId(upstream as u32), FeedId(feed as u32), &moves).await?;
    }
    let pairs: Vec<(i32, i32)> =
        sqlx::query_as("SELECT DISTINCT upstream, feed FROM delivered").fetch_all(&mut **tx).await.map_err(what)?;
    for (upstream, feed) in pairs {
        let (mut rids, mut seqs) = (Vec::new(), Vec::new());
        {
            let mut rows = sqlx::query_as::<_, (i64, i64)>("SELECT rid, seq FROM delivered WHERE upstream = $1 AND feed = $2")
                .bind(upstream)
                .bind(feed)
                .fetch(&mut **tx);
            while let Some((rid, seq)) = rows.try_next().await.map_err(what)? {
                rids.push(rid as u64);
                seqs.push(seq as u64);
            }
        }
        let set = |kept| Set { upstream: UpstreamId(upstream as u32), feed: FeedId(feed as u32), kept };
        set(Kept::Rids).add(tx, &rids).await?;
        set(Kept::Seqs).add(tx, &seqs).await?;
    }
    for sql in ["DROP TABLE member", "DROP TABLE delivered"] {
        sqlx::query(sql).execute(&mut **tx).await.map_err(what)?;
    }
    Ok(())
}

/// The members of a batch, as if it were staged now.
async fn moves(tx: &mut Tx, batch: i64) -> Result<Moves, StoreError> {
    let rows: Vec<(i64, i64, String, i32, i64, i64, bool)> = sqlx::query_as(
        "SELECT m.rid, m.seq, m.key, m.op, m.refusals, m.split, f.seq IS NULL FROM member m LEFT JOIN feed f ON f.feed = m.feed AND f.seq = m.seq \
         WHERE m.batch = $1 ORDER BY m.ordinal",
    )
    .bind(batch)
    .fetch_all(&mut **tx)
    .await
    .map_err(db("migrating"))?;
    let mut moves = Moves::default();
    for (rid, seq, key, op, refusals, split, overtaken) in rows {
        let rid = rid as u32;
        let op = if op == 0 { Op::Upsert } else { Op::Delete };
        let key = RecordKey::parse(&key).unwrap_or_default();
        moves.rids.insert(rid);
        if overtaken {
            moves.overtaken.insert(rid);
        }
        moves.members.push(Member { rid, seq: seq as u64, op, refusals: refusals as u32, split: split as u32, key });
    }
    Ok(moves)
}
