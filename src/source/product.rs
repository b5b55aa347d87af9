//! Products of databases: how each writes names, and the SQL of accounts that can read and nothing else.

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

    /// A name as somebody would write it by hand: plain names stay bare, because products differ in how they fold them and
    /// whoever keeps the system wrote them bare, too.
    pub fn written(self, name: &str) -> String {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain { name.to_owned() } else { self.quoted(name) }
    }

    /// How an account is named in statements.
    pub fn grantee(self, account: &Account<'_>) -> String {
        match self {
            Self::Mysql => format!("'{}'@'{}'", account.name.replace('\'', "''"), account.host.replace('\'', "''")),
            _ => self.written(account.name),
        }
    }

    /// The statements that make an account which may log in and do nothing else, each on a line of its own; none of SQLite,
    /// which has no accounts.
    pub fn make(self, account: &Account<'_>) -> String {
        let (user, password) = (self.grantee(account), account.password);
        match self {
            Self::Sqlite => String::new(),
            Self::Mysql => format!("CREATE USER {user} IDENTIFIED BY '{password}';\n"),
            Self::Postgres | Self::Kingbase => format!(
                "CREATE ROLE {user} LOGIN PASSWORD '{password}' CONNECTION LIMIT 4;\n\
                 ALTER ROLE {user} SET default_transaction_read_only = on;\n"
            ),
            Self::SqlServer => {
                format!("CREATE LOGIN {user} WITH PASSWORD = N'{password}';\nCREATE USER {user} FOR LOGIN {user};\n")
            }
            Self::Oracle => {
                format!("CREATE USER {user} IDENTIFIED BY \"{password}\";\nGRANT CREATE SESSION TO {user};\n")
            }
            Self::Dameng => format!("CREATE USER {user} IDENTIFIED BY \"{password}\";\n"),
        }
    }

    /// Lets an account read a table or view, which is named as the statement is to name it.
    pub fn grant(self, object: &str, to: &str) -> String {
        let on = if self == Self::SqlServer { "OBJECT::" } else { "" };
        format!("GRANT SELECT ON {on}{object} TO {to};")
    }

    /// The same for objects, each a table or `schema.table`; those without a schema are in `schema`, where one is given.
    pub fn grants(self, objects: &[String], schema: Option<&str>, to: &str) -> String {
        let path = |object: &String| match schema.filter(|_| !object.contains('.')) {
            Some(schema) => format!("{}.{}", self.quoted(schema), self.quoted(object)),
            None => self.quoted_path(object),
        };
        objects.iter().map(|object| self.grant(&path(object), to)).collect::<Vec<_>>().join("\n")
    }
}

/// The account that the hub reads by, where nobody has named another.
pub(super) const READER: Account<'static> = Account { name: "xiaoshu_reader", host: "%", password: "<password>" };

/// An account that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it logs in from, for MySQL and MariaDB.
    pub host: &'a str,
    /// What stands for the password, which the administrator sets.
    pub password: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_name_each_object_and_nothing_else() {
        let objects = ["course".to_owned(), "edu.学生".to_owned(), "a`b".to_owned()];
        assert_eq!(
            Product::Mysql.grants(&objects, Some("jw"), "'r'@'%'"),
            "GRANT SELECT ON `jw`.`course` TO 'r'@'%';\nGRANT SELECT ON `edu`.`学生` TO 'r'@'%';\nGRANT SELECT ON `jw`.`a``b` TO 'r'@'%';"
        );
        assert_eq!(Product::SqlServer.grants(&objects[1..2], None, "r"), "GRANT SELECT ON OBJECT::[edu].[学生] TO r;");
    }

    #[test]
    fn no_name_ends_a_statement_early() {
        let account = Account { name: "r'; x", host: "h'", password: "<p>" };
        for (product, made) in [
            (Product::Mysql, "CREATE USER 'r''; x'@'h''' IDENTIFIED BY '<p>';\n"),
            (Product::Dameng, "CREATE USER \"r'; x\" IDENTIFIED BY \"<p>\";\n"),
            (Product::Sqlite, ""),
        ] {
            assert_eq!(product.make(&account), made);
        }
        let odd = Account { name: "a]b", ..account };
        assert_eq!(Product::SqlServer.grantee(&odd), "[a]]b]");
        assert_eq!(Product::Oracle.grantee(&Account { name: "READER_1", ..account }), "READER_1");
    }
}
