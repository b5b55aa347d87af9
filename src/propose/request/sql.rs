//! Views and grants in the words of each database.

use std::fmt::Write as _;

use super::{Origin, Request, WantedColumn, WantedTable};
use crate::finding::Lang;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
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

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Oracle, Self::SqlServer, Self::Mysql, Self::Postgres, Self::Dameng, Self::Kingbase];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
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
            Self::Oracle => "Oracle",
            Self::SqlServer => "SQL Server",
            Self::Mysql => "MySQL / MariaDB",
            Self::Postgres => "PostgreSQL",
            Self::Dameng => "达梦 DM8",
            Self::Kingbase => "人大金仓 KingbaseES",
        }
    }

    /// A name as this database takes it. Plain names stay bare, because databases differ in how they fold them and the
    /// keeper of the system wrote them bare, too.
    fn quoted(self, name: &str) -> String {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain {
            return name.to_owned();
        }
        match self {
            Self::Mysql => format!("`{}`", name.replace('`', "``")),
            Self::SqlServer => format!("[{}]", name.replace(']', "]]")),
            _ => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// A name of several parts, such as `dbo.student`.
    fn path(self, name: &str) -> String {
        name.split('.').map(|part| self.quoted(part)).collect::<Vec<_>>().join(".")
    }

    /// How a view begins.
    fn create(self) -> &'static str {
        match self {
            // The account needs no right on the tables behind the view.
            Self::Mysql => "CREATE SQL SECURITY DEFINER VIEW",
            _ => "CREATE VIEW",
        }
    }

    /// What ends a statement that has to stand alone.
    fn alone(self) -> &'static str {
        if self == Self::SqlServer { "\nGO\n" } else { "\n" }
    }
}

/// The script that the system's keeper runs: views, an account that can read them and nothing else.
///
/// A view over a mapped table is complete. Where the system's columns are not known, each stands as `NULL` with its
/// meaning beside it, for the keeper to fill in: the script is valid as it stands and gives no wrong value.
pub fn views_sql(request: &Request, dialect: Dialect, lang: Lang) -> String {
    let mut out = String::new();
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let _ = writeln!(out, "-- {} ({})", comment(&request.system), dialect.label());
    let _ = writeln!(
        out,
        "-- {}",
        say(
            "在存放业务数据的库（模式）中，由其所有者执行。视图只含所列各列，账号只能查询这些视图。",
            "To be run by the owner of the data, in its database (schema). The views hold the listed columns only; the \
             account can read these views and nothing else.",
        )
    );
    for table in &request.tables {
        out.push('\n');
        view(&mut out, table, dialect, lang);
        out.push_str(dialect.alone());
    }
    out.push('\n');
    account(&mut out, request, dialect, lang);
    out
}

fn view(out: &mut String, table: &WantedTable, dialect: Dialect, lang: Lang) {
    let title = if lang == Lang::Zh { &table.plan.label_zh } else { &table.plan.label_en };
    let _ = writeln!(out, "-- {} {}", comment(title), table.plan.name);
    let name = table.view();
    match &table.origin {
        Origin::Query(query) => {
            let query = query.trim().trim_end_matches(';');
            let _ = write!(out, "{} {name} AS\n{query};", dialect.create());
        }
        Origin::Object(object) => {
            let _ = writeln!(out, "{} {name} AS\nSELECT", dialect.create());
            for (at, column) in table.columns.iter().enumerate() {
                let comma = if at + 1 < table.columns.len() { "," } else { "" };
                let _ = writeln!(out, "    {}{comma} -- {}", dialect.quoted(&column.name), described(table, column, lang));
            }
            let _ = write!(out, "FROM {};", dialect.path(object));
        }
        Origin::Open => {
            let _ = writeln!(out, "{} {name} AS\nSELECT", dialect.create());
            for (at, column) in table.columns.iter().enumerate() {
                let comma = if at + 1 < table.columns.len() { "," } else { "" };
                let _ =
                    writeln!(out, "    NULL AS {}{comma} -- {}", dialect.quoted(&column.name), described(table, column, lang));
            }
            let what = if lang == Lang::Zh {
                "请把 NULL 换成贵方的列，把下面的表名换成贵方的表"
            } else {
                "put your columns in place of NULL, and your table in place of the name below"
            };
            let _ = write!(out, "-- {what}\nFROM your_table;");
        }
    }
}

fn described(table: &WantedTable, column: &WantedColumn, lang: Lang) -> String {
    let labels: Vec<String> = table.fields(column).map(|field| comment(&field.label)).collect();
    let note = match (table.is_mandatory(column), lang) {
        (true, Lang::Zh) => "，必填",
        (true, Lang::En) => ", mandatory",
        (false, _) => "",
    };
    match (labels.is_empty(), lang) {
        (true, Lang::Zh) => "用于选取、识别行".to_owned(),
        (true, Lang::En) => "chooses or names rows".to_owned(),
        (false, _) => format!("{}{note}", labels.join("、")),
    }
}

/// A text that ends no comment.
fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn account(out: &mut String, request: &Request, dialect: Dialect, lang: Lang) {
    let user = dialect.quoted(&request.account);
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let password = say("<由贵方设定，另行告知>", "<yours to set; tell us apart from this file>");
    let grants = |out: &mut String, on: &str, to: &str| {
        for table in &request.tables {
            let _ = writeln!(out, "GRANT SELECT ON {on}{} TO {to};", table.view());
        }
    };
    let _ = writeln!(out, "-- {}", say("只读账号", "the account, for reading only"));
    match dialect {
        Dialect::Mysql => {
            let host = if request.host.is_empty() { "%" } else { &request.host };
            let user = format!("'{}'@'{}'", request.account.replace('\'', "''"), host.replace('\'', "''"));
            let _ = writeln!(out, "CREATE USER {user} IDENTIFIED BY '{password}';");
            grants(out, "", &user);
        }
        Dialect::Postgres | Dialect::Kingbase => {
            let _ = writeln!(out, "CREATE ROLE {user} LOGIN PASSWORD '{password}' CONNECTION LIMIT 2;");
            let _ = writeln!(out, "ALTER ROLE {user} SET default_transaction_read_only = on;");
            let _ = writeln!(
                out,
                "-- {}\n-- GRANT USAGE ON SCHEMA … TO {user};",
                say("视图不在 public 模式时，还需：", "where the views are not in the schema public, also:")
            );
            grants(out, "", &user);
        }
        Dialect::SqlServer => {
            let _ = writeln!(out, "CREATE LOGIN {user} WITH PASSWORD = N'{password}';\nCREATE USER {user} FOR LOGIN {user};");
            grants(out, "OBJECT::", &user);
            out.push_str("GO\n");
        }
        Dialect::Oracle => {
            let _ = writeln!(out, "CREATE USER {user} IDENTIFIED BY \"{password}\";\nGRANT CREATE SESSION TO {user};");
            grants(out, "", &user);
        }
        Dialect::Dameng => {
            let _ = writeln!(out, "CREATE USER {user} IDENTIFIED BY \"{password}\";");
            let _ = writeln!(
                out,
                "-- {}\n-- GRANT CREATE SESSION TO {user};",
                say("版本要求会话权限时，还需：", "where the version wants a right to connect, also:")
            );
            grants(out, "", &user);
        }
    }
}
