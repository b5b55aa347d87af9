//! One batch of one table: compose, stage, sign and send, keep the receipt.

use std::collections::HashSet;

use tracing::Instrument;
use tracing::field::Empty;

use super::table::OpenBatch;
use super::{Upstream, verdicts};
use crate::report::ReportError;
use crate::report::batcher::{Planned, Terms, plan};
use crate::report::clock::millis;
use crate::report::delivery::{Delivery, Effect, Event};
use crate::report::transport::{Fate, Reply, RowHead, TransportError, WireBatch};
use crate::report::window::{allowance, day_of};
use crate::store::{BatchId, Lane, Millis, Op, RampState, RampStep, Receipt, Stage, StagedRow};
use crate::telemetry;

/// How long a row waits for its parent before it is looked at again, should nothing release it.
const PARENT_AGAIN: Millis = 600_000;

impl Upstream {
    /// Sends one batch of a table, if it may and there is one.
    pub(super) async fn send_one(&mut self, at: usize) -> Result<bool, ReportError> {
        let now = self.now();
        let table = &mut self.tables[at];
        if table.idle || table.lost().is_some() || now < table.not_before || now < table.rest_until {
            return Ok(false);
        }
        let opens = self.gate.opens(&table.plan.name, now);
        if opens > now {
            // Looked at again with everything else: a closed gate is nothing to wait for.
            (table.idle, table.gated) = (true, Some(opens));
            return Ok(false);
        }
        table.gated = None;
        if self.is_full() || !self.offer_given(at).await? {
            return Ok(false);
        }
        let ramp = self.around.store.ramp(self.id, self.tables[at].feed).await?;
        let Some((lane, planned)) = self.compose(at, &ramp, now).await? else { return Ok(false) };
        let table = &mut self.tables[at];
        table.closed = planned.ramp_full && planned.members.is_empty();
        if !planned.changes(table.cursor) {
            table.idle = true;
            return Ok(false);
        }
        if !planned.members.is_empty() && self.transport.is_down() && self.streams() {
            // Nothing is staged for a stream that may not come up; what it says in its first message comes before all else.
            return self.bring_up().await;
        }
        let table = &mut self.tables[at];
        let limits = self.transport.limits();
        let stage = Stage {
            members: planned.members.iter().map(StagedRow::from).collect(),
            exceptions: planned.exceptions,
            cursor: planned.cursor,
            not_after: now.saturating_add(self.config.send_window.millis()).saturating_add(millis(limits.margin)),
            at: now,
        };
        let id = self.around.store.stage(self.id, table.feed, &stage).await?;
        table.cursor = stage.cursor;
        table.unsealed_values += planned.unsealed_values;
        let Some(id) = id else {
            self.release_children(at).await?;
            return Ok(true);
        };
        if table.cursor.backfill.is_some() || lane == Lane::Backfill {
            table.lanes.went(lane, self.config.backfill_share);
        }
        let batch = OpenBatch {
            delivery: Delivery::staged(stage.not_after),
            rows: planned.members.len() as u32,
            sent: now,
            mark: None,
            ask_at: None,
            keys: planned.members.iter().map(|r| r.record_key).collect(),
            deletes: planned.members.iter().any(|r| r.op == Op::Delete),
            told: Vec::new(),
        };
        table.open.insert(id, batch);
        let head = |r: &crate::store::FeedRow| RowHead { key: r.record_key, seq: self.wire_seq(r.seq), op: r.op, hash: r.hash };
        let heads: Vec<RowHead> = planned.members.iter().map(head).collect();
        drop(planned.members);
        self.send(at, id, &planned.wire, &heads).await?;
        Ok(true)
    }

    async fn compose(&mut self, at: usize, ramp: &RampState, now: Millis) -> Result<Option<(Lane, Planned)>, ReportError> {
        let (lane, rows) = self.pending(at).await?;
        let rids: Vec<u64> = rows.iter().map(|r| r.rid).collect();
        let in_flight: HashSet<u64> = if rids.is_empty() || self.tables[at].open.is_empty() {
            HashSet::new()
        } else {
            self.around.store.in_flight(self.id, self.tables[at].feed, &rids).await?.into_iter().collect()
        };
        let Some(mut waits) = self.waiting(at, &rows).await? else {
            self.tables[at].not_before = now + self.config.poll.millis().clamp(50, 1_000);
            return Ok(None);
        };
        waits.extend(self.waiting_for_children(at, &rows).await?);
        let limits = self.transport.limits();
        let table = &self.tables[at];
        let terms = Terms {
            plan: &table.plan,
            renderer: &table.renderer,
            scope: &table.scope,
            calendar: &self.around.calendar,
            day: day_of(now),
            rows: limits.rows,
            bytes: limits.bytes,
            allowance: allowance(ramp),
            shut: ramp.step == RampStep::Closed,
            parent_again: now + PARENT_AGAIN,
            deletions: self.transport.style().deletions,
        };
        match plan(rows, lane, table.cursor, &terms, &in_flight, &waits) {
            Ok(planned) => Ok(Some((lane, planned))),
            Err(fault) => {
                let text = crate::finding::Text::new(
                    format!("{} 的存储内容与数据标准不一致（字段 {}）", fault.table, fault.field),
                    fault.to_string(),
                );
                self.park(at, text);
                Ok(None)
            }
        }
    }

