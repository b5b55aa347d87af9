//! Database errors as the platform's, with their class.

use crate::brain::error::BrainError;
use crate::brain::error::database::Database;
use crate::fault::FaultClass;

impl From<sqlx::Error> for BrainError {
    fn from(error: sqlx::Error) -> Self {
        let class = class_of(&error);
        let source: Box<dyn std::error::Error + Send + Sync> = match sqlstate(&error) {
            // Messages about data and constraints may quote data, so of those only the code is kept.
            Some(code) if matches!(code.get(..2), Some("22" | "23")) => format!("PostgreSQL {code}").into(),
            _ => Box::new(error),
        };
        Self::Database(Database { source, class })
    }
}

/// What PostgreSQL calls the error; SQLite's codes are plain numbers.
pub(super) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?.into_owned();
    (code.len() == 5).then_some(code)
}

fn class_of(error: &sqlx::Error) -> FaultClass {
    match sqlstate(error) {
        // Account, database, schema or table unknown, and no right to do it.
        Some(code) if matches!(code.get(..2), Some("28" | "3D" | "3F" | "42")) => FaultClass::Configuration,
        None if matches!(error, sqlx::Error::Configuration(_)) => FaultClass::Configuration,
        _ => FaultClass::Transient,
    }
}
