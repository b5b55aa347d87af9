//! Settings of topics.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::wire::kafka::Connection;

/// Topics that hubs write to.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// How to reach the brokers.
    pub connection: Connection,
    /// Topics are `<prefix>.<domain>`.
    pub topic_prefix: String,
    /// The consumer group: all brains of one platform share it.
    pub group: String,
    /// The topic that verdicts are published on; none are when absent.
    pub return_topic: Option<String>,
    /// The topic that hubs ask for digests on; none are answered when absent.
    pub control_topic: Option<String>,
    /// Most records that are written in one transaction.
    pub batch_rows: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(default = "prefix")]
    topic_prefix: String,
    #[serde(default = "group")]
    group: String,
    #[serde(default)]
    return_topic: Option<String>,
    #[serde(default)]
    control_topic: Option<String>,
    #[serde(default = "thousand")]
    batch_rows: usize,
}

fn thousand() -> usize {
    1000
}

fn prefix() -> String {
    "smartbrain.v1".to_owned()
}

fn group() -> String {
    "smartbrain".to_owned()
}

impl<'de> Deserialize<'de> for KafkaConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map: Map<String, Value> = Map::deserialize(deserializer)?;
        let connection = Connection::take(&mut map).map_err(|text| D::Error::custom(text.en))?;
        connection.must_be_accepted().map_err(|text| D::Error::custom(text.en))?;
        let own: Own = serde_json::from_value(Value::Object(map)).map_err(D::Error::custom)?;
        let Own { topic_prefix, group, return_topic, control_topic, batch_rows } = own;
        if control_topic.is_some() && return_topic.is_none() {
            return Err(D::Error::custom("control_topic needs return_topic: answers go there"));
        }
        Ok(Self { connection, topic_prefix, group, return_topic, control_topic, batch_rows: batch_rows.max(1) })
    }
}