    async fn send(&mut self, at: usize, id: BatchId, wire: &[Vec<u8>], heads: &[RowHead]) -> Result<(), ReportError> {
        let now = self.now();
        let effects = self.step(at, id, Event::Turn, now);
        if !effects.contains(&Effect::Send) {
            return self.give_up(at, id).await;
        }
        if effects.contains(&Effect::MarkSent) {
            self.around.store.mark_sent(id, now).await?;
        }
        if let Some(batch) = self.tables[at].open.get_mut(&id) {
            batch.sent = now;
        }
        let plan = std::sync::Arc::clone(&self.tables[at].plan);
        let limits = self.transport.limits();
        let not_after = self.tables[at].open.get(&id).map_or(now, |b| b.delivery.not_after);
        let batch = WireBatch {
            id,
            table: &plan.name,
            domain: plan.domain,
            rows: wire,
            heads,
            sign_before: not_after.saturating_sub(millis(limits.margin)).min(self.sign_until(now)),
        };
        tracing::debug!(upstream = %self.name, table = %plan.name, batch = id.0, rows = wire.len(), "sending");
        let span = tracing::info_span!(
            target: telemetry::SPANS, "submit", upstream = %self.name, table = %plan.name, batch = id.0, rows = wire.len(),
            outcome = Empty, fault = Empty, otel.status_code = Empty
        );
        let answer = self.transport.submit(&batch).instrument(span.clone()).await;
        note(&span, &answer);
        drop(span);
        let now = self.now();
        match answer {
            Ok(Reply::Stored) => {
                self.went_well();
                self.step(at, id, Event::Stored, now);
                self.settle(at, id, verdicts::all_stored(wire.len())).await
            }
            Ok(Reply::Queued) => {
                self.await_news(at, id, now);
                Ok(())
            }
            Ok(Reply::Accepted { mark }) => {
                tracing::debug!(upstream = %self.name, table = %plan.name, batch = id.0, %mark, "accepted");
                self.accepted(at, id, mark, now).await
            }
            Err(error) => {
                self.failed(at, &error);
                let effects = self.step(at, id, event_of(error.fate), now);
                self.carry_out(at, id, &effects, Some(&error.text.zh), now).await
            }
        }
    }

    /// Keeps the receipt of a batch whose verdict is to be asked for.
    async fn accepted(&mut self, at: usize, id: BatchId, mark: String, now: Millis) -> Result<(), ReportError> {
        self.went_well();
        let table = &mut self.tables[at];
        (table.trouble, table.failures) = (None, 0);
        self.keep_apart(at, now);
        let effects = self.step(at, id, Event::Accepted, now);
        let ask_at = effects.iter().find_map(|e| match e {
            Effect::KeepReceipt { ask_at } => Some(*ask_at),
            _ => None,
        });
        let ask_at = ask_at.unwrap_or(now);
        self.around.store.receipt(id, &Receipt { mark: mark.clone(), at: now }, ask_at).await?;
        if let Some(batch) = self.tables[at].open.get_mut(&id) {
            (batch.mark, batch.ask_at) = (Some(mark), Some(ask_at));
        }
        Ok(())
    }

    /// Lets no batch of a table go before the reply time of the last one known has gone by: results are told apart by it.
    pub(super) fn keep_apart(&mut self, at: usize, now: Millis) {
        if let Some(spacing) = self.transport.limits().spacing {
            // The reply time lies before now: a second from now the platform's second has moved on.
            let table = &mut self.tables[at];
            table.not_before = table.not_before.max(now + millis(spacing));
        }
    }

    /// Moves a batch's state on and says what is to be done.
    pub(super) fn step(&mut self, at: usize, id: BatchId, event: Event, now: Millis) -> Vec<Effect> {
        let rules = self.config.rules(&self.transport.limits(), self.longest);
        let Some(batch) = self.tables[at].open.get_mut(&id) else { return Vec::new() };
        let (next, effects) = batch.delivery.step(event, now, &rules);
        batch.delivery = next;
        effects
    }
}

/// What a failed call means for its batch.
pub(super) fn event_of(fate: Fate) -> Event {
    match fate {
        Fate::NotSent => Event::NotSent,
        Fate::Lost => Event::Lost,
        Fate::Refused => Event::Refused,
    }
}

/// How a call ended, on its span.
fn note(span: &tracing::Span, answer: &Result<Reply, TransportError>) {
    let outcome = match answer {
        Ok(Reply::Stored) => "stored",
        Ok(Reply::Queued) => "queued",
        Ok(Reply::Accepted { .. }) => "accepted",
        Err(error) => {
            span.record("fault", error.class.name()).record("otel.status_code", "ERROR");
            match error.fate {
                Fate::NotSent => "not sent",
                Fate::Lost => "lost",
                Fate::Refused => "refused",
            }
        }
    };
    span.record("outcome", outcome);
}
