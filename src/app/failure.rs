//! What keeps a command from ending.

use crate::config::Fault;
use crate::fault::{Classified, FaultClass};
use crate::finding::Text;

/// Why a command could not end. What a command *finds* is part of its answer, not a failure.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings or mappings are wrong; every fault at once.
    #[error("{} fault(s) in settings or mappings", .0.len())]
    Settings(Vec<Fault>),
    /// Something the user named does not exist: a table, a row, an upstream.
    #[error("{}", .0.en)]
    Unknown(Text),
    /// Another process writes the store.
    #[error("{}", .0.en)]
    Busy(Text),
    /// A part failed.
    #[error("{message}")]
    Part {
        /// The class that the exit code goes by.
        class: FaultClass,
        /// The part's message, with its causes; never a value or a secret.
        message: String,
    },
}

impl Failure {
    /// A part's error with all its causes.
    pub fn part<E: std::error::Error + Classified>(error: &E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = next.source();
        }
        Self::Part { class: error.fault_class(), message }
    }

    /// A failure of the machine around us: a file, a port.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::Part { class: FaultClass::Configuration, message: format!("{what}: {error}") }
    }
}

impl Classified for Failure {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Settings(_) | Self::Unknown(_) | Self::Busy(_) => FaultClass::Configuration,
            Self::Part { class, .. } => *class,
        }
    }
}
