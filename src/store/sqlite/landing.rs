//! One landing, one transaction.

use std::collections::HashMap;

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::feeds::OpenFeed;
use super::quarantine::{Entry, clash_entries, conflict_entries, put, rejected_entries, rival_entries, settle_keys};
use super::runs::OpenRun;
use super::shape::Shapes;
use super::{SqliteStore, Writer, begin, holder, inconsistent, rival, runs, write};
use crate::finding::Text;
use crate::store::open_run::{missed, remember, totals};
use crate::store::sort;
use crate::store::{
    Approved, FeedId, FeedSpec, Landed, Landing, LandingBatch, Millis, NewRun, RunEnd, RunId, RunStart, RunSummary, StoreError,
};

#[async_trait::async_trait]
impl Landing for SqliteStore {
    async fn open_feed(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        self.open_feed_row(spec).await
    }

    async fn begin_run(&self, run: &NewRun) -> Result<RunStart, StoreError> {
        self.begin_run_row(run).await
    }

    async fn land(&self, run: RunId, batch: &LandingBatch<'_>) -> Result<Landed, StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, runs, shapes } = &mut *guard;
        let mut tx = begin(conn, "landing").await?;
        // Taken out, so that a landing that fails leaves no trace in memory: the next one reads it again.
        let mut open = match runs.remove(&run) {
            Some(open) => open,
            None => runs::load(&mut tx, run).await?,
        };
        let done = land_in(&mut tx, feeds, shapes, run, &mut open, batch).await?;
        self.commit(tx, "landing").await?;
        done.remember(feeds, open.feed);
        runs.insert(run, open);
        Ok(done.landed)
    }

    async fn hold_run(&self, run: RunId, error: &str) -> Result<bool, StoreError> {
        self.hold_run_row(run, error).await
    }

    async fn finish_run(&self, run: RunId, end: &RunEnd) -> Result<RunSummary, StoreError> {
        self.finish_run_row(run, end).await
    }

    async fn settle_deletions(&self, run: RunId, doubt: Option<&Text>, at: Millis) -> Result<u64, StoreError> {
        self.settle_due(run, doubt, at).await
    }

    async fn approve_deletions(&self, feed: FeedId, code: &str, at: Millis) -> Result<Option<Approved>, StoreError> {
        self.delete_held(feed, code, at).await
    }

    async fn rekey(&self, spec: &FeedSpec, at: Millis) -> Result<u64, StoreError> {
        self.rekey_feed(spec, at).await
    }
}

/// A landing whose transaction is still open.
pub(super) struct Done {
    pub(super) landed: Landed,
    adopts: bool,
}

impl Done {
    /// To be called once it is committed.
    pub(super) fn remember(&self, feeds: &mut HashMap<FeedId, OpenFeed>, feed: FeedId) {
        if let Some(feed) = feeds.get_mut(&feed) {
            feed.adopts = self.adopts;
        }
    }
}

/// Lands a batch within a transaction. `open` must be dropped when the transaction fails.
pub(super) async fn land_in(
    tx: &mut Transaction<'_, Sqlite>,
    feeds: &mut HashMap<FeedId, OpenFeed>,
    shapes: &mut Shapes,
    run: RunId,
    open: &mut OpenRun,
    batch: &LandingBatch<'_>,
) -> Result<Done, StoreError> {
    let Some(feed) = feeds.get_mut(&open.feed) else {
        return Err(inconsistent(format!("feed {} was not opened", open.feed.0)));
    };
    let records = batch.accepted.batch();
    if !batch.accepted.rows().is_empty() && records.plan().name != feed.plan.name {
        return Err(inconsistent(format!("records of {} cannot land in {}", records.plan().name, feed.plan.name)));
    }
    let groups = sort::groups(batch.accepted);
    let found = write::look_up(tx, shapes, open, records, &groups).await?;
    let (mut fate, violations) = rival::decided(tx, open, records, &groups, &found).await?;
    let adopts = holder::hold(tx, shapes, open.feed, feed, records, &mut fate).await?;
    let new = write::write_records(tx, shapes, feed, open, records, &fate.writes, batch.at).await?;
    write::freeze(tx, shapes, open.feed, run, &fate, records).await?;
    let settled: Vec<&[u8]> =
        fate.landed.iter().map(|row| records.row(*row as usize).natural_key()).filter(|key| feed.may_wait(key)).collect();
    settle_keys(tx, shapes, open.feed, open.source, &settled).await?;
    let mut entries: Vec<Entry> = rejected_entries(batch.rejected);
    entries.extend(conflict_entries(batch, &fate.conflicts));
    entries.extend(clash_entries(batch, &fate.clashes));
    entries.extend(rival_entries(batch, &fate.rivals, &violations));
    put(tx, shapes, open.feed, open.source, run, batch.at, &entries).await?;
    for key in entries.iter().filter_map(|e| e.nk.as_deref()) {
        feed.waits(key);
    }
    write::see(tx, run, open, &fate.seen, new).await?;
    let landed = totals(batch, &fate);
    note(tx, run, batch, &landed).await?;
    remember(open, &fate, &found, &groups, batch);
    Ok(Done { landed, adopts })
}

/// Adds a landing to its run and moves the checkpoint.
async fn note(
    tx: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    run: RunId,
    batch: &LandingBatch<'_>,
    landed: &Landed,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE run SET position = ?, read = read + ?, changed = changed + ?, unchanged = unchanged + ?, \
         duplicate = duplicate + ?, quarantined = quarantined + ?, filtered = filtered + ?, consumed = consumed + ?, \
         missed = missed + ? WHERE id = ?",
    )
    .bind(batch.position.0.as_slice())
    .bind(landed.read as i64)
    .bind(landed.changed as i64)
    .bind(landed.unchanged as i64)
    .bind(landed.duplicate as i64)
    .bind(landed.quarantined as i64)
    .bind(landed.filtered as i64)
    .bind(landed.consumed as i64)
    .bind(missed(batch, landed) as i64)
    .bind(run.0)
    .execute(&mut **tx)
    .await
    .map_err(db("noting a landing"))?;
    Ok(())
}
