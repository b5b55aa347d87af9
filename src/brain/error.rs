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
    /// Another platform process keeps its effects in the directory.
    #[error(
        "the directory {} is in use by another platform process: stop it, name another directory, or let several share a \
         database by effects.postgres", .0.display()
    )]
    DirectoryInUse(std::path::PathBuf),
    /// The database of the effects fails.
    #[error("the platform's database")]
    Database(#[from] database::Database),
    /// Others write the same again and again; nothing was written.
    #[error("the platform's database is too busy with the same records")]
    Busy,
    /// The platform has been stopped.
    #[error("the platform has been stopped")]
    Stopped,
    /// A key could not be made, or a text not be built.
    #[error("internal: {0}")]
    Internal(String),
}

/// `sqlx` is known below `effects/` alone; its errors arrive here boxed.
pub(super) mod database {
    use crate::fault::FaultClass;

    /// A boxed database error, and its class.
    #[derive(Debug, thiserror::Error)]
    #[error("{source}")]
    pub struct Database {
        /// The cause.
        #[source]
        pub(in crate::brain) source: Box<dyn std::error::Error + Send + Sync>,
        pub(in crate::brain) class: FaultClass,
    }
}

impl Classified for BrainError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Settings(_) | Self::Edition { .. } | Self::Listen { .. } | Self::Directory { .. } | Self::DirectoryInUse(_) => {
                FaultClass::Configuration
            }
            Self::Database(database) => database.class,
            Self::Busy | Self::Stopped => FaultClass::Transient,
            Self::Internal(_) => FaultClass::Bug,
        }
    }
}
