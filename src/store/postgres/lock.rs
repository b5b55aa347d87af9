//! The lock of a feed: the first thing a transaction takes that changes anything of it, held to the commit.

use super::fault::db;
use super::{Tx, inconsistent};
use crate::standard::{FieldIdx, TablePlan};
use crate::store::{FeedId, StoreError};

/// A feed whose row this transaction has locked.
pub(super) struct Locked {
    pub(super) feed: FeedId,
    pub(super) is_log: bool,
    pub(super) live: i64,
    pub(super) parked: bool,
    pub(super) key_digest: Vec<u8>,
    /// Adopted record keys have landed, so that all record keys are held in a table of their own.
    pub(super) adopts: bool,
}

/// Locks a feed.
pub(super) async fn lock(tx: &mut Tx, feed: FeedId) -> Result<Locked, StoreError> {
    let row: Option<(bool, i64, bool, Vec<u8>, bool)> =
        sqlx::query_as("SELECT is_log, live, parked IS NOT NULL, key_digest, adopts FROM feeds WHERE id = $1 FOR UPDATE")
            .bind(feed.0 as i32)
            .fetch_optional(&mut **tx)
            .await
            .map_err(db("locking a feed"))?;
    let (is_log, live, parked, key_digest, adopts) = row.ok_or_else(|| inconsistent(format!("there is no feed {}", feed.0)))?;
    Ok(Locked { feed, is_log, live, parked, key_digest, adopts })
}

/// Locks several feeds, always in the same order.
pub(super) async fn lock_all(tx: &mut Tx, feeds: &[i32]) -> Result<(), StoreError> {
    sqlx::query("SELECT id FROM feeds WHERE id = ANY($1) ORDER BY id FOR UPDATE")
        .bind(feeds)
        .execute(&mut **tx)
        .await
        .map_err(db("locking feeds"))?;
    Ok(())
}

/// What a feed's row says once numbers have been taken.
pub(super) struct Taken {
    /// The first of the new seqs.
    pub(super) first: i64,
    /// The last of them.
    pub(super) last: i64,
    /// Behind the last of the new rids.
    pub(super) next_rid: i64,
}

impl Locked {
    /// Takes the next `n` seqs and `rids` rids, and counts live keys. The feed is locked, so that the generation read here
    /// is never older than the one of an earlier commit.
    pub(super) async fn take(&self, tx: &mut Tx, n: usize, rids: usize, live: i64) -> Result<Taken, StoreError> {
        let (last, next_rid): (i64, i64) = sqlx::query_as(
            "UPDATE feeds SET counter = counter + $2, next_rid = next_rid + $3, live = live + $4, \
             seq = ((SELECT generation FROM clock) << 48) | (counter + $2) WHERE id = $1 RETURNING seq, next_rid",
        )
        .bind(self.feed.0 as i32)
        .bind(n as i64)
        .bind(rids as i64)
        .bind(live)
        .fetch_one(&mut **tx)
        .await
        .map_err(db("numbering records"))?;
        Ok(Taken { first: last + 1 - n as i64, last, next_rid })
    }

    /// The fields whose values are indexed: as the database has them, for another hub may have added some.
    pub(super) async fn indexed(&self, tx: &mut Tx, plan: &TablePlan) -> Result<Vec<(i32, FieldIdx)>, StoreError> {
        let fields: Vec<(i32, String)> = sqlx::query_as("SELECT slot, name FROM feed_field WHERE feed = $1 ORDER BY slot")
            .bind(self.feed.0 as i32)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("reading indexed fields"))?;
        Ok(fields.iter().filter_map(|(slot, name)| Some((*slot, plan.find(name)?))).collect())
    }
}
