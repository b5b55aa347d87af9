//! Connection, session settings, and errors by SQLSTATE.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use super::log::LogSettings;
use crate::source::SourceError;
use crate::source::server::{Server, Tls};

/// One source's server.
#[derive(Clone)]
pub(in crate::source) struct Session {
    pub source: Arc<str>,
    pub server: Server,
    /// How the server's log of changes is read.
    pub log: LogSettings,
    /// The hub's own store.
    pub own: Option<Arc<Own>>,
}

/// The hub's own store: its address, and the statements that make the temporary views of it.
pub(in crate::source) struct Own {
    pub options: PgConnectOptions,
    pub prelude: Vec<String>,
}

impl Own {
    /// A column's name as the query writes it, for the server folds names that are not quoted; where the query does not
    /// name it, as the views do.
    fn written(&self, sql: &str, name: &str) -> String {
        let word = |c: char| !(c.is_alphanumeric() || c == '_');
        let words = || sql.split(word);
        if words().any(|own| own == name) {
            return name.to_owned();
        }
        let alike = |own: &&str| own.eq_ignore_ascii_case(name);
        let made = self.prelude.iter().flat_map(|view| view.split('"').skip(1).step_by(2));
        // Only a name that may have been folded has another form.
        let is_folded = !name.contains(|c: char| c.is_ascii_uppercase());
        words().rfind(alike).or_else(|| made.filter(alike).find(|own| is_folded && *own != name)).unwrap_or(name).to_owned()
    }
}

/// Values come as text, so their forms are fixed here, whatever the server's own settings are.
const FORMS: &str = "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex';
    SET cursor_tuple_fraction = 1; SET default_transaction_read_only = on";

const LIST: &str = "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_%' AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1";

const WRITES: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper)
    OR EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
    AND (has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')
    OR has_any_column_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'UPDATE')))
    THEN 'yes' ELSE 'no' END";

impl Session {
    fn port(&self) -> u16 {
        self.server.port.unwrap_or(5432)
    }

