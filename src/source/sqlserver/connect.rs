//! Connections, and what a server says of itself and of the account.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tiberius::{AuthMethod, Config, EncryptionLevel};

use super::cell;
use super::faults;
use super::line::Line;
use super::settings::Settings;
use crate::finding::{Place, Text};
use crate::source::incremental::{Texts, texts};
use crate::source::{Checked, Column, ColumnKind, Position, SourceBatchBuilder, SourceError, SourcePlace, guest};

/// The longest wait for a connection to stand.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection.
pub(super) type Client = tiberius::Client<Line>;

const FACTS: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), \
     CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), SCHEMA_NAME(), \
     CAST(d.snapshot_isolation_state AS int), CAST(d.is_read_committed_snapshot_on AS int) \
     FROM sys.databases d WHERE d.database_id = DB_ID()";
/// Rights on the whole database, which roles such as db_owner and db_datawriter give, and on single tables.
const WRITES: &str = "SELECT CASE WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'INSERT') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UPDATE') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'DELETE') = 1 \
     OR HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE') = 1 \
     OR EXISTS (SELECT 1 FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id \
     WHERE HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), 'OBJECT', 'INSERT') = 1 \
     OR HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), 'OBJECT', 'UPDATE') = 1 \
     OR HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), 'OBJECT', 'DELETE') = 1) \
     THEN 'yes' ELSE 'no' END";

/// How much of what is read is of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// All statements of a transaction see one moment.
    Transaction,
    /// Each statement sees one moment.
    Statement,
    /// A statement sees rows as they are when it comes to them.
    Moving,
}

/// What a server says of itself and of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// `15.0.2000.5`.
    pub version: String,
    /// Its edition.
    pub edition: String,
    /// The schema of names that have none.
    pub schema: String,
    pub view: View,
}

impl Facts {
    fn of(row: &[Option<String>]) -> Self {
        let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        let view = match (text(3).as_str(), text(4).as_str()) {
            ("1", _) => View::Transaction,
            (_, "1") => View::Statement,
            _ => View::Moving,
        };
        let schema = Some(text(2)).filter(|schema| !schema.is_empty()).unwrap_or_else(|| "dbo".into());
        Self { version: text(0), edition: text(1), schema, view }
    }

    /// Whether texts can be in UTF-8 there, which the driver would take for another code page: from version 15 on.
    pub fn knows_utf8(&self) -> bool {
        self.version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major >= 15)
    }
}

/// One source's server.
#[derive(Clone)]
pub(super) struct Session {
    pub source: Arc<str>,
    pub settings: Settings,
}

