//! The statements of reading by parts and of changes.

use crate::source::{ColumnKind, Product};

/// A column that rows are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Compared {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

impl Product {
    /// A cell as a literal that compares with its column as the column's own values do.
    pub(in crate::source) fn literal(self, cell: &str, kind: ColumnKind) -> String {
        let is_number = kind == ColumnKind::Number && !self.is_postgres() && is_decimal(cell);
        match self {
            _ if is_number => cell.to_owned(),
            // Whatever the server's mode makes of backslashes.
            Self::Mysql if cell.contains(['\\', '\'']) => format!("_utf8mb4 x'{}'", hex::encode(cell)),
            Self::Postgres | Self::Kingbase if cell.contains('\\') => {
                format!("E'{}'", cell.replace('\\', "\\\\").replace('\'', "''"))
            }
            // What a text without a form means depends on the session there.
            Self::Oracle | Self::Dameng if kind == ColumnKind::Date && is_point(cell) => point(cell),
            Self::SqlServer if kind == ColumnKind::Date && is_point(cell) => format!("'{}'", cell.replacen(' ', "T", 1)),
            // Drivers of it know no UTF-16, and what is not ASCII would not arrive.
            Self::Sqlite if !cell.is_ascii() => by_number(cell),
            // Else the database's code page would have to hold all of it.
            Self::SqlServer if !cell.is_ascii() => format!("N'{}'", cell.replace('\'', "''")),
            _ => format!("'{}'", cell.replace('\'', "''")),
        }
    }

    fn is_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::Kingbase)
    }

    /// `SELECT * FROM object`.
    pub(super) fn all(self, object: &str) -> String {
        format!("SELECT * FROM {}", self.quoted_path(object))
    }

    /// The primary key's columns in their order; none of what has no such key. Nothing of products that are reached by ODBC
    /// alone, whose drivers tell.
    pub(in crate::source) fn primary_key(self, object: &str) -> Option<String> {
        let text = |text: &str| self.literal(text, ColumnKind::Text);
        let (schema, table) = object.split_once('.').map_or((None, object), |(schema, table)| (Some(schema), table));
        Some(match self {
            Self::Sqlite => {
                format!("SELECT name FROM pragma_table_info({}) WHERE pk > 0 ORDER BY pk", text(object))
            }
            Self::Postgres => format!(
                "SELECT a.attname FROM pg_catalog.pg_index i CROSS JOIN LATERAL generate_subscripts(i.indkey, 1) AS s(n) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[s.n] \
                 WHERE i.indrelid = {}::regclass AND i.indisprimary ORDER BY s.n",
                text(&self.quoted_path(object))
            ),
            Self::Mysql => format!(
                "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
                 AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
                schema.map_or_else(|| "DATABASE()".to_owned(), text),
                text(table)
            ),
            Self::Oracle | Self::SqlServer | Self::Dameng | Self::Kingbase => return None,
        })
    }

    /// The first rows that a SELECT gives.
    fn first(self, select: &str, rows: u64) -> String {
        match self {
            // What all versions know.
            Self::Oracle => format!("SELECT * FROM ({select}) WHERE ROWNUM <= {rows}"),
            Self::SqlServer => select.replacen("SELECT ", &format!("SELECT TOP ({rows}) "), 1),
            _ => format!("{select} LIMIT {rows}"),
        }
    }

    /// Number of rows.
    pub(super) fn count(self, object: &str) -> String {
        format!("SELECT COUNT(*) FROM {}", self.quoted_path(object))
    }

    /// Number of rows under a condition, counted no further than `most`.
    pub(super) fn count_up_to(self, object: &str, condition: &str, most: u64) -> String {
        let some = format!("SELECT 1 AS one FROM {} WHERE {condition}", self.quoted_path(object));
        format!("SELECT COUNT(*) FROM ({}) counted", self.first(&some, most))
    }

    /// The greatest value of a column, not beyond `end` where that is given.
    pub(super) fn greatest(self, object: &str, column: &str, end: Option<&str>) -> String {
        let name = self.quoted(column);
        let end = end.map(|end| format!("{name} <= {end}"));
        format!("SELECT MAX({name}) FROM {}{}", self.quoted_path(object), filter(&[end.as_deref()]))
    }

    /// The server's own time, in the zone that the connection's times come in; where the product knows no zones, the latest
    /// that it can be anywhere.
    pub(super) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT datetime('now', '+14 hours')",
            Self::Postgres | Self::Kingbase => "SELECT LOCALTIMESTAMP(0)",
            Self::Mysql => "SELECT NOW()",
            Self::Oracle | Self::Dameng => "SELECT TO_CHAR(SYSDATE, 'YYYY-MM-DD HH24:MI:SS') FROM DUAL",
            Self::SqlServer => "SELECT CONVERT(varchar(19), GETDATE(), 120)",
        }
    }

    /// The next range: rows behind `after` in the key's order, at most `rows`.
    pub(super) fn range(self, object: &str, key: &[Compared], after: Option<&[String]>, rest: Option<&str>, rows: u64) -> String {
        let behind = after.map(|cells| self.behind(key, cells));
        let order: Vec<String> = key.iter().map(|column| self.quoted(&column.name)).collect();
        let filter = filter(&[behind.as_deref(), rest]);
        self.first(&format!("{}{filter} ORDER BY {}", self.all(object), order.join(", ")), rows)
    }

    /// Behind a key, in its order: written out, since few products use an index for a comparison of rows.
    fn behind(self, key: &[Compared], cells: &[String]) -> String {
        let Some((column, rest)) = key.split_first() else { return "1 = 0".to_owned() };
        let Some((cell, cells)) = cells.split_first() else { return "1 = 0".to_owned() };
        let (name, literal) = (self.quoted(&column.name), self.literal(cell, column.kind));
        match rest {
            [] => format!("{name} > {literal}"),
            _ => format!("{name} >= {literal} AND ({name} > {literal} OR ({name} = {literal} AND {}))", self.behind(rest, cells)),
        }
    }

    /// The rows of these keys, as a log names them.
    pub(super) fn of_keys(self, object: &str, key: &[Compared], keys: &[Box<[Box<str>]>]) -> String {
        let tuple = |cells: &[Box<str>]| {
            let literals = key.iter().zip(cells).map(|(column, cell)| self.literal(cell, column.kind));
            literals.collect::<Vec<_>>().join(", ")
        };
        let names: Vec<String> = key.iter().map(|column| self.quoted(&column.name)).collect();
        let (open, close) = if key.len() == 1 { ("", "") } else { ("(", ")") };
        let list: Vec<String> = keys.iter().map(|cells| format!("{open}{}{close}", tuple(cells))).collect();
        // A list of rows is written as a table here, and nowhere else.
        let values = if self == Self::Sqlite && key.len() > 1 { "VALUES " } else { "" };
        format!("{} WHERE {open}{}{close} IN ({values}{})", self.all(object), names.join(", "), list.join(", "))
    }
}

