//! One landing, one transaction.

use super::fault::db;
use super::lease::Row;
use super::lock::{Locked, lock};
use super::quarantine::{put, settle_keys};
use super::{PostgresStore, Tx, holder, inconsistent, rival, runs, write};
use crate::finding::Text;
use crate::store::entry::{Entry, clash_entries, conflict_entries, rejected_entries, rival_entries};
use crate::store::open_run::{OpenRun, missed, remember, totals};
use crate::store::sort;
use crate::store::{
    Approved, FeedId, FeedSpec, Landed, Landing, LandingBatch, Millis, NewRun, RunEnd, RunId, RunStart, RunSummary, StoreError,
};

#[async_trait::async_trait]
impl Landing for PostgresStore {
    async fn open_feed(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        self.open_feed_row(spec).await
    }

    async fn begin_run(&self, run: &NewRun) -> Result<RunStart, StoreError> {
        self.begin_run_row(run).await
    }

    async fn land(&self, run: RunId, batch: &LandingBatch<'_>) -> Result<Landed, StoreError> {
        let mut tx = self.begin("landing").await?;
        // Taken out, so that a landing that fails leaves no trace in memory: the next one reads it again.
        let known = self.runs().remove(&run);
        let (source, feed) = match &known {
            Some(open) => (open.source as i32, open.feed),
            None => runs::place(&mut tx, run).await?,
        };
        self.fence(&mut tx, Row::Source(source)).await?;
        let locked = lock(&mut tx, feed).await?;
        let mut open = match known {
            Some(open) => open,
            None => runs::load(&mut tx, run).await?,
        };
        let landed = self.land_in(&mut tx, &locked, run, &mut open, batch, false).await?;
        self.commit(tx, "landing").await?;
        self.runs().insert(run, open);
        Ok(landed)
    }

    async fn hold_run(&self, run: RunId, error: &str) -> Result<bool, StoreError> {
        self.hold_run_row(run, error).await
    }

    async fn finish_run(&self, run: RunId, end: &RunEnd) -> Result<RunSummary, StoreError> {
        self.finish_run_with(run, end, None).await
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

impl PostgresStore {
    /// Lands a batch within a transaction that has the lease and the lock. `open` must be dropped when the transaction fails.
    pub(super) async fn land_in(
        &self,
        tx: &mut Tx,
        locked: &Locked,
        run: RunId,
        open: &mut OpenRun,
        batch: &LandingBatch<'_>,
        pushed: bool,
    ) -> Result<Landed, StoreError> {
        let feed = locked.feed;
        let open_feed = self.opened(feed)?;
        let records = batch.accepted.batch();
        if !batch.accepted.rows().is_empty() && records.plan().name != open_feed.plan.name {
            return Err(inconsistent(format!("records of {} cannot land in {}", records.plan().name, open_feed.plan.name)));
        }
        if locked.parked || locked.key_digest != open_feed.key_digest {
            return Err(inconsistent(format!("{} is parked, or its key was changed", open_feed.plan.name)));
        }
        let groups = sort::groups(batch.accepted);
        let found = write::look_up(tx, feed, records, &groups).await?;
        let (mut fate, violations) = rival::decided(tx, open, records, &groups, &found).await?;
        holder::hold(tx, locked, records, &mut fate).await?;
        let new = write::write_records(tx, locked, &open_feed, open, records, &fate.writes, batch.at).await?;
        write::freeze(tx, feed, run, &fate, records).await?;
        let settled: Vec<&[u8]> = fate.landed.iter().map(|row| records.row(*row as usize).natural_key()).collect();
        settle_keys(tx, feed, open.source as i32, &settled).await?;
        let mut entries: Vec<Entry> = rejected_entries(batch.rejected);
        entries.extend(conflict_entries(batch, &fate.conflicts));
        entries.extend(clash_entries(batch, &fate.clashes));
        entries.extend(rival_entries(batch, &fate.rivals, &violations));
        put(tx, feed, open.source as i32, run, batch.at, entries).await?;
        write::see(tx, run, open, &fate.seen, new).await?;
        let landed = totals(batch, &fate);
        open.landings += 1;
        note(tx, run, open, batch, &landed, pushed).await?;
        remember(open, &fate, &found, &groups, batch);
        Ok(landed)
    }
}

/// Adds a landing to its run and moves the checkpoint; fails when what is remembered of the run is not its newest state.
async fn note(
    tx: &mut Tx,
    run: RunId,
    open: &OpenRun,
    batch: &LandingBatch<'_>,
    landed: &Landed,
    pushed: bool,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE run SET position = $1, read = read + $2, changed = changed + $3, unchanged = unchanged + $4, \
         duplicate = duplicate + $5, quarantined = quarantined + $6, filtered = filtered + $7, consumed = consumed + $8, \
         landings = landings + 1, missed = missed + $12 WHERE id = $9 AND (ended IS NULL OR $11) AND landings = $10",
    )
    .bind(batch.position.0.as_slice())
    .bind(landed.read as i64)
    .bind(landed.changed as i64)
    .bind(landed.unchanged as i64)
    .bind(landed.duplicate as i64)
    .bind(landed.quarantined as i64)
    .bind(landed.filtered as i64)
    .bind(landed.consumed as i64)
    .bind(run.0)
    .bind(open.landings - 1)
    .bind(pushed)
    .bind(missed(batch, landed) as i64)
    .execute(&mut **tx)
    .await
    .map_err(db("noting a landing"))?;
    if done.rows_affected() == 0 { Err(inconsistent(format!("run {} was gone on with elsewhere", run.0))) } else { Ok(()) }
}
