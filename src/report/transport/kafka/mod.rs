//! Kafka: one topic a domain, one message a record, verdicts from a return topic where there is one.
//!
//! Records are handed to a producer that is idempotent and waits for all replicas (`acks=all`), never one by one: the
//! broker's acknowledgements are collected by batch. With a return topic an acknowledged batch is *accepted* and its
//! verdicts come from there; without one it is *stored*. All records of a school are in one partition of a topic, in
//! order. The newest message of each key, tombstones included, is enough to rebuild what was reported.
//!
//! With a control topic the hub can ask for the platform's digests, which are answered on the return topic; demands of the
//! platform come there as well.
//!
//! What is handed to the producer it sends by itself, so nothing is handed over that could be on its way when another hub
//! may take over. Where the settings want transactions, the brokers refuse a hub that was replaced, too.
//!
//! A producer that cannot go on is replaced; its open batches count as lost and come again from the feed, which changes
//! nothing for a consumer that keeps the seq of each key.

mod asker;
mod client;
mod dialogue;
mod ledger;
mod message;
mod producer;
mod settings;
mod topics;
mod transaction;
mod verdicts;

pub use client::KafkaClient;
pub use settings::KafkaSettings;

use std::sync::Arc;

use super::{SettingsError, Transport, TransportContext, TransportKind};
use crate::finding::Text;

/// The kind `kafka`.
#[derive(Debug, Clone, Copy)]
pub struct Kafka;

impl TransportKind for Kafka {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.schema.json")
    }

    fn tells_deletions(&self) -> bool {
        true
    }

    fn open(&self, settings: &serde_json::Value, context: TransportContext) -> Result<Arc<dyn Transport>, SettingsError> {
        let name = Arc::clone(&context.name);
        let settings =
            KafkaSettings::read(settings).map_err(|text| SettingsError { upstream: Arc::clone(&context.name), text })?;
        let client = KafkaClient::new(settings, context).map_err(|text| SettingsError { upstream: name, text })?;
        Ok(Arc::new(client))
    }

    /// A control topic carries the questions; where there is none, the transport says so of each table.
    fn no_read_back(&self) -> Option<Text> {
        None
    }
}
