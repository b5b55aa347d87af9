//! An open store with one feed and one upstream, and the few gestures that tests make.

use std::sync::Arc;
use std::time::Duration;

use xiaoshu::source::Position;
use xiaoshu::standard::{Kind, TablePlan};
use xiaoshu::store::{
    BatchId, Cursor, FeedId, FeedRow, Grant, Landed, LandingBatch, Lane, LeaseTerms, Leased, MemberVerdict, Millis, NewException,
    NewRun, Outcome, PushMark, RampStep, Reason, RunEnd, RunId, RunStart, RunSummary, Stage, Stock, Store, StoreError,
    UpstreamId,
};

use super::table::{self, Row};

pub const DAY: Millis = 24 * 3600 * 1000;

/// An open store.
pub struct Desk {
    pub store: Arc<dyn Store>,
    pub plan: Arc<TablePlan>,
    pub feed: FeedId,
    pub upstream: UpstreamId,
}

/// Longer than any test.
pub const TERMS: LeaseTerms = LeaseTerms { ttl: Duration::from_secs(600), grace: Duration::ZERO };

/// Takes a lease that nobody else has.
pub async fn hold(store: &dyn Store, on: Leased) -> Result<(), StoreError> {
    let grant = store.acquire(&on, TERMS).await?;
    assert!(matches!(grant, Grant::Ours(_)), "{grant:?}");
    Ok(())
}

impl Desk {
    pub async fn try_new(store: Arc<dyn Store>, kind: Kind) -> Result<Self, StoreError> {
        let plan = table::plan("T_THING", kind);
        let feed = store.open_feed(&table::spec(&plan)).await?;
        let upstream = store.open_upstream("platform").await?;
        hold(&*store, Leased::Upstream("platform".into())).await?;
        store.attach(upstream, feed, RampStep::Open).await?;
        Ok(Self { store, plan, feed, upstream })
    }

    pub async fn new(store: Arc<dyn Store>) -> Self {
        Self::try_new(store, Kind::State).await.unwrap()
    }

    pub async fn begin(&self, source: &str, mapping: u8, at: Millis) -> Result<RunStart, StoreError> {
        hold(&*self.store, Leased::Stream(source.into())).await?;
        self.store.begin_run(&NewRun { source: source.into(), feed: self.feed, mapping_digest: [mapping; 16], at }).await
    }

    /// Lands rows as `producer` pushes them.
    pub async fn push(&self, producer: &str, rows: &[Row], position: Option<u64>, at: Millis) -> Result<Landed, StoreError> {
        let (accepted, rejected) = table::judged(&self.plan, rows);
        let good: Vec<usize> = accepted.rows().iter().map(|r| accepted.batch().row(*r as usize).origin()).collect();
        let raw = |i: u32| (table::raw(&rows[good[i as usize]]), table::place(good[i as usize]));
        let none = Position(Vec::new());
        let batch = LandingBatch {
            read: rows.len() as u64,
            accepted: &accepted,
            rejected: &rejected,
            filtered: 0,
            consumed: 0,
            settled: false,
            position: &none,
            raw: &raw,
            name: &|key: &[u8]| table::name(&self.plan, key),
            at,
        };
        self.store.land_pushed(&self.mark(producer, position), [1; 16], &batch).await
    }

    /// Who pushes, and up to where.
    pub fn mark(&self, producer: &str, position: Option<u64>) -> PushMark {
        PushMark { feed: self.feed, source: "push".into(), producer: producer.into(), position }
    }

    /// The position of a producer.
    pub async fn position(&self, producer: &str) -> u64 {
        self.store.push_state(self.feed, "push", producer).await.unwrap().position
    }

    /// Lands rows; `position` is how many rows of the source lie behind them.
    pub async fn land(&self, run: RunId, rows: &[Row], position: u64, at: Millis) -> Result<Landed, StoreError> {
        self.land_as(run, rows, (position, 0), false, at).await
    }

    /// The same; the source holds the rows to be as they were.
    pub async fn land_settled(&self, run: RunId, rows: &[Row], position: u64, at: Millis) -> Result<Landed, StoreError> {
        self.land_as(run, rows, (position, 0), true, at).await
    }

    /// The same; of what was read, so many rows more were left out.
    pub async fn land_but(&self, run: RunId, rows: &[Row], filtered: u64, at: Millis) -> Result<Landed, StoreError> {
        self.land_as(run, rows, (1, filtered), false, at).await
    }

    async fn land_as(
        &self,
        run: RunId,
        rows: &[Row],
        (position, filtered): (u64, u64),
        settled: bool,
        at: Millis,
    ) -> Result<Landed, StoreError> {
        let (accepted, rejected) = table::judged(&self.plan, rows);
        let good: Vec<usize> = accepted.rows().iter().map(|r| accepted.batch().row(*r as usize).origin()).collect();
        let raw = |i: u32| (table::raw(&rows[good[i as usize]]), table::place(good[i as usize]));
        let position = Position(position.to_be_bytes().to_vec());
        let batch = LandingBatch {
            read: rows.len() as u64 + filtered,
            accepted: &accepted,
            rejected: &rejected,
            filtered,
            consumed: 0,
            settled,
            position: &position,
            raw: &raw,
            name: &|key: &[u8]| table::name(&self.plan, key),
            at,
        };
        self.store.land(run, &batch).await
    }

