//! One batch's way from staged to settled.

use crate::store::{BatchInfo, BatchPhase, Millis};

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Written, certainly not sent: sending is noted before it begins.
    Staged,
    /// Sending began; no answer yet.
    Sent,
    /// Sent, and the answer was lost: perhaps received.
    Lost,
    /// Received; the verdict is to come.
    Accepted,
    /// Every row has an outcome.
    Settled,
}

/// What the rules are made of; all times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// From the receipt to the first question for the verdict.
    pub verdict_delay: Millis,
    /// The longest time between two questions.
    pub widest: Millis,
    /// How long past `not_after` a batch without receipt must have been absent to count as never arrived.
    pub unknown_after: Millis,
    /// The same for a batch with a receipt whose verdict never comes.
    pub missing_after: Millis,
    /// Whether the receiver recognises a batch sent twice.
    pub dedupes: bool,
    /// Whether the receiver can be asked for a batch by its number: a stream. Verdicts come by themselves there, and what an
    /// earlier process staged is asked for, so that nothing needs to be noted when sending begins.
    pub resumes: bool,
}

impl Rules {
    /// `unknown_after` is at least twice the longest verdict delay seen.
    pub fn with_longest_delay(mut self, longest: Millis) -> Self {
        self.unknown_after = self.unknown_after.max(longest.saturating_mul(2));
        self.missing_after = self.missing_after.max(self.unknown_after);
        self
    }
}

/// One batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub phase: Phase,
    /// Nothing of it may be sent after this.
    pub not_after: Millis,
    /// Complete result queries past `not_after` without it.
    pub absences: u32,
    /// Questions asked.
    pub asked: u32,
}

/// What a result query said about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Its result is there.
    Found,
    /// The query was complete and its result was not in it.
    Absent,
    /// The query failed or was not read to the end.
    Incomplete,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Found in the store by a process that did not stage it.
    Recovered,
    /// Its turn to be sent.
    Turn,
    /// Certainly not received.
    NotSent,
    /// Perhaps received.
    Lost,
    /// Received and refused as a whole.
    Refused,
    /// Received and stored.
    Stored,
    /// Received; the verdict is to come.
    Accepted,
    /// A stream has told of every row, or what it has not told of is waited for no longer.
    Told,
    /// A result query ended.
    Answered(Answer),
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Note that sending begins.
    MarkSent,
    /// Send.
    Send,
    /// Keep the receipt and ask at this time.
    KeepReceipt {
        /// When to ask.
        ask_at: Millis,
    },
    /// Note that the verdict is to be asked for at this time.
    AskAt {
        /// When to ask.
        ask_at: Millis,
    },
    /// Note a complete query without the batch.
    NoteAbsence,
    /// Every row is stored.
    SettleStored,
    /// Rows' outcomes follow from the result found.
    SettleByResult,
    /// Rows' outcomes follow from the refusal of the whole.
    SettleRefused,
    /// The rows wait again.
    GiveUp,
}

impl Delivery {
    /// A batch just staged.
    pub fn staged(not_after: Millis) -> Self {
        Self { phase: Phase::Staged, not_after, absences: 0, asked: 0 }
    }

    /// A batch as the store has it. One whose sending began and that has no receipt counts as lost.
    pub fn from_store(info: &BatchInfo) -> Self {
        let phase = match info.phase {
            BatchPhase::Staged => Phase::Staged,
            BatchPhase::Sent => Phase::Lost,
            BatchPhase::Accepted => Phase::Accepted,
        };
        Self { phase, not_after: info.not_after, absences: info.absences.0, asked: info.asked }
    }

