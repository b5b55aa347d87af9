//! Upstreams that are streams: brought up and resumed, their news taken as it comes, their requests answered.

use super::Upstream;
use super::restored::note_restored;
use super::send::event_of;
use crate::report::ReportError;
use crate::report::delivery::{Effect, Event};
use crate::report::transport::{Health, News, OpenBatch, Reach, Request, Settled, TransportError};
use crate::report::window::due;
use crate::store::{Again, BatchId, MemberRow, MemberVerdict, Millis, Outcome, Receipt};

/// How often the platform is told how reporting stands.
const HEALTH: Millis = 10_000;
/// The counter's part of a seq.
const COUNTER: u64 = (1 << 48) - 1;
/// A platform's generation so far above ours is a mistake of its, not a backup of ours.
const GENERATIONS: u64 = 100;

impl Upstream {
    /// Whether verdicts come by themselves.
    pub(super) fn streams(&self) -> bool {
        self.transport.limits().unsettled.is_some()
    }

    /// From now on the stream is kept up even with nothing to say.
    pub(in crate::report) fn keep_up(&mut self) {
        self.keep_up = true;
    }

    /// Returns when the stream has something to tell; never for others.
    pub(in crate::report) async fn news(&self) {
        match self.transport.wakes() {
            Some(wakes) => wakes.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Whether a stream has yet to tell of something.
    pub(in crate::report) fn awaits_news(&self) -> bool {
        self.streams() && self.tables.iter().any(|t| !t.open.is_empty())
    }

    /// A row's seq as the platform sees it: by the generation at sending, so that nothing sent after a restore counts as
    /// old. The counter never falls, so the order of a key's versions stays.
    pub(super) fn wire_seq(&self, seq: u64) -> u64 {
        u64::from(self.generation) << 48 | (seq & COUNTER)
    }

    /// Whether a further batch would be more than may be unsettled.
    pub(super) fn is_full(&self) -> bool {
        let limits = self.transport.limits();
        let Some(most) = limits.unsettled else { return false };
        let batches = self.tables.iter().flat_map(|t| t.open.values());
        let open: u64 = batches.map(|b| u64::from(b.rows) - b.told.len() as u64).sum();
        open > 0 && open + u64::from(limits.rows) > u64::from(most)
    }

    /// A batch is on the stream.
    pub(super) fn await_news(&mut self, at: usize, id: BatchId, now: Millis) {
        if let Some(batch) = self.tables[at].open.get_mut(&id) {
            batch.ask_at = Some(now.saturating_add(self.config.missing_after.millis()));
        }
    }

    /// A batch of an earlier process is asked for when the stream comes up.
    pub(super) fn ask_stream(&mut self, at: usize, id: BatchId, members: &[MemberRow], now: Millis) {
        let rows = members.iter().map(|m| (m.record_key, self.wire_seq(m.seq))).collect();
        let table = std::sync::Arc::clone(&self.tables[at].plan.name);
        let accepted = self.tables[at].open.get(&id).is_some_and(|b| b.mark.is_some());
        self.to_resume.push(OpenBatch { id, table, accepted, rows });
        self.await_news(at, id, now);
    }

    /// Whether there is work for a stream, and none that could do it.
    pub(super) fn misses_stream(&self) -> bool {
        let wanted = self.keep_up || self.tables.iter().any(|t| !t.open.is_empty());
        self.streams() && !self.tables.is_empty() && (!self.to_resume.is_empty() || (wanted && self.transport.is_down()))
    }

    /// What a turn does first for a stream: up where it is down and wanted, news, requests.
    pub(super) async fn follow_stream(&mut self) -> Result<bool, ReportError> {
        if !self.streams() || self.tables.is_empty() {
            return Ok(false);
        }
        let mut progressed = self.take_news().await?;
        if self.misses_stream() {
            progressed |= self.bring_up().await?;
            progressed |= self.take_news().await?;
        }
        progressed |= self.answer_requests().await?;
        self.tell_health().await?;
        Ok(progressed)
    }

    /// Brings the stream up; a failure puts the upstream to rest. Whether it is up.
    pub(super) async fn bring_up(&mut self) -> Result<bool, ReportError> {
        match self.transport.resume(&self.to_resume).await {
            Ok(()) => {
                self.to_resume.clear();
                // The count of failures stays until verdicts come through.
                (self.probe, self.trouble) = (false, None);
                Ok(true)
            }
            Err(error) => {
                self.failed(0, &error);
                Ok(false)
            }
        }
    }

    async fn take_news(&mut self) -> Result<bool, ReportError> {
        let mut progressed = false;
        for Settled { batch, news } in self.transport.settled() {
            let Some(at) = self.tables.iter().position(|t| t.open.contains_key(&batch)) else { continue };
            progressed = true;
            match news {
                News::Verdicts(verdicts) => self.told(at, batch, verdicts).await?,
                News::Accepted { mark } => {
                    let now = self.now();
                    self.step(at, batch, Event::Accepted, now);
                    self.await_news(at, batch, now);
                    let ask_at = now.saturating_add(self.config.missing_after.millis());
                    self.around.store.receipt(batch, &Receipt { mark: mark.clone(), at: now }, ask_at).await?;
                    if let Some(batch) = self.tables[at].open.get_mut(&batch) {
                        batch.mark = Some(mark);
                    }
                }
                News::Failed(error) => self.came_to_nothing(at, batch, &error).await?,
            }
        }
        Ok(progressed)
    }

    async fn told(&mut self, at: usize, id: BatchId, mut verdicts: Vec<MemberVerdict>) -> Result<(), ReportError> {
        let now = self.now();
        for verdict in &mut verdicts {
            if let Outcome::Refused { text, field } = &mut verdict.outcome {
                let named = field.take().filter(|name| self.tables[at].plan.find(name).is_some());
                *field = named.or_else(|| self.tables[at].field_in(text));
            }
        }
        let Some(batch) = self.tables[at].open.get_mut(&id) else { return Ok(()) };
        batch.told.extend(verdicts);
        if batch.told.len() < batch.rows as usize {
            return Ok(());
        }
        let (sent, told) = (batch.sent, std::mem::take(&mut batch.told));
        self.longest = self.longest.max(now - sent);
        self.went_well();
        (self.tables[at].trouble, self.tables[at].failures) = (None, 0);
        self.step(at, id, Event::Told, now);
        self.settle(at, id, told).await
    }

    async fn came_to_nothing(&mut self, at: usize, id: BatchId, error: &TransportError) -> Result<(), ReportError> {
        if error.reach == Reach::Batch {
            tracing::info!(upstream = %self.name, table = %self.tables[at].plan.name, batch = id.0, "{}", error.text.en);
        } else {
            self.failed(at, error);
        }
        let now = self.now();
        let effects = self.step(at, id, event_of(error.fate), now);
        self.carry_out(at, id, &effects, Some(&error.text.zh), now).await
    }

    /// Batches that were waited for long enough: rows without a verdict are unknown, and go again.
    pub(super) async fn end_waiting(&mut self, at: usize, due: Vec<BatchId>) -> Result<bool, ReportError> {
        let progressed = !due.is_empty();
        for id in due {
            self.transport.forget(id);
            let now = self.now();
            let Some(batch) = self.tables[at].open.get_mut(&id) else { continue };
            let (rows, mut told) = (batch.rows, std::mem::take(&mut batch.told));
            let mut known = vec![false; rows as usize];
            for verdict in &told {
                if let Some(slot) = known.get_mut(verdict.ordinal as usize) {
                    *slot = true;
                }
            }
            let missing = (0u32..).zip(known).filter(|(_, known)| !known);
            told.extend(missing.map(|(ordinal, _)| MemberVerdict { ordinal, outcome: Outcome::Unknown { split: rows } }));
            tracing::warn!(upstream = %self.name, table = %self.tables[at].plan.name, batch = id.0, "no verdict came in time");
            let effects = self.step(at, id, Event::Told, now);
            if effects.contains(&Effect::SettleByResult) {
                self.settle(at, id, told).await?;
            }
        }
        Ok(progressed)
    }

    async fn answer_requests(&mut self) -> Result<bool, ReportError> {
        let (mut progressed, mut ahead) = (false, None);
        for request in self.transport.requests() {
            match request {
                Request::Resend { table } => {
                    let Some(at) = self.tables.iter().position(|t| *t.plan.name == *table) else { continue };
                    let rows = self.send_table_again(at).await?;
                    tracing::info!(upstream = %self.name, table, rows, "the platform asked for a table once more");
                    progressed = true;
                }
                Request::Holds { table, seq } => {
                    let own = self.tables.iter().find(|t| *t.plan.name == *table).map(|t| self.wire_seq(t.cursor.seq));
                    if own.is_some_and(|own| seq > own) {
                        ahead = ahead.max(Some(seq));
                    }
                }
                Request::Reconcile { table } => {
                    tracing::info!(upstream = %self.name, ?table, "the platform asked for a comparison");
                    self.want_comparison(table.as_deref());
                    progressed = true;
                }
            }
        }
        if let Some(seq) = ahead {
            self.overtake(seq).await?;
            progressed = true;
        }
        Ok(progressed)
    }

    pub(super) async fn send_table_again(&mut self, at: usize) -> Result<u64, ReportError> {
        let rows = self.around.store.resend(self.id, self.tables[at].feed, Again::All, self.now()).await?;
        self.tables[at].idle = false;
        Ok(rows)
    }

    /// The platform holds what this store never sent: it was restored from a backup. Everything goes again under a
    /// generation above the platform's, so that nothing counts as old.
    async fn overtake(&mut self, seq: u64) -> Result<(), ReportError> {
        let (theirs, own) = (seq >> 48, u64::from(self.generation));
        if theirs > own + GENERATIONS {
            tracing::error!(upstream = %self.name, theirs, own, "the platform names a generation that was never ours: passed over");
            return Ok(());
        }
        tracing::warn!(upstream = %self.name, theirs, own, "the platform holds what this store never sent");
        while u64::from(self.generation) <= theirs {
            self.generation = note_restored(self.around.store.as_ref()).await?;
        }
        self.face_restored().await?;
        Ok(())
    }

    async fn tell_health(&mut self) -> Result<(), ReportError> {
        let now = self.now();
        if !self.keep_up || now < self.health_at {
            return Ok(());
        }
        self.health_at = now + HEALTH;
        let mut health = Health { tables: self.tables.len() as u32, ..Health::default() };
        for row in self.around.store.stock().await?.into_iter().filter(|s| s.upstream == self.id) {
            let stock = row.stock;
            health.live += stock.live;
            health.stored += stock.stored;
            health.in_flight += stock.in_flight;
            health.waiting += stock.waiting;
            health.refused += stock.refused;
            health.unknown += stock.unknown;
            health.held += stock.held.values().sum::<u64>();
            let plan = self.tables.iter().find(|t| t.feed == row.feed).map(|t| t.plan.frequency);
            let since = plan.and_then(|f| due(f, &self.around.calendar, now)).map(|d| d.from);
            let late = stock.waiting > 0 && since.is_some_and(|from| row.last_stored.is_none_or(|at| at < from));
            health.overdue += u32::from(late);
        }
        for row in self.around.store.table_rows().await? {
            if self.tables.iter().any(|t| t.feed == row.feed) {
                health.quarantined += row.quarantined;
            }
        }
        self.transport.health(&health);
        Ok(())
    }
}
