//! Products of databases: how each writes names.

use super::statement::{in_parts, quoted};

/// A product, as far as its SQL differs from that of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// SQLite.
    Sqlite,
    /// Oracle.
    Oracle,
    /// Microsoft SQL Server.
    SqlServer,
    /// MySQL and MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgres,
    /// 达梦.
    Dameng,
    /// 人大金仓.
    Kingbase,
}

impl Product {
    /// Those that have accounts.
    pub const SERVERS: [Self; 6] = [Self::Oracle, Self::SqlServer, Self::Mysql, Self::Postgres, Self::Dameng, Self::Kingbase];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Oracle => "oracle",
            Self::SqlServer => "sqlserver",
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
            Self::Dameng => "dameng",
            Self::Kingbase => "kingbase",
        }
    }

    /// The name that people use.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Oracle => "Oracle",
            Self::SqlServer => "SQL Server",
            Self::Mysql => "MySQL / MariaDB",
            Self::Postgres => "PostgreSQL",
            Self::Dameng => "达梦 DM8",
            Self::Kingbase => "人大金仓 KingbaseES",
        }
    }

    /// A name in this product's quotes.
    pub fn quoted(self, name: &str) -> String {
        match self {
            Self::Mysql => quoted(name, '`'),
            Self::SqlServer => format!("[{}]", name.replace(']', "]]")),
            _ => quoted(name, '"'),
        }
    }

    /// `schema.table` as quoted names.
    pub fn quoted_path(self, path: &str) -> String {
        in_parts(path, |name| self.quoted(name))
    }
}
