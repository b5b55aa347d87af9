//! What a server says of its binary log, and where the log is now.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Decode, MySql, Row};

use super::super::connect::{Session, number};
use super::mark::Point;
use super::obstacle::Obstacle;
use crate::source::SourceError;

/// MySQL writes a transaction into the log before its rows can be seen. So long the log's end is waited for at most, when the
/// server does not say that all transactions up to it can be seen.
const SETTLING: Duration = Duration::from_secs(5);
/// How often it is asked.
const ASKING: Duration = Duration::from_millis(50);

const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'log_bin', 'binlog_format', 'binlog_row_image',
    'server_id', 'server_uuid', 'log_slave_updates', 'log_replica_updates')";

/// What is known of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// What tells it from others.
    pub identity: String,
    mariadb: bool,
    /// Major and minor number of its version.
    version: (u32, u32),
    log_bin: bool,
    /// ROW, MIXED or STATEMENT.
    pub format: String,
    /// Whether images of rows hold all columns.
    pub whole_images: bool,
    /// Whether what it replicates from another server goes into its own log.
    relays: bool,
}

impl Facts {
    fn of(variables: &HashMap<String, String>) -> Self {
        let value = |name: &str| variables.get(name).map_or("", String::as_str);
        let on = |name: &str| matches!(value(name), "ON" | "1");
        let version = value("version");
        let mut numbers = version.split(['.', '-']).map_while(|part| part.parse().ok());
        let mariadb = version.contains("MariaDB");
        Self {
            identity: if mariadb { format!("mariadb {}", value("server_id")) } else { value("server_uuid").to_owned() },
            mariadb,
            version: (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()),
            log_bin: on("log_bin"),
            format: value("binlog_format").to_owned(),
            whole_images: matches!(value("binlog_row_image"), "" | "FULL" | "FULL_NODUP" | "NOBLOB"),
            relays: on("log_slave_updates") || on("log_replica_updates"),
        }
    }

    /// Asks the server.
    pub async fn ask(session: &Session, connection: &mut MySqlConnection) -> Result<Self, SourceError> {
        let variables = pairs(session, connection, VARIABLES).await?;
        Ok(Self::of(&variables))
    }

    /// What keeps this server's log from telling of a schema.
    pub async fn obstacle(
        &self,
        session: &Session,
        connection: &mut MySqlConnection,
        schema: &str,
    ) -> Result<Option<Obstacle>, SourceError> {
        if !self.log_bin {
            return Ok(Some(Obstacle::LogOff));
        }
        if !self.relays && replicates(session, connection).await? {
            return Ok(Some(Obstacle::SilentReplica));
        }
        let status = match query(connection, self.status_sql()).await {
            Ok(rows) => rows,
            // MariaDB tells the place otherwise; filters are then not known.
            Err(error) if is_denied(&error) && self.mariadb => return Ok(None),
            Err(error) if is_denied(&error) => return Ok(Some(Obstacle::NotAllowedToAsk)),
            Err(error) => return Err(session.trouble(&error)),
        };
        let filters = status.first().map(|row| (text(row, 2), text(row, 3))).unwrap_or_default();
        Ok(is_filtered(&filters.0, &filters.1, schema).then_some(Obstacle::Filtered { schema: schema.to_owned() }))
    }

    fn status_sql(&self) -> &'static str {
        match (self.mariadb, self.version) {
            (false, version) if version >= (8, 2) => "SHOW BINARY LOG STATUS",
            _ => "SHOW MASTER STATUS",
        }
    }

    /// A place in the log of which it is certain that what was logged before it can be seen by every transaction that begins
    /// from now on; near the end.
    pub async fn place(&self, session: &Session, connection: &mut MySqlConnection) -> Result<Point, SourceError> {
        if self.mariadb {
            return snapshot_place(session, connection).await;
        }
        let status = query(connection, self.status_sql()).await.map_err(|error| session.trouble(&error))?;
        let place = status.first().and_then(|row| Some(Point { file: text(row, 0), offset: text(row, 1).parse().ok()? }));
        settle(session, connection).await?;
        place.ok_or_else(|| no_place(session))
    }
}

/// MariaDB opens a snapshot and takes the log's place in one step.
async fn snapshot_place(session: &Session, connection: &mut MySqlConnection) -> Result<Point, SourceError> {
    session.begin(connection).await?;
    let said = pairs(session, connection, "SHOW STATUS LIKE 'binlog_snapshot_%'").await?;
    session.execute(connection, "ROLLBACK").await?;
    let offset = said.get("binlog_snapshot_position").and_then(|offset| offset.parse().ok());
    let file = said.get("binlog_snapshot_file").filter(|file| !file.is_empty());
    offset.zip(file).map(|(offset, file)| Point { file: file.clone(), offset }).ok_or_else(|| no_place(session))
}

