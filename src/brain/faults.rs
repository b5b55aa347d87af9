//! Scripted faults: the troubles that a real platform gives, on demand.
//!
//! A [`Fault`] waits for calls that match it and acts on some of them. All faults that match one call act on it, in
//! the order in which they were set.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// A call: five of the HTTP interface, two steps of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Log in: `oauth`.
    Login,
    /// Renew a token: `refresh`.
    Refresh,
    /// The RSA public key: `getRSA`.
    RsaKey,
    /// Submit rows: `saveInterfaceData`.
    Submit,
    /// Ask for results: `getResultsByTime`.
    Results,
    /// A stream begins.
    Hello,
    /// A batch on a stream.
    Batch,
}

impl Call {
    /// All.
    pub const ALL: [Self; 7] = [Self::Login, Self::Refresh, Self::RsaKey, Self::Submit, Self::Results, Self::Hello, Self::Batch];
    /// Those of the HTTP interface.
    pub const HTTP: [Self; 5] = [Self::Login, Self::Refresh, Self::RsaKey, Self::Submit, Self::Results];
}

/// A scripted fault: which calls, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only this call; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Only submits of this table, or result queries that name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Only calls of the account with this user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The first matching call acted on, counted from 1 since the fault was set.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many matching calls are acted on from there; 0 means all.
    #[serde(default = "one")]
    pub times: u64,
    /// What happens.
    pub action: Action,
}

fn one() -> u64 {
    1
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Answers with this refusal and does nothing else.
    Refuse {
        /// The reply's code.
        code: String,
        /// The reply's text.
        message: String,
    },
    /// Waits before processing.
    Slow {
        /// How long.
        ms: u64,
    },
    /// Processes the call, then cuts the connection without an answer.
    LoseAnswer,
    /// Cuts the connection before processing.
    Cut,
    /// Answers with an HTTP status and a page that is no JSON, before processing.
    Status {
        /// The status, such as 502.
        status: u16,
    },
    /// Ends all tokens of the account early; a data call is then answered as with an expired token.
    ExpireTokens,
    /// The verdict of this submit comes later than set.
    AnswerLate {
        /// Only after so many further result queries that would have shown it.
        #[serde(default)]
        queries: u32,
        /// And not before so many seconds beyond the usual delay.
        #[serde(default)]
        seconds: u64,
    },
    /// Loses rows of this submit unnamed: not held, not counted as stored, no reason given.
    DropRows {
        /// Their places in the submit, counted from 0; places beyond its end are left alone.
        rows: Vec<usize>,
    },
    /// On streams: keeps the first rows of this batch, then cuts the line without an answer.
    TakePart {
        /// How many rows it keeps.
        rows: usize,
    },
    /// On streams: says nothing of some rows, although it keeps them.
    WithholdVerdicts {
        /// Their places in the batch, counted from 0.
        rows: Vec<usize>,
    },
    /// On streams: says that rows are stored, and does not keep them.
    SwallowRows {
        /// Their places in the batch, counted from 0.
        rows: Vec<usize>,
    },
    /// On streams: says everything twice.
    RepeatAnswer,
    /// On streams: answers only after a later batch.
    ReorderAnswer,
    /// Refuses rows of this submit with a reason, as a check would that the edition does not print.
    RefuseRows {
        /// Their places in the submit, counted from 0.
        rows: Vec<usize>,
        /// The reason.
        error: String,
    },
    /// Reports counts other than the true ones.
    WrongCounts {
        /// Added to `collectNum`.
        #[serde(default)]
        collect: i64,
        /// Added to `storageNum`.
        #[serde(default)]
        stored: i64,
    },
    /// Puts the `Date` header of the reply off by so much.
    SkewDate {
        /// Forward, or backward when negative.
        ms: i64,
    },
}

impl Fault {
    /// A fault that acts on the first call of any kind, until narrowed.
    pub fn new(action: Action) -> Self {
        Self { call: None, table: None, username: None, nth: 1, times: 1, action }
    }

    /// Narrows to one call.
    pub fn on(mut self, call: Call) -> Self {
        self.call = Some(call);
        self
    }

    /// Narrows to one table.
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    /// Narrows to one account.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Begins with the nth matching call.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// Acts on so many matching calls.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Acts on every matching call.
    pub fn always(self) -> Self {
        self.times(0)
    }
}

/// What a fault is matched against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) call: Call,
    pub(super) table: Option<&'a str>,
    pub(super) username: Option<&'a str>,
}

/// The faults set, each with the number of matching calls seen.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Vec<(Fault, u64)>>);

impl Script {
    fn lock(&self) -> MutexGuard<'_, Vec<(Fault, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, fault: Fault) {
        self.lock().push((fault, 0));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        self.lock().iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Counts the call at every fault that it matches, and takes what is to be done.
    pub(super) fn take(&self, subject: Subject<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        self.lock().retain_mut(|(fault, seen)| {
            if !matches(fault, subject) {
                return true;
            }
            *seen += 1;
            let first = fault.nth.max(1);
            if *seen >= first && (fault.times == 0 || *seen < first + fault.times) {
                actions.push(fault.action.clone());
            }
            fault.times == 0 || *seen + 1 < first + fault.times
        });
        actions
    }
}

fn matches(fault: &Fault, subject: Subject<'_>) -> bool {
    fault.call.is_none_or(|call| call == subject.call)
        && fault.table.as_deref().is_none_or(|table| Some(table) == subject.table)
        && fault.username.as_deref().is_none_or(|name| Some(name) == subject.username)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(table: &str) -> Subject<'_> {
        Subject { call: Call::Submit, table: Some(table), username: Some("u") }
    }

    #[test]
    fn a_fault_acts_on_the_calls_it_names_and_then_is_gone() {
        let script = Script::default();
        script.add(Fault::new(Action::Cut).on(Call::Submit).table("A").nth(2).times(2));
        let hits: Vec<bool> = ["A", "B", "A", "A", "A"].iter().map(|t| !script.take(submit(t)).is_empty()).collect();
        assert_eq!(hits, [false, false, true, true, false]);
        assert!(script.list().is_empty());
    }

    #[test]
    fn an_everlasting_fault_stays() {
        let script = Script::default();
        script.add(Fault::new(Action::LoseAnswer).username("u").always());
        assert_eq!(script.take(submit("A")), [Action::LoseAnswer]);
        assert_eq!(script.take(submit("B")), [Action::LoseAnswer]);
        assert!(script.take(Subject { call: Call::RsaKey, table: None, username: None }).is_empty());
    }

    #[test]
    fn a_fault_has_a_json_form() {
        let fault: Result<Fault, _> = serde_json::from_str(r#"{"call":"submit","action":{"kind":"answer_late","queries":3}}"#);
        let wanted = Fault::new(Action::AnswerLate { queries: 3, seconds: 0 }).on(Call::Submit);
        assert_eq!(fault.ok(), Some(wanted));
    }
}
