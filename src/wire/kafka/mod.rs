//! What every Kafka client of this project shares: settings of a connection, a client context that passes nothing
//! secret on, faults in words, the partition of a school, and the form of records and verdicts on topics.
//!
//! `deploy/README.md` describes the topics for those who read them.

mod dialogue;
mod fault;
mod partition;
mod record;
mod settings;
mod watch;

pub use dialogue::{DemandMessage, DigestAnswer, DigestQuestion, DigestRange, DigestRecord, RECONCILE, RESEND};
pub use fault::Trouble;
pub use partition::{murmur2, partition_of};
pub use record::{CLOUD_EVENTS, DELETE, Head, UPSERT, VerdictMessage, message_key, split_key};
pub use settings::{Connection, Scram, Security};
pub use watch::{Watch, ask, describe};
