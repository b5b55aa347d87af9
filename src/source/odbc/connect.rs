//! Connections, and what a product says of itself.

use std::sync::Arc;

use odbc_api::{Connection, ConnectionOptions, Cursor, Error, environment, escape_attribute_value};

use super::faults::{Stage, trouble};
use super::settings::Settings;
use crate::source::{SourceError, SourcePlace};

/// The longest wait for a connection to stand, in seconds.
const CONNECT: u32 = 10;

/// Questions whether the account can write, by a part of the product's name: one row, `yes` or `no`.
const WRITES: [(&str, &str); 3] = [
    (
        "PostgreSQL",
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper)
         OR EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
         AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
         OR has_table_privilege(c.oid, 'DELETE'))) THEN 'yes' ELSE 'no' END",
    ),
    (
        "SQL Server",
        "SELECT CASE WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'INSERT') = 1
         OR HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UPDATE') = 1
         OR HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'DELETE') = 1
         OR HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE') = 1 THEN 'yes' ELSE 'no' END",
    ),
    (
        "Oracle",
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM session_privs WHERE privilege LIKE '%ANY TABLE' AND privilege NOT LIKE 'SELECT%'
         AND privilege NOT LIKE 'READ%' AND privilege NOT LIKE 'COMMENT%') OR EXISTS (SELECT 1 FROM user_tab_privs
         WHERE grantee = USER AND privilege IN ('INSERT', 'UPDATE', 'DELETE')) OR EXISTS (SELECT 1 FROM user_tables)
         THEN 'yes' ELSE 'no' END FROM dual",
    ),
];

/// One source's server.
pub(super) struct Session {
    pub source: Arc<str>,
    pub settings: Settings,
}

impl Session {
    /// A session; connects to nothing.
    pub fn new(place: &SourcePlace<'_>, settings: Settings) -> Self {
        Self { source: place.name.clone(), settings }
    }

    /// An error in terms of the source.
    pub fn trouble(&self, stage: Stage, error: &Error) -> SourceError {
        trouble(&self.source, &self.settings.password, stage, error)
    }

    /// A connection whose transaction is not ended by itself.
    pub fn connect(&self) -> Result<Connection<'static>, SourceError> {
        let failed = |error: Error| self.trouble(Stage::Before, &error);
        let mut whole = self.settings.connection.trim_end_matches(';').to_owned();
        for (name, value) in [("UID", &self.settings.user), ("PWD", &self.settings.password)] {
            if !value.is_empty() {
                whole.push_str(&format!(";{name}={}", escape_attribute_value(value)));
            }
        }
        let options = ConnectionOptions { login_timeout_sec: Some(CONNECT), packet_size: None };
        let connection = environment().map_err(failed)?.connect_with_connection_string(&whole, options).map_err(failed)?;
        connection.set_autocommit(false).map_err(failed)?;
        Ok(connection)
    }

    /// The product's name, as the driver gives it.
    pub fn product(&self, connection: &Connection<'_>) -> Result<String, SourceError> {
        connection.database_management_system_name().map_err(|error| self.trouble(Stage::Before, &error))
    }

    /// Whether the account can write; `None` where the product is not known.
    pub fn writes(&self, connection: &Connection<'_>, product: &str) -> Result<Option<bool>, SourceError> {
        let Some((_, sql)) = WRITES.iter().find(|(name, _)| product.contains(name)) else { return Ok(None) };
        let failed = |error: Error| self.trouble(Stage::Before, &error);
        let Some(mut cursor) = connection.execute(sql, (), None).map_err(failed)? else { return Ok(None) };
        let Some(mut row) = cursor.next_row().map_err(failed)? else { return Ok(None) };
        let mut text = Vec::new();
        row.get_text(1, &mut text).map_err(failed)?;
        Ok(Some(text.starts_with(b"yes")))
    }

    /// Product, and whether the account can write.
    pub fn look(&self) -> Result<(String, Option<bool>), SourceError> {
        let connection = self.connect()?;
        let product = self.product(&connection)?;
        let writes = self.writes(&connection, &product)?;
        let _ = connection.rollback();
        Ok((format!("{product} through ODBC"), writes))
    }

    /// Tables and views, with their schema where there are schemas.
    pub fn list(&self) -> Result<Vec<String>, SourceError> {
        let connection = self.connect()?;
        let failed = |error: Error| self.trouble(Stage::Before, &error);
        let mut names = Vec::new();
        for row in connection.tables("", "", "", "TABLE,VIEW").map_err(failed)? {
            let row = row.map_err(failed)?;
            let text = |part: Option<&[u8]>| part.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
            let (schema, table) = (text(row.schema.as_bytes()), text(row.table.as_bytes()));
            names.push(if schema.is_empty() { table } else { format!("{schema}.{table}") });
        }
        let _ = connection.rollback();
        Ok(names)
    }
}
