//! The statements of reading by parts and of changes.

use crate::source::ColumnKind;
use crate::source::statement::{quoted, quoted_path};

/// How a product writes its SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// A column that rows are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Compared {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

impl Dialect {
    fn quote(self) -> char {
        if self == Self::Mysql { '`' } else { '"' }
    }

    /// A column's or table's name.
    pub fn name(self, name: &str) -> String {
        quoted(name, self.quote())
    }

    /// A cell as a literal that compares with its column as the column's own values do.
    pub fn literal(self, cell: &str, kind: ColumnKind) -> String {
        let is_number = kind == ColumnKind::Number && self != Self::Postgres && is_decimal(cell);
        match self {
            _ if is_number => cell.to_owned(),
            // Whatever the server's mode makes of backslashes.
            Self::Mysql if cell.contains(['\\', '\'']) => format!("_utf8mb4 x'{}'", hex::encode(cell)),
            Self::Postgres if cell.contains('\\') => format!("E'{}'", cell.replace('\\', "\\\\").replace('\'', "''")),
            _ => format!("'{}'", cell.replace('\'', "''")),
        }
    }

    /// `SELECT * FROM object`.
    pub fn all(self, object: &str) -> String {
        format!("SELECT * FROM {}", quoted_path(object, self.quote()))
    }

    /// The primary key's columns in their order; none of what has no such key.
    pub fn primary_key(self, object: &str) -> String {
        let text = |text: &str| self.literal(text, ColumnKind::Text);
        let (schema, table) = object.split_once('.').map_or((None, object), |(schema, table)| (Some(schema), table));
        match self {
            Self::Sqlite => {
                format!("SELECT name FROM pragma_table_info({}) WHERE pk > 0 ORDER BY pk", text(object))
            }
            Self::Postgres => format!(
                "SELECT a.attname FROM pg_catalog.pg_index i CROSS JOIN LATERAL generate_subscripts(i.indkey, 1) AS s(n) \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[s.n] \
                 WHERE i.indrelid = {}::regclass AND i.indisprimary ORDER BY s.n",
                text(&quoted_path(object, '"'))
            ),
            Self::Mysql => format!(
                "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
                 AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
                schema.map_or_else(|| "DATABASE()".to_owned(), text),
                text(table)
            ),
        }
    }

    /// Number of rows, under a condition.
    pub fn count(self, object: &str, condition: Option<&str>) -> String {
        format!("SELECT COUNT(*) FROM {}{}", quoted_path(object, self.quote()), filter(&[condition]))
    }

    /// Number of rows under a condition, counted no further than `most`.
    pub fn count_up_to(self, object: &str, condition: &str, most: u64) -> String {
        let path = quoted_path(object, self.quote());
        format!("SELECT COUNT(*) FROM (SELECT 1 AS one FROM {path} WHERE {condition} LIMIT {most}) counted")
    }

    /// The greatest value of a column, not beyond `end` where that is given.
    pub fn greatest(self, object: &str, column: &str, end: Option<&str>) -> String {
        let name = self.name(column);
        let end = end.map(|end| format!("{name} <= {end}"));
        format!("SELECT MAX({name}) FROM {}{}", quoted_path(object, self.quote()), filter(&[end.as_deref()]))
    }

