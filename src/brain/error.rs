//! What can go wrong with the platform itself.

use crate::fault::{Classified, FaultClass};

/// Why the platform does not start, or cannot read what it holds.
#[derive(Debug, thiserror::Error)]
pub enum BrainError {
    /// The settings contradict themselves.
    #[error("the platform's settings: {0}")]
    Settings(String),
    /// The edition cannot be loaded.
    #[error("the edition {edition} cannot be loaded: {why}")]
    Edition {
        /// Its name.
        edition: String,
        /// The cause in words.
        why: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The directory for the effects cannot be made.
    #[error("cannot use the directory {}", path.display())]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database of the effects fails.
    #[error("the platform's database")]
    Database(#[from] database::Database),
    /// The platform has been stopped.
    #[error("the platform has been stopped")]
    Stopped,
    /// A key could not be made, or a text not be built.
    #[error("internal: {0}")]
    Internal(String),
}

/// `sqlx` is known below `effects/` alone; its errors arrive here boxed.
pub(super) mod database {
    /// A boxed database error.
    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    pub struct Database(pub(in crate::brain) Box<dyn std::error::Error + Send + Sync>);
}

impl Classified for BrainError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Settings(_) | Self::Edition { .. } | Self::Listen { .. } | Self::Directory { .. } => FaultClass::Configuration,
            Self::Database(_) | Self::Stopped => FaultClass::Transient,
            Self::Internal(_) => FaultClass::Bug,
        }
    }
}
