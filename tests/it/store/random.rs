//! Random lives of a store, compared with the model after each step.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xiaoshu::store::{
    Again, BatchId, Cursor, ExceptionFilter, FeedRow, Lane, MemberVerdict, Millis, NewException, Outcome, RampStep, Reason, Stage,
};

use super::desk::{DAY, Desk};
use super::holding::RecordKey;
use super::home::{Home, PostgresHome, SqliteHome};
use super::model::{Model, Settled};
use super::table::{self, Adopted, Row, key_of};

/// One step of a life.
#[derive(Debug, Clone)]
enum Step {
    /// A read of a source in pieces; perhaps cut off, perhaps incomplete.
    Read {
        second: bool,
        pieces: Vec<Vec<Row>>,
        end: End,
    },
    /// Everything the source had before, with a few changes: the usual night.
    Again {
        second: bool,
        change: Vec<(u32, u32)>,
        drop: Vec<u32>,
    },
    /// Up to so many pending rows staged; the bits say how.
    Stage {
        limit: u32,
        bits: u64,
    },
    /// The same from the back-fill range.
    Backfill {
        limit: u32,
    },
    OpenBackfill {
        keep: u64,
    },
    /// Verdicts on the oldest batch.
    Settle {
        bits: u64,
    },
    GiveUp,
    Release {
        reason: Option<usize>,
    },
    Ramp,
    Resend,
    Approve,
    /// One source takes the table over from the other.
    TakeOver {
        second: bool,
    },
    Sleep {
        days: i64,
    },
    Reopen,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Complete,
    Incomplete,
    CutOff,
}

fn row() -> impl Strategy<Value = Row> {
    (0..16u32, 0..3u32, 0..12u32, 0..6u32).prop_map(|(key, content, fault, adopted)| match fault {
        0 => Row::bad(key, content),
        1 => Row::keyless(key, content),
        2 => Row::adopting(key, content, Adopted::Vendor(adopted)),
        3 => Row::adopting(key, content, Adopted::MintedFor(adopted)),
        _ => Row::good(key, content),
    })
}

fn step() -> impl Strategy<Value = Step> {
    let pieces = prop::collection::vec(prop::collection::vec(row(), 0..8), 1..3);
    let end = prop_oneof![3 => Just(End::Complete), 2 => Just(End::Incomplete), 1 => Just(End::CutOff)];
    prop_oneof![
        4 => (any::<bool>(), pieces, end).prop_map(|(second, pieces, end)| Step::Read { second, pieces, end }),
        3 => (any::<bool>(), prop::collection::vec((0..16u32, 0..3u32), 0..3), prop::collection::vec(0..16u32, 0..3))
            .prop_map(|(second, change, drop)| Step::Again { second, change, drop }),
        5 => (1..12u32, any::<u64>()).prop_map(|(limit, bits)| Step::Stage { limit, bits }),
        1 => (1..6u32).prop_map(|limit| Step::Backfill { limit }),
        1 => (0..4u64).prop_map(|keep| Step::OpenBackfill { keep }),
        5 => any::<u64>().prop_map(|bits| Step::Settle { bits }),
        1 => Just(Step::GiveUp),
        1 => prop::option::of(0..8usize).prop_map(|reason| Step::Release { reason }),
        1 => Just(Step::Ramp),
        1 => Just(Step::Resend),
        1 => Just(Step::Approve),
        1 => any::<bool>().prop_map(|second| Step::TakeOver { second }),
        1 => (1..9i64).prop_map(|days| Step::Sleep { days }),
        1 => Just(Step::Reopen),
    ]
}

struct Life<H> {
    home: H,
    desk: Option<Desk>,
    model: Model,
    at: Millis,
}

impl<H: Home> Life<H> {
    fn desk(&self) -> &Desk {
        self.desk.as_ref().unwrap()
    }