    pub async fn finish(&self, run: RunId, complete: bool, at: Millis) -> Result<RunSummary, StoreError> {
        self.store.finish_run(run, &RunEnd::new(complete, at)).await
    }

    /// Approves the deletions that are held, as they stand; returns how many went.
    pub async fn approve(&self, at: Millis) -> u64 {
        let held = self.store.pending_deletions().await.unwrap();
        let code = held.iter().find(|held| held.feed == self.feed).map_or("", |held| &*held.code);
        self.store.approve_deletions(self.feed, code, at).await.unwrap().map_or(0, |approved| approved.deleted)
    }

    /// A whole run: rows in pieces.
    pub async fn run(&self, source: &str, pieces: &[&[Row]], complete: bool, at: Millis) -> RunSummary {
        let start = self.begin(source, 1, at).await.unwrap();
        let mut position = 0;
        for rows in pieces {
            position += rows.len() as u64;
            let landed = self.land(start.run, rows, position, at).await.unwrap();
            assert!(landed.balances(), "{landed:?}");
        }
        self.finish(start.run, complete, at).await.unwrap()
    }

    pub async fn pending(&self, lane: Lane, limit: u32, at: Millis) -> Vec<FeedRow> {
        self.store.pending(self.upstream, self.feed, lane, limit, u64::MAX, at).await.unwrap()
    }

    /// Stages live rows: `fate` says for each row whether it goes into the batch or into an exception.
    pub async fn stage(
        &self,
        rows: &[FeedRow],
        fate: impl Fn(&FeedRow) -> Option<(Reason, Option<Millis>)>,
        at: Millis,
    ) -> Result<Option<BatchId>, StoreError> {
        let old = self.store.cursor(self.upstream, self.feed).await?;
        let seq = rows.iter().map(|r| r.seq).max().unwrap_or(0).max(old.seq);
        self.stage_at(rows, fate, Cursor { seq, ..old }, at).await
    }

    pub async fn stage_at(
        &self,
        rows: &[FeedRow],
        fate: impl Fn(&FeedRow) -> Option<(Reason, Option<Millis>)>,
        cursor: Cursor,
        at: Millis,
    ) -> Result<Option<BatchId>, StoreError> {
        let mut stage = Stage { cursor, not_after: at + 1000, at, ..Stage::default() };
        for row in rows {
            match fate(row) {
                None => stage.members.push(row.into()),
                Some((reason, due)) => {
                    stage.exceptions.push(NewException { rid: row.rid, seq: row.seq, reason, due, op: row.op })
                }
            }
        }
        self.store.stage(self.upstream, self.feed, &stage).await
    }

    /// Stages all pending live rows into one batch.
    pub async fn stage_all(&self, at: Millis) -> BatchId {
        let rows = self.pending(Lane::Live, 1000, at).await;
        self.stage(&rows, |_| None, at).await.unwrap().unwrap()
    }

    /// Settles a batch, every row alike.
    pub async fn settle_all(&self, batch: BatchId, outcome: Outcome, at: Millis) {
        let members = self.store.members(batch).await.unwrap();
        let verdicts: Vec<MemberVerdict> =
            members.iter().map(|m| MemberVerdict { ordinal: m.ordinal, outcome: outcome.clone() }).collect();
        self.store.settle(batch, &verdicts, Some(at + 7 * DAY), at).await.unwrap();
    }

    pub async fn stock(&self) -> Stock {
        let rows = self.store.stock().await.unwrap();
        let row = rows.into_iter().find(|r| r.feed == self.feed && r.upstream == self.upstream).unwrap();
        assert!(row.stock.balances(), "{:?}", row.stock);
        row.stock
    }

    pub async fn gone_upstream(&self) -> u64 {
        self.store.stock().await.unwrap().into_iter().find(|r| r.feed == self.feed).unwrap().gone_upstream
    }

    /// Live, quarantined, stale.
    pub async fn table(&self) -> (u64, u64, u64) {
        let row = self.store.table_rows().await.unwrap().into_iter().find(|r| r.feed == self.feed).unwrap();
        (row.live, row.quarantined, row.stale)
    }

    /// Open rows whose record key another one holds.
    pub async fn collisions(&self) -> u64 {
        let rows = self.store.table_rows().await.unwrap();
        rows.into_iter().find(|r| r.feed == self.feed).unwrap().collisions
    }

    pub async fn audited(&self) {
        assert_eq!(self.store.audit().await.unwrap(), Vec::new());
    }
}
