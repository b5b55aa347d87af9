//! Makes a database file out of a SQL script.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::source::{SourceError, reader};

/// Writes a SQLite database from a SQL script, in place of whatever is at `path`. The file appears whole or not at all.
///
/// # Errors
/// When the file cannot be written or a statement fails.
pub fn load_script(path: &Path, sql: &str) -> Result<(), SourceError> {
    let source: Arc<str> = "script".into();
    let partial = partial(path);
    let failed = |what: String| SourceError::Settings {
        source_name: source.clone(),
        what,
        remedy: "correct the script, or make the folder writable".into(),
    };
    if partial.exists() {
        fs::remove_file(&partial).map_err(|error| failed(error.to_string()))?;
    }
    reader::run(&source, || async {
        // A file that is thrown away when anything goes wrong needs no journal.
        let options = SqliteConnectOptions::new()
            .filename(&partial)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .disable_statement_logging();
        let run = async {
            let mut connection = options.connect().await?;
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
            connection.close().await
        };
        run.await.map_err(|error: sqlx::Error| failed(format!("{}: {error}", partial.display())))
    })?;
    fs::rename(&partial, path).map_err(|error| failed(format!("{}: {error}", path.display())))
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
