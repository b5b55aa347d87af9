//! What a database file says of its tables. SQLite keeps the statement that made a table, remarks and all: these are
//! the only comments there are.

use std::collections::{BTreeMap, HashMap};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::Database;
use super::remarks::remarks;
use crate::source::outline::Said;
use crate::source::{ColumnKind, ColumnShape, SourceError, TableReference, TableShape, reader};

const TABLES: &str = "SELECT name, sql, type FROM sqlite_master WHERE type IN ('table', 'view')
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";

/// Tables and views with columns, keys and remarks. Rows of tables are counted; views are not.
pub(super) fn describe(database: &Database) -> Result<Vec<TableShape>, SourceError> {
    reader::run(&database.source, || async {
        let mut connection = database.connect().await?;
        let mut tables = Vec::new();
        for row in rows(database, &mut connection, TABLES.to_owned()).await? {
            let (name, sql) = (text(&row, 0), text(&row, 1));
            let mut table = TableShape { name, ..TableShape::default() };
            // A broken view is described as far as it goes; reading it says why.
            let _ = fill(database, &mut connection, &mut table, &sql, text(&row, 2) == "view").await;
            tables.push(table);
        }
        // Nothing was written: losing the connection's end loses nothing.
        let _ = connection.close().await;
        Ok(tables)
    })
}

async fn fill(
    database: &Database,
    connection: &mut SqliteConnection,
    table: &mut TableShape,
    sql: &str,
    is_view: bool,
) -> Result<(), SourceError> {
    let literal = table.name.replace('\'', "''");
    let said = remarks(sql);
    table.comment = said.table;
    let columns = format!("SELECT name, type, CAST(\"notnull\" AS TEXT), CAST(pk AS TEXT) FROM pragma_table_info('{literal}')");
    let mut primary = BTreeMap::new();
    for row in rows(database, connection, columns).await? {
        let (name, declared, pk) = (text(&row, 0), text(&row, 1), text(&row, 3));
        if let Some(place) = pk.parse::<u16>().ok().filter(|place| *place > 0) {
            primary.insert(place, name.clone());
        }
        table.columns.push(ColumnShape {
            comment: said.columns.get(&name.to_lowercase()).cloned(),
            name: name.trim().into(),
            declared,
            kind: ColumnKind::Unknown,
            nullable: Some(text(&row, 2) == "0"),
        });
    }
    table.primary = primary.into_values().collect();
    let uniques = format!(
        "SELECT l.name, i.name FROM pragma_index_list('{literal}') l, pragma_index_info(l.name) i \
         WHERE l.\"unique\" = 1 AND l.origin <> 'pk' ORDER BY l.name, i.seqno"
    );
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows(database, connection, uniques).await? {
        found.entry(text(&row, 0)).or_default().push(text(&row, 1));
    }
    table.uniques = found.into_values().collect();
    let foreign = format!(
        "SELECT CAST(id AS TEXT), \"table\", \"from\", \"to\" FROM pragma_foreign_key_list('{literal}') ORDER BY id, seq"
    );
    let mut found: BTreeMap<String, TableReference> = BTreeMap::new();
    for row in rows(database, connection, foreign).await? {
        let reference = found.entry(text(&row, 0)).or_insert_with(|| TableReference {
            columns: Vec::new(),
            table: text(&row, 1),
            targets: Vec::new(),
        });
        reference.columns.push(text(&row, 2));
        reference.targets.extend(Some(text(&row, 3)).filter(|name| !name.is_empty()));
    }
    table.references = found.into_values().collect();
    if !is_view {
        let count = format!("SELECT CAST(count(*) AS TEXT) FROM \"{}\"", table.name.replace('"', "\"\""));
        table.rows = rows(database, connection, count).await?.first().and_then(|row| text(row, 0).parse().ok());
    }
    Ok(())
}

/// What the file says of a table's or view's columns, and a digest of the view. The first statement of a read transaction: what it sees the rows
/// are read from, whatever others change meanwhile.
pub(super) async fn outline(
    database: &Database,
    connection: &mut SqliteConnection,
    object: Option<&str>,
) -> Result<(HashMap<String, Said>, Option<String>), SourceError> {
    let name = object.map_or("", |path| path.rsplit('.').next().unwrap_or(path)).replace('\'', "''");
    let made = format!("SELECT sql FROM sqlite_master WHERE type = 'view' AND lower(name) = lower('{name}')");
    let view = rows(database, connection, made).await?.first().map(|row| reader::digest(&text(row, 0)));
    let columns = format!("SELECT name, type, CAST(\"notnull\" AS TEXT) FROM pragma_table_info('{name}')");
    let mut said = HashMap::new();
    for row in rows(database, connection, columns).await? {
        let own = Said { declared: text(&row, 1), nullable: Some(text(&row, 2) == "0"), ..Said::default() };
        said.insert(text(&row, 0).trim().to_owned(), own);
    }
    Ok((said, view))
}

async fn rows(database: &Database, connection: &mut SqliteConnection, sql: String) -> Result<Vec<SqliteRow>, SourceError> {
    sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(|error| database.trouble(error))
}

fn text(row: &SqliteRow, at: usize) -> String {
    row.try_get::<Option<String>, _>(at).ok().flatten().unwrap_or_default()
}
