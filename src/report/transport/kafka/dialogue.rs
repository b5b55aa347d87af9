//! What is said beside records and verdicts: questions for digests and their answers, the platform's demands.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::fault::FaultClass;
use crate::finding::Text;
use crate::record::{ContentHash, RecordKey};
use crate::report::transport::{Fate, RangeDigest, Reach, Request, TableDigest, TransportError};
use crate::wire::kafka::{DemandMessage, DigestAnswer, DigestRange, DigestRecord, RECONCILE, RESEND};

/// Demands that may wait; what comes beyond is the same again.
const MOST: usize = 64;

/// Questions without an answer, demands that nobody has looked at.
#[derive(Default)]
pub(super) struct Dialogue(Mutex<State>);

#[derive(Default)]
struct State {
    asked: u64,
    open: HashMap<String, oneshot::Sender<Box<DigestAnswer>>>,
    demands: Vec<Request>,
}

impl Dialogue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a question: its name, which begins with `who`, and where its answer comes.
    pub(super) fn ask(&self, who: &str) -> (String, oneshot::Receiver<Box<DigestAnswer>>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        // Whoever does not wait any more has gone.
        state.open.retain(|_, waiting| !waiting.is_closed());
        state.asked += 1;
        let name = format!("{who}/{}", state.asked);
        state.open.insert(name.clone(), sender);
        (name, receiver)
    }

    /// A message of the return topic that is no verdict. Whether somebody should look at demands.
    pub(super) fn heard(&self, school: &str, payload: &[u8]) -> bool {
        if let Ok(answer) = serde_json::from_slice::<DigestAnswer>(payload) {
            let waiting = (answer.school == school).then(|| self.lock().open.remove(&answer.answer)).flatten();
            if let Some(waiting) = waiting {
                // Nobody may wait any more.
                let _ = waiting.send(Box::new(answer));
            }
            return false;
        }
        let Ok(DemandMessage { school: whose, demand, table }) = serde_json::from_slice(payload) else { return false };
        let request = match demand.as_str() {
            RESEND if !table.is_empty() => Request::Resend { table },
            RECONCILE => Request::Reconcile { table: Some(table).filter(|table| !table.is_empty()) },
            _ => return false,
        };
        let mut state = self.lock();
        let wanted = whose == school && state.demands.len() < MOST && !state.demands.contains(&request);
        if wanted {
            state.demands.push(request);
        }
        wanted
    }

    /// Takes the demands.
    pub(super) fn demands(&self) -> Vec<Request> {
        std::mem::take(&mut self.lock().demands)
    }
}

/// An answer as the comparison takes it.
pub(super) fn read(answer: DigestAnswer) -> Result<TableDigest, TransportError> {
    let DigestAnswer { error, whole, parts, records, position, .. } = answer;
    if let Some(why) = error {
        return Err(unusable(&why));
    }
    let wrong = || unusable("it is not well formed");
    let range = |range: DigestRange| {
        let mut digest = [0; 16];
        // Nothing is written for a range without records.
        if range.count > 0 {
            hex::decode_to_slice(&range.digest, &mut digest).map_err(|_| wrong())?;
        }
        Ok(RangeDigest { prefix: range.prefix, count: range.count, digest })
    };
    let record = |record: DigestRecord| {
        let mut hash = [0; 16];
        hex::decode_to_slice(&record.hash, &mut hash).map_err(|_| wrong())?;
        Ok((RecordKey::parse(&record.key).ok_or_else(wrong)?, record.seq, ContentHash(hash)))
    };
    Ok(TableDigest {
        whole: range(whole)?,
        parts: parts.into_iter().map(range).collect::<Result<_, TransportError>>()?,
        records: records.into_iter().map(record).collect::<Result<_, TransportError>>()?,
        position,
    })
}

fn unusable(why: &str) -> TransportError {
    let text =
        Text::new(format!("平台的核对应答不可用：{why}"), format!("the platform's answer to a comparison cannot be used: {why}"));
    TransportError { fate: Fate::NotSent, class: FaultClass::Data, reach: Reach::Table, text }
}

/// No answer came.
pub(super) fn silent(topic: &str) -> TransportError {
    let text = Text::new(
        format!("平台没有应答核对请求（{topic}）；请确认平台在读取该主题，或去掉 control_topic"),
        format!("the platform did not answer a question on {topic}; see that it reads this topic, or take control_topic away"),
    );
    TransportError { fate: Fate::NotSent, class: FaultClass::Transient, reach: Reach::Upstream, text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(dialogue: &Dialogue, value: serde_json::Value) -> bool {
        dialogue.heard("S", value.to_string().as_bytes())
    }

    #[test]
    fn answers_reach_whoever_asked_and_nobody_else() {
        let dialogue = Dialogue::default();
        let ((first, mut one), (second, mut two)) = (dialogue.ask("H"), dialogue.ask("H"));
        assert_ne!(first, second);
        assert!(!heard(&dialogue, json!({"school": "S", "answer": second, "position": 7})));
        // Another school's, one that nobody asked for, one that came already.
        heard(&dialogue, json!({"school": "T", "answer": first, "position": 8}));
        heard(&dialogue, json!({"school": "S", "answer": "H/99"}));
        heard(&dialogue, json!({"school": "S", "answer": second, "position": 9}));
        assert_eq!(two.try_recv().unwrap().position, 7);
        assert!(one.try_recv().is_err());
        drop(one);
        drop(dialogue.ask("H"));
        assert_eq!(dialogue.lock().open.len(), 1, "questions given up are forgotten");
    }

    #[test]
    fn demands_are_of_this_school_and_known() {
        let dialogue = Dialogue::default();
        assert!(heard(&dialogue, json!({"school": "S", "demand": "resend", "table": "A"})));
        assert!(!heard(&dialogue, json!({"school": "S", "demand": "resend", "table": "A"})), "the same is one");
        assert!(heard(&dialogue, json!({"school": "S", "demand": "reconcile"})));
        assert!(!heard(&dialogue, json!({"school": "T", "demand": "resend", "table": "B"})));
        assert!(!heard(&dialogue, json!({"school": "S", "demand": "resend"})), "everything at once is not demanded so");
        assert!(!heard(&dialogue, json!({"school": "S", "demand": "explode", "table": "A"})));
        assert!(!dialogue.heard("S", b"no json"));
        assert_eq!(dialogue.demands(), [Request::Resend { table: "A".into() }, Request::Reconcile { table: None }]);
        assert_eq!(dialogue.demands(), []);
    }

    #[test]
    fn an_answer_that_says_why_there_is_none_or_is_ill_formed_proves_nothing() {
        let read = |value| super::read(serde_json::from_value(value).unwrap());
        let good = json!({"school": "S", "answer": "a", "whole": {"prefix": "", "count": 1, "digest": "0f".repeat(16)}});
        assert_eq!(read(good.clone()).unwrap().whole.digest, [15; 16]);
        let mut bad = good.clone();
        bad["whole"]["digest"] = json!("0f");
        assert!(read(bad).is_err());
        let mut bad = good;
        bad["error"] = json!("too many");
        assert!(read(bad).unwrap_err().text.en.contains("too many"));
    }
}
