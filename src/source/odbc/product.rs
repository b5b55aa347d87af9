//! Products behind drivers: which of them is known, and how each shows a transaction as of one moment.

use odbc_api::Connection;

use super::connect::Session;
use crate::source::incremental::View;
use crate::source::{Product, SourceError};

/// Parts of the names that drivers give.
const NAMES: [(&str, Product); 5] = [
    ("SQLite", Product::Sqlite),
    ("Kingbase", Product::Kingbase),
    ("PostgreSQL", Product::Postgres),
    ("SQL Server", Product::SqlServer),
    ("Oracle", Product::Oracle),
];

/// A database may let transactions see one moment, or not: one row, `yes` or `no`.
const SNAPSHOTS: &str =
    "SELECT CASE WHEN snapshot_isolation_state = 1 THEN 'yes' ELSE 'no' END FROM sys.databases WHERE name = DB_NAME()";

/// A product by the name that its driver gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named(pub String);

impl Named {
    /// The product, where its SQL is known.
    pub fn known(&self) -> Option<Product> {
        // 达梦: "DM DBMS", "DM8".
        let is_dameng = self.0.starts_with("DM");
        let found = NAMES.iter().find(|(name, _)| self.0.contains(name)).map(|(_, product)| *product);
        found.or(is_dameng.then_some(Product::Dameng))
    }

    /// Whether CHAR(n) is filled up; SQLite has it as another name for a text.
    pub fn pads(&self) -> bool {
        self.known() != Some(Product::Sqlite)
    }
}

/// What makes transactions see one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// They do by themselves.
    Always,
    /// Those that come after this statement.
    Session(&'static str),
    /// The one that begins with this statement.
    Transaction(&'static str),
    /// Not known.
    Never,
}

fn moment(product: Option<Product>, snapshots: bool) -> Moment {
    match product {
        Some(Product::Sqlite) => Moment::Always,
        Some(Product::Postgres | Product::Kingbase) => {
            Moment::Session("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        }
        Some(Product::Oracle) => Moment::Transaction("SET TRANSACTION READ ONLY"),
        Some(Product::Dameng) => Moment::Transaction("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        Some(Product::SqlServer) if snapshots => Moment::Session("SET TRANSACTION ISOLATION LEVEL SNAPSHOT"),
        Some(Product::SqlServer | Product::Mysql) | None => Moment::Never,
    }
}

impl Session {
    /// Begins a transaction, and says what it sees.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn begin(&self, connection: &Connection<'_>, product: &Named) -> Result<View, SourceError> {
        // A transaction begins with its first statement; what was asked before is not to be part of it.
        let fresh = || connection.rollback().map_err(|error| self.trouble(super::faults::Stage::Before, &error));
        fresh()?;
        if self.settings.consistent == Some(false) {
            return Ok(View::Moving);
        }
        let known = product.known();
        let mut snapshots = false;
        if known == Some(Product::SqlServer) {
            let told = self.texts(connection, product, SNAPSHOTS).unwrap_or_default();
            snapshots = told.into_iter().flatten().flatten().next().is_some_and(|text| text == "yes");
            fresh()?;
        }
        let done = match moment(known, snapshots) {
            Moment::Always => return Ok(View::One),
            Moment::Session(sql) => {
                let done = self.execute(connection, sql).map(|_| ());
                done.and_then(|()| connection.commit().map_err(|error| self.trouble(super::faults::Stage::Before, &error)))
            }
            Moment::Transaction(sql) => self.execute(connection, sql).map(|_| ()),
            Moment::Never => return Ok(self.by_statement(known)),
        };
        match done {
            Ok(()) => Ok(View::One),
            Err(error) => {
                tracing::warn!(source = %self.source, %error, "the database does not show a transaction as of one moment");
                fresh()?;
                Ok(self.by_statement(known))
            }
        }
    }

    /// What is seen where transactions do not see one moment.
    fn by_statement(&self, product: Option<Product>) -> View {
        let consistent = self.settings.consistent.unwrap_or(product != Some(Product::SqlServer));
        if consistent { View::ByStatement } else { View::Moving }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_known_by_what_their_drivers_call_them() {
        for (name, product) in [
            ("SQLite", Some(Product::Sqlite)),
            ("PostgreSQL", Some(Product::Postgres)),
            ("KingbaseES", Some(Product::Kingbase)),
            ("Microsoft SQL Server", Some(Product::SqlServer)),
            ("Oracle", Some(Product::Oracle)),
            ("DM DBMS", Some(Product::Dameng)),
            ("DM8", Some(Product::Dameng)),
            ("MariaDB", None),
            ("ACCESS", None),
            ("", None),
        ] {
            assert_eq!(Named(name.into()).known(), product, "{name}");
        }
    }

    #[test]
    fn a_transaction_sees_one_moment_where_the_product_can() {
        for (product, snapshots, expected) in [
            (Some(Product::Oracle), false, Moment::Transaction("SET TRANSACTION READ ONLY")),
            (Some(Product::Dameng), false, Moment::Transaction("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")),
            (Some(Product::SqlServer), true, Moment::Session("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")),
            (Some(Product::SqlServer), false, Moment::Never),
            (None, true, Moment::Never),
        ] {
            assert_eq!(moment(product, snapshots), expected, "{product:?}");
        }
    }
}
