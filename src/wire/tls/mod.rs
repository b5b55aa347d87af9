//! Channels of streams: TCP that notices a dead peer, TLS and mutual TLS with certificates that are read again when
//! their files change, and plaintext where somebody accepted it.
//!
//! Certificates: every handshake looks at the files. A new certificate thus holds from the next connection on; files
//! that cannot be used leave the former ones in force, with a warning.

mod channel;
mod client;
mod expiry;
mod files;
mod server;
mod settings;

pub use channel::{Channel, Peer};
pub use client::{Connector, Dialer};
pub use expiry::Expiry;
pub use server::{Acceptor, Incoming};
pub use settings::{Acceptance, Alive, ClientTls, ServerTls};

use std::path::PathBuf;

use crate::fault::{Classified, FaultClass};
use crate::finding::Text;

/// What keeps a channel from being made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {}", what.text().en)]
    Content {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: Lack,
    },
    /// No authorities to trust were found on this machine.
    #[error("no bundle of certificate authorities was found on this machine: name one by `ca`")]
    NoAuthorities,
    /// The settings do not fit together.
    #[error("{}", .0.en)]
    Settings(Text),
    /// Certificates or keys cannot be used.
    #[error("certificate or key cannot be used: {0}")]
    Unusable(String),
    /// The other side cannot be reached.
    #[error("{0}")]
    Unreachable(String),
}

/// What a file of a channel does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// A certificate.
    Certificate,
    /// A private key.
    Key,
    /// The certificate of an authority.
    Authority,
}

impl Lack {
    fn text(self) -> Text {
        let (zh, en) = match self {
            Self::Certificate => ("不含 PEM 格式的证书", "holds no certificate in PEM"),
            Self::Key => ("不含 PEM 格式的私钥", "holds no private key in PEM"),
            Self::Authority => ("不含可作为签发机构的证书", "holds no certificate that can be an authority"),
        };
        Text::new(zh, en)
    }
}

impl TlsError {
    /// What is the matter, in both languages.
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Read { path, source } => format!("{} 无法读取：{source}", path.display()),
            Self::Content { path, what } => format!("{} {}", path.display(), what.text().zh),
            Self::NoAuthorities => "本机没有受信任的签发机构列表：请用 ca 指定".to_owned(),
            Self::Settings(text) => text.zh.clone(),
            Self::Unusable(what) => format!("证书或私钥无法使用（不配对、已损坏或类型不支持）：{what}"),
            Self::Unreachable(what) => format!("无法连接：{what}"),
        };
        Text::new(zh, self.to_string())
    }
}

impl Classified for TlsError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Unreachable(_) => FaultClass::Transient,
            _ => FaultClass::Configuration,
        }
    }
}
