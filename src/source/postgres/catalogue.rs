//! What the server's catalogue says of the database.

use std::collections::{BTreeMap, HashMap};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::connect::Session;
use crate::source::outline::Said;
use crate::source::{ColumnKind, ColumnShape, Outline, SourceError, TableReference, TableShape};

const TABLES: &str = "SELECT c.oid::text, CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname
    ELSE n.nspname || '.' || c.relname END, obj_description(c.oid, 'pg_class'), c.reltuples::bigint::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_%' AND has_table_privilege(c.oid, 'SELECT') ORDER BY 2";
const COLUMNS: &str = "SELECT a.attrelid::text, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN 'no' ELSE 'yes' END, col_description(a.attrelid, a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY a.attrelid, a.attnum";
const CONSTRAINTS: &str = "SELECT k.conrelid::text, k.oid::text, k.contype::text, a.attname, k.confrelid::text, f.attname
    FROM pg_catalog.pg_constraint k
    CROSS JOIN LATERAL generate_subscripts(k.conkey, 1) AS s(i)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[s.i]
    LEFT JOIN pg_catalog.pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[s.i]
    WHERE k.contype IN ('p', 'u', 'f') ORDER BY k.conrelid, k.oid, s.i";

/// Tables and views that the account can read, with columns, keys and comments. Numbers of rows are the server's
/// estimates; a table that was never analysed has none.
pub(super) async fn describe(session: &Session) -> Result<Vec<TableShape>, SourceError> {
    let mut connection = session.connect().await?;
    let mut tables: Vec<TableShape> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in rows(session, &mut connection, TABLES).await? {
        places.insert(text(&row, 0), tables.len());
        tables.push(TableShape {
            name: text(&row, 1),
            comment: Some(text(&row, 2)).filter(|comment| !comment.is_empty()),
            rows: text(&row, 3).parse().ok(),
            ..TableShape::default()
        });
    }
    for row in rows(session, &mut connection, COLUMNS).await? {
        let Some(at) = places.get(&text(&row, 0)) else { continue };
        tables[*at].columns.push(ColumnShape {
            name: text(&row, 1).trim().into(),
            declared: text(&row, 2),
            kind: ColumnKind::Unknown,
            nullable: Some(text(&row, 3) == "yes"),
            comment: Some(text(&row, 4)).filter(|comment| !comment.is_empty()),
        });
    }
    let mut keys: BTreeMap<(usize, String), (String, TableReference)> = BTreeMap::new();
    for row in rows(session, &mut connection, CONSTRAINTS).await? {
        let Some(at) = places.get(&text(&row, 0)) else { continue };
        let target = places.get(&text(&row, 4)).map(|at| tables[*at].name.clone()).unwrap_or_default();
        let (_, reference) = keys
            .entry((*at, text(&row, 1)))
            .or_insert_with(|| (text(&row, 2), TableReference { columns: Vec::new(), table: target, targets: Vec::new() }));
        reference.columns.push(text(&row, 3));
        reference.targets.push(text(&row, 5));
    }
    for ((at, _), (kind, reference)) in keys {
        match kind.as_str() {
            "p" => tables[at].primary = reference.columns,
            "u" => tables[at].uniques.push(reference.columns),
            _ => tables[at].references.push(reference),
        }
    }
    // Nothing was written: losing the connection's end loses nothing.
    let _ = connection.close().await;
    Ok(tables)
}

/// Adds what the server says of a table's or view's columns; `path` is its name as the statement quotes it.
pub(super) async fn outline(
    session: &Session,
    connection: &mut PgConnection,
    path: &str,
    outline: Outline,
) -> Result<Outline, SourceError> {
    let object = format!("'{}'::regclass", path.replace('\'', "''"));
    let columns = format!(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'no' ELSE 'yes' END, c.collname
         FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
         WHERE a.attrelid = {object} AND a.attnum > 0 AND NOT a.attisdropped"
    );
    let view = format!(
        "SELECT CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(oid)) END FROM pg_catalog.pg_class WHERE oid = {object}"
    );
    let mut said = HashMap::new();
    for row in looked_up(session, connection, columns).await? {
        let own = Said {
            declared: text(&row, 1),
            nullable: Some(text(&row, 2) == "yes"),
            charset: String::new(),
            collation: text(&row, 3),
        };
        said.insert(text(&row, 0).trim().to_owned(), own);
    }
    let view = looked_up(session, connection, view).await?.first().map(|row| text(row, 0));
    Ok(outline.with(said, view))
}

async fn looked_up(session: &Session, connection: &mut PgConnection, sql: String) -> Result<Vec<PgRow>, SourceError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(|error| session.trouble(&error))
}

async fn rows(session: &Session, connection: &mut PgConnection, sql: &'static str) -> Result<Vec<PgRow>, SourceError> {
    sqlx::raw_sql(sql).fetch_all(connection).await.map_err(|error| session.trouble(&error))
}

fn text(row: &PgRow, at: usize) -> String {
    row.try_get_raw(at).ok().and_then(|value| value.as_str().ok().map(str::to_owned)).unwrap_or_default()
}
