//! What an error means: by the server's number, by what happened to the line.

use std::sync::Arc;

use tiberius::error::{Error, TokenError};

use super::line::INSISTS;
use crate::source::SourceError;

/// What a message of the server says beyond its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The account is not let in or lacks a right.
    Denied,
    /// Later it may go: locks, memory, a server that is starting or stopping.
    Later,
    /// The database is not there, or not for this account.
    Database,
    /// The database's rows are not kept in several versions.
    Unversioned,
    /// The statement names what is not there, or is not understood.
    Statement,
    /// Something else, whose text may quote a value.
    Other,
}

/// Errors of this class and above end the connection.
const FATAL: u8 = 20;
/// The class of errors that the server has no room for.
const NO_ROOM: u8 = 17;

fn meaning(number: u32, class: u8) -> Meaning {
    match number {
        229 | 230 | 262 | 297 | 300 | 371 | 916 | 18450..=18452 | 18456 | 18458..=18461 | 18470 | 18486..=18488 => {
            Meaning::Denied
        }
        601 | 701 | 802 | 921 | 922 | 924 | 927 | 952 | 976 | 982 | 983 | 1204 | 1205 | 1222 | 3617 | 3960 | 3961 | 3966
        | 6005 | 8628 | 8645 | 8651 | 9001 | 10928 | 10929 | 17142 | 17188 | 17197 | 17809 | 18401 | 40197 | 40501 | 40613 => {
            Meaning::Later
        }
        911 | 942 | 4060 | 4064 => Meaning::Database,
        3951 | 3952 => Meaning::Unversioned,
        102 | 103 | 105 | 107 | 116 | 130 | 137 | 145 | 156 | 170 | 174 | 195 | 201 | 205 | 207 | 208 | 209 | 319 | 339 | 341
        | 1033 | 2812 | 4104 | 4121 | 4145 | 7202 | 8117 | 8118 | 8120 | 8155 | 8156 | 8180 => Meaning::Statement,
        _ if class >= NO_ROOM => Meaning::Later,
        _ => Meaning::Other,
    }
}

/// An error in terms of the source. `address` is the server's, `password` is struck out of what is passed on.
pub(super) fn trouble(source: &Arc<str>, address: &str, password: &str, error: &Error) -> SourceError {
    let source_name = source.clone();
    let connection = |what: String| SourceError::Connection { source_name: source.clone(), what: scrub(&what, password) };
    match error {
        Error::Server(said) => server(source, password, said),
        Error::Io { kind, .. } if *kind == INSISTS => insisted(source, address),
        Error::Io { message, .. } => connection(format!("{address}: {message}")),
        Error::Routing { host, port } => SourceError::Settings {
            source_name,
            what: format!("{address} sends on to {host}:{port}"),
            remedy: "name that server in `host` and `port`".into(),
        },
        Error::Encoding(_) => SourceError::Content {
            source_name,
            object: address.to_owned(),
            what: "a char, varchar or text value is not valid in the code page of its collation; mend it there, or read the \
                   column by a query that lets the server convert it: CAST(column AS nvarchar(4000))"
                .into(),
        },
        // What the driver did not expect: its texts tell of lengths and kinds of messages.
        other => connection(format!("{address}: {other}")),
    }
}

/// What is said when nobody answers in time.
pub(super) fn late(source: &Arc<str>, address: &str) -> SourceError {
    SourceError::Connection { source_name: source.clone(), what: format!("{address}: no answer to the connection in time") }
}

fn insisted(source: &Arc<str>, address: &str) -> SourceError {
    SourceError::Settings {
        source_name: source.clone(),
        what: format!(
            "{address}: 服务器要求加密连接，而 sqlserver 只用不加密的连接；登录信息没有发送 / \
             the server insists on encryption, and the kind sqlserver has no encrypted line; the login was not sent"
        ),
        remedy: "改用 kind = \"odbc\" 和 FreeTDS，或由管理员关闭服务器的强制加密（Force Encryption） / \
                 use kind = \"odbc\" with FreeTDS, or have the administrator turn the server's Force Encryption off"
            .into(),
    }
}

fn server(source: &Arc<str>, password: &str, said: &TokenError) -> SourceError {
    let (number, class) = (said.code(), said.class());
    let source_name = source.clone();
    let settings = |what, remedy: &str| SourceError::Settings { source_name: source.clone(), what, remedy: remedy.into() };
    let whole = scrub(&format!("SQL Server {number}: {}", said.message()), password);
    match meaning(number, class) {
        Meaning::Denied => SourceError::Denied { source_name, what: whole },
        Meaning::Later if class >= FATAL => {
            SourceError::Connection { source_name, what: format!("SQL Server {number}, which ends the connection") }
        }
        Meaning::Later => SourceError::Connection { source_name, what: whole },
        Meaning::Database => settings(whole, "correct `database`, or let the login into it (CREATE USER … FOR LOGIN …)"),
        Meaning::Unversioned => settings(
            whole,
            "let that database keep versions too: ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON; or name only tables of the \
             source's own database",
        ),
        Meaning::Statement => settings(whole, "correct the table or query in [read]"),
        Meaning::Other => settings(
            format!("SQL Server error {number}"),
            "look the number up in sys.messages of the server, and correct the query",
        ),
    }
}

fn scrub(text: &str, password: &str) -> String {
    if password.is_empty() { text.to_owned() } else { text.replace(password, "***") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Classified, FaultClass};

    #[test]
    fn numbers_are_classed() {
        for (number, class, expected) in [
            (18456, 14, Meaning::Denied),
            (18452, 14, Meaning::Denied),
            (18486, 14, Meaning::Denied),
            (229, 14, Meaning::Denied),
            (916, 14, Meaning::Denied),
            (4060, 11, Meaning::Database),
            (911, 16, Meaning::Database),
            (1205, 13, Meaning::Later),
            (1222, 16, Meaning::Later),
            (3961, 16, Meaning::Later),
            (18401, 14, Meaning::Later),
            (3952, 16, Meaning::Unversioned),
            (208, 16, Meaning::Statement),
            (102, 15, Meaning::Statement),
            // Texts of conversions quote the value.
            (245, 16, Meaning::Other),
            (241, 16, Meaning::Other),
            (8114, 16, Meaning::Other),
            (824, 24, Meaning::Later),
            (1105, 17, Meaning::Later),
        ] {
            assert_eq!(meaning(number, class), expected, "{number}");
        }
    }

    #[test]
    fn what_happened_to_the_line_may_pass_but_not_what_the_server_insists_on() {
        let source: Arc<str> = "jw".into();
        let of = |error: Error| trouble(&source, "10.0.0.5:1433", "hunter2", &error);
        let broken = of(Error::Io { kind: std::io::ErrorKind::UnexpectedEof, message: "gone, hunter2".into() });
        assert_eq!(broken.fault_class(), FaultClass::Transient);
        assert_eq!(broken.to_string(), "jw: 10.0.0.5:1433: gone, ***");
        let insisted = of(Error::Io { kind: INSISTS, message: String::new() });
        assert_eq!(insisted.fault_class(), FaultClass::Configuration);
        assert!(insisted.to_string().contains("强制加密") && insisted.to_string().contains("odbc"), "{insisted}");
        assert_eq!(of(Error::Encoding("x".into())).fault_class(), FaultClass::Data);
        assert_eq!(of(Error::Protocol("x".into())).fault_class(), FaultClass::Transient);
    }
}