impl Session {
    /// A session; connects to nothing.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        Ok(Self { source: place.name.clone(), settings: Settings::of(place)? })
    }

    fn address(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    /// An error in terms of the source.
    pub fn trouble(&self, error: &tiberius::error::Error) -> SourceError {
        faults::trouble(&self.source, &self.address(), &self.settings.password, error)
    }

    async fn dial(&self) -> Result<Client, tiberius::error::Error> {
        let settings = &self.settings;
        let line = Line::dial(&settings.host, settings.port).await?;
        let mut config = Config::new();
        config.host(&settings.host);
        config.port(settings.port);
        config.database(&settings.database);
        config.authentication(AuthMethod::sql_server(&settings.user, &settings.password));
        config.application_name("xiaoshu");
        config.encryption(EncryptionLevel::NotSupported);
        // A pause between batches is ours to take: the reader has a limit of its own.
        config.command_timeout(None);
        // What is no character shows as damage of one row, instead of ending the read.
        config.lossy_utf16_decoding(true);
        Client::connect(config, line).await
    }

    /// A connection that gives way to others.
    pub async fn connect(&self) -> Result<Client, SourceError> {
        let dialled =
            tokio::time::timeout(CONNECT, self.dial()).await.map_err(|_| faults::late(&self.source, &self.address()))?;
        let mut client = dialled.map_err(|error| self.trouble(&error))?;
        let lock = self.settings.guest.lock_timeout().saturating_mul(1000);
        let sql = format!(
            "SET LOCK_TIMEOUT {lock}; SET DEADLOCK_PRIORITY LOW; SET TEXTSIZE 2147483647; SET DATEFORMAT ymd; \
             SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_WARNINGS ON; SET ANSI_PADDING ON; \
             SET CONCAT_NULL_YIELDS_NULL ON; SET ARITHABORT ON"
        );
        self.execute(&mut client, &sql).await?;
        Ok(client)
    }

    /// Begins the transaction that a read happens in.
    pub async fn begin(&self, client: &mut Client, view: View) -> Result<(), SourceError> {
        let level = if view == View::Transaction { "SNAPSHOT" } else { "READ COMMITTED" };
        self.execute(client, &format!("SET TRANSACTION ISOLATION LEVEL {level}; BEGIN TRANSACTION")).await
    }

    /// What the server says of itself and of its database.
    pub async fn facts(&self, client: &mut Client) -> Result<Facts, SourceError> {
        let rows = self.texts(client, FACTS).await?;
        Ok(Facts::of(rows.first().map_or(&[], Vec::as_slice)))
    }

    async fn writes(&self, client: &mut Client) -> Result<bool, SourceError> {
        let rows = self.texts(client, WRITES).await?;
        Ok(rows.iter().flatten().flatten().any(|answer| answer == "yes"))
    }

    /// Refuses an account that can write, unless that is accepted.
    pub async fn permit(&self, client: &mut Client) -> Result<(), SourceError> {
        let writes = self.writes(client).await?;
        self.settings.guest.permit(&self.source, &self.settings.user, writes)
    }

    /// Product with version, whether the account can write, and what the database lacks.
    pub async fn look(&self) -> Result<Checked, SourceError> {
        let mut client = self.connect().await?;
        let facts = self.facts(&mut client).await?;
        let can_write = self.writes(&mut client).await?;
        let accepted = self.settings.guest.permit(&self.source, "", can_write).is_ok();
        let mut notes: Vec<Text> = can_write.then(|| guest::writer_note(&self.settings.user, accepted)).into_iter().collect();
        if facts.view == View::Moving {
            notes.push(moving());
        }
        // Nothing was written: losing the connection's end loses nothing.
        let _ = client.close().await;
        Ok(Checked { about: format!("SQL Server {} {}", facts.version, facts.edition).trim_end().to_owned(), notes, can_write })
    }

    /// The rows of a short result.
    pub async fn texts(&self, client: &mut Client, sql: &str) -> Result<Texts, SourceError> {
        let answered = self.within(async { client.simple_query(sql).await?.into_first_result().await }).await?;
        let rows = answered.map_err(|error| self.trouble(&error))?;
        let Some(first) = rows.first() else { return Ok(Texts::new()) };
        let forms: Vec<cell::Form> = first.columns().iter().map(|column| cell::kind(column.column_type()).1).collect();
        let columns = forms.iter().map(|_| Column { name: "".into(), kind: ColumnKind::Unknown }).collect();
        let mut batch = SourceBatchBuilder::new(columns, rows.len());
        let mut text = String::new();
        for row in &rows {
            for (index, ((_, value), form)) in row.cells().zip(&forms).enumerate() {
                cell::push(value, index, *form, &mut text, &mut batch);
            }
            batch.end_row(Place::Row(0));
        }
        Ok(texts(&batch.finish(Position(Vec::new()))))
    }

    async fn execute(&self, client: &mut Client, sql: &str) -> Result<(), SourceError> {
        let done = self.within(async { client.simple_query(sql).await?.into_results().await }).await?;
        done.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    /// Waits for an answer, but no longer than a statement may take.
    pub async fn within<T>(&self, answer: impl Future<Output = T>) -> Result<T, SourceError> {
        let patience = self.settings.patience();
        tokio::time::timeout(patience, answer).await.map_err(|_| SourceError::Connection {
            source_name: self.source.clone(),
            what: format!("no answer within {} s (statement_timeout)", patience.as_secs()),
        })
    }
}

/// What is said of a database whose rows are not kept in several versions.
pub(super) fn moving() -> Text {
    Text::new(
        "数据库没有开启快照隔离，读取期间的改动会混入结果，因此这次读取不能说明删除；请管理员执行 ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON",
        "the database allows no snapshots, so changes mix into what is read meanwhile and the read proves no deletions; have the \
         administrator run ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str, snapshot: &str, committed: &str) -> Facts {
        Facts::of(&[version, "Express", "", snapshot, committed].map(|text| Some(text.to_owned())))
    }

    #[test]
    fn the_widest_view_that_the_database_allows_is_taken() {
        for (snapshot, committed, expected) in [
            ("1", "1", View::Transaction),
            ("1", "0", View::Transaction),
            ("0", "1", View::Statement),
            ("0", "0", View::Moving),
            // Being turned on or off.
            ("3", "0", View::Moving),
            ("2", "1", View::Statement),
        ] {
            assert_eq!(facts("10.50.6000.34", snapshot, committed).view, expected, "{snapshot} {committed}");
        }
        assert_eq!(Facts::of(&[]).view, View::Moving);
    }

    #[test]
    fn versions_that_know_utf8_are_told() {
        for (version, expected) in [("10.50.6000.34", false), ("14.0.1000.1", false), ("15.0.2000.5", true), ("", true)] {
            assert_eq!(facts(version, "0", "0").knows_utf8(), expected, "{version}");
        }
    }
}