/// A mark column with a bound as a literal; none where it holds no mark yet, and any is new.
pub(super) type Limit<'a> = (&'a str, Option<String>);

/// Rows that a bound says to read: a mark at or behind it.
pub(super) fn marked(product: Product, limits: &[Limit<'_>]) -> String {
    let one = |(column, limit): &Limit<'_>| match limit {
        Some(text) => format!("{} >= {text}", product.quoted(column)),
        None => format!("{} IS NOT NULL", product.quoted(column)),
    };
    format!("({})", limits.iter().map(one).collect::<Vec<_>>().join(" OR "))
}

/// Rows without any mark.
pub(super) fn unmarked(product: Product, columns: &[String]) -> String {
    let empty: Vec<String> = columns.iter().map(|column| format!("{} IS NULL", product.quoted(column))).collect();
    format!("({})", empty.join(" AND "))
}

/// All others: some mark, and none at or behind the bound.
pub(super) fn settled(product: Product, limits: &[Limit<'_>]) -> String {
    let below = |(column, limit): &Limit<'_>| {
        let name = product.quoted(column);
        limit.as_ref().map_or_else(|| format!("{name} IS NULL"), |text| format!("({name} IS NULL OR {name} < {text})"))
    };
    let columns: Vec<String> = limits.iter().map(|(column, _)| (*column).to_owned()).collect();
    let all: Vec<String> = limits.iter().map(below).collect();
    format!("({} AND NOT {})", all.join(" AND "), unmarked(product, &columns))
}

