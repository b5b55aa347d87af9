//! Connections, and what a product says of itself.

use std::sync::{Arc, OnceLock};

use odbc_api::handles::StatementImpl;
use odbc_api::{Connection, ConnectionOptions, Cursor, CursorImpl, Error, environment, escape_attribute_value};

use super::cell::Buffers;
use super::faults::{Stage, trouble};
use super::product::Named;
use super::rows::Shape;
use super::settings::Settings;
use crate::finding::Place;
use crate::source::incremental::{Texts, texts};
use crate::source::{Position, Product, SourceBatchBuilder, SourceError, SourcePlace};

/// The longest wait for a connection to stand, in seconds.
const CONNECT: u32 = 10;

/// A text that only arrives where Unicode does.
const TRIAL: &str = "学号";

fn trial(product: Product) -> &'static str {
    match product {
        Product::SqlServer => "SELECT N'学号'",
        Product::Oracle | Product::Dameng => "SELECT '学号' FROM DUAL",
        Product::Sqlite | Product::Mysql | Product::Postgres | Product::Kingbase => "SELECT '学号'",
    }
}

/// Questions whether the account can write, by a part of the product's name: one row, `yes` or `no`.
const WRITES: [(&str, &str); 3] = [
    (
        "PostgreSQL",
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper)
         OR EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
         AND n.nspname NOT LIKE 'pg\\_%'
         AND (has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')
         OR has_any_column_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'UPDATE')))
         THEN 'yes' ELSE 'no' END",
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
    /// Whether texts that are not ASCII arrive in statements, once it was tried.
    arrive: OnceLock<bool>,
}

impl Session {
    /// A session; connects to nothing.
    pub fn new(place: &SourcePlace<'_>, settings: Settings) -> Self {
        Self { source: place.name.clone(), settings, arrive: OnceLock::new() }
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

    /// The product, as the driver names it.
    pub fn product(&self, connection: &Connection<'_>) -> Result<Named, SourceError> {
        connection.database_management_system_name().map(Named).map_err(|error| self.trouble(Stage::Before, &error))
    }

    /// The product, where the account may read from it: one that can write may only if that is accepted.
    pub fn permit(&self, connection: &Connection<'_>) -> Result<Named, SourceError> {
        let product = self.product(connection)?;
        let writes = self.writes(connection, &product)?.unwrap_or(false);
        self.settings.guest.permit(&self.source, &self.settings.user, writes)?;
        Ok(product)
    }

    /// Seconds that a statement may take.
    pub fn patience(&self) -> usize {
        usize::try_from(self.settings.statement_timeout).unwrap_or(0)
    }

    /// Runs a statement; nothing comes of one that gives no rows.
    pub fn execute<'c>(
        &self,
        connection: &'c Connection<'_>,
        sql: &str,
    ) -> Result<Option<CursorImpl<StatementImpl<'c>>>, SourceError> {
        let mut statement = connection.preallocate().map_err(|error| self.trouble(Stage::Before, &error))?;
        // Some drivers know no limit.
        let _ = statement.set_query_timeout_sec(self.patience());
        statement.into_cursor(sql, ()).map_err(|error| self.trouble(Stage::Rows, &error))
    }

    /// The rows of a short result.
    pub fn texts(&self, connection: &Connection<'_>, product: &Named, sql: &str) -> Result<Texts, SourceError> {
        self.arrives(connection, product, sql)?;
        let cursor = self.execute(connection, sql)?.ok_or_else(|| self.no_rows())?;
        self.cells(cursor, product)
    }

    /// Refuses a statement that would not arrive as it is written: where a driver knows no UTF-16, the driver manager makes other
    /// characters of those that are not ASCII, and a condition on them silently finds other rows.
    pub fn arrives(&self, connection: &Connection<'_>, product: &Named, sql: &str) -> Result<(), SourceError> {
        let Some(known) = product.known().filter(|_| !sql.is_ascii()) else { return Ok(()) };
        let arrive = match self.arrive.get() {
            Some(arrive) => *arrive,
            None => {
                let cursor = self.execute(connection, trial(known))?.ok_or_else(|| self.no_rows())?;
                let back = self.cells(cursor, product)?.into_iter().flatten().flatten().next();
                *self.arrive.get_or_init(|| back.as_deref() == Some(TRIAL))
            }
        };
        if arrive {
            return Ok(());
        }
        Err(SourceError::Settings {
            source_name: self.source.clone(),
            what: "the statement holds characters that the driver does not get as they are written".into(),
            remedy: "use the product's Unicode driver, or have the administrator make a view whose names are ASCII".into(),
        })
    }

    /// The cells of a short result.
    pub fn cells(&self, mut cursor: impl Cursor, product: &Named) -> Result<Texts, SourceError> {
        let failed = |error: Error| self.trouble(Stage::Rows, &error);
        let shape = Shape::of(&mut cursor, product.pads()).map_err(failed)?;
        let (mut buffers, encoding) = (Buffers::default(), self.settings.encoding());
        let mut batch = SourceBatchBuilder::new(shape.columns, 1);
        while let Some(mut row) = cursor.next_row().map_err(failed)? {
            for (at, form) in shape.forms.iter().enumerate() {
                buffers.push(&mut row, at, *form, encoding, &mut batch).map_err(failed)?;
            }
            batch.end_row(Place::Row(0));
        }
        Ok(texts(&batch.finish(Position(Vec::new()))))
    }

    /// What a statement that only does something meets with.
    pub fn no_rows(&self) -> SourceError {
        SourceError::Settings {
            source_name: self.source.clone(),
            what: "the statement gives no rows at all".into(),
            remedy: "write one SELECT".into(),
        }
    }

    /// Whether the account can write; `None` where the product is not known.
    fn writes(&self, connection: &Connection<'_>, product: &Named) -> Result<Option<bool>, SourceError> {
        let Some((_, sql)) = WRITES.iter().find(|(name, _)| product.0.contains(name)) else { return Ok(None) };
        let found = self.texts(connection, product, sql)?;
        Ok(found.into_iter().flatten().flatten().next().map(|text| text == "yes"))
    }

    /// Product, and whether the account can write.
    pub fn look(&self) -> Result<(String, Option<bool>), SourceError> {
        let connection = self.connect()?;
        let product = self.product(&connection)?;
        let writes = self.writes(&connection, &product)?;
        let _ = connection.rollback();
        Ok((format!("{} through ODBC", product.0), writes))
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
