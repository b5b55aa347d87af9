//! Database errors and their classes.

use crate::fault::FaultClass;
use crate::store::StoreError;

/// Turns an sqlx error into ours; `what` says what was being done.
pub(super) fn db(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| {
        let class = class_of(&error);
        let source: Box<dyn std::error::Error + Send + Sync> = match &error {
            sqlx::Error::Database(found) => said(&code_of(found.as_ref()), found.message()).into(),
            _ => Box::new(error),
        };
        StoreError::Database { what, source, class }
    }
}

/// The SQLSTATE of an error, where the server gave one.
pub(super) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    match error {
        sqlx::Error::Database(found) => Some(code_of(found.as_ref())),
        _ => None,
    }
}

fn code_of(error: &dyn sqlx::error::DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}

/// What the server said. Messages about data and constraints may quote data, so of those only the code is kept.
fn said(code: &str, message: &str) -> String {
    match code.get(..2) {
        Some("22" | "23") => format!("PostgreSQL {code}"),
        _ => format!("PostgreSQL {code}: {message}"),
    }
}

fn class_of(error: &sqlx::Error) -> FaultClass {
    match error {
        sqlx::Error::Database(found) => class_of_code(&code_of(found.as_ref())),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => FaultClass::Transient,
        sqlx::Error::Configuration(_) => FaultClass::Configuration,
        _ => FaultClass::Bug,
    }
}

fn class_of_code(code: &str) -> FaultClass {
    match code.get(..2) {
        // No right, and read-only: a server that has become a standby will not stay one for long.
        _ if code == "42501" => FaultClass::Configuration,
        _ if code == "25006" => FaultClass::Transient,
        // Connection, transaction ended by the server, rolled back, no resources, locked, shut down, disk.
        Some("08" | "25" | "40" | "53" | "55" | "57" | "58") => FaultClass::Transient,
        // Account, database or schema unknown.
        Some("28" | "3D" | "3F") => FaultClass::Configuration,
        _ => FaultClass::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::{class_of_code, said};
    use crate::fault::FaultClass;

    #[test]
    fn what_passes_is_told_from_what_must_be_mended() {
        for (code, want) in [
            ("57P01", FaultClass::Transient),
            ("40P01", FaultClass::Transient),
            ("25P03", FaultClass::Transient),
            ("28P01", FaultClass::Configuration),
            ("3D000", FaultClass::Configuration),
            ("42501", FaultClass::Configuration),
            ("42P01", FaultClass::Bug),
            ("", FaultClass::Bug),
        ] {
            assert_eq!(class_of_code(code), want, "{code}");
        }
    }

    #[test]
    fn no_message_that_may_quote_data_is_kept() {
        assert_eq!(said("22P02", "invalid input syntax: \"411123\""), "PostgreSQL 22P02");
        assert_eq!(said("57P01", "terminating connection"), "PostgreSQL 57P01: terminating connection");
    }
}
