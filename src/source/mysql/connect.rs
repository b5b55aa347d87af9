//! Connection, session settings, and errors by the server's numbers.

use std::io::ErrorKind;
use std::sync::Arc;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Decode, MySql, Row};

use super::log::LogSettings;
use crate::source::SourceError;
use crate::source::server::{Server, Tls};

/// One source's server.
#[derive(Clone)]
pub(super) struct Session {
    pub source: Arc<str>,
    pub server: Server,
    /// How the server's log of changes is read.
    pub log: LogSettings,
}

impl Session {
    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.port.unwrap_or(3306)
    }

    async fn dial(&self, mode: MySqlSslMode) -> Result<MySqlConnection, sqlx::Error> {
        let server = &self.server;
        let mut options = MySqlConnectOptions::new()
            .host(&server.host)
            .port(self.port())
            .username(&server.user)
            .password(&server.password)
            .database(&server.database)
            .charset("utf8mb4")
            .timezone(server.time_zone.clone())
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .ssl_mode(mode)
            .disable_statement_logging();
        if let Some(ca) = &server.tls_ca {
            options = options.ssl_ca(ca);
        }
        server.reach(options.connect()).await
    }

    /// A connection whose statements only read.
    pub async fn connect(&self) -> Result<MySqlConnection, SourceError> {
        let connected = match self.server.tls {
            Tls::Disable => self.dial(MySqlSslMode::Disabled).await,
            Tls::Require => self.dial(MySqlSslMode::Required).await,
            Tls::Verify => self.dial(MySqlSslMode::VerifyIdentity).await,
            Tls::Prefer => match self.dial(MySqlSslMode::Preferred).await {
                // Old servers offer versions of TLS that are no longer spoken; preferring is not insisting.
                Err(error) if is_handshake(&error) => self.dial(MySqlSslMode::Disabled).await,
                other => other,
            },
        };
        let mut connection = connected.map_err(|error| self.trouble(&error))?;
        // A pause between batches is ours to take: the server must not give up writing meanwhile.
        let lock = self.server.guest.lock_timeout();
        let limits =
            format!("SET SESSION net_write_timeout = 86400, lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}");
        self.execute(&mut connection, &limits).await?;
        self.execute(&mut connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
        Ok(connection)
    }

    /// Begins the transaction that a read happens in.
    pub async fn begin(&self, connection: &mut MySqlConnection) -> Result<(), SourceError> {
        let sql = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        match sqlx::raw_sql(sql).execute(&mut *connection).await {
            // Before 5.6.5 the words READ ONLY were not known here.
            Err(error) if number(&error) == Some(1064) => {
                self.execute(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT").await
            }
            other => other.map(|_| ()).map_err(|error| self.trouble(&error)),
        }
    }

    /// Whether the account can write.
    async fn writes(&self, connection: &mut MySqlConnection) -> Result<bool, SourceError> {
        let grants = self.texts(connection, "SHOW GRANTS FOR CURRENT_USER").await?;
        Ok(grants.iter().any(|grant| can_write(grant)))
    }

    /// Refuses an account that can write, unless that is accepted.
    pub async fn permit(&self, connection: &mut MySqlConnection) -> Result<(), SourceError> {
        let writes = self.writes(connection).await?;
        self.server.guest.permit(&self.source, &self.server.user, writes)
    }

    /// Product with version, and whether the account can write.
    pub async fn look(&self) -> Result<(String, bool), SourceError> {
        let mut connection = self.connect().await?;
        let version = self.texts(&mut connection, "SELECT VERSION()").await?.concat();
        let writes = self.writes(&mut connection).await?;
        let _ = connection.close().await;
        let about = match version.split_once("-MariaDB") {
            Some((number, _)) => format!("MariaDB {number}"),
            None => format!("MySQL {version}"),
        };
        Ok((about, writes))
    }

    /// Tables and views of the database.
    pub async fn list(&self) -> Result<Vec<String>, SourceError> {
        let mut connection = self.connect().await?;
        let names = self.texts(&mut connection, "SHOW TABLES").await?;
        let _ = connection.close().await;
        Ok(names)
    }

    /// The connection's id, by which its statement can be killed.
    pub async fn id(&self, connection: &mut MySqlConnection) -> Result<String, SourceError> {
        Ok(self.texts(connection, "SELECT CONNECTION_ID()").await?.concat())
    }

    /// Ends the statement of another connection: closing ours would not stop the server's work on it.
    pub async fn kill(&self, id: &str) {
        if let Ok(mut connection) = self.connect().await {
            // It may have ended by itself meanwhile.
            let _ = self.execute(&mut connection, &format!("KILL QUERY {id}")).await;
            let _ = connection.close().await;
        }
    }

    /// First column of all rows of a short result.
    pub async fn texts(&self, connection: &mut MySqlConnection, sql: &str) -> Result<Vec<String>, SourceError> {
        let rows =
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.map_err(|error| self.trouble(&error))?;
        Ok(rows.iter().map(first).collect())
    }

    /// Runs a statement that gives no rows.
    pub async fn execute(&self, connection: &mut MySqlConnection, sql: &str) -> Result<(), SourceError> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
        done.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// An error in terms of the source. Messages that could quote data are given by number alone.
    pub fn trouble(&self, error: &sqlx::Error) -> SourceError {
        let sqlx::Error::Database(database) = error else {
            return self.server.line_trouble(&self.source, self.port(), error);
        };
        let number = number(error).unwrap_or_default();
        let said = self.server.scrub(&format!("MySQL {number}: {}", database.message()));
        let source_name = self.source.clone();
        let settings =
            |what, remedy: &str| SourceError::Settings { source_name: source_name.clone(), what, remedy: remedy.into() };
        match number {
            1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1698 | 1820 | 3118 => SourceError::Denied { source_name, what: said },
            1040 | 1053 | 1158..=1161 | 1203 | 1205 | 1213 | 1226 | 1317 | 1927 | 1969 | 2006 | 2013 | 3024 => {
                SourceError::Connection { source_name, what: said }
            }
            1049 => settings(said, "correct `database`"),
            1054 | 1064 | 1109 | 1146 | 1295 | 1305 | 1356 => settings(said, "correct the table or query in [read]"),
            1792 => settings(said, "let the query only read"),
            _ => settings(format!("MySQL error {number}"), "look the number up in the server's manual, and correct the query"),
        }
    }
}

/// The server's number of an error.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

fn is_handshake(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::Other),
        _ => false,
    }
}

/// Whether a line of SHOW GRANTS allows more than reading.
fn can_write(grant: &str) -> bool {
    let rights = grant.split(" ON ").next().unwrap_or_default();
    ["ALL PRIVILEGES", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"].iter().any(|right| rights.contains(right))
}

fn first(row: &MySqlRow) -> String {
    let bytes = row.try_get_raw(0).ok().and_then(|value| <&[u8] as Decode<MySql>>::decode(value).ok());
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::can_write;

    #[test]
    fn grants_beyond_reading_are_seen() {
        for (grant, expected) in [
            ("GRANT USAGE ON *.* TO `reader`@`%` IDENTIFIED BY PASSWORD '*A4B6157319038724E3560894F7F932C8886EBFCF'", false),
            ("GRANT SELECT, SHOW VIEW ON `jw`.* TO `reader`@`%`", false),
            ("GRANT SELECT ON `updates`.`insert` TO `reader`@`%`", false),
            ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", true),
            ("GRANT SELECT, INSERT ON `jw`.* TO `app`@`%`", true),
        ] {
            assert_eq!(can_write(grant), expected, "{grant}");
        }
    }
}