/// ` WHERE …`, of the conditions there are.
pub(super) fn filter(conditions: &[Option<&str>]) -> String {
    let conditions: Vec<String> = conditions.iter().flatten().map(|condition| format!("({condition})")).collect();
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

/// Whether a text is a day, or a day and a time of it, as drivers write them.
fn is_point(text: &str) -> bool {
    let digits = |text: &str| text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte }).collect::<Vec<u8>>();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let shape = digits(whole);
    let is_whole = shape == b"0000-00-00" && !text.contains('.') || shape == b"0000-00-00 00:00:00";
    is_whole && !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// A day or point in time in words that no setting of a session changes.
fn point(cell: &str) -> String {
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
    match (whole.len(), fraction.trim_end_matches('0')) {
        (10, _) => format!("TO_DATE('{whole}', 'YYYY-MM-DD')"),
        // A column without parts of a second can use its index only so.
        (_, "") => format!("TO_DATE('{whole}', 'YYYY-MM-DD HH24:MI:SS')"),
        _ => format!("TIMESTAMP '{cell}'"),
    }
}

/// A text by the numbers of its characters, no more than a function takes at a time.
fn by_number(text: &str) -> String {
    let numbers: Vec<String> = text.chars().map(|c| u32::from(c).to_string()).collect();
    let parts: Vec<String> = numbers.chunks(100).map(|some| format!("char({})", some.join(", "))).collect();
    format!("({})", parts.join(" || "))
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[(&str, ColumnKind)]) -> Vec<Compared> {
        columns.iter().map(|(name, kind)| Compared { name: (*name).into(), kind: *kind }).collect()
    }

    #[test]
    fn ranges_go_on_behind_a_key_of_several_columns() {
        let key = key(&[("a", ColumnKind::Number), ("b", ColumnKind::Text)]);
        let after = ["7".to_owned(), "x'y".to_owned()];
        assert_eq!(
            Product::Sqlite.range("t", &key, Some(&after), None, 10),
            "SELECT * FROM \"t\" WHERE (\"a\" >= 7 AND (\"a\" > 7 OR (\"a\" = 7 AND \"b\" > 'x''y'))) ORDER BY \"a\", \"b\" LIMIT 10"
        );
        assert_eq!(
            Product::Mysql.range("d.t", &key[..1], None, Some("`u` IS NULL"), 10),
            "SELECT * FROM `d`.`t` WHERE (`u` IS NULL) ORDER BY `a` LIMIT 10"
        );
    }

    /// What the drivers of these products are sent; there are no servers of them to try it on.
    #[test]
    fn products_page_and_count_in_their_own_words() {
        use Product::{Dameng, Kingbase, Oracle, SqlServer};
        let key = key(&[("ID", ColumnKind::Number), ("XM", ColumnKind::Text)]);
        let after = ["7".to_owned(), "张'三".to_owned()];
        let behind = |name: &str, id: &str| format!("({name} >= {id} AND ({name} > {id} OR ({name} = {id} AND ");
        for (product, range) in [
            (
                Oracle,
                format!(
                    "SELECT * FROM (SELECT * FROM \"JW\".\"XS\" WHERE {}\"XM\" > '张''三'))) ORDER BY \"ID\", \"XM\") WHERE ROWNUM <= 10",
                    behind("\"ID\"", "7")
                ),
            ),
            (
                SqlServer,
                format!("SELECT TOP (10) * FROM [JW].[XS] WHERE {}[XM] > N'张''三'))) ORDER BY [ID], [XM]", behind("[ID]", "7")),
            ),
            (
                Dameng,
                format!(
                    "SELECT * FROM \"JW\".\"XS\" WHERE {}\"XM\" > '张''三'))) ORDER BY \"ID\", \"XM\" LIMIT 10",
                    behind("\"ID\"", "7")
                ),
            ),
            (
                Kingbase,
                format!(
                    "SELECT * FROM \"JW\".\"XS\" WHERE {}\"XM\" > '张''三'))) ORDER BY \"ID\", \"XM\" LIMIT 10",
                    behind("\"ID\"", "'7'")
                ),
            ),
        ] {
            assert_eq!(product.range("JW.XS", &key, Some(&after), None, 10), range);
        }
        for (product, count) in [
            (Oracle, "SELECT COUNT(*) FROM (SELECT * FROM (SELECT 1 AS one FROM \"XS\" WHERE c) WHERE ROWNUM <= 5) counted"),
            (SqlServer, "SELECT COUNT(*) FROM (SELECT TOP (5) 1 AS one FROM [XS] WHERE c) counted"),
            (Dameng, "SELECT COUNT(*) FROM (SELECT 1 AS one FROM \"XS\" WHERE c LIMIT 5) counted"),
            (Kingbase, "SELECT COUNT(*) FROM (SELECT 1 AS one FROM \"XS\" WHERE c LIMIT 5) counted"),
        ] {
            assert_eq!(product.count_up_to("XS", "c", 5), count);
        }
        assert_eq!(SqlServer.greatest("XS", "a]b", Some("'x'")), "SELECT MAX([a]]b]) FROM [XS] WHERE ([a]]b] <= 'x')");
    }

    #[test]
    fn points_in_time_mean_the_same_in_every_session() {
        use Product::{Dameng, Kingbase, Oracle, SqlServer};
        let (day, time, parts) = ("2024-09-01", "2024-09-01 08:00:07.000", "2024-09-01 08:00:07.25");
        for (product, cell, literal) in [
            (Oracle, day, "TO_DATE('2024-09-01', 'YYYY-MM-DD')"),
            (Oracle, time, "TO_DATE('2024-09-01 08:00:07', 'YYYY-MM-DD HH24:MI:SS')"),
            (Dameng, parts, "TIMESTAMP '2024-09-01 08:00:07.25'"),
            (SqlServer, day, "'2024-09-01'"),
            (SqlServer, parts, "'2024-09-01T08:00:07.25'"),
            (Kingbase, parts, "'2024-09-01 08:00:07.25'"),
            (Oracle, "x' OR 1=1 --", "'x'' OR 1=1 --'"),
            (SqlServer, "2024-09-01' OR 1=1", "'2024-09-01'' OR 1=1'"),
        ] {
            assert_eq!(product.literal(cell, ColumnKind::Date), literal, "{product:?}");
        }
        assert_eq!(Oracle.literal(time, ColumnKind::Text), "'2024-09-01 08:00:07.000'", "a text is compared as one");
    }

    #[test]
    fn literals_cannot_end_early() {
        for (product, cell, kind, literal) in [
            (Product::Postgres, "7", ColumnKind::Number, "'7'"),
            (Product::Postgres, "a\\'b", ColumnKind::Text, "E'a\\\\''b'"),
            (Product::Mysql, "7.50", ColumnKind::Number, "7.50"),
            (Product::Mysql, "7 OR 1", ColumnKind::Number, "'7 OR 1'"),
            (Product::Mysql, "a\\' OR 1", ColumnKind::Text, "_utf8mb4 x'615c27204f522031'"),
            (Product::Sqlite, "a' OR 1", ColumnKind::Text, "'a'' OR 1'"),
            (Product::Sqlite, "学'", ColumnKind::Text, "(char(23398, 39))"),
            (Product::Kingbase, "a\\'b", ColumnKind::Text, "E'a\\\\''b'"),
            (Product::Oracle, "a\\' OR 1", ColumnKind::Text, "'a\\'' OR 1'"),
            (Product::SqlServer, "学' OR 1", ColumnKind::Text, "N'学'' OR 1'"),
        ] {
            assert_eq!(product.literal(cell, kind), literal, "{cell}");
        }
    }

    #[test]
    fn rows_are_marked_settled_or_without_mark() {
        let limits = [("u", Some("'2024-09-01'".to_owned())), ("c", None)];
        let product = Product::Postgres;
        assert_eq!(marked(product, &limits), "(\"u\" >= '2024-09-01' OR \"c\" IS NOT NULL)");
        assert_eq!(
            settled(product, &limits),
            "((\"u\" IS NULL OR \"u\" < '2024-09-01') AND \"c\" IS NULL AND NOT (\"u\" IS NULL AND \"c\" IS NULL))"
        );
    }

    #[test]
    fn keys_are_asked_for_together() {
        let keys: Vec<Box<[Box<str>]>> = vec![["1".into(), "x".into()].into(), ["2".into(), "y".into()].into()];
        let two = key(&[("a", ColumnKind::Number), ("b", ColumnKind::Text)]);
        assert_eq!(Product::Mysql.of_keys("t", &two, &keys), "SELECT * FROM `t` WHERE (`a`, `b`) IN ((1, 'x'), (2, 'y'))");
        let one: Vec<Box<[Box<str>]>> = vec![["1".into()].into(), ["2".into()].into()];
        assert_eq!(Product::Postgres.of_keys("t", &two[..1], &one), "SELECT * FROM \"t\" WHERE \"a\" IN ('1', '2')");
    }
}
