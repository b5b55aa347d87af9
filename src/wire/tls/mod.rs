//! Channels of streams: TCP that notices a dead peer, TLS and mutual TLS with certificates that are read again when
//! their files change, and plaintext where somebody accepted it.
//!
//! Certificates: every handshake looks at the files. A new certificate thus holds from the next connection on; files
//! that cannot be used leave the former ones in force, with a warning.

mod channel;
mod client;
mod files;
mod server;
mod settings;

pub use channel::{Channel, Peer};
pub use client::{Connector, Dialer};
pub use server::{Acceptor, Incoming};
pub use settings::{Acceptance, Alive, ClientTls, ServerTls};

use std::path::PathBuf;

use crate::fault::{Classified, FaultClass};

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
    #[error("{path}: {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// No authorities to trust were found on this machine.
    #[error("no bundle of certificate authorities was found on this machine: name one by `ca`")]
    NoAuthorities,
    /// The settings do not fit together.
    #[error("{0}")]
    Settings(String),
    /// Certificates or keys cannot be used.
    #[error("certificate or key cannot be used: {0}")]
    Unusable(String),
    /// The other side cannot be reached.
    #[error("{0}")]
    Unreachable(String),
}

impl Classified for TlsError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Unreachable(_) => FaultClass::Transient,
            _ => FaultClass::Configuration,
        }
    }
}
