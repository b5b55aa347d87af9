//! What a trouble means for the work: retry, park, stop, by its class and reach alone.

use super::Upstream;
use crate::fault::FaultClass;
use crate::report::delivery::jittered;
use crate::report::status::Trouble;
use crate::report::transport::{Fate, Reach, TransportError};

impl Upstream {
    /// A call failed.
    pub(super) fn failed(&mut self, at: usize, error: &TransportError) {
        let now = self.now();
        let roll = self.around.dice.roll();
        let backoff = self.config.backoff();
        tracing::warn!(
            upstream = %self.name,
            table = %self.tables[at].plan.name,
            class = error.class.name(),
            "{}",
            error.text.en
        );
        // Nothing is put at risk, nor taken out of the queue, before a harmless call has gone well.
        self.probe |= error.fate == Fate::Lost || error.reach == Reach::Upstream;
        match error.reach {
            Reach::Upstream => {
                self.failures = self.failures.saturating_add(1);
                self.rest_until = now + jittered(backoff.wait(error.class, self.failures), roll);
                self.trouble = Some(self.trouble_of(error, self.rest_until));
            }
            Reach::Table => {
                let failures = self.tables[at].failures.saturating_add(1);
                let until = now + jittered(backoff.wait(error.class, failures), roll);
                let trouble = Some(self.trouble_of(error, until));
                let table = &mut self.tables[at];
                (table.failures, table.rest_until, table.trouble) = (failures, until, trouble);
            }
            Reach::Batch => {
                // Only the batch is to blame: its rows go on in another form. A short rest keeps a loop from spinning.
                let until = if error.class == FaultClass::Data { now } else { now + jittered(backoff.first, roll) };
                let trouble = Some(self.trouble_of(error, until));
                let table = &mut self.tables[at];
                (table.rest_until, table.trouble) = (table.rest_until.max(until), trouble);
            }
        }
    }

    /// A call went well: the upstream is there.
    pub(super) fn went_well(&mut self) {
        self.failures = 0;
        self.probe = false;
        self.trouble = None;
    }

    fn trouble_of(&self, error: &TransportError, until: crate::store::Millis) -> Trouble {
        Trouble { class: error.class, text: error.text.clone(), at: self.now(), until: Some(until) }
    }

    /// After a failure the next call is one that harms nothing, so that a platform that fails does not take one batch of
    /// every table into uncertainty.
    pub(super) async fn probe_upstream(&mut self) {
        match self.transport.check().await {
            // The count of failures stays until rows or verdicts come through.
            Ok(_) => self.probe = false,
            Err(mut error) => {
                error.reach = Reach::Upstream;
                self.failed(0, &error);
            }
        }
    }

    /// The stored bytes cannot be rendered: ours to mend; the table rests.
    pub(super) fn park(&mut self, at: usize, text: crate::finding::Text) {
        let error = TransportError { reach: Reach::Table, ..TransportError::not_sent(FaultClass::Bug, text) };
        self.failed(at, &error);
    }
}
