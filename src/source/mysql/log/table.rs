//! What the catalogue says of a table whose changes are read from the log.

use std::collections::{HashMap, VecDeque};

use encoding_rs::Encoding;
use jiff::tz::Offset;
use sqlx::mysql::MySqlConnection;

use super::super::connect::Session;
use super::obstacle::Obstacle;
use super::server::{query, text};
use super::value::KeyForm;
use super::watch::{KeyColumn, Parent, Watch, foreign_keys};
use crate::source::SourceError;
use crate::source::incremental::Watched;
use crate::source::server::Reinterpret;

/// Tables are followed along foreign keys up to so many.
const MOST_PARENTS: usize = 100;

/// A column as the catalogue has it.
struct Listed {
    at: usize,
    kind: String,
    declared: String,
    charset: String,
}

/// A table found, and whether its key is the primary key.
pub(super) struct Found {
    pub watch: Watch,
    pub by_primary_key: bool,
}

/// Looks the table up.
pub(super) async fn look_up(
    session: &Session,
    connection: &mut MySqlConnection,
    watched: &Watched,
) -> Result<Result<Found, Obstacle>, SourceError> {
    let object = watched.object.clone();
    let Some((schema, table, kind)) = find(session, connection, &object).await? else {
        return Ok(Err(Obstacle::NoTable { object }));
    };
    if kind != "BASE TABLE" {
        return Ok(Err(Obstacle::NotATable { object, kind: kind.to_lowercase() }));
    }
    let columns = columns(session, connection, &schema, &table).await?;
    let primary = primary_key(session, connection, &schema, &table).await?;
    let names = if watched.key.is_empty() { &primary } else { &watched.key };
    if names.is_empty() {
        return Ok(Err(Obstacle::NoKey { object }));
    }
    let mut key = Vec::new();
    for name in names {
        let Some(column) = columns.get(&name.to_lowercase()) else {
            return Ok(Err(Obstacle::NoColumn { object, column: name.clone() }));
        };
        match form(session, column) {
            Some(form) => key.push(KeyColumn { at: column.at, form }),
            None => return Ok(Err(Obstacle::KeyType { column: name.clone(), declared: column.declared.clone() })),
        }
    }
    let is_primary = |name: &String| primary.iter().any(|own| own.eq_ignore_ascii_case(name));
    let by_primary_key = names.len() == primary.len() && names.iter().all(is_primary);
    let parents = parents(session, connection, &schema, &table).await?;
    Ok(Ok(Found { watch: Watch { schema, table, key, parents }, by_primary_key }))
}

async fn find(
    session: &Session,
    connection: &mut MySqlConnection,
    object: &str,
) -> Result<Option<(String, String, String)>, SourceError> {
    let (schema, table) = match object.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => (literal(schema), table),
        _ => ("DATABASE()".to_owned(), object),
    };
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {}",
        literal(table)
    );
    let rows = query(connection, &sql).await.map_err(|error| session.trouble(&error))?;
    // Where names differ by case, the catalogue may find several.
    let row = rows.iter().find(|row| text(row, 1) == table).or(rows.first());
    Ok(row.map(|row| (text(row, 0), text(row, 1), text(row, 2))))
}

/// The columns that the account may see, by their names in lower case.
async fn columns(
    session: &Session,
    connection: &mut MySqlConnection,
    schema: &str,
    table: &str,
) -> Result<HashMap<String, Listed>, SourceError> {
    let sql = format!(
        "SELECT COLUMN_NAME, ORDINAL_POSITION, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME \
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(schema),
        literal(table)
    );
    let rows = query(connection, &sql).await.map_err(|error| session.trouble(&error))?;
    let listed = rows.iter().filter_map(|row| {
        let at = text(row, 1).parse::<usize>().ok()?.checked_sub(1)?;
        let (kind, declared, charset) = (text(row, 2).to_lowercase(), text(row, 3), text(row, 4).to_lowercase());
        Some((text(row, 0).to_lowercase(), Listed { at, kind, declared, charset }))
    });
    Ok(listed.collect())
}

async fn primary_key(
    session: &Session,
    connection: &mut MySqlConnection,
    schema: &str,
    table: &str,
) -> Result<Vec<String>, SourceError> {
    let sql = format!(
        "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
         AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
        literal(schema),
        literal(table)
    );
    session.texts(connection, &sql).await
}

