//! Settings of one source of this kind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::source::{SourceError, SourcePlace};
use crate::wire::kafka::Connection;

/// The connection's settings and the reading's.
pub(super) struct Settings {
    pub connection: Connection,
    own: Own,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, Vec<String>>,
    #[serde(default = "thirty")]
    timeout: u64,
    #[serde(default = "a_thousand")]
    sample: usize,
}

fn thirty() -> u64 {
    30
}

fn a_thousand() -> usize {
    1000
}

impl Settings {
    /// Settings of one source.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        let wrong = |what: String| SourceError::Settings {
            source_name: place.name.clone(),
            what,
            remedy: "run `xiaoshu check`, which names each setting that is wrong".into(),
        };
        let mut map = place.settings.as_object().cloned().unwrap_or_default();
        let connection = Connection::take(&mut map).map_err(|text| wrong(text.en))?;
        // The reason is not passed on: it could quote a secret.
        let own = serde_json::from_value(serde_json::Value::Object(map))
            .map_err(|_| wrong("the settings do not fit the connector's schema".into()))?;
        Ok(Self { connection, own })
    }

    /// The columns of a topic, where they are set.
    pub fn fields(&self, topic: &str) -> Option<&[String]> {
        self.own.fields.get(topic).map(Vec::as_slice)
    }

    /// How long brokers may take to answer.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.own.timeout.max(1))
    }

    /// Messages that columns are found out from.
    pub fn sample(&self) -> usize {
        self.own.sample.max(1)
    }
}
