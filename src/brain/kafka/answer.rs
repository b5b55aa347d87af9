//! Hubs' questions on the control topic, and what the platform demands of hubs.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rdkafka::message::{Message, OwnedMessage};

use crate::brain::digest::{self, Digest, Range};
use crate::brain::grpc::Demanded;
use crate::brain::platform::Platform;
use crate::wire::kafka::{DemandMessage, DigestAnswer, DigestQuestion, DigestRange, DigestRecord, RECONCILE, RESEND};

/// Demands that may wait for being published.
const MOST: usize = 1_000;

/// Demands that wait for the consumer's thread, which publishes them.
#[derive(Default)]
pub(in crate::brain) struct Demands(Mutex<VecDeque<DemandMessage>>);

impl Demands {
    /// Puts one in; `false` when there are too many already.
    pub(in crate::brain) fn put(&self, school: &str, what: Demanded) -> bool {
        let (demand, table) = match what {
            Demanded::Resend(table) => (RESEND, table),
            Demanded::Reconcile(table) => (RECONCILE, table),
        };
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < MOST;
        if room {
            waiting.push_back(DemandMessage { school: school.to_owned(), demand: demand.to_owned(), table });
        }
        room
    }

    pub(super) fn take(&self) -> Option<DemandMessage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Answers a question; what is none is passed over.
pub(super) async fn answer(platform: &Platform, message: &OwnedMessage) -> Option<DigestAnswer> {
    let question: DigestQuestion = serde_json::from_slice(message.payload()?).ok()?;
    // Brokers decide who may write for a school; the key has to agree, because it says where the answer goes.
    if message.key() != Some(question.school.as_bytes()) {
        tracing::warn!(offset = message.offset(), "no question: key and content name different schools");
        return None;
    }
    let empty = DigestAnswer {
        school: question.school,
        answer: question.question,
        error: None,
        whole: DigestRange::default(),
        parts: Vec::new(),
        records: Vec::new(),
        position: 0,
    };
    let effects = platform.effects.as_ref();
    match digest::of(effects, &empty.school, &question.table, &question.prefix, question.records).await {
        Ok(Digest { whole, parts, records, position }) => Some(DigestAnswer {
            whole: shown(whole),
            parts: parts.into_iter().map(shown).collect(),
            records: records
                .into_iter()
                .map(|r| DigestRecord { key: r.key, seq: r.seq, hash: hex::encode(r.comparable) })
                .collect(),
            position,
            ..empty
        }),
        Err(why) => {
            tracing::warn!(school = empty.school, table = question.table, "a digest could not be made: {why}");
            Some(DigestAnswer { error: Some(why.to_string()), ..empty })
        }
    }
}

fn shown(range: Range) -> DigestRange {
    DigestRange { prefix: range.prefix, count: range.count, digest: hex::encode(range.digest) }
}
