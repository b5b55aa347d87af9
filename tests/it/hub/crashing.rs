//! A store that dies at a chosen commit: before it, or after it and before anybody hears of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use xiaoshu::fault::FaultClass;
use xiaoshu::finding::Text;
use xiaoshu::record::RecordKey;
use xiaoshu::standard::{FieldIdx, TablePlan};
use xiaoshu::store::{
    Again, Approved, BatchId, BatchInfo, Cause, Cursor, DeliveryStore, ExceptionFilter, ExceptionRow, FeedId, FeedRow, FeedSpec,
    Gone, GoneRow, Imbalance, Keys, Landed, Landing, LandingBatch, Lane, MemberRow, MemberVerdict, Meta, Millis, NewRun,
    PendingDeletion, PushMark, PushState, Pushes, Quarantine, QuarantineFilter, QuarantinedRow, RampState, RampStep, ReadModels,
    Receipt, RecordRow, Records, RunEnd, RunId, RunRow, RunStart, RunSummary, Stage, StockRow, Store, StoreError, TableRow,
    UpstreamId,
};
use xiaoshu::store::{
    Comparison, ComparisonRow, Difference, Grant, Lease, LeaseRow, LeaseTerms, Leased, Leases, Notice, Orphaned, Sharing,
    Standing, Takeover,
};
use xiaoshu::store::{KnownShape, NotedRow, PausedRow, Seen, Shapes};

/// Passes every call on until its commit comes; from then on every call fails, as after a power cut.
pub struct CrashingStore {
    inner: Arc<dyn Store>,
    /// Crash points still to pass: two a commit, one before and one after it.
    left: Arc<AtomicI64>,
    /// Loses the first bad row of each landing.
    losing: bool,
}

impl CrashingStore {
    /// Dies at crash point `at`, counted from 0; even ones lie before a commit, odd ones after it.
    pub fn new(inner: Arc<dyn Store>, at: i64) -> (Self, Arc<AtomicI64>) {
        let left = Arc::new(AtomicI64::new(at));
        (Self { inner, left: Arc::clone(&left), losing: false }, left)
    }

    /// Never dies, but loses the first bad row of each landing on the way into the store.
    pub fn losing(inner: Arc<dyn Store>) -> Self {
        Self { inner, left: Arc::new(AtomicI64::new(i64::MAX)), losing: true }
    }

    fn before(&self) -> Result<(), StoreError> {
        self.pass()
    }

    fn after(&self) -> Result<(), StoreError> {
        self.pass()
    }

    fn pass(&self) -> Result<(), StoreError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 { Err(power_cut()) } else { Ok(()) }
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.left.load(Ordering::SeqCst) < 0 { Err(power_cut()) } else { Ok(()) }
    }
}

fn power_cut() -> StoreError {
    StoreError::Database { what: "power cut", source: "scripted".into(), class: FaultClass::Bug }
}

#[async_trait::async_trait]
impl Landing for CrashingStore {
    async fn open_feed(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        self.before()?;
        let done = self.inner.open_feed(spec).await;
        self.after()?;
        done
    }

    async fn begin_run(&self, run: &NewRun) -> Result<RunStart, StoreError> {
        self.before()?;
        let done = self.inner.begin_run(run).await;
        self.after()?;
        done
    }

    async fn land(&self, run: RunId, batch: &LandingBatch<'_>) -> Result<Landed, StoreError> {
        self.before()?;
        let kept = if self.losing { batch.rejected.get(1..).unwrap_or_default() } else { batch.rejected };
        let done = self.inner.land(run, &LandingBatch { rejected: kept, ..*batch }).await;
        self.after()?;
        done
    }

    async fn hold_run(&self, run: RunId, error: &str) -> Result<bool, StoreError> {
        self.before()?;
        let done = self.inner.hold_run(run, error).await;
        self.after()?;
        done
    }

    async fn finish_run(&self, run: RunId, end: &RunEnd) -> Result<RunSummary, StoreError> {
        self.before()?;
        let done = self.inner.finish_run(run, end).await;
        self.after()?;
        done
    }

    async fn settle_deletions(&self, run: RunId, doubt: Option<&Text>, at: Millis) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.settle_deletions(run, doubt, at).await;
        self.after()?;
        done
    }

    async fn approve_deletions(&self, feed: FeedId, code: &str, at: Millis) -> Result<Option<Approved>, StoreError> {
        self.before()?;
        let done = self.inner.approve_deletions(feed, code, at).await;
        self.after()?;
        done
    }

    async fn rekey(&self, spec: &FeedSpec, at: Millis) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.rekey(spec, at).await;
        self.after()?;
        done
    }
}