    async fn step(&mut self, step: &Step) {
        self.at += 1000;
        match step {
            Step::Read { second, pieces, end } => self.read(name(*second), pieces, *end).await,
            Step::Again { second, change, drop } => {
                let source = name(*second);
                let mut rows: Vec<Row> = self
                    .model
                    .records
                    .iter()
                    .filter(|(k, r)| r.alive && r.source == source && !drop.contains(k))
                    .map(|(k, r)| as_stands(*k, r.content))
                    .collect();
                for (key, content) in change {
                    rows.retain(|r| r.key != *key);
                    rows.push(Row::good(*key, *content));
                }
                self.read(source, &[rows], End::Complete).await;
            }
            Step::Stage { limit, bits } => self.stage(*limit, *bits).await,
            Step::Backfill { limit } => self.backfill(*limit).await,
            Step::OpenBackfill { keep } => {
                let desk = self.desk();
                desk.store.open_backfill(desk.upstream, desk.feed, *keep).await.unwrap();
                self.open_backfill(*keep).await;
            }
            Step::Settle { bits } => self.settle(*bits).await,
            Step::GiveUp => {
                if let Some((&batch, members)) = self.model.batches.first_key_value() {
                    let outcomes = vec![Settled::Unknown; members.len()];
                    self.desk().store.give_up(BatchId(batch), self.at).await.unwrap();
                    self.model.settle(batch, &outcomes, self.at);
                }
            }
            Step::Release { reason } => {
                let reason = reason.map(|r| Reason::ALL[r]);
                let released = self.desk().store.release(&ExceptionFilter { reason, ..Default::default() }, self.at).await;
                assert_eq!(released.unwrap(), self.model.release(reason, self.at));
            }
            Step::Ramp => {
                let desk = self.desk();
                desk.store.set_ramp(desk.upstream, desk.feed, RampStep::Limited, None, self.at).await.unwrap();
                self.model.release(Some(Reason::Closed), self.at);
            }
            Step::Resend => {
                let desk = self.desk();
                let sent = desk.store.resend(desk.upstream, desk.feed, Again::All, self.at).await.unwrap();
                assert_eq!(sent, self.model.resend());
            }
            Step::Approve => {
                let desk = self.desk();
                let approved = desk.approve(self.at).await;
                assert_eq!(approved, self.model.approve());
            }
            Step::TakeOver { second } => {
                let (from, to) = (name(!*second), name(*second));
                let desk = self.desk();
                let weighed = desk.store.weigh_takeover(desk.feed, from, to).await.unwrap();
                let moved = desk.store.take_over(desk.feed, from, to, self.at).await.unwrap();
                assert_eq!(weighed, moved);
                assert_eq!((moved.held, moved.given, moved.differing), self.model.take_over(from, to));
            }
            Step::Sleep { days } => self.at += days * DAY,
            Step::Reopen => {
                self.desk = None;
                self.desk = Some(Desk::new(self.home.open().await).await);
            }
        }
    }

    async fn read(&mut self, source: &'static str, pieces: &[Vec<Row>], end: End) {
        let run = self.desk().begin(source, 1, self.at).await.unwrap().run;
        self.model.begin(source);
        for rows in pieces {
            let landed = self.desk().land(run, rows, 1, self.at).await.unwrap();
            assert_eq!(landed, self.model.land(source, rows), "{rows:?}");
        }
        let complete = match end {
            End::CutOff => return,
            End::Complete => true,
            End::Incomplete => false,
        };
        let summary = self.desk().finish(run, complete, self.at).await.unwrap();
        assert_eq!(summary, self.model.finish(source, complete, self.at));
    }

    async fn stage(&mut self, limit: u32, bits: u64) {
        let pending = self.desk().pending(Lane::Live, 1000, self.at).await;
        for row in &pending {
            let want = match self.model.records[&key_of(&row.natural_key)].record_key {
                RecordKey::Vendor(n) => Adopted::Vendor(n),
                RecordKey::Minted(key) => Adopted::MintedFor(key),
            };
            let want = want.key(&self.desk().plan);
            assert_eq!(row.record_key, want);
            assert_eq!(table::payload_key(&row.payload), want.as_str());
        }
        let all: BTreeSet<u32> = pending.iter().map(|r| key_of(&r.natural_key)).collect();
        assert_eq!(all, self.model.pending(self.at));
        let rows = self.desk().pending(Lane::Live, limit, self.at).await;
        let old = self.desk().store.cursor(self.desk().upstream, self.desk().feed).await.unwrap();
        let seq = rows.iter().map(|r| r.seq).max().unwrap_or(0).max(old.seq);
        self.stage_rows(&rows, bits, Cursor { seq, ..old }).await;
    }

    async fn backfill(&mut self, limit: u32) {
        let rows = self.desk().pending(Lane::Backfill, limit, self.at).await;
        let old = self.desk().store.cursor(self.desk().upstream, self.desk().feed).await.unwrap();
        let Some((from, _)) = old.backfill else { return };
        let to = rows.iter().map(|r| r.seq - 1).min().unwrap_or(from);
        self.stage_rows(&rows, u64::MAX, Cursor { seq: old.seq, backfill: (from < to).then_some((from, to)) }).await;
    }

