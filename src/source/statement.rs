//! The statement that reads an object.

use std::sync::Arc;

use super::{Column, ReadSpec, SourceError};

/// A statement and what messages call it.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub sql: String,
    /// Counts the rows that `sql` gives.
    pub count: String,
    pub object: Arc<str>,
}

/// Builds the statement. `quote` is the character around names: `"` by the SQL standard, a backtick in MySQL.
pub(super) fn build(source: &Arc<str>, read: &ReadSpec, quote: char) -> Result<Statement, SourceError> {
    let wrong = |what: &str, remedy: &str| SourceError::Settings {
        source_name: source.clone(),
        what: what.into(),
        remedy: remedy.into(),
    };
    match (&read.object, &read.query) {
        (Some(object), None) => {
            let path = quoted_path(object, quote);
            let count = format!("SELECT count(*) FROM {path}");
            let mut sql = format!("SELECT * FROM {path}");
            for (index, column) in read.order_by.iter().enumerate() {
                sql.push_str(if index == 0 { " ORDER BY " } else { ", " });
                sql.push_str(&quoted(column, quote));
            }
            Ok(Statement { sql, count, object: object.as_str().into() })
        }
        (None, Some(_)) if !read.order_by.is_empty() => {
            Err(wrong("`order_by` goes with `object`, not with `query`", "write ORDER BY in the query itself"))
        }
        (None, Some(query)) => {
            let sql = query.trim().trim_end_matches(';').trim_end();
            if sql.is_empty() {
                return Err(wrong("`query` is empty", "write a SELECT, or name a table by `object`"));
            }
            // On lines of its own: the query may end in a comment.
            let count = format!("SELECT count(*) FROM (\n{sql}\n) xiaoshu_counted");
            Ok(Statement { sql: sql.into(), count, object: "query".into() })
        }
        _ => Err(wrong("[read] needs either `object` or `query`", "name a table by `object`, or write a SELECT as `query`")),
    }
}

/// Refuses what gives no columns, before it runs: that is a statement that does something instead of reading.
pub(super) fn must_give_columns(source: &Arc<str>, columns: &[Column]) -> Result<(), SourceError> {
    if !columns.is_empty() {
        return Ok(());
    }
    Err(SourceError::Settings {
        source_name: source.clone(),
        what: "`query` gives no columns".into(),
        remedy: "write one SELECT".into(),
    })
}

/// `schema.table` as quoted names.
pub(super) fn quoted_path(path: &str, quote: char) -> String {
    in_parts(path, |name| quoted(name, quote))
}

/// `schema.table` with each of the two names written by `write`.
pub(super) fn in_parts(path: &str, write: impl Fn(&str) -> String) -> String {
    match path.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => format!("{}.{}", write(schema), write(table)),
        _ => write(path),
    }
}

pub(super) fn quoted(name: &str, quote: char) -> String {
    let doubled = format!("{quote}{quote}");
    format!("{quote}{}{quote}", name.replace(quote, &doubled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_quote_every_name() {
        let source: Arc<str> = "jw".into();
        let table = |object: &str, order: &[&str]| ReadSpec {
            object: Some(object.into()),
            order_by: order.iter().map(|c| (*c).to_owned()).collect(),
            ..ReadSpec::default()
        };
        for (read, quote, expected) in [
            (table("course", &[]), '"', "SELECT * FROM \"course\""),
            (table("课程", &["课程号", "a\"b"]), '"', "SELECT * FROM \"课程\" ORDER BY \"课程号\", \"a\"\"b\""),
            (table("edu.course", &[]), '`', "SELECT * FROM `edu`.`course`"),
            (table("x`; DROP TABLE y", &[]), '`', "SELECT * FROM `x``; DROP TABLE y`"),
        ] {
            let built = build(&source, &read, quote).unwrap();
            assert_eq!(built.sql, expected);
            let table = expected["SELECT *".len()..].split(" ORDER BY").next().unwrap();
            assert_eq!(built.count, format!("SELECT count(*){table}"));
        }
    }

    #[test]
    fn a_read_is_a_table_or_a_query_and_never_both() {
        let source: Arc<str> = "jw".into();
        let query = ReadSpec { query: Some(" SELECT 1 ; ".into()), ..ReadSpec::default() };
        let built = build(&source, &query, '"').unwrap();
        assert_eq!((&*built.sql, &*built.count), ("SELECT 1", "SELECT count(*) FROM (\nSELECT 1\n) xiaoshu_counted"));
        let both = ReadSpec { object: Some("t".into()), ..query.clone() };
        let ordered = ReadSpec { order_by: vec!["a".into()], ..query };
        let blank = ReadSpec { query: Some(" ; ".into()), ..ReadSpec::default() };
        for read in [both, ordered, blank, ReadSpec::default()] {
            assert!(build(&source, &read, '"').is_err(), "{read:?}");
        }
    }
}
