//! Where a live key is for an upstream, and the counters of that.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::number_list;
use crate::store::{Cursor, FeedId, Reason, StoreError, UpstreamId};

/// The reason, within the store, of a stored row that is to be sent again; it counts as waiting.
pub(super) const AGAIN: i64 = 8;

/// A place in the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Stored,
    InFlight,
    Waiting,
    Excepted(usize),
}

impl Place {
    /// The place of an exception.
    pub(super) fn of_reason(reason: i64) -> Self {
        match usize::try_from(reason) {
            Ok(at) if at < Reason::ALL.len() => Self::Excepted(at),
            _ => Self::Waiting,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Stored => 0,
            Self::InFlight => 1,
            Self::Waiting => 2,
            Self::Excepted(at) => 3 + at,
        }
    }
}

/// How a reason is written in the database.
pub(super) fn reason_code(reason: Reason) -> i64 {
    Reason::ALL.iter().position(|r| *r == reason).map_or(AGAIN, |at| at as i64)
}

/// Changes of the counters of one (feed, upstream).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delta([i64; 11]);

impl Delta {
    pub(super) fn add(&mut self, place: Place, n: i64) {
        self.0[place.index()] += n;
    }

    pub(super) async fn apply(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        feed: FeedId,
        upstream: UpstreamId,
    ) -> Result<(), StoreError> {
        if self.0.iter().all(|n| *n == 0) {
            return Ok(());
        }
        let mut query = sqlx::query(
            "UPDATE stock SET stored = stored + ?, in_flight = in_flight + ?, waiting = waiting + ?, refused = refused + ?, \
             unknown = unknown + ?, waits_parent = waits_parent + ?, waits_verdict = waits_verdict + ?, \
             not_due = not_due + ?, out_of_scope = out_of_scope + ?, unsealed = unsealed + ?, closed = closed + ? \
             WHERE feed = ? AND upstream = ?",
        );
        for n in self.0 {
            query = query.bind(n);
        }
        query.bind(feed.0).bind(upstream.0).execute(&mut **tx).await.map_err(db("counting stock"))?;
        Ok(())
    }
}

/// Whether a seq is ahead of a cursor.
pub(super) fn is_ahead(cursor: &Cursor, seq: u64) -> bool {
    seq > cursor.seq || cursor.backfill.is_some_and(|(from, to)| seq > from && seq <= to)
}

pub(super) type CursorColumns = (i64, Option<i64>, Option<i64>);

/// A cursor from its columns.
pub(super) fn cursor_of((seq, from, to): CursorColumns) -> Cursor {
    Cursor { seq: seq as u64, backfill: from.zip(to).map(|(from, to)| (from as u64, to as u64)) }
}

/// The cursors of all upstreams attached to a feed.
pub(super) async fn cursors(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<Vec<(UpstreamId, Cursor)>, StoreError> {
    let rows: Vec<(u32, i64, Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT upstream, cursor, backfill_from, backfill_to FROM stock WHERE feed = ?")
            .bind(feed.0)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("reading cursors"))?;
    Ok(rows.into_iter().map(|(upstream, seq, from, to)| (UpstreamId(upstream), cursor_of((seq, from, to)))).collect())
}

/// One version that is about to be replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    pub(super) rid: u32,
    pub(super) seq: u64,
    /// Whether it is counted: tombstones are not.
    pub(super) live: bool,
}

/// Takes versions that are about to be replaced out of their places: what was in flight stays in flight, but no longer
/// as the newest version; exceptions go.
pub(super) async fn leave(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    upstream: UpstreamId,
    cursor: &Cursor,
    leaving: &[Leaving],
) -> Result<Delta, StoreError> {
    let mut delta = Delta::default();
    if leaving.is_empty() {
        return Ok(delta);
    }
    let list = number_list(leaving.iter().map(|l| i64::from(l.rid)));
    let excepted: Vec<(u32, i64)> = sqlx::query_as(
        "DELETE FROM exception WHERE upstream = ? AND feed = ? AND rid IN (SELECT value FROM json_each(?)) RETURNING rid, reason",
    )
    .bind(upstream.0)
    .bind(feed.0)
    .bind(&list)
    .fetch_all(&mut **tx)
    .await
    .map_err(db("removing exceptions"))?;
    let flying: Vec<(u32, i64)> =
        sqlx::query_as("SELECT rid, seq FROM member WHERE upstream = ? AND feed = ? AND rid IN (SELECT value FROM json_each(?))")
            .bind(upstream.0)
            .bind(feed.0)
            .bind(&list)
            .fetch_all(&mut **tx)
            .await
            .map_err(db("reading batch members"))?;
    let excepted: std::collections::HashMap<u32, i64> = excepted.into_iter().collect();
    let flying: std::collections::HashMap<u32, i64> = flying.into_iter().collect();
    for old in leaving.iter().filter(|l| l.live) {
        let place = if let Some(reason) = excepted.get(&old.rid) {
            Place::of_reason(*reason)
        } else if is_ahead(cursor, old.seq) {
            Place::Waiting
        } else if flying.get(&old.rid) == Some(&(old.seq as i64)) {
            Place::InFlight
        } else {
            Place::Stored
        };
        delta.add(place, -1);
    }
    Ok(delta)
}
