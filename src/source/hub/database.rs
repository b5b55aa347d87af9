//! The hub's store in PostgreSQL, as a source.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

use crate::source::SourceError;
use crate::source::postgres::{LogSettings, Own, Session};
use crate::source::server::Server;

/// A session at the store's database, with the views that the hub has made up.
pub(super) fn session(source: &Arc<str>, address: &str, prelude: Vec<String>, timeout: u64) -> Result<Session, SourceError> {
    // The cause may quote the address, and with it the password.
    let wrong = |_| SourceError::Settings {
        source_name: source.clone(),
        what: "the address of the store's database cannot be read".into(),
        remedy: "correct `url` in [data]".into(),
    };
    let options: PgConnectOptions = address.parse().map_err(wrong)?;
    let database = options.get_database().unwrap_or_default();
    let server = Server::known(options.get_host(), options.get_port(), database, options.get_username(), timeout);
    Ok(Session { source: source.clone(), server, log: LogSettings::default(), own: Some(Arc::new(Own { options, prelude })) })
}
