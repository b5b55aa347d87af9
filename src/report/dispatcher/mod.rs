//! One upstream's work: verdicts first, then a batch of each table in turn, then rest until something is due.

mod compare;
mod faults;
mod given;
mod notices;
mod removed;
mod restored;
mod rows;
mod send;
mod streams;
mod table;
mod verdicts;

use std::sync::Arc;

use super::clock::{Clock, Dice, millis};
use super::config::{DeliveryConfig, Resend};
use super::references::{links, order};
use super::status::{Handle, Trouble};
use super::transport::{OpenBatch, Transport};
use super::window::{Calendar, Gate, due};
use super::{ReportError, ReportedTable};
use crate::finding::Text;
use crate::store::{Again, Held, Millis, Notice, Store, StoreError, UpstreamId};
pub use restored::note_restored;
use table::Table;

/// What an upstream's work needs from outside.
pub(super) struct Surroundings {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dice: Arc<dyn Dice>,
    pub(super) calendar: Arc<Calendar>,
    pub(super) handle: Handle,
    pub(super) lease: Option<Arc<Held>>,
}

/// One upstream.
pub(super) struct Upstream {
    pub(super) name: Arc<str>,
    id: UpstreamId,
    transport: Arc<dyn Transport>,
    config: DeliveryConfig,
    gate: Gate,
    around: Surroundings,
    /// Parents before children.
    tables: Vec<Table>,
    /// Failures of the upstream in a row.
    failures: u32,
    /// The next call must be one that harms nothing: the last submit was perhaps received.
    probe: bool,
    /// Nothing is called before this.
    rest_until: Millis,
    trouble: Option<Trouble>,
    longest: Millis,
    /// The store failed in the middle of something: what is in flight is read from it again.
    unsure: bool,
    /// The stream is kept up even with nothing to say.
    keep_up: bool,
    /// Batches that the stream has not been asked for yet.
    to_resume: Vec<OpenBatch>,
    /// The store's generation, which seqs bear on the wire.
    generation: u16,
    /// When the platform is told next how reporting stands.
    health_at: Millis,
    /// Tables to be compared with what the platform holds.
    comparisons: std::collections::BTreeMap<usize, compare::Comparison>,
    /// When all tables are compared next.
    compare_at: Millis,
    /// When it is looked next whether the store was found out to be restored.
    restored_at: Millis,
    /// What the store has been told of how things stand.
    noted: Vec<Notice>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Something was sent, settled or written.
    pub(super) progressed: bool,
    /// When there is something to do again, apart from what may land meanwhile.
    pub(super) next: Option<Millis>,
}

impl Upstream {
    /// Opens an upstream: attaches its tables and takes up what an earlier process left.
    pub(super) async fn open(
        name: Arc<str>,
        transport: Arc<dyn Transport>,
        config: DeliveryConfig,
        tables: &[ReportedTable],
        around: Surroundings,
    ) -> Result<Self, ReportError> {
        let gate = Gate::new(&config.gate).map_err(|text| ReportError::Settings { upstream: Arc::clone(&name), text })?;
        let id = around.store.open_upstream(&name).await?;
        let named = |t: &&ReportedTable| {
            if config.tables.is_empty() { !t.plan.edition.is_core() } else { config.tables.iter().any(|n| **n == *t.plan.name) }
        };
        let wanted: Vec<&ReportedTable> = tables.iter().filter(named).collect();
        let plans: Vec<_> = wanted.iter().map(|t| Arc::clone(&t.plan)).collect();
        let order = order(&plans);
        let ordered: Vec<_> = order.iter().map(|i| Arc::clone(&plans[*i])).collect();
        let mut own = Vec::with_capacity(ordered.len());
        for (at, i) in order.iter().enumerate() {
            let links = if config.wait_for_parents { links(at, &ordered) } else { Vec::new() };
            own.push(Table::new(wanted[*i].feed, Arc::clone(&plans[*i]), transport.style(), &config, links));
        }
        let generation = around.store.generation().await?;
        let mut upstream = Self {
            name,
            id,
            transport,
            config,
            gate,
            around,
            tables: own,
            failures: 0,
            probe: false,
            rest_until: 0,
            trouble: None,
            longest: 0,
            unsure: false,
            keep_up: false,
            to_resume: Vec::new(),
            generation,
            health_at: 0,
            comparisons: std::collections::BTreeMap::new(),
            compare_at: 0,
            restored_at: 0,
            noted: Vec::new(),
        };
        upstream.recover().await?;
        upstream.recall().await?;
        upstream.recall_comparisons().await?;
        upstream.reconsider().await?;
        upstream.find_given().await?;
        upstream.look_for_restored().await?;
        Ok(upstream)
    }