    /// What follows from an event at a time. An event that cannot happen in this state changes nothing.
    pub fn step(mut self, event: Event, at: Millis, rules: &Rules) -> (Self, Vec<Effect>) {
        let effects = match (self.phase, event) {
            (Phase::Staged, Event::Turn) if at <= self.not_after => {
                self.phase = Phase::Sent;
                if rules.resumes { vec![Effect::Send] } else { vec![Effect::MarkSent, Effect::Send] }
            }
            (Phase::Staged | Phase::Lost, Event::Recovered) if rules.resumes => {
                self.phase = Phase::Sent;
                Vec::new()
            }
            (Phase::Sent | Phase::Accepted, Event::Told) if rules.resumes => self.end(Effect::SettleByResult),
            (Phase::Accepted, Event::Lost | Event::NotSent) if rules.resumes => self.end(Effect::GiveUp),
            (Phase::Accepted, Event::Refused) if rules.resumes => self.end(Effect::SettleRefused),
            (Phase::Staged, Event::Turn | Event::Recovered) | (Phase::Sent, Event::NotSent) => self.end(Effect::GiveUp),
            (Phase::Lost, Event::Recovered) | (Phase::Sent, Event::Lost) if rules.dedupes => self.end(Effect::GiveUp),
            (Phase::Sent, Event::Lost) => {
                self.phase = Phase::Lost;
                vec![Effect::AskAt { ask_at: self.next_ask(at, rules) }]
            }
            (Phase::Sent, Event::Refused) => self.end(Effect::SettleRefused),
            (Phase::Sent, Event::Stored) => self.end(Effect::SettleStored),
            (Phase::Sent, Event::Accepted) => {
                self.phase = Phase::Accepted;
                vec![Effect::KeepReceipt { ask_at: at.saturating_add(rules.verdict_delay) }]
            }
            (Phase::Lost | Phase::Accepted, Event::Answered(answer)) => self.answered(answer, at, rules),
            _ => Vec::new(),
        };
        (self, effects)
    }

    fn end(&mut self, effect: Effect) -> Vec<Effect> {
        self.phase = Phase::Settled;
        vec![effect]
    }

    fn answered(&mut self, answer: Answer, at: Millis, rules: &Rules) -> Vec<Effect> {
        if answer != Answer::Incomplete {
            // Only a question that was answered widens the next; a platform that is away must not.
            self.asked = self.asked.saturating_add(1);
        }
        let mut effects = Vec::new();
        match answer {
            Answer::Found => return self.end(Effect::SettleByResult),
            Answer::Absent if at > self.not_after => {
                self.absences = self.absences.saturating_add(1);
                effects.push(Effect::NoteAbsence);
                if self.absences >= 2 && at >= self.given_up_from(rules) {
                    effects.extend(self.end(Effect::GiveUp));
                    return effects;
                }
            }
            Answer::Absent | Answer::Incomplete => {}
        }
        effects.push(Effect::AskAt { ask_at: self.next_ask(at, rules) });
        effects
    }

    /// From when on an absence may be the last.
    fn given_up_from(&self, rules: &Rules) -> Millis {
        let after = if self.phase == Phase::Lost { rules.unknown_after } else { rules.missing_after };
        self.not_after.saturating_add(after)
    }

