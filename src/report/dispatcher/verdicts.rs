//! Asking for verdicts, matching them, settling.

use std::collections::HashSet;

use super::Upstream;
use super::table::OpenBatch;
use crate::record::RecordKey;
use crate::report::ReportError;
use crate::report::delivery::{Answer, Delivery, Effect, Event, Open, Phase, ResultItem, judge, match_results, refused_whole};
use crate::report::transport::VerdictQuery;
use crate::store::{BatchId, BatchInfo, ExceptionFilter, MemberVerdict, Millis, Outcome, Reason, Receipt};
use crate::telemetry;

/// The platform's clock is known to about a second, and its times are whole seconds.
const SLACK: Millis = 2_000;

pub(super) fn all_stored(rows: usize) -> Vec<MemberVerdict> {
    (0..rows as u32).map(|ordinal| MemberVerdict { ordinal, outcome: Outcome::Stored }).collect()
}

impl Upstream {
    /// Takes up a batch that an earlier process left.
    pub(super) async fn adopt(&mut self, at: usize, info: BatchInfo, now: Millis) -> Result<(), ReportError> {
        let members = self.around.store.members(info.id).await?;
        let delivery = Delivery::from_store(&info);
        let ask_at = (delivery.phase != Phase::Staged && !self.streams()).then(|| info.ask_at.unwrap_or(now));
        let batch = OpenBatch {
            delivery,
            rows: info.rows,
            sent: info.sent.unwrap_or(info.staged),
            mark: info.receipt.map(|r| r.mark),
            ask_at,
            keys: members.iter().map(|m| m.record_key).collect(),
            deletes: true,
            told: Vec::new(),
        };
        self.tables[at].open.insert(info.id, batch);
        if self.streams() {
            self.ask_stream(at, info.id, &members, now);
        }
        let effects = self.step(at, info.id, Event::Recovered, now);
        self.carry_out(at, info.id, &effects, None, now).await
    }

    /// Asks for the verdicts of a table's batches, if one is due.
    pub(super) async fn ask(&mut self, at: usize) -> Result<bool, ReportError> {
        let now = self.now();
        let table = &self.tables[at];
        let due: Vec<BatchId> =
            table.open.iter().filter(|(_, b)| b.ask_at.is_some_and(|t| t <= now)).map(|(id, _)| *id).collect();
        if self.streams() {
            return self.end_waiting(at, due).await;
        }
        let Some(from) = table.open.values().map(|b| b.sent).min().filter(|_| !due.is_empty()) else { return Ok(false) };
        let plan = std::sync::Arc::clone(&table.plan);
        let query = VerdictQuery { table: &plan.name, from: from - SLACK, to: now + SLACK };
        let items = match self.transport.verdicts(&query).await {
            Ok(items) => items,
            Err(error) => {
                self.failed(at, &error);
                let now = self.now();
                for id in due {
                    let effects = self.step(at, id, Event::Answered(Answer::Incomplete), now);
                    self.carry_out(at, id, &effects, None, now).await?;
                }
                return Ok(false);
            }
        };
        self.went_well();
        self.conclude(at, from, &due, &items).await
    }

    async fn conclude(&mut self, at: usize, from: Millis, due: &[BatchId], items: &[ResultItem]) -> Result<bool, ReportError> {
        let offset = self.transport.clock_offset().unwrap_or(0);
        let feed = self.tables[at].feed;
        let marks = self.around.store.marks(self.id, feed, from - 86_400_000).await?;
        let known: HashSet<String> = marks.into_iter().collect();
        let table = &self.tables[at];
        let open: Vec<Open<'_>> = table
            .open
            .iter()
            .map(|(id, b)| Open {
                id: *id,
                rows: u64::from(b.rows),
                mark: b.mark.as_deref(),
                window: (b.sent + offset - SLACK, b.delivery.not_after + offset + SLACK),
                keys: &b.keys,
            })
            .collect();
        let matching = match_results(&open, &known, items);
        drop(open);
        self.around.handle.update(&self.name, |status| {
            matching.foreign.iter().for_each(|i| status.note_foreign(&items[*i]));
        });
        let mut progressed = false;
        for (id, item) in &matching.found {
            self.found(at, *id, &items[*item]).await?;
            progressed = true;
        }
        let now = self.now();
        for id in due.iter().filter(|id| !matching.found.iter().any(|(found, _)| found == *id)) {
            let effects = self.step(at, *id, Event::Answered(Answer::Absent), now);
            progressed |= effects.contains(&Effect::GiveUp);
            self.carry_out(at, *id, &effects, None, now).await?;
        }
        Ok(progressed)
    }

