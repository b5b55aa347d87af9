//! The context of a client: its log lines and errors, without secrets; and what the brokers say of topics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::fault::Trouble;
use super::settings::Connection;

/// Listens to one client.
#[derive(Clone)]
pub struct Watch {
    name: Arc<str>,
    connection: Arc<Connection>,
    last: Arc<Mutex<Last>>,
    fatal: Arc<AtomicBool>,
    refused: Arc<AtomicBool>,
}

/// What was heard last of a client's connections.
#[derive(Default)]
struct Last {
    error: Option<(Code, String)>,
    /// Why a connection failed, by the library's own account: it gives consumers' errors without their reasons.
    line: String,
}

impl Last {
    /// The error with its reason. That no broker is up has the reason for which the last connection failed.
    fn told(&self) -> Option<(Code, String)> {
        let (code, reason) = self.error.as_ref()?;
        if *code == Code::AllBrokersDown && !self.line.is_empty() {
            return Some((Code::BrokerTransportFailure, self.line.clone()));
        }
        Some((*code, if reason.is_empty() { self.line.clone() } else { reason.clone() }))
    }
}

impl Watch {
    /// For a client that `name` stands for in the log.
    pub fn new(name: Arc<str>, connection: Arc<Connection>) -> Self {
        Self { name, connection, last: Arc::default(), fatal: Arc::default(), refused: Arc::default() }
    }

    /// Whether the client cannot go on.
    pub fn is_fatal(&self) -> bool {
        self.fatal.load(Ordering::SeqCst)
    }

    /// Whether the brokers have refused the account: another client, made with other settings, may be taken.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    /// What is in the way of the connection, where its last error tells; for calls that only know that time ran out.
    pub fn trouble(&self) -> Option<Trouble> {
        let (code, reason) = self.lock().told().filter(|(code, _)| is_telling(*code))?;
        Some(Trouble::of_code(code, &self.connection.brokers.join(", "), &reason))
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came through: what was in the way is not any more.
    pub fn came_through(&self) {
        self.lock().error = None;
    }

    /// Takes the last error of the connection itself, which says more than the failed call does.
    pub fn last(&self) -> Option<(Code, String)> {
        let mut last = self.lock();
        let told = last.told();
        last.error = None;
        told
    }

    fn note(&self, code: Code, reason: String) {
        let mut last = self.lock();
        let says_less =
            |(before, _): &(Code, String)| is_telling(*before) && !is_telling(code) || *before == code && reason.is_empty();
        if !last.error.as_ref().is_some_and(says_less) {
            last.error = Some((code, reason));
        }
    }
}

/// Whether an error says why: "all are down" follows the one that does.
fn is_telling(code: Code) -> bool {
    !matches!(code, Code::AllBrokersDown | Code::BrokerTransportFailure | Code::OperationTimedOut | Code::MessageTimedOut)
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        let line = self.connection.scrub(line);
        if facility == "FAIL" {
            let said = line.split_once("]: ").map_or(line.as_str(), |(_, said)| said);
            said.clone_into(&mut self.lock().line);
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(kafka = %self.name, facility, "{line}");
            }
            RDKafkaLogLevel::Warning => tracing::info!(kafka = %self.name, facility, "{line}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(kafka = %self.name, facility, "{line}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = self.connection.scrub(reason);
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        if code == Code::Fatal {
            self.fatal.store(true, Ordering::SeqCst);
            tracing::warn!(kafka = %self.name, "the client cannot go on: {reason}");
        } else {
            tracing::debug!(kafka = %self.name, "{reason}");
        }
        if matches!(code, Code::Authentication | Code::SaslAuthenticationFailed) {
            self.refused.store(true, Ordering::SeqCst);
        }
        self.note(code, reason);
    }
}

impl ConsumerContext for Watch {}

/// How long one look waits before the client's own account of the connection is looked at.
const SLICE: Duration = Duration::from_millis(500);

/// What a consumer may ask, or the first thing that is in the way: name, line, account.
///
/// # Errors
/// When `ask` fails for as long as `patience` lasts, or for a reason that waiting does not mend.
pub fn ask<T>(
    consumer: &BaseConsumer<Watch>,
    about: &str,
    patience: Duration,
    ask: impl Fn(&BaseConsumer<Watch>, Duration) -> Result<T, KafkaError>,
) -> Result<T, Trouble> {
    let until = Instant::now() + patience;
    let connection = Arc::clone(&consumer.context().connection);
    let brokers = connection.brokers.join(", ");
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let error = match ask(consumer, left.clamp(Duration::from_millis(50), SLICE)) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        if is_passing(code) && !left.is_zero() {
            // A message cannot come: nothing is assigned yet, or it is read again from its position.
            drop(consumer.poll(Duration::from_millis(50)));
            continue;
        }
        if !matches!(code, Code::BrokerTransportFailure | Code::OperationTimedOut | Code::AllBrokersDown | Code::TimedOutQueue) {
            return Err(Trouble::of_code(code, about, ""));
        }
        // The client's account of the connection waits in its queue, errors behind lines for the log.
        while let Some(event) = consumer.poll(Duration::from_millis(20)) {
            if let Err(KafkaError::MessageConsumption(code) | KafkaError::MessageConsumptionFatal(code)) = event {
                consumer.context().note(code, String::new());
            }
        }
        if let Some((code, reason)) = consumer.context().last() {
            return Err(connection.explain(Trouble::of_code(code, &brokers, &reason)));
        }
        if left.is_zero() {
            return Err(connection.explain(Trouble::of_code(code, &brokers, &consumer.context().lock().line)));
        }
    }
}