    /// Half the verdict delay, doubled with each question up to the widest; not later than the first moment past
    /// `not_after`, nor than the moment when an absence may be the last.
    fn next_ask(&self, at: Millis, rules: &Rules) -> Millis {
        let first = (rules.verdict_delay / 2).max(50);
        let wait = first.saturating_mul(1_i64 << self.asked.min(30)).clamp(1, rules.widest.max(1));
        let mut next = at.saturating_add(wait);
        for moment in [self.not_after.saturating_add(1), self.given_up_from(rules)] {
            if moment > at {
                next = next.min(moment);
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Rules = Rules {
        verdict_delay: 1_800_000,
        widest: 21_600_000,
        unknown_after: 7_200_000,
        missing_after: 86_400_000,
        dedupes: false,
        resumes: false,
    };

    #[test]
    fn the_usual_way() {
        let (d, effects) = Delivery::staged(100).step(Event::Turn, 0, &RULES);
        assert_eq!(effects, [Effect::MarkSent, Effect::Send]);
        let (d, effects) = d.step(Event::Accepted, 5, &RULES);
        assert_eq!(effects, [Effect::KeepReceipt { ask_at: 1_800_005 }]);
        let (d, effects) = d.step(Event::Answered(Answer::Found), 1_800_005, &RULES);
        assert_eq!((d.phase, effects), (Phase::Settled, vec![Effect::SettleByResult]));
    }

    #[test]
    fn a_lost_batch_is_given_up_after_two_absences_the_second_late_enough() {
        let (d, _) = Delivery::staged(100).step(Event::Turn, 0, &RULES);
        let (mut d, _) = d.step(Event::Lost, 50, &RULES);
        let mut at = 101;
        let mut absences = 0;
        loop {
            let (next, effects) = d.step(Event::Answered(Answer::Absent), at, &RULES);
            absences += 1;
            d = next;
            match effects.last() {
                Some(Effect::AskAt { ask_at }) => at = *ask_at,
                last => {
                    assert_eq!(last, Some(&Effect::GiveUp));
                    break;
                }
            }
        }
        assert!(absences >= 2);
        assert_eq!(at, 100 + RULES.unknown_after, "the last question comes as soon as it may be the last");
    }

    #[test]
    fn a_staged_batch_of_an_earlier_process_was_never_sent() {
        let (d, effects) = Delivery::staged(100).step(Event::Recovered, 5, &RULES);
        assert_eq!((d.phase, effects), (Phase::Settled, vec![Effect::GiveUp]));
    }

    #[test]
    fn a_receiver_that_deduplicates_is_sent_it_again() {
        let rules = Rules { dedupes: true, ..RULES };
        let (d, _) = Delivery::staged(100).step(Event::Turn, 0, &rules);
        assert_eq!(d.step(Event::Lost, 1, &rules).1, [Effect::GiveUp]);
    }

    #[test]
    fn a_stream_is_asked_for_what_an_earlier_process_staged_or_sent() {
        let rules = Rules { dedupes: true, resumes: true, ..RULES };
        let (sent, effects) = Delivery::staged(100).step(Event::Turn, 0, &rules);
        assert_eq!(effects, [Effect::Send]);
        let left = Delivery { phase: Phase::Lost, ..sent };
        for found in [Delivery::staged(100), left] {
            let (d, effects) = found.step(Event::Recovered, 5, &rules);
            assert_eq!((d.phase, effects), (Phase::Sent, vec![]), "not given up before the receiver was asked");
            assert_eq!(d.step(Event::Told, 6, &rules).1, [Effect::SettleByResult]);
            assert_eq!(d.step(Event::Lost, 6, &rules).1, [Effect::GiveUp]);
        }
    }

    fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
        let event = prop_oneof![
            Just(Event::Recovered),
            Just(Event::Turn),
            Just(Event::NotSent),
            Just(Event::Lost),
            Just(Event::Refused),
            Just(Event::Stored),
            Just(Event::Accepted),
            Just(Event::Told),
            Just(Event::Answered(Answer::Found)),
            Just(Event::Answered(Answer::Absent)),
            Just(Event::Answered(Answer::Incomplete)),
        ];
        prop::collection::vec((event, 0i64..40_000_000), 0..60)
    }

    proptest! {
        #[test]
        fn whatever_happens_the_promises_hold(events in events(), not_after in 0i64..10_000_000, dedupes: bool, resumes: bool) {
            let rules = Rules { dedupes, resumes: dedupes && resumes, ..RULES };
            let mut d = Delivery::staged(not_after);
            let (mut at, mut sends, mut ends, mut absences) = (0, 0, 0, 0);
            for (event, wait) in events {
                at += wait;
                let before = d.phase;
                let (next, effects) = d.step(event, at, &rules);
                if event == Event::Answered(Answer::Absent) && at > not_after { absences += 1; }
                for effect in &effects {
                    match effect {
                        Effect::Send => { prop_assert!(at <= not_after); sends += 1; }
                        Effect::GiveUp => {
                            ends += 1;
                            // Rows are let go only when they certainly did not arrive, or nobody could find them.
                            let certain = event == Event::NotSent || before == Phase::Staged || dedupes;
                            let sought = absences >= 2 && at >= not_after + rules.unknown_after;
                            prop_assert!(certain || sought);
                            // What a stream may have got is let go only at the receiver's word, or the connection's.
                            prop_assert!(!rules.resumes || event != Event::Recovered);
                        }
                        Effect::SettleStored | Effect::SettleByResult | Effect::SettleRefused => ends += 1,
                        Effect::AskAt { ask_at } | Effect::KeepReceipt { ask_at } => prop_assert!(*ask_at > at),
                        Effect::MarkSent | Effect::NoteAbsence => {}
                    }
                }
                // Never accepted without a word for the verdict, never anything after the end.
                prop_assert!(before != Phase::Settled || effects.is_empty());
                prop_assert_eq!(next.phase == Phase::Settled, ends == 1);
                prop_assert!(ends <= 1 && sends <= 1);
                d = next;
            }
        }
    }
}