#[async_trait::async_trait]
impl Shapes for CrashingStore {
    async fn shape(&self, feed: FeedId, source: &str, mapping_digest: [u8; 16]) -> Result<KnownShape, StoreError> {
        self.alive()?;
        self.inner.shape(feed, source, mapping_digest).await
    }

    async fn finish_run_seen(&self, run: RunId, end: &RunEnd, seen: &Seen) -> Result<RunSummary, StoreError> {
        self.before()?;
        let done = self.inner.finish_run_seen(run, end, seen).await;
        self.after()?;
        done
    }

    async fn paused(&self) -> Result<Vec<PausedRow>, StoreError> {
        self.alive()?;
        self.inner.paused().await
    }

    async fn noted(&self) -> Result<Vec<NotedRow>, StoreError> {
        self.alive()?;
        self.inner.noted().await
    }

    async fn accept_shape(&self, feed: FeedId, source: &str) -> Result<bool, StoreError> {
        self.before()?;
        let done = self.inner.accept_shape(feed, source).await;
        self.after()?;
        done
    }

    async fn shape_of_run(&self, run: RunId) -> Result<Option<[u8; 16]>, StoreError> {
        self.alive()?;
        self.inner.shape_of_run(run).await
    }
}

#[async_trait::async_trait]
impl Pushes for CrashingStore {
    async fn push_state(&self, feed: FeedId, source: &str, producer: &str) -> Result<PushState, StoreError> {
        self.alive()?;
        self.inner.push_state(feed, source, producer).await
    }

    async fn begin_snapshot(&self, mark: &PushMark, mapping_digest: [u8; 16], at: Millis) -> Result<RunId, StoreError> {
        self.before()?;
        let done = self.inner.begin_snapshot(mark, mapping_digest, at).await;
        self.after()?;
        done
    }

    async fn land_pushed(
        &self,
        mark: &PushMark,
        mapping_digest: [u8; 16],
        batch: &LandingBatch<'_>,
    ) -> Result<Landed, StoreError> {
        self.before()?;
        let done = self.inner.land_pushed(mark, mapping_digest, batch).await;
        self.after()?;
        done
    }

    async fn end_snapshot(&self, mark: &PushMark, end: &RunEnd) -> Result<RunSummary, StoreError> {
        self.before()?;
        let done = self.inner.end_snapshot(mark, end).await;
        self.after()?;
        done
    }
}

#[async_trait::async_trait]
impl Records for CrashingStore {
    async fn record(&self, feed: FeedId, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        self.alive()?;
        self.inner.record(feed, key).await
    }

    async fn page(&self, feed: FeedId, after: Option<&[u8]>, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        self.alive()?;
        self.inner.page(feed, after, limit).await
    }

    async fn changes(&self, feed: FeedId, after: u64, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        self.alive()?;
        self.inner.changes(feed, after, limit).await
    }

    async fn newest_seq(&self, feed: FeedId) -> Result<u64, StoreError> {
        self.alive()?;
        self.inner.newest_seq(feed).await
    }
}

#[async_trait::async_trait]
impl Keys for CrashingStore {
    async fn existing(&self, feed: FeedId, field: FieldIdx, values: &[&str]) -> Result<HashSet<String>, StoreError> {
        self.alive()?;
        self.inner.existing(feed, field, values).await
    }

    async fn lookup(
        &self,
        feed: FeedId,
        field: FieldIdx,
        values: &[&str],
        give: FieldIdx,
    ) -> Result<HashMap<String, Vec<String>>, StoreError> {
        self.alive()?;
        self.inner.lookup(feed, field, values, give).await
    }

    async fn read_once(&self, feed: FeedId) -> Result<bool, StoreError> {
        self.alive()?;
        self.inner.read_once(feed).await
    }
}

#[async_trait::async_trait]
impl Quarantine for CrashingStore {
    async fn quarantined(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantinedRow>, StoreError> {
        self.alive()?;
        self.inner.quarantined(filter).await
    }

    async fn quarantined_row(&self, id: i64) -> Result<Option<QuarantinedRow>, StoreError> {
        self.alive()?;
        self.inner.quarantined_row(id).await
    }

    async fn causes(&self) -> Result<Vec<Cause>, StoreError> {
        self.alive()?;
        self.inner.causes().await
    }

    async fn ready(&self, feed: FeedId, source: &str, held_since: Millis, limit: u32) -> Result<Vec<QuarantinedRow>, StoreError> {
        self.alive()?;
        self.inner.ready(feed, source, held_since, limit).await
    }

    async fn close(&self, ids: &[i64], at: Millis) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.close(ids, at).await;
        self.after()?;
        done
    }
}