/// Whether the brokers are only sorting themselves out.
fn is_passing(code: Code) -> bool {
    use Code::{CoordinatorLoadInProgress, CoordinatorNotAvailable, LeaderNotAvailable, NotCoordinator, WaitingForCoordinator};
    matches!(
        code,
        CoordinatorLoadInProgress | CoordinatorNotAvailable | LeaderNotAvailable | NotCoordinator | WaitingForCoordinator
    )
}

/// The number of partitions of each topic, in their order.
///
/// # Errors
/// As [`ask`]; troubles of single topics stand in their places.
pub fn describe(
    consumer: &BaseConsumer<Watch>,
    topics: &[String],
    patience: Duration,
) -> Result<Vec<Result<i32, Trouble>>, Trouble> {
    let one = |topic: &String| {
        let metadata = ask(consumer, topic, patience, |consumer, slice| consumer.fetch_metadata(Some(topic), slice))?;
        let Some(own) = metadata.topics().iter().find(|t| t.name() == topic) else {
            return Ok(Err(Trouble::of_code(Code::UnknownTopic, topic, "")));
        };
        Ok(match own.error() {
            Some(error) => Err(Trouble::of_code(error.into(), topic, "")),
            None if own.partitions().is_empty() => Err(Trouble::of_code(Code::UnknownTopic, topic, "")),
            None => Ok(own.partitions().len() as i32),
        })
    };
    topics.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn watch() -> Watch {
        let settings =
            json!({"brokers": ["k:9092"], "security": "sasl_plain", "tls": false, "user": "hub", "password": "hunter2"});
        let mut settings: Map<_, _> = settings.as_object().unwrap().clone();
        Watch::new("region".into(), Arc::new(Connection::take(&mut settings).unwrap()))
    }

    fn hear(watch: &Watch, code: Code, reason: &str) {
        watch.error(KafkaError::Global(code), reason);
    }

    #[test]
    fn what_tells_why_stays_until_something_comes_through() {
        let watch = watch();
        hear(&watch, Code::BrokerTransportFailure, "connection refused");
        hear(&watch, Code::AllBrokersDown, "1/1 brokers are down");
        assert!(watch.trouble().is_none() && !watch.is_refused(), "nothing that tells why");
        hear(&watch, Code::Authentication, "hunter2 is wrong");
        hear(&watch, Code::AllBrokersDown, "1/1 brokers are down");
        watch.note(Code::Authentication, String::new());
        let trouble = watch.trouble().unwrap();
        assert_eq!(trouble.class, crate::fault::FaultClass::Credentials);
        assert!(trouble.text.en.contains("(*** is wrong)"), "{}", trouble.text.en);
        assert!(watch.is_refused());
        watch.came_through();
        assert!(watch.trouble().is_none());
    }

    #[test]
    fn a_reason_is_taken_from_the_log_where_the_error_has_none() {
        let watch = watch();
        watch.log(RDKafkaLogLevel::Error, "FAIL", "[thrd:k:9092/bootstrap]: k:9092/bootstrap: Receive failed with hunter2");
        hear(&watch, Code::AllBrokersDown, "1/1 brokers are down");
        let (code, reason) = watch.last().unwrap();
        assert_eq!((code, reason.as_str()), (Code::BrokerTransportFailure, "k:9092/bootstrap: Receive failed with ***"));
        assert!(watch.last().is_none(), "it is told once");
    }
}
