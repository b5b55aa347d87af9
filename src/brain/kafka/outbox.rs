//! Verdicts on their way out: at once, unless a scripted fault says otherwise.

use crate::wire::kafka::VerdictMessage;

/// How a scripted fault has verdicts said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Twice.
    pub(super) twice: bool,
    /// Only after the next ones.
    pub(super) after_the_next: bool,
    /// So many milliseconds late.
    pub(super) late: i64,
}

/// What is to be published.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    ready: Vec<VerdictMessage>,
    held_back: Vec<VerdictMessage>,
    waiting: Vec<(i64, Vec<VerdictMessage>)>,
}

impl Outbox {
    /// Puts verdicts in; `now` in UTC milliseconds.
    pub(super) fn put(&mut self, mut verdicts: Vec<VerdictMessage>, manner: Manner, now: i64) {
        if manner.twice {
            verdicts.extend(verdicts.clone());
        }
        if manner.late > 0 {
            self.waiting.push((now.saturating_add(manner.late), verdicts));
        } else if manner.after_the_next {
            self.held_back.extend(verdicts);
        } else {
            self.ready.extend(verdicts);
            self.ready.append(&mut self.held_back);
        }
    }

    /// Takes what is due. Where nothing came meanwhile (`idle`) nothing is held back for what may come.
    pub(super) fn take(&mut self, now: i64, idle: bool) -> Vec<VerdictMessage> {
        let mut out = std::mem::take(&mut self.ready);
        self.waiting.retain_mut(|(at, verdicts)| {
            let due = *at <= now;
            if due {
                out.append(verdicts);
            }
            !due
        });
        if idle {
            out.append(&mut self.held_back);
        }
        out
    }
}