    async fn stage_rows(&mut self, rows: &[FeedRow], bits: u64, cursor: Cursor) {
        let mut stage = Stage { cursor, not_after: self.at + 500, at: self.at, ..Stage::default() };
        let (mut members, mut exceptions) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let key = key_of(&row.natural_key);
            let exception = if self.model.in_flight(key) {
                Some((Reason::WaitsVerdict, None))
            } else {
                match bits >> (3 * i % 60) & 7 {
                    0 => Some((Reason::OutOfScope, None)),
                    1 => Some((Reason::NotDue, Some(self.at + 2 * DAY))),
                    2 => Some((Reason::Closed, None)),
                    _ => None,
                }
            };
            match exception {
                None => {
                    stage.members.push(row.into());
                    members.push(key);
                }
                Some((reason, due)) => {
                    stage.exceptions.push(NewException { rid: row.rid, seq: row.seq, reason, due, op: row.op });
                    exceptions.push((key, reason, due));
                }
            }
        }
        let desk = self.desk();
        let batch = desk.store.stage(desk.upstream, desk.feed, &stage).await.unwrap();
        assert_eq!(batch.is_some(), !members.is_empty());
        self.model.stage(batch.map(|b| b.0), &members, &exceptions);
    }

    /// The store keeps a spent range until its rows are staged; the model knows a range only by its rows.
    async fn open_backfill(&mut self, keep: u64) {
        let desk = self.desk();
        let back = desk.pending(Lane::Backfill, 1000, self.at).await;
        let keys: BTreeSet<u32> = back.iter().map(|r| key_of(&r.natural_key)).collect();
        let spent = keys.is_empty();
        self.model.open_backfill(if spent { usize::MAX } else { keep as usize });
        let want: BTreeSet<u32> =
            self.model.places.iter().filter(|(_, p)| **p == super::model::Place::Backfill).map(|(k, _)| *k).collect();
        assert_eq!(keys, want);
    }

    async fn settle(&mut self, bits: u64) {
        let Some((&batch, members)) = self.model.batches.first_key_value() else { return };
        let outcomes: Vec<Settled> = (0..members.len())
            .map(|i| match bits >> (2 * i % 60) & 3 {
                0 => Settled::Refused,
                1 => Settled::Unknown,
                _ => Settled::Stored,
            })
            .collect();
        let verdicts: Vec<MemberVerdict> = (0u32..)
            .zip(&outcomes)
            .map(|(ordinal, outcome)| MemberVerdict {
                ordinal,
                outcome: match outcome {
                    Settled::Stored => Outcome::Stored,
                    Settled::Refused => Outcome::Refused { text: "no".into(), field: None },
                    Settled::Unknown => Outcome::Unknown { split: 1 },
                },
            })
            .collect();
        self.desk().store.settle(BatchId(batch), &verdicts, Some(self.at + 7 * DAY), self.at).await.unwrap();
        self.model.settle(batch, &outcomes, self.at);
    }

    async fn compare(&self) {
        let desk = self.desk();
        desk.audited().await;
        assert_eq!(desk.stock().await, self.model.stock());
        assert_eq!(desk.table().await, self.model.table());
        assert_eq!(desk.collisions().await, self.model.collisions.len() as u64);
        assert_eq!(desk.gone_upstream().await, self.model.gone_upstream());
        let held: u64 = desk.store.pending_deletions().await.unwrap().iter().map(|p| p.count).sum();
        assert_eq!(held, self.model.held.values().map(|h| h.len() as u64).sum::<u64>());
    }
}

/// The row of which a record was made.
fn as_stands(key: u32, (content, adopted): (u32, Option<RecordKey>)) -> Row {
    let adopted = adopted.map(|key| match key {
        RecordKey::Vendor(n) => Adopted::Vendor(n),
        RecordKey::Minted(key) => Adopted::MintedFor(key),
    });
    Row { adopted, ..Row::good(key, content) }
}

fn name(second: bool) -> &'static str {
    if second { "b" } else { "a" }
}

fn random_lives<H: Home>(cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let lives = prop::collection::vec(step(), 1..40);
    let live = |steps: Vec<Step>| {
        runtime.block_on(async {
            let home = H::new();
            let desk = Desk::new(home.open().await).await;
            let mut life = Life { home, desk: Some(desk), model: Model::default(), at: 1_000_000 };
            for step in &steps {
                life.step(step).await;
                life.compare().await;
            }
        });
        Ok(())
    };
    if let Err(e) = TestRunner::new(config).run(&lives, live) {
        panic!("{e}");
    }
}

#[test]
fn sqlite_agrees_with_the_model() {
    random_lives::<SqliteHome>(60);
}

#[test]
fn postgres_agrees_with_the_model() {
    random_lives::<PostgresHome>(20);
}

/// Keeps an unused handle type out of the way of readers: a store is shared by its callers.
#[test]
fn a_store_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<dyn xiaoshu::store::Store>>();
}
