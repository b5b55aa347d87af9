//! What the server's catalogue says of the database: `information_schema`, in words that MySQL 5.6 knows.

use std::collections::{BTreeMap, HashMap};

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Decode, MySql, Row};

use super::connect::Session;
use crate::source::outline::Said;
use crate::source::{ColumnKind, ColumnShape, Outline, SourceError, TableReference, TableShape};

const TABLES: &str = "SELECT TABLE_NAME, TABLE_COMMENT, TABLE_ROWS, TABLE_TYPE FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_COMMENT FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION";
const KEYS: &str = "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
const REFERENCES: &str = "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
    FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL
    ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";

/// Tables and views with columns, keys and comments. Numbers of rows are the server's estimates.
pub(super) async fn describe(session: &Session) -> Result<Vec<TableShape>, SourceError> {
    let mut connection = session.connect().await?;
    let mut tables: Vec<TableShape> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows(session, &mut connection, TABLES).await? {
        let is_view = text(&row, 3) == "VIEW";
        places.insert(text(&row, 0), tables.len());
        tables.push(TableShape {
            name: text(&row, 0),
            comment: Some(text(&row, 1)).filter(|comment| !comment.is_empty() && !is_view),
            rows: text(&row, 2).parse().ok(),
            ..TableShape::default()
        });
    }
    for row in rows(session, &mut connection, COLUMNS).await? {
        let Some(at) = places.get(&text(&row, 0)) else { continue };
        tables[*at].columns.push(ColumnShape {
            name: text(&row, 1).trim().into(),
            declared: text(&row, 2),
            kind: ColumnKind::Unknown,
            nullable: Some(text(&row, 3) != "NO"),
            comment: Some(text(&row, 4)).filter(|comment| !comment.is_empty()),
        });
    }
    let mut keys: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in rows(session, &mut connection, KEYS).await? {
        keys.entry((text(&row, 0), text(&row, 1))).or_default().push(text(&row, 2));
    }
    for ((table, key), columns) in keys {
        let Some(at) = places.get(&table) else { continue };
        if key == "PRIMARY" {
            tables[*at].primary = columns;
        } else {
            tables[*at].uniques.push(columns);
        }
    }
    let mut references: BTreeMap<(String, String), TableReference> = BTreeMap::new();
    for row in rows(session, &mut connection, REFERENCES).await? {
        let reference = references.entry((text(&row, 0), text(&row, 1))).or_insert_with(|| TableReference {
            columns: Vec::new(),
            table: text(&row, 3),
            targets: Vec::new(),
        });
        reference.columns.push(text(&row, 2));
        reference.targets.push(text(&row, 4));
    }
    for ((table, _), reference) in references {
        if let Some(at) = places.get(&table) {
            tables[*at].references.push(reference);
        }
    }
    // Nothing was written: losing the connection's end loses nothing.
    let _ = connection.close().await;
    Ok(tables)
}

/// A table's schema and name as SQL literals.
pub(super) fn literals(table: &str) -> (String, String) {
    let literal = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    match table.split_once('.') {
        Some((schema, table)) => (literal(schema), literal(table)),
        None => ("DATABASE()".to_owned(), literal(table)),
    }
}

/// Adds what the server says of a table's or view's columns. A view's text is shown only to accounts with SHOW VIEW.
pub(super) async fn outline(
    session: &Session,
    connection: &mut MySqlConnection,
    table: &str,
    outline: Outline,
) -> Result<Outline, SourceError> {
    let (schema, table) = literals(table);
    let columns = format!(
        "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {table}"
    );
    let view = format!(
        "SELECT MD5(VIEW_DEFINITION) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {table} \
         AND VIEW_DEFINITION <> ''"
    );
    let mut said = HashMap::new();
    for row in looked_up(session, connection, columns).await? {
        let own = Said {
            declared: text(&row, 1),
            nullable: Some(text(&row, 2) != "NO"),
            charset: text(&row, 3),
            collation: text(&row, 4),
        };
        said.insert(text(&row, 0).trim().to_owned(), own);
    }
    let view = looked_up(session, connection, view).await?.first().map(|row| text(row, 0));
    Ok(outline.with(said, view))
}

async fn looked_up(session: &Session, connection: &mut MySqlConnection, sql: String) -> Result<Vec<MySqlRow>, SourceError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(|error| session.trouble(&error))
}

async fn rows(session: &Session, connection: &mut MySqlConnection, sql: &'static str) -> Result<Vec<MySqlRow>, SourceError> {
    sqlx::raw_sql(sql).fetch_all(connection).await.map_err(|error| session.trouble(&error))
}

fn text(row: &MySqlRow, at: usize) -> String {
    let bytes = row.try_get_raw(at).ok().and_then(|value| <&[u8] as Decode<MySql>>::decode(value).ok());
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}
