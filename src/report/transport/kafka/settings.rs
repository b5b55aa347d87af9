//! Settings of one upstream of this kind.

use serde::Deserialize;

use crate::finding::Text;
use crate::report::setting::Period;
use crate::report::transport::Rows;
use crate::standard::Domain;
use crate::wire::kafka::Connection;

/// All settings: the connection's, and those of topics and rows.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// How to reach the brokers.
    pub connection: Connection,
    /// The others.
    pub own: OwnSettings,
}

/// Settings of topics and rows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnSettings {
    /// Topics are `<prefix>.<domain>`.
    #[serde(default = "prefix")]
    pub topic_prefix: String,
    /// Topics that are missing are made like this.
    #[serde(default)]
    pub create: Option<Create>,
    /// Compression of batches.
    #[serde(default)]
    pub compression: Compression,
    /// The topic that verdicts come back on.
    #[serde(default)]
    pub return_topic: Option<String>,
    /// The topic that the platform is asked for digests on.
    #[serde(default)]
    pub control_topic: Option<String>,
    /// How long the brokers may take to acknowledge a record.
    #[serde(default = "a_minute")]
    pub timeout: Period,
    /// Rows that may be unsettled at a time.
    #[serde(default = "unsettled")]
    pub unsettled: u32,
    /// How rows look.
    #[serde(default)]
    pub rows: Rows,
}

/// How missing topics are made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Partitions of each.
    pub partitions: u16,
    /// Copies of each partition.
    pub replication: u16,
}

/// Compression of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// None.
    None,
    /// LZ4.
    #[default]
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The library's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

fn prefix() -> String {
    "smartbrain.v1".into()
}

fn a_minute() -> Period {
    Period::secs(60)
}

fn unsettled() -> u32 {
    20_000
}

impl KafkaSettings {
    /// Reads and checks the settings of one upstream (`kind` and `delivery` are passed over).
    ///
    /// # Errors
    /// What is wrong, and the remedy.
    pub fn read(value: &serde_json::Value) -> Result<Self, Text> {
        let mut map = value.as_object().cloned().unwrap_or_default();
        map.remove("kind");
        map.remove("delivery");
        let connection = Connection::take(&mut map)?;
        connection.must_be_accepted()?;
        let own: OwnSettings = serde_json::from_value(serde_json::Value::Object(map))
            .map_err(|error| Text::new(format!("设置有误：{error}"), format!("bad settings: {error}")))?;
        let settings = Self { connection, own };
        settings.whole()?;
        Ok(settings)
    }

    fn whole(&self) -> Result<(), Text> {
        let own = &self.own;
        let names = self.topics().into_iter().chain(own.return_topic.clone()).chain(own.control_topic.clone());
        for topic in names {
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if topic.is_empty() || topic.len() > 249 || !topic.chars().all(legal) {
                return Err(Text::new(
                    format!("主题名 {topic:?} 不可用；只能含字母、数字、点、下划线和连字符"),
                    format!("{topic:?} is no topic name: letters, digits, dots, underscores and hyphens only"),
                ));
            }
        }
        let rows = self.batch_rows();
        if rows == 0 || own.unsettled < rows || own.timeout.0.as_secs() == 0 {
            return Err(Text::new(
                "rows.batch_rows 至少为 1，unsettled 不小于 rows.batch_rows，timeout 至少 1 秒",
                "rows.batch_rows must be at least 1, unsettled no less than rows.batch_rows, and timeout at least 1 s",
            ));
        }
        if own.control_topic.is_some() && own.return_topic.is_none() {
            return Err(Text::new(
                "control_topic 需要 return_topic：平台的应答从那里回来",
                "control_topic needs return_topic: the platform's answers come there",
            ));
        }
        if own.create.as_ref().is_some_and(|c| c.partitions == 0 || c.replication == 0) {
            return Err(Text::new(
                "create.partitions 与 create.replication 至少为 1",
                "create.partitions and create.replication must be at least 1",
            ));
        }
        Ok(())
    }

    /// The topic of a domain.
    pub fn topic(&self, domain: Domain) -> String {
        format!("{}.{}", self.own.topic_prefix, domain.name())
    }

    /// The topics of all domains.
    pub fn topics(&self) -> Vec<String> {
        Domain::ALL.iter().map(|d| self.topic(*d)).collect()
    }

    /// Rows a batch.
    pub fn batch_rows(&self) -> u32 {
        self.own.rows.batch_rows.unwrap_or(1000)
    }
}