    async fn recover(&mut self) -> Result<(), ReportError> {
        let now = self.now();
        let backlog: std::collections::HashMap<_, _> = {
            for table in &self.tables {
                self.around.store.attach(self.id, table.feed, self.config.ramp.into()).await?;
            }
            let stock = self.around.store.stock().await?;
            stock.into_iter().filter(|s| s.upstream == self.id).map(|s| (s.feed, s.stock.waiting)).collect()
        };
        self.to_resume.clear();
        for at in 0..self.tables.len() {
            let feed = self.tables[at].feed;
            self.tables[at].open.clear();
            self.tables[at].cursor = self.around.store.cursor(self.id, feed).await?;
            let waiting = backlog.get(&feed).copied().unwrap_or(0);
            if waiting > self.config.backfill_from && self.tables[at].cursor.backfill.is_none() {
                self.tables[at].cursor = self.around.store.open_backfill(self.id, feed, 0).await?;
            }
            if let Some(spacing) = self.transport.limits().spacing.map(millis) {
                // An earlier process may have got a receipt within this very second.
                let marks = self.around.store.marks(self.id, feed, now - 2 * spacing).await?;
                self.tables[at].not_before = if marks.is_empty() { 0 } else { now + spacing };
            }
            for info in self.around.store.batches(self.id, Some(feed)).await? {
                self.adopt(at, info, now).await?;
            }
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Millis {
        self.around.clock.now()
    }

    /// Something may have landed: every table is looked at again.
    pub(super) fn look_again(&mut self) {
        for table in &mut self.tables {
            table.idle = false;
        }
    }

    /// One round over everything that is due. `stop` is asked between calls.
    pub(super) async fn turn(&mut self, stop: &(dyn Fn() -> bool + Sync)) -> Result<Turn, ReportError> {
        if std::mem::replace(&mut self.unsure, true) {
            self.recover().await?;
        }
        let turn = self.work(stop).await?;
        self.unsure = false;
        Ok(turn)
    }

    async fn work(&mut self, stop: &(dyn Fn() -> bool + Sync)) -> Result<Turn, ReportError> {
        let mut progressed = false;
        if self.now() >= self.rest_until {
            progressed |= self.resend_where_due().await?;
            progressed |= self.look_for_restored().await?;
            progressed |= self.follow_stream().await?;
            for at in 0..self.tables.len() {
                if stop() || self.resting() {
                    break;
                }
                progressed |= self.ask(at).await?;
            }
            if self.probe && !self.streams() && !self.resting() && !stop() {
                self.probe_upstream().await;
            }
            for at in 0..self.tables.len() {
                if stop() || self.resting() {
                    break;
                }
                progressed |= self.send_one(at).await?;
            }
            if !stop() && !self.resting() {
                progressed |= self.compare().await?;
            }
        }
        self.publish();
        self.note_standing().await?;
        Ok(Turn { progressed, next: self.next() })
    }

    fn resting(&self) -> bool {
        self.now() < self.rest_until
    }

    /// When there is something to do again.
    fn next(&self) -> Option<Millis> {
        let (now, full) = (self.now(), self.is_full());
        let mut next: Option<Millis> = None;
        let mut at = |t: Millis| next = Some(next.map_or(t, |n: Millis| n.min(t)));
        self.next_comparison().into_iter().for_each(&mut at);
        if self.misses_stream() {
            // Verdicts may wait at the other end.
            at(now);
        }
        for table in &self.tables {
            table.open.values().filter_map(|b| b.ask_at).for_each(&mut at);
            let parked = table.parked(now, self.config.drain_failures);
            let still = table.idle || full || table.closed || parked;
            if !still && table.lost().is_none() && !table.owes() {
                at(table.not_before.max(table.rest_until).max(now));
            }
        }
        next.map(|t| t.max(self.rest_until))
    }

    async fn resend_where_due(&mut self) -> Result<bool, ReportError> {
        if self.config.resend == Resend::Never {
            return Ok(false);
        }
        let now = self.now();
        let mut progressed = false;
        for at in 0..self.tables.len() {
            let table = &self.tables[at];
            let Some(period) = due(table.plan.frequency, &self.around.calendar, now).map(|d| d.name()) else { continue };
            if table.period.as_deref() == Some(period.as_str()) {
                continue;
            }
            let key = format!("report/period/{}/{}/{}", self.name, table.plan.edition, table.plan.name);
            let before = self.around.store.get_meta(&key).await?;
            if before.as_deref().is_some_and(|b| b != period.as_bytes()) {
                progressed |= self.around.store.resend(self.id, table.feed, Again::All, now).await? > 0;
            }
            self.around.store.set_meta(&key, period.as_bytes()).await?;
            self.tables[at].period = Some(period);
            self.tables[at].idle = false;
        }
        Ok(progressed)
    }

    /// Lets rows go that wait for parents, or deletions for children, when nothing is in flight that could still let them go; whether there were any.
    pub(super) async fn release_waiting(&mut self) -> Result<bool, ReportError> {
        let mut any = false;
        for at in 0..self.tables.len() {
            let for_children = std::mem::take(&mut self.tables[at].awaits_children);
            if for_children || !self.tables[at].links.is_empty() {
                any |= self.release_parents_of(at).await?;
            }
        }
        Ok(any)
    }

    /// Writes the status out.
    fn publish(&self) {
        let now = self.now();
        self.around.handle.update(&self.name, |status| {
            status.trouble.clone_from(&self.trouble);
            status.clock_offset = self.transport.clock_offset();
            status.longest_verdict = self.longest;
            status.warnings = self.transport.warnings();
            for table in &self.tables {
                let own = status.table(&table.plan.name);
                own.trouble.clone_from(&table.trouble);
                own.stopped = table.stopped();
                own.batches = table.open.len() as u32;
                own.next_ask = table.open.values().filter_map(|b| b.ask_at).min();
                own.unsealed_values = table.unsealed_values;
                own.settled = table.settled;
                own.outcomes = table.outcomes;
                own.compared = table.compared;
                own.due_by = due(table.plan.frequency, &self.around.calendar, now).map(|d| d.by);
            }
        });
    }

    /// Why this upstream cannot go on in a drain, if so.
    pub(super) fn given_up(&self) -> Option<Text> {
        let trouble = self.trouble.as_ref()?;
        use crate::fault::FaultClass::{Throttled, Transient};
        let patient = matches!(trouble.class, Transient | Throttled) && self.failures < self.config.drain_failures;
        (!patient).then(|| trouble.text.clone())
    }

    /// Tables that rest for a trouble of their own, with its text.
    pub(super) fn parked(&self) -> Vec<(Arc<str>, Text)> {
        let now = self.now();
        let resting = self.tables.iter().filter(|t| t.parked(now, self.config.drain_failures));
        resting.filter_map(|t| Some((Arc::clone(&t.plan.name), t.trouble.as_ref()?.text.clone()))).collect()
    }

    /// Asks about the lease when the store said that it is gone.
    pub(super) fn doubt(&self, error: &ReportError) {
        if let (ReportError::Store(StoreError::Fenced(_)), Some(lease)) = (error, &self.around.lease) {
            lease.doubt();
        }
    }

    /// Nothing is signed, or handed to a client that sends by itself, after this: another hub may take over a grace past
    /// the lease's end, and what is under way then must have arrived, or never will.
    fn sign_until(&self, now: Millis) -> Millis {
        // What a stream's client was given, it sends by itself.
        let margin = if self.streams() { millis(self.transport.limits().margin) } else { 0 };
        let left = self.around.lease.as_ref().and_then(|lease| {
            let grace = millis(lease.terms().grace);
            Some(millis(lease.left()?) - grace - (margin - 2 * grace).max(0))
        });
        left.map_or(Millis::MAX, |left| now.saturating_add(left))
    }

    pub(super) fn id(&self) -> UpstreamId {
        self.id
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.around.store
    }
}