    /// The server's own time, in the zone that the connection's times come in; where the product knows no zones, the latest
    /// that it can be anywhere.
    pub fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT datetime('now', '+14 hours')",
            Self::Postgres => "SELECT LOCALTIMESTAMP(0)",
            Self::Mysql => "SELECT NOW()",
        }
    }

    /// The next range: rows behind `after` in the key's order, at most `rows`.
    pub fn range(self, object: &str, key: &[Compared], after: Option<&[String]>, rest: Option<&str>, rows: u64) -> String {
        let behind = after.map(|cells| self.behind(key, cells));
        let order: Vec<String> = key.iter().map(|column| self.name(&column.name)).collect();
        let filter = filter(&[behind.as_deref(), rest]);
        format!("{}{filter} ORDER BY {} LIMIT {rows}", self.all(object), order.join(", "))
    }

    /// Behind a key, in its order: written out, since few products use an index for a comparison of rows.
    fn behind(self, key: &[Compared], cells: &[String]) -> String {
        let Some((column, rest)) = key.split_first() else { return "1 = 0".to_owned() };
        let Some((cell, cells)) = cells.split_first() else { return "1 = 0".to_owned() };
        let (name, literal) = (self.name(&column.name), self.literal(cell, column.kind));
        match rest {
            [] => format!("{name} > {literal}"),
            _ => format!("{name} >= {literal} AND ({name} > {literal} OR ({name} = {literal} AND {}))", self.behind(rest, cells)),
        }
    }

    /// The rows of these keys.
    pub fn of_keys(self, object: &str, key: &[Compared], keys: &[Box<[Box<str>]>]) -> String {
        let tuple = |cells: &[Box<str>]| {
            let literals = key.iter().zip(cells).map(|(column, cell)| self.literal(cell, column.kind));
            literals.collect::<Vec<_>>().join(", ")
        };
        let names: Vec<String> = key.iter().map(|column| self.name(&column.name)).collect();
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
pub(super) fn marked(dialect: Dialect, limits: &[Limit<'_>]) -> String {
    let one = |(column, limit): &Limit<'_>| match limit {
        Some(text) => format!("{} >= {text}", dialect.name(column)),
        None => format!("{} IS NOT NULL", dialect.name(column)),
    };
    format!("({})", limits.iter().map(one).collect::<Vec<_>>().join(" OR "))
}

/// Rows without any mark.
pub(super) fn unmarked(dialect: Dialect, columns: &[String]) -> String {
    let empty: Vec<String> = columns.iter().map(|column| format!("{} IS NULL", dialect.name(column))).collect();
    format!("({})", empty.join(" AND "))
}

/// All others: some mark, and none at or behind the bound.
pub(super) fn settled(dialect: Dialect, limits: &[Limit<'_>]) -> String {
    let below = |(column, limit): &Limit<'_>| {
        let name = dialect.name(column);
        limit.as_ref().map_or_else(|| format!("{name} IS NULL"), |text| format!("({name} IS NULL OR {name} < {text})"))
    };
    let columns: Vec<String> = limits.iter().map(|(column, _)| (*column).to_owned()).collect();
    let all: Vec<String> = limits.iter().map(below).collect();
    format!("({} AND NOT {})", all.join(" AND "), unmarked(dialect, &columns))
}

/// ` WHERE …`, of the conditions there are.
pub(super) fn filter(conditions: &[Option<&str>]) -> String {
    let conditions: Vec<String> = conditions.iter().flatten().map(|condition| format!("({condition})")).collect();
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
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
            Dialect::Sqlite.range("t", &key, Some(&after), None, 10),
            "SELECT * FROM \"t\" WHERE (\"a\" >= 7 AND (\"a\" > 7 OR (\"a\" = 7 AND \"b\" > 'x''y'))) ORDER BY \"a\", \"b\" LIMIT 10"
        );
        assert_eq!(
            Dialect::Mysql.range("d.t", &key[..1], None, Some("`u` IS NULL"), 10),
            "SELECT * FROM `d`.`t` WHERE (`u` IS NULL) ORDER BY `a` LIMIT 10"
        );
    }

    #[test]
    fn literals_cannot_end_early() {
        for (dialect, cell, kind, literal) in [
            (Dialect::Postgres, "7", ColumnKind::Number, "'7'"),
            (Dialect::Postgres, "a\\'b", ColumnKind::Text, "E'a\\\\''b'"),
            (Dialect::Mysql, "7.50", ColumnKind::Number, "7.50"),
            (Dialect::Mysql, "7 OR 1", ColumnKind::Number, "'7 OR 1'"),
            (Dialect::Mysql, "a\\' OR 1", ColumnKind::Text, "_utf8mb4 x'615c27204f522031'"),
            (Dialect::Sqlite, "a' OR 1", ColumnKind::Text, "'a'' OR 1'"),
        ] {
            assert_eq!(dialect.literal(cell, kind), literal, "{cell}");
        }
    }

    #[test]
    fn rows_are_marked_settled_or_without_mark() {
        let limits = [("u", Some("'2024-09-01'".to_owned())), ("c", None)];
        let dialect = Dialect::Postgres;
        assert_eq!(marked(dialect, &limits), "(\"u\" >= '2024-09-01' OR \"c\" IS NOT NULL)");
        assert_eq!(
            settled(dialect, &limits),
            "((\"u\" IS NULL OR \"u\" < '2024-09-01') AND \"c\" IS NULL AND NOT (\"u\" IS NULL AND \"c\" IS NULL))"
        );
    }

    #[test]
    fn keys_are_asked_for_together() {
        let keys: Vec<Box<[Box<str>]>> = vec![["1".into(), "x".into()].into(), ["2".into(), "y".into()].into()];
        let two = key(&[("a", ColumnKind::Number), ("b", ColumnKind::Text)]);
        assert_eq!(Dialect::Mysql.of_keys("t", &two, &keys), "SELECT * FROM `t` WHERE (`a`, `b`) IN ((1, 'x'), (2, 'y'))");
        let one: Vec<Box<[Box<str>]>> = vec![["1".into()].into(), ["2".into()].into()];
        assert_eq!(Dialect::Postgres.of_keys("t", &two[..1], &one), "SELECT * FROM \"t\" WHERE \"a\" IN ('1', '2')");
    }
}
