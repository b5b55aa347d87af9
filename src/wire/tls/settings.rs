//! Settings of channels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// Somebody took a risk knowingly, and said so in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Who.
    pub by: String,
    /// When, `YYYY-MM-DD`.
    pub date: String,
    /// Why.
    pub reason: String,
}

impl Acceptance {
    /// Whether all three are filled in and the date is one.
    pub fn is_whole(&self) -> bool {
        !self.by.trim().is_empty() && !self.reason.trim().is_empty() && self.date.parse::<jiff::civil::Date>().is_ok()
    }
}

/// TLS of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// PEM file with the certificate chain, the server's own first.
    pub cert: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// PEM file with the authorities of clients; where set, a client without a certificate of theirs is turned away.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

impl ServerTls {
    /// With relative paths starting from `base`.
    pub fn below(mut self, base: &Path) -> Self {
        self.cert = base.join(self.cert);
        self.key = base.join(self.key);
        self.client_ca = self.client_ca.map(|path| base.join(path));
        self
    }
}

/// TLS of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTls {
    /// PEM file with the authorities that the server is trusted by, and no others; the machine's own when absent.
    pub ca: Option<PathBuf>,
    /// PEM file with the client's certificate chain, for mutual TLS.
    pub cert: Option<PathBuf>,
    /// PEM file with its private key.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must bear, where it is not the host of the address.
    pub domain: Option<String>,
}

impl ClientTls {
    /// With relative paths starting from `base`.
    pub fn below(mut self, base: &Path) -> Self {
        for path in [&mut self.ca, &mut self.cert, &mut self.key].into_iter().flatten() {
            *path = base.join(&*path);
        }
        self
    }
}

/// How a silent peer is found out. Together the two must stay below 30 s where a half-open connection matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alive {
    /// A sign of life is asked for after so much silence.
    pub every: Duration,
    /// And the connection ends when none comes within this time.
    pub within: Duration,
}

impl Default for Alive {
    fn default() -> Self {
        Self { every: Duration::from_secs(10), within: Duration::from_secs(10) }
    }
}