    async fn found(&mut self, at: usize, id: BatchId, item: &ResultItem) -> Result<(), ReportError> {
        let now = self.now();
        let Some(batch) = self.tables[at].open.get(&id) else { return Ok(()) };
        self.longest = self.longest.max(now - batch.sent);
        if batch.mark.is_none() {
            // From now on this result is claimed.
            let mark = item.marks.first().cloned().unwrap_or_default();
            self.around.store.receipt(id, &Receipt { mark, at: now }, now).await?;
            // It may have arrived within this very second.
            self.keep_apart(at, now);
        }
        let members = self.around.store.members(id).await?;
        let keys: Vec<RecordKey> = members.iter().map(|m| m.record_key).collect();
        let table = &self.tables[at];
        let verdicts = judge(&keys, item, self.config.num_base, &|text| table.field_in(text));
        self.step(at, id, Event::Answered(Answer::Found), now);
        self.settle(at, id, verdicts).await
    }

    /// Settles a batch and lets go what waited for it.
    pub(super) async fn settle(&mut self, at: usize, id: BatchId, verdicts: Vec<MemberVerdict>) -> Result<(), ReportError> {
        let now = self.now();
        let reoffer = now.saturating_add(self.config.refusal_reoffer.millis());
        self.around.store.settle(id, &verdicts, Some(reoffer), now).await?;
        let table = &mut self.tables[at];
        table.open.remove(&id);
        table.settled += 1;
        table.idle = false;
        let (mut stored, mut refused, mut unknown) = (0, 0, 0);
        for verdict in &verdicts {
            match verdict.outcome {
                Outcome::Stored => stored += 1,
                Outcome::Refused { .. } => refused += 1,
                Outcome::Unknown { .. } => unknown += 1,
            }
        }
        table.outcomes.0 += stored;
        table.outcomes.1 += refused;
        table.outcomes.2 += unknown;
        tracing::info!(upstream = %self.name, table = %table.plan.name, batch = id.0, stored, refused, unknown, "settled");
        let outcomes = [("stored", stored), ("refused", refused), ("unknown", unknown)];
        telemetry::batch_settled(&self.name, &table.plan.name, &outcomes);
        self.release_children(at).await
    }

    /// With nothing of a table in flight any more, its children's rows are looked at again. (Not after each of its
    /// batches: the rows of a large child would be gone through every time.)
    pub(super) async fn release_children(&mut self, at: usize) -> Result<(), ReportError> {
        if !self.tables[at].open.is_empty() {
            return Ok(());
        }
        self.release_parents(at).await?;
        for child in 0..self.tables.len() {
            if self.tables[child].links.iter().any(|l| l.parent == at) {
                self.release_parents_of(child).await?;
            }
        }
        Ok(())
    }

    /// Makes the rows of a table that wait for parents due.
    pub(super) async fn release_parents_of(&mut self, child: usize) -> Result<bool, ReportError> {
        let filter = ExceptionFilter {
            upstream: Some(self.id),
            feed: Some(self.tables[child].feed),
            reason: Some(Reason::WaitsParent),
            limit: 0,
        };
        // Rows whose time to be looked at has come meanwhile are not released again, but must be looked at all the same.
        let any = self.around.store.release(&filter, self.now()).await? > 0
            || !self.around.store.exceptions(&ExceptionFilter { limit: 1, ..filter }).await?.is_empty();
        if any {
            self.tables[child].idle = false;
        }
        Ok(any)
    }

    pub(super) async fn give_up(&mut self, at: usize, id: BatchId) -> Result<(), ReportError> {
        self.around.store.give_up(id, self.now()).await?;
        self.tables[at].open.remove(&id);
        self.tables[at].idle = false;
        Ok(())
    }

    /// Carries effects out that need nothing but the store.
    pub(super) async fn carry_out(
        &mut self,
        at: usize,
        id: BatchId,
        effects: &[Effect],
        refusal: Option<&str>,
        now: Millis,
    ) -> Result<(), ReportError> {
        for effect in effects {
            match *effect {
                Effect::AskAt { ask_at } => {
                    self.around.store.asked(id, ask_at).await?;
                    if let Some(batch) = self.tables[at].open.get_mut(&id) {
                        batch.ask_at = Some(ask_at);
                    }
                }
                Effect::NoteAbsence => self.around.store.absent(id, now).await?,
                Effect::GiveUp => self.give_up(at, id).await?,
                Effect::SettleRefused => {
                    let table = &self.tables[at];
                    let rows = table.open.get(&id).map_or(0, |b| b.rows);
                    let verdicts = refused_whole(rows, refusal.unwrap_or_default(), &|text| table.field_in(text));
                    self.settle(at, id, verdicts).await?;
                }
                Effect::SettleStored => {
                    let rows = self.tables[at].open.get(&id).map_or(0, |b| b.rows);
                    self.settle(at, id, all_stored(rows as usize)).await?;
                }
                // The callers that can get these do them themselves: they hold the rows or the result.
                Effect::MarkSent | Effect::Send | Effect::KeepReceipt { .. } | Effect::SettleByResult => {}
            }
        }
        Ok(())
    }
}
