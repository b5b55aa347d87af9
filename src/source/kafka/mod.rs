//! Kafka topics on the campus: the newest state of each key, as a table.
//!
//! A reading takes a topic from its start to the end that it had when the reading began, partition by partition, and
//! gives of each key only the newest message; a key whose newest message is a deletion (a null value, or a change event
//! of kind `d`) gives no row. It is therefore a snapshot, and each run reads the topic again: meant for topics that
//! are compacted. Of a topic that is not, rows that do not come are not taken for deleted. Positions are offsets,
//! kept with the rows; no consumer group is used.
//!
//! Values are JSON objects: plain, or change events (`{"before", "after", "op"}`), either also inside `payload`.
//! Messages without a key are rows of their own.

mod newest;
mod read;
mod row;
mod settings;
mod topic;

use super::{Begin, Checked, Connector, ReadSpec, Source, SourceError, SourcePlace};
use crate::finding::Text;
use read::KafkaSource;
use settings::Settings;
use topic::{Topic, list};

/// The connector.
pub(super) struct Kafka;

impl Connector for Kafka {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let settings = Settings::of(place)?;
        let (brokers, topics) = list(place, &settings)?;
        let mut notes = Vec::new();
        if !settings.connection.encrypted() {
            notes.push(Text::new(
                "与 Kafka 之间未加密，建议 security = \"ssl\"",
                "the line to Kafka is not encrypted; security = \"ssl\" would be",
            ));
        }
        Ok(Checked { about: format!("Kafka, {brokers} brokers, {} topics", topics.len()), notes, ..Checked::default() })
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        Ok(list(place, &Settings::of(place)?)?.1)
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let settings = Settings::of(place)?;
        let wrong = |what: &str, remedy: &str| SourceError::Settings {
            source_name: place.name.clone(),
            what: what.into(),
            remedy: remedy.into(),
        };
        if read.query.is_some() || !read.order_by.is_empty() {
            return Err(wrong(
                "topics take neither `query` nor `order_by`",
                "name the topic by `object` in [read]; its rows come in its own order",
            ));
        }
        let Some(object) = &read.object else {
            return Err(wrong("[read] needs `object`", "name the topic by `object`"));
        };
        let topic = Topic::open(place, &settings, object)?;
        Ok(Box::new(KafkaSource::open(topic, &settings, begin.position())?))
    }
}