/// Waits until no transaction is left that was being committed: each holds a GTID, or is counted as anonymous, from before
/// it is logged until it can be seen. It suffices to see both empty once each.
async fn settle(session: &Session, connection: &mut MySqlConnection) -> Result<(), SourceError> {
    let (mut named, mut anonymous) = (false, false);
    let asked = tokio::time::Instant::now();
    while asked.elapsed() < SETTLING {
        let owned = pairs(session, connection, "SHOW GLOBAL VARIABLES LIKE 'gtid_owned'").await?;
        let counted = pairs(session, connection, "SHOW GLOBAL STATUS LIKE 'Ongoing_anonymous_transaction_count'").await?;
        named |= owned.get("gtid_owned").is_some_and(String::is_empty);
        anonymous |= counted.get("ongoing_anonymous_transaction_count").is_some_and(|count| count == "0");
        if named && anonymous {
            break;
        }
        tokio::time::sleep(ASKING).await;
    }
    Ok(())
}

/// Whether the server replicates from another one, as far as it says.
async fn replicates(session: &Session, connection: &mut MySqlConnection) -> Result<bool, SourceError> {
    for sql in ["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"] {
        if let Ok(rows) = query(connection, sql).await {
            return Ok(!rows.is_empty());
        }
    }
    let said = pairs(session, connection, "SHOW GLOBAL STATUS LIKE 'Slave%running'").await?;
    Ok(said.values().any(|value| !matches!(value.as_str(), "OFF" | "0" | "")))
}

/// Whether the log leaves a schema out: only those listed first are logged, where there are any, else those listed second
/// are not.
fn is_filtered(only: &str, not: &str, schema: &str) -> bool {
    let lists = |list: &str| list.split(',').any(|name| name.trim().eq_ignore_ascii_case(schema));
    if only.is_empty() { lists(not) } else { !lists(only) }
}

fn no_place(session: &Session) -> SourceError {
    SourceError::Connection {
        source_name: session.source.clone(),
        what: "the server does not say where its binary log is".into(),
    }
}

/// Rows of a short result.
pub(super) async fn query(connection: &mut MySqlConnection, sql: &str) -> Result<Vec<MySqlRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await
}

/// A cell of a short result; nothing is an empty text.
pub(super) fn text(row: &MySqlRow, at: usize) -> String {
    let bytes = row.try_get_raw(at).ok().and_then(|value| <&[u8] as Decode<MySql>>::decode(value).ok());
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// Names, in lower case, and values.
async fn pairs(session: &Session, connection: &mut MySqlConnection, sql: &str) -> Result<HashMap<String, String>, SourceError> {
    let rows = query(connection, sql).await.map_err(|error| session.trouble(&error))?;
    Ok(rows.iter().map(|row| (text(row, 0).to_lowercase(), text(row, 1))).collect())
}

/// Whether the server refused for want of a right.
fn is_denied(error: &sqlx::Error) -> bool {
    matches!(number(error), Some(1044 | 1045 | 1142 | 1227))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_their_own_words() {
        let facts = |pairs: &[(&str, &str)]| {
            Facts::of(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let mariadb = facts(&[
            ("version", "10.11.6-MariaDB-0+deb12u1-log"),
            ("server_id", "7"),
            ("log_bin", "ON"),
            ("binlog_format", "MIXED"),
            ("binlog_row_image", "MINIMAL"),
        ]);
        assert_eq!((mariadb.identity.as_str(), mariadb.version, mariadb.log_bin), ("mariadb 7", (10, 11), true));
        assert_eq!((mariadb.whole_images, mariadb.relays), (false, false));
        assert_eq!(mariadb.status_sql(), "SHOW MASTER STATUS");
        let mysql = facts(&[("version", "8.4.2"), ("server_uuid", "u-u"), ("log_bin", "1"), ("log_replica_updates", "ON")]);
        assert_eq!((mysql.identity.as_str(), mysql.relays, mysql.whole_images), ("u-u", true, true));
        assert_eq!(mysql.status_sql(), "SHOW BINARY LOG STATUS");
        assert_eq!(facts(&[("version", "5.6.51-log")]).status_sql(), "SHOW MASTER STATUS");
    }

    #[test]
    fn filters_of_the_log_are_by_schema() {
        for (only, not, expected) in
            [("", "", false), ("jw,kc", "", false), ("kc", "", true), ("", "jw", true), ("", "kc, x", false), ("JW", "jw", false)]
        {
            assert_eq!(is_filtered(only, not, "jw"), expected, "{only} {not}");
        }
    }
}