    /// A connection with all forms set.
    pub async fn connect(&self) -> Result<PgConnection, SourceError> {
        let server = &self.server;
        if let Some(own) = &self.own {
            return self.connect_own(own).await;
        }
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&server.host)
            .port(self.port())
            .username(&server.user)
            .password(&server.password)
            .database(&server.database)
            .application_name("xiaoshu")
            .ssl_mode(match server.tls {
                Tls::Disable => PgSslMode::Disable,
                Tls::Prefer => PgSslMode::Prefer,
                Tls::Require => PgSslMode::Require,
                Tls::Verify => PgSslMode::VerifyFull,
            })
            .disable_statement_logging();
        if let Some(ca) = &server.tls_ca {
            options = options.ssl_root_cert(ca);
        }
        let connection = server.reach(options.connect()).await.map_err(|error| self.trouble(&error))?;
        self.prepared(connection).await
    }

    /// A connection to the hub's own store, its views made.
    async fn connect_own(&self, own: &Own) -> Result<PgConnection, SourceError> {
        let options = own.options.clone().application_name("xiaoshu-views").disable_statement_logging();
        let mut connection = self.server.reach(options.connect()).await.map_err(|error| self.trouble(&error))?;
        for sql in &own.prelude {
            self.execute(&mut connection, sql).await?;
        }
        self.prepared(connection).await
    }

    /// A column's name as mappings know it.
    pub fn column(&self, sql: &str, name: &str) -> String {
        match &self.own {
            Some(own) => own.written(sql, name),
            None => name.to_owned(),
        }
    }

    async fn prepared(&self, mut connection: PgConnection) -> Result<PgConnection, SourceError> {
        let server = &self.server;
        self.execute(&mut connection, FORMS).await?;
        let version: u32 = self.scalar(&mut connection, "SHOW server_version_num").await?.parse().unwrap_or(0);
        // Since 12 the shortest text that is exact; before, one that is readable.
        let digits = u8::from(version >= 120_000);
        let zone = &server.time_zone;
        let timeout = server.patience().as_millis();
        let lock = server.guest.lock_timeout();
        let more = format!(
            "SET extra_float_digits = {digits}; SET TIME ZONE INTERVAL '{zone}' HOUR TO MINUTE; SET statement_timeout = {timeout}; \
             SET lock_timeout = '{lock}s'"
        );
        self.execute(&mut connection, &more).await?;
        if version >= 90_600 {
            // A pause between batches is ours to take.
            self.execute(&mut connection, "SET idle_in_transaction_session_timeout = 0").await?;
        }
        Ok(connection)
    }

    /// Version, and whether the account can write.
    pub async fn look(&self) -> Result<(String, bool), SourceError> {
        let mut connection = self.connect().await?;
        let version = self.scalar(&mut connection, "SHOW server_version").await?;
        let writes = self.writes(&mut connection).await?;
        let _ = connection.close().await;
        Ok((version, writes))
    }

    /// Whether the account can write.
    pub async fn writes(&self, connection: &mut PgConnection) -> Result<bool, SourceError> {
        Ok(self.scalar(connection, WRITES).await? == "yes")
    }

    /// Refuses an account that can write, unless that is accepted. The hub's own store is the hub's own to write.
    pub async fn permit(&self, connection: &mut PgConnection) -> Result<(), SourceError> {
        let writes = self.own.is_none() && self.writes(connection).await?;
        self.server.guest.permit(&self.source, &self.server.user, writes)
    }

    /// Tables and views that the account can read.
    pub async fn list(&self) -> Result<Vec<String>, SourceError> {
        let mut connection = self.connect().await?;
        let rows = sqlx::raw_sql(LIST).fetch_all(&mut connection).await.map_err(|error| self.trouble(&error))?;
        let _ = connection.close().await;
        Ok(rows.iter().map(first).collect())
    }

    /// Runs statements that give no rows.
    pub async fn execute(&self, connection: &mut PgConnection, sql: &str) -> Result<(), SourceError> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
        done.map(|_| ()).map_err(|error| self.trouble(&error))
    }

    async fn scalar(&self, connection: &mut PgConnection, sql: &'static str) -> Result<String, SourceError> {
        let row = sqlx::raw_sql(sql).fetch_one(connection).await.map_err(|error| self.trouble(&error))?;
        Ok(first(&row))
    }

    /// An error in terms of the source. Classes whose messages quote data are given by code alone.
    pub fn trouble(&self, error: &sqlx::Error) -> SourceError {
        let sqlx::Error::Database(database) = error else {
            return self.server.line_trouble(&self.source, self.port(), error);
        };
        let code = database.code().unwrap_or_default().into_owned();
        let said = self.server.scrub(&format!("PostgreSQL {code}: {}", database.message()));
        let source_name = self.source.clone();
        let settings =
            |what, remedy: &str| SourceError::Settings { source_name: source_name.clone(), what, remedy: remedy.into() };
        match code.get(..2).unwrap_or_default() {
            "28" => SourceError::Denied { source_name, what: said },
            _ if code == "42501" => SourceError::Denied { source_name, what: said },
            "08" | "40" | "53" | "55" | "57" | "58" => SourceError::Connection { source_name, what: said },
            "3D" => settings(said, "correct `database`"),
            "25" => settings(said, "let the query only read"),
            "3F" | "42" => settings(said, "correct the table or query in [read]"),
            "22" => settings(
                format!("PostgreSQL {code}: the query cannot be computed for some row"),
                "make the query safe for all rows, casts and divisions above all",
            ),
            _ => settings(format!("PostgreSQL {code}"), "look the code up in the server's manual"),
        }
    }
}

fn first(row: &PgRow) -> String {
    row.try_get_raw(0).ok().and_then(|value| value.as_str().ok().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Own;

    #[test]
    fn names_come_back_as_the_query_writes_them() {
        let views = vec!["CREATE TEMP VIEW \"T\" AS SELECT p ->> 'XH' AS \"XH\"".to_owned(), "… AS \"xh\"".to_owned()];
        let own = Own { options: Default::default(), prelude: views };
        for (sql, name, want) in [
            ("select s.XH, s.XM as pj from T s", "xh", "XH"),
            ("select s.XH, s.XM as pj from T s", "pj", "pj"),
            ("select s.XM as xh from T s where s.XH = '1'", "xh", "xh"),
            ("select * from T", "xh", "XH"),
            ("SELECT * FROM \"T\"", "XH", "XH"),
            ("select * from hub_runs", "source", "source"),
        ] {
            assert_eq!(own.written(sql, name), want, "{sql}");
        }
    }
}
