//! Settings of one upstream of this kind.

use serde::Deserialize;

use crate::finding::Text;
use crate::report::setting::{Acceptance, Period, Secret};
use crate::report::transport::Rows;
use crate::wire::tls::{Alive, ClientTls};

/// Rows a batch unless set.
const BATCH_ROWS: u32 = 2_000;
/// Bytes a batch unless set.
const BATCH_BYTES: u64 = 1 << 20;

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `https://host:port`, or `http://host:port` where plaintext was accepted.
    pub url: String,
    /// The account's token.
    pub token: Secret,
    /// Certificates.
    #[serde(default)]
    pub tls: ClientTls,
    /// Plaintext was accepted knowingly.
    #[serde(default)]
    pub plain_http: Option<Acceptance>,
    /// Compression of batches.
    #[serde(default)]
    pub compression: Compression,
    /// Records that may be on their way without a verdict.
    #[serde(default = "unsettled")]
    pub max_unsettled_records: u32,
    /// Time to connect and be welcomed.
    #[serde(default = "connect")]
    pub connect_timeout: Period,
    /// A connection on which nothing comes for so long is given up.
    #[serde(default = "idle")]
    pub idle_timeout: Period,
    /// How rows look.
    #[serde(default)]
    pub rows: Rows,
}

/// Compression of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

fn unsettled() -> u32 {
    100_000
}

fn connect() -> Period {
    Period::secs(10)
}

fn idle() -> Period {
    Period::secs(20)
}

impl Settings {
    /// Reads and checks the settings of one upstream (`kind` and `delivery` are passed over).
    ///
    /// # Errors
    /// What is wrong, and the remedy.
    pub fn read(value: &serde_json::Value) -> Result<Self, Text> {
        let mut own = value.clone();
        if let Some(map) = own.as_object_mut() {
            map.remove("kind");
            map.remove("delivery");
        }
        let settings: Self = serde_json::from_value(own)
            .map_err(|error| Text::new(format!("设置有误：{error}"), format!("bad settings: {error}")))?;
        if settings.url.starts_with("http://") && !settings.plain_http.as_ref().is_some_and(Acceptance::is_whole) {
            return Err(Text::new(
                "url 是明文 http：令牌与数据在网络上可被读取；请改用 https，或在设置中记录 plain_http = { by, date, reason }",
                "url is plain http: token and records can be read on the way; use https, or record plain_http = { by, date, reason } in the settings",
            ));
        }
        if settings.batch_rows() == 0 || settings.max_unsettled_records == 0 {
            return Err(Text::new(
                "rows.batch_rows 与 max_unsettled_records 至少为 1",
                "rows.batch_rows and max_unsettled_records must be at least 1",
            ));
        }
        Ok(settings)
    }

    pub(super) fn batch_rows(&self) -> u32 {
        self.rows.batch_rows.unwrap_or(BATCH_ROWS)
    }

    pub(super) fn batch_bytes(&self) -> u64 {
        self.rows.batch_bytes.unwrap_or(BATCH_BYTES)
    }

    pub(super) fn alive(&self) -> Alive {
        Alive { every: self.idle_timeout.0 / 2, within: self.idle_timeout.0 / 2 }
    }
}