#[async_trait::async_trait]
impl DeliveryStore for CrashingStore {
    async fn open_upstream(&self, name: &str) -> Result<UpstreamId, StoreError> {
        self.before()?;
        let done = self.inner.open_upstream(name).await;
        self.after()?;
        done
    }

    async fn attach(&self, upstream: UpstreamId, feed: FeedId, step: RampStep) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.attach(upstream, feed, step).await;
        self.after()?;
        done
    }

    async fn cursor(&self, upstream: UpstreamId, feed: FeedId) -> Result<Cursor, StoreError> {
        self.alive()?;
        self.inner.cursor(upstream, feed).await
    }

    async fn open_backfill(&self, upstream: UpstreamId, feed: FeedId, keep: u64) -> Result<Cursor, StoreError> {
        self.before()?;
        let done = self.inner.open_backfill(upstream, feed, keep).await;
        self.after()?;
        done
    }

    async fn pending(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        lane: Lane,
        limit: u32,
        bytes: u64,
        at: Millis,
    ) -> Result<Vec<FeedRow>, StoreError> {
        self.alive()?;
        self.inner.pending(upstream, feed, lane, limit, bytes, at).await
    }

    async fn in_flight(&self, upstream: UpstreamId, feed: FeedId, rids: &[u64]) -> Result<Vec<u64>, StoreError> {
        self.alive()?;
        self.inner.in_flight(upstream, feed, rids).await
    }

    async fn stage(&self, upstream: UpstreamId, feed: FeedId, stage: &Stage) -> Result<Option<BatchId>, StoreError> {
        self.before()?;
        let done = self.inner.stage(upstream, feed, stage).await;
        self.after()?;
        done
    }

    async fn mark_sent(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.mark_sent(batch, at).await;
        self.after()?;
        done
    }

    async fn receipt(&self, batch: BatchId, receipt: &Receipt, ask_at: Millis) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.receipt(batch, receipt, ask_at).await;
        self.after()?;
        done
    }

    async fn asked(&self, batch: BatchId, ask_at: Millis) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.asked(batch, ask_at).await;
        self.after()?;
        done
    }

    async fn absent(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.absent(batch, at).await;
        self.after()?;
        done
    }

    async fn settle(
        &self,
        batch: BatchId,
        verdicts: &[MemberVerdict],
        reoffer_at: Option<Millis>,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.settle(batch, verdicts, reoffer_at, at).await;
        self.after()?;
        done
    }

    async fn give_up(&self, batch: BatchId, at: Millis) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.give_up(batch, at).await;
        self.after()?;
        done
    }

    async fn batches(&self, upstream: UpstreamId, feed: Option<FeedId>) -> Result<Vec<BatchInfo>, StoreError> {
        self.alive()?;
        self.inner.batches(upstream, feed).await
    }

    async fn members(&self, batch: BatchId) -> Result<Vec<MemberRow>, StoreError> {
        self.alive()?;
        self.inner.members(batch).await
    }

    async fn marks(&self, upstream: UpstreamId, feed: FeedId, since: Millis) -> Result<Vec<String>, StoreError> {
        self.alive()?;
        self.inner.marks(upstream, feed, since).await
    }

    async fn exceptions(&self, filter: &ExceptionFilter) -> Result<Vec<ExceptionRow>, StoreError> {
        self.alive()?;
        self.inner.exceptions(filter).await
    }

    async fn release(&self, filter: &ExceptionFilter, at: Millis) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.release(filter, at).await;
        self.after()?;
        done
    }

    async fn resend(&self, upstream: UpstreamId, feed: FeedId, which: Again<'_>, at: Millis) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.resend(upstream, feed, which, at).await;
        self.after()?;
        done
    }

    async fn ramp(&self, upstream: UpstreamId, feed: FeedId) -> Result<RampState, StoreError> {
        self.alive()?;
        self.inner.ramp(upstream, feed).await
    }

    async fn set_ramp(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        step: RampStep,
        why: Option<&str>,
        at: Millis,
    ) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.set_ramp(upstream, feed, step, why, at).await;
        self.after()?;
        done
    }
}