fn form(session: &Session, column: &Listed) -> Option<KeyForm> {
    match column.kind.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
            Some(KeyForm::Integer { unsigned: column.declared.contains("unsigned") })
        }
        "decimal" => Some(KeyForm::Decimal),
        "year" => Some(KeyForm::Year),
        "date" | "datetime" => Some(KeyForm::Date),
        "timestamp" => offset(&session.server.time_zone).map(KeyForm::Instant),
        "char" | "varchar" => {
            let encoding = encoding(&column.charset)?;
            // Such texts are something else than the server thinks: it compares them by its own view.
            let Some(Reinterpret::Gb18030) = session.server.reinterpret else {
                return Some(KeyForm::Text { encoding, ascii_only: false });
            };
            Some(KeyForm::Text { encoding, ascii_only: column.charset == "latin1" })
        }
        _ => None,
    }
}

/// What the server's name of an encoding means.
fn encoding(charset: &str) -> Option<&'static Encoding> {
    match charset {
        "utf8" | "utf8mb3" | "utf8mb4" | "ascii" => Some(encoding_rs::UTF_8),
        "latin1" => Some(encoding_rs::WINDOWS_1252),
        "gbk" | "gb2312" | "gb18030" => Some(encoding_rs::GB18030),
        "big5" => Some(encoding_rs::BIG5),
        "ucs2" | "utf16" => Some(encoding_rs::UTF_16BE),
        "utf16le" => Some(encoding_rs::UTF_16LE),
        _ => None,
    }
}

/// `+08:00` as an offset.
fn offset(time_zone: &str) -> Option<Offset> {
    let (sign, rest) = match time_zone.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// The tables that the table's foreign keys refer to, as far as the account may see them.
async fn parents(
    session: &Session,
    connection: &mut MySqlConnection,
    schema: &str,
    table: &str,
) -> Result<Vec<Parent>, SourceError> {
    let mut parents: Vec<Parent> = Vec::new();
    let mut open = VecDeque::from([(schema.to_owned(), table.to_owned())]);
    while let Some((schema, table)) = open.pop_front() {
        let sql = format!("SHOW CREATE TABLE {}.{}", quoted(&schema), quoted(&table));
        // A table that the account may not read does not tell what it refers to.
        let Ok(rows) = query(connection, &sql).await else { continue };
        for key in rows.first().map(|row| foreign_keys(&text(row, 1))).unwrap_or_default() {
            let parent_schema = key.schema.unwrap_or_else(|| schema.clone());
            let on_update = match key.on_update {
                true => {
                    let listed = columns(session, connection, &parent_schema, &key.table).await?;
                    let mut at: Vec<usize> =
                        key.columns.iter().filter_map(|name| Some(listed.get(&name.to_lowercase())?.at)).collect();
                    at.sort_unstable();
                    Some(if at.len() == key.columns.len() { at } else { Vec::new() })
                }
                false => None,
            };
            let known = parents.iter_mut().find(|parent| parent.schema == parent_schema && parent.table == key.table);
            if let Some(parent) = known {
                parent.on_delete |= key.on_delete;
                parent.on_update = union(parent.on_update.take(), on_update);
                continue;
            }
            if parents.len() < MOST_PARENTS {
                open.push_back((parent_schema.clone(), key.table.clone()));
                parents.push(Parent { schema: parent_schema, table: key.table, on_delete: key.on_delete, on_update });
            }
        }
    }
    Ok(parents)
}

/// Columns of either; none known of one means none known.
fn union(one: Option<Vec<usize>>, other: Option<Vec<usize>>) -> Option<Vec<usize>> {
    match (one, other) {
        (Some(one), Some(other)) if one.is_empty() || other.is_empty() => Some(Vec::new()),
        (Some(mut one), Some(other)) => {
            one.extend(other);
            one.sort_unstable();
            one.dedup();
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_they_are_set() {
        assert_eq!(offset("+08:00"), Offset::from_seconds(28_800).ok());
        assert_eq!(offset("-03:30"), Offset::from_seconds(-12_600).ok());
        assert_eq!(offset("SYSTEM"), None);
    }

    #[test]
    fn columns_of_several_references_are_watched_together() {
        assert_eq!(union(Some(vec![2]), Some(vec![0, 2])), Some(vec![0, 2]));
        assert_eq!(union(Some(vec![2]), Some(vec![])), Some(vec![]), "any change counts");
        assert_eq!(union(None, Some(vec![1])), Some(vec![1]));
        assert_eq!(union(None, None), None);
    }
}
