//! What database servers have in common: address, account, time-outs, and errors that give nothing away.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use encoding_rs::Encoding;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Checked, Guest, SourceError, guest};

/// The longest wait for a connection to stand.
const CONNECT: Duration = Duration::from_secs(10);

/// Whether the line is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tls {
    /// Never.
    Disable,
    /// If the server can.
    #[default]
    Prefer,
    /// Always, whoever the server is.
    Require,
    /// Always, and the server must show a valid certificate for its name.
    Verify,
}

/// The one encoding that mislabelled texts are known to be in.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reinterpret {
    /// GB18030, and with it GBK and GB2312.
    Gb18030,
}

impl Reinterpret {
    /// The codec.
    pub fn encoding(self) -> &'static Encoding {
        match self {
            Self::Gb18030 => encoding_rs::GB18030,
        }
    }
}

/// Settings of one server. Not printable: it holds a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    pub database: String,
    pub user: String,
    #[serde(default)]
    pub password: String,
    #[serde(default)]
    pub tls: Tls,
    pub tls_ca: Option<PathBuf>,
    #[serde(default = "beijing")]
    pub time_zone: String,
    #[serde(default = "super::five_minutes")]
    statement_timeout: u64,
    pub reinterpret: Option<Reinterpret>,
    pub zero_dates: Option<ZeroDates>,
    /// Read by those who follow a log.
    #[serde(default, rename = "log")]
    _log: IgnoredAny,
    #[serde(default)]
    pub guest: Guest,
}

/// What `0000-00-00` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ZeroDates {
    /// No date.
    Missing,
    /// A text like any other.
    Text,
}

fn beijing() -> String {
    "+08:00".into()
}

impl Server {
    /// A server whose address is known whole elsewhere, for messages and time-outs.
    pub fn known(host: &str, port: u16, database: &str, user: &str, statement_timeout: u64) -> Self {
        Self {
            _kind: None,
            host: host.to_owned(),
            port: Some(port),
            database: database.to_owned(),
            user: user.to_owned(),
            password: String::new(),
            tls: Tls::default(),
            tls_ca: None,
            time_zone: beijing(),
            statement_timeout,
            reinterpret: None,
            zero_dates: Some(ZeroDates::Text),
            _log: IgnoredAny,
            guest: Guest::default(),
        }
    }

    /// What a check found, with what is to be said of an account that can write.
    pub fn checked(&self, about: String, can_write: bool) -> Checked {
        let accepted = self.guest.permit(&"".into(), "", can_write).is_ok();
        let notes = can_write.then(|| guest::writer_note(&self.user, accepted)).into_iter().collect();
        Checked { about, notes, can_write }
    }

    /// How long the server may take for the next rows.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.statement_timeout)
    }

    /// An error's text without the password, should a server have repeated it.
    pub fn scrub(&self, text: &str) -> String {
        if self.password.is_empty() { text.to_owned() } else { text.replace(&self.password, "***") }
    }

    /// Waits for a connection, within bounds.
    pub async fn reach<T>(&self, connecting: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        let late = || sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer to the connection in time"));
        tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(late()))
    }

    /// Errors that do not come from the server itself.
    pub fn line_trouble(&self, source: &Arc<str>, port: u16, error: &sqlx::Error) -> SourceError {
        let source_name = source.clone();
        let at = format!("{}:{port}", self.host);
        match error {
            sqlx::Error::Configuration(cause) => SourceError::Settings {
                source_name,
                what: self.scrub(&cause.to_string()),
                remedy: "correct the source's settings".into(),
            },
            sqlx::Error::Tls(cause) => SourceError::Settings {
                source_name,
                what: self.scrub(&format!("{at}: TLS: {cause}")),
                remedy: "correct `tls` and `tls_ca`, or the server's certificate".into(),
            },
            other => SourceError::Connection { source_name, what: self.scrub(&format!("{at}: {other}")) },
        }
    }
}