#[async_trait::async_trait]
impl Standing for CrashingStore {
    async fn compared(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        comparison: &Comparison,
        again: &[RecordKey],
    ) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.compared(upstream, feed, comparison, again).await;
        self.after()?;
        done
    }

    async fn comparisons(&self) -> Result<Vec<ComparisonRow>, StoreError> {
        self.alive()?;
        self.inner.comparisons().await
    }

    async fn note(&self, upstream: UpstreamId, notices: &[Notice]) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.note(upstream, notices).await;
        self.after()?;
        done
    }

    async fn notices(&self) -> Result<Vec<(UpstreamId, String, Notice)>, StoreError> {
        self.alive()?;
        self.inner.notices().await
    }
}

#[async_trait::async_trait]
impl Gone for CrashingStore {
    async fn gone(&self, feed: Option<FeedId>) -> Result<Vec<GoneRow>, StoreError> {
        self.alive()?;
        self.inner.gone(feed).await
    }

    async fn mark_withdrawn(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        keys: &[RecordKey],
        note: &str,
        at: Millis,
    ) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.mark_withdrawn(upstream, feed, keys, note, at).await;
        self.after()?;
        done
    }
}

#[async_trait::async_trait]
impl ReadModels for CrashingStore {
    async fn table_rows(&self) -> Result<Vec<TableRow>, StoreError> {
        self.alive()?;
        self.inner.table_rows().await
    }

    async fn stock(&self) -> Result<Vec<StockRow>, StoreError> {
        self.alive()?;
        self.inner.stock().await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        self.alive()?;
        self.inner.runs(limit).await
    }

    async fn pending_deletions(&self) -> Result<Vec<PendingDeletion>, StoreError> {
        self.alive()?;
        self.inner.pending_deletions().await
    }

    async fn audit(&self) -> Result<Vec<Imbalance>, StoreError> {
        self.alive()?;
        self.inner.audit().await
    }

    async fn views(&self, plans: &[(Option<FeedId>, Arc<TablePlan>)]) -> Result<(String, Vec<String>), StoreError> {
        self.alive()?;
        self.inner.views(plans).await
    }
}

#[async_trait::async_trait]
impl Meta for CrashingStore {
    async fn get_meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.alive()?;
        self.inner.get_meta(key).await
    }

    async fn init_meta(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.before()?;
        let done = self.inner.init_meta(key, value).await;
        self.after()?;
        done
    }

    async fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.before()?;
        let done = self.inner.set_meta(key, value).await;
        self.after()?;
        done
    }

    async fn generation(&self) -> Result<u16, StoreError> {
        self.alive()?;
        self.inner.generation().await
    }

    async fn raise_generation(&self) -> Result<u16, StoreError> {
        self.before()?;
        let done = self.inner.raise_generation().await;
        self.after()?;
        done
    }
}

#[async_trait::async_trait]
impl Sharing for CrashingStore {
    async fn weigh_takeover(&self, feed: FeedId, from: &str, to: &str) -> Result<Takeover, StoreError> {
        self.alive()?;
        self.inner.weigh_takeover(feed, from, to).await
    }

    async fn take_over(&self, feed: FeedId, from: &str, to: &str, at: Millis) -> Result<Takeover, StoreError> {
        self.before()?;
        let done = self.inner.take_over(feed, from, to, at).await;
        self.after()?;
        done
    }

    async fn orphaned(&self, editions: &[&str], mapped: &[(&str, &str)]) -> Result<Vec<Orphaned>, StoreError> {
        self.alive()?;
        self.inner.orphaned(editions, mapped).await
    }

    async fn settle_orphaned(&self, feed: FeedId, source: &str, why: Option<&Text>, at: Millis) -> Result<u64, StoreError> {
        self.before()?;
        let done = self.inner.settle_orphaned(feed, source, why, at).await;
        self.after()?;
        done
    }

    async fn differences(&self) -> Result<Vec<Difference>, StoreError> {
        self.alive()?;
        self.inner.differences().await
    }
}

#[async_trait::async_trait]
impl Leases for CrashingStore {
    async fn acquire(&self, on: &Leased, terms: LeaseTerms) -> Result<Grant, StoreError> {
        self.inner.acquire(on, terms).await
    }

    async fn renew(&self, on: &Leased) -> Result<Lease, StoreError> {
        self.inner.renew(on).await
    }

    async fn give_back(&self, on: &Leased) -> Result<(), StoreError> {
        self.inner.give_back(on).await
    }

    async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        self.inner.leases().await
    }
}
