//! What a driver's error means: by SQLSTATE. Some drivers give one state for all; what those say stands in a list.

use std::sync::Arc;

use odbc_api::Error;

use crate::fault::FaultClass;
use crate::source::SourceError;

/// Texts of drivers that give one SQLSTATE for several classes of fault.
const SAID: [(&str, FaultClass); 10] = [
    // psqlodbc: 08001 for whatever keeps it from connecting.
    ("password authentication failed", FaultClass::Credentials),
    ("no pg_hba.conf entry", FaultClass::Credentials),
    ("FATAL:  database", FaultClass::Configuration),
    // Oracle: HY000 with its own number.
    ("ORA-01017", FaultClass::Credentials),
    ("ORA-28000", FaultClass::Credentials),
    ("ORA-00942", FaultClass::Configuration),
    ("ORA-12541", FaultClass::Transient),
    // FreeTDS.
    ("Login failed", FaultClass::Credentials),
    ("Adaptive Server connection timed out", FaultClass::Transient),
    // libsqliteodbc.
    ("database is locked", FaultClass::Transient),
];

/// When an error came: before any row was looked at its text cannot quote one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connecting or preparing.
    Before,
    /// Running the statement or taking rows.
    Rows,
}

/// An error in terms of the source.
pub(super) fn trouble(source: &Arc<str>, password: &str, stage: Stage, error: &Error) -> SourceError {
    let source_name = source.clone();
    let settings =
        |what: String, remedy: &str| SourceError::Settings { source_name: source.clone(), what, remedy: remedy.into() };
    let Some((state, native, text)) = parts(error) else {
        return match error {
            Error::TooLargeValueForBuffer { .. } => settings(
                "a value is longer than the driver says its column can be".into(),
                "set `fetch = \"rows\"`, which takes values of any length",
            ),
            _ => SourceError::Connection { source_name, what: "the ODBC driver failed and does not say why".into() },
        };
    };
    let scrubbed = if password.is_empty() { text } else { text.replace(password, "***") };
    let class = class(&state, &scrubbed);
    // Some texts quote the value that does not fit.
    let open = stage == Stage::Before || class == FaultClass::Transient || state.starts_with("42");
    let what = match open && !state.starts_with("22") {
        true => format!("ODBC {state}: {}", scrubbed.split_whitespace().collect::<Vec<_>>().join(" ")),
        false => format!("ODBC {state}, number {native} of the driver's own"),
    };
    match class {
        FaultClass::Credentials => SourceError::Denied { source_name, what },
        FaultClass::Transient | FaultClass::Throttled => SourceError::Connection { source_name, what },
        _ if state == "01000" || state.starts_with("IM") => {
            settings(what, "correct `connection`; drivers and DSNs that there are: `odbcinst -q -d`, `odbcinst -q -s`")
        }
        _ => settings(what, "correct the table or query in [read], or `connection`"),
    }
}

fn parts(error: &Error) -> Option<(String, i32, String)> {
    let Error::Diagnostics { record, .. } = error else { return None };
    let text: String = char::decode_utf16(record.message.iter().copied()).map(|c| c.unwrap_or('\u{FFFD}')).collect();
    Some((String::from_utf8_lossy(&record.state.0).into_owned(), record.native_error, text))
}

fn class(state: &str, text: &str) -> FaultClass {
    if state == "42501" || state.starts_with("28") {
        return FaultClass::Credentials;
    }
    if matches!(state, "08001" | "08004" | "08S01" | "HY000" | "S1000")
        && let Some((_, class)) = SAID.iter().find(|(said, _)| text.contains(said))
    {
        return *class;
    }
    match state.get(..2).unwrap_or_default() {
        "08" | "40" | "53" | "55" | "57" | "58" => FaultClass::Transient,
        "HY" if matches!(state, "HYT00" | "HYT01" | "HY008") => FaultClass::Transient,
        _ => FaultClass::Configuration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_classed_and_texts_only_where_a_state_says_too_little() {
        for (state, text, expected) in [
            ("28000", "Login failed for user", FaultClass::Credentials),
            ("08001", "FATAL: password authentication failed for user \"x\"", FaultClass::Credentials),
            ("08001", "Connection refused", FaultClass::Transient),
            ("08001", "FATAL:  database \"x\" does not exist", FaultClass::Configuration),
            ("08S01", "Unable to connect: Adaptive Server is unavailable or does not exist", FaultClass::Transient),
            ("42P01", "relation does not exist", FaultClass::Configuration),
            ("42501", "permission denied", FaultClass::Credentials),
            ("HYT00", "Timeout expired", FaultClass::Transient),
            ("57014", "canceling statement due to statement timeout", FaultClass::Transient),
            ("IM002", "Data source name not found", FaultClass::Configuration),
            ("HY000", "[SQLite]no such table: x (1)", FaultClass::Configuration),
            ("22P02", "password authentication failed", FaultClass::Configuration),
        ] {
            assert_eq!(class(state, text), expected, "{state} {text}");
        }
    }
}
