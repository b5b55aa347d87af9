//! Exit codes.

use crate::app::Failure;
use crate::fault::{Classified, FaultClass};

/// How a command ended. The numbers are stable: scripts and service managers go by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// The command did its work and found something wrong: a table that could not be read, tables overdue or parked,
    /// numbers that differ, an equation that does not hold.
    Findings = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Settings, mappings or the machine around the hub are wrong.
    Settings = 3,
    /// A source or an upstream cannot be reached, or does not accept the account.
    Unreachable = 4,
    /// A fault of the program itself.
    Internal = 5,
}

impl Exit {
    /// The exit code of a failure.
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Settings(_) | Failure::Busy(_) => Self::Settings,
            Failure::Unknown(_) => Self::Usage,
            Failure::Part { .. } => match failure.fault_class() {
                FaultClass::Transient | FaultClass::Throttled | FaultClass::Credentials => Self::Unreachable,
                FaultClass::Configuration => Self::Settings,
                FaultClass::Data => Self::Findings,
                FaultClass::Bug => Self::Internal,
            },
        }
    }

    /// `Ok` when all is well, `Findings` otherwise.
    pub fn found(well: bool) -> Self {
        if well { Self::Ok } else { Self::Findings }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
