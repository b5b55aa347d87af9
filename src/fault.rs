//! What kind of trouble an error is: the one input of recovery.

/// The class of a fault. Recovery (retry, park, stop) is decided by this alone, never by matching text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// Goes away by itself: a cut connection, a time-out, a busy server.
    Transient,
    /// The other side asks for less: too many requests, a full quota.
    Throttled,
    /// An account, token or certificate is not accepted.
    Credentials,
    /// A setting, mapping or grant is wrong; somebody has to change it.
    Configuration,
    /// The data cannot be used as it is.
    Data,
    /// Ours to mend.
    Bug,
}

impl FaultClass {
    /// The stable lower-case name, as logs and `--json` print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Credentials => "credentials",
            Self::Configuration => "configuration",
            Self::Data => "data",
            Self::Bug => "bug",
        }
    }
}

/// An error that knows its class.
pub trait Classified {
    /// The class that recovery goes by.
    fn fault_class(&self) -> FaultClass;
}
