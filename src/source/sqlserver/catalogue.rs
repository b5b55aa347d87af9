//! What the server's catalogue says of the database, in words that SQL Server 2008 knows.

use std::collections::{BTreeMap, HashMap};

use super::connect::{Client, Session};
use crate::source::outline::Said;
use crate::source::reader::digest;
use crate::source::{ColumnKind, ColumnShape, SourceError, TableReference, TableShape};

const TABLES: &str = "SELECT o.object_id, s.name, o.name, CAST(p.value AS nvarchar(4000)), \
     (SELECT SUM(q.rows) FROM sys.partitions q WHERE q.object_id = o.object_id AND q.index_id IN (0, 1)) \
     FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties p ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 \
     AND p.name = 'MS_Description' \
     WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 ORDER BY s.name, o.name";
const COLUMNS: &str = "SELECT c.object_id, c.name, t.name, c.max_length, c.precision, c.scale, \
     CASE WHEN c.is_nullable = 1 THEN 'yes' ELSE 'no' END, c.collation_name, CAST(p.value AS nvarchar(4000)) \
     FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id \
     LEFT JOIN sys.extended_properties p ON p.class = 1 AND p.major_id = c.object_id AND p.minor_id = c.column_id \
     AND p.name = 'MS_Description'";
const KEYS: &str = "SELECT i.object_id, i.index_id, CASE WHEN i.is_primary_key = 1 THEN 'primary' ELSE 'unique' END, c.name \
     FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id \
     JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id \
     WHERE i.is_unique = 1 AND i.has_filter = 0 AND k.is_included_column = 0 ORDER BY i.object_id, i.index_id, k.key_ordinal";
const REFERENCES: &str = "SELECT f.parent_object_id, f.constraint_object_id, c.name, f.referenced_object_id, d.name \
     FROM sys.foreign_key_columns f \
     JOIN sys.columns c ON c.object_id = f.parent_object_id AND c.column_id = f.parent_column_id \
     JOIN sys.columns d ON d.object_id = f.referenced_object_id AND d.column_id = f.referenced_column_id \
     ORDER BY f.parent_object_id, f.constraint_object_id, f.constraint_column_id";

/// Tables and views that the account may know of.
pub(super) async fn list(session: &Session) -> Result<Vec<String>, SourceError> {
    let mut client = session.connect().await?;
    let schema = session.facts(&mut client).await?.schema;
    let rows = session.texts(&mut client, TABLES).await?;
    // Nothing was written: losing the connection's end loses nothing.
    let _ = client.close().await;
    Ok(rows.iter().map(|row| named(&schema, &text(row, 1), &text(row, 2))).collect())
}

/// The same with columns, keys and comments. Numbers of rows are the server's own count.
pub(super) async fn describe(session: &Session) -> Result<Vec<TableShape>, SourceError> {
    let mut client = session.connect().await?;
    let schema = session.facts(&mut client).await?.schema;
    let mut tables: Vec<TableShape> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in session.texts(&mut client, TABLES).await? {
        places.insert(text(&row, 0), tables.len());
        tables.push(TableShape {
            name: named(&schema, &text(&row, 1), &text(&row, 2)),
            comment: filled(text(&row, 3)),
            rows: text(&row, 4).parse().ok(),
            ..TableShape::default()
        });
    }
    for row in session.texts(&mut client, &format!("{COLUMNS} ORDER BY c.object_id, c.column_id")).await? {
        let Some(at) = places.get(&text(&row, 0)) else { continue };
        let said = said(&row);
        tables[*at].columns.push(ColumnShape {
            name: text(&row, 1).trim().into(),
            declared: said.declared,
            kind: ColumnKind::Unknown,
            nullable: said.nullable,
            comment: filled(text(&row, 8)),
        });
    }
    let mut keys: BTreeMap<(usize, u64), (String, Vec<String>)> = BTreeMap::new();
    for row in session.texts(&mut client, KEYS).await? {
        let Some(at) = places.get(&text(&row, 0)) else { continue };
        let key = (*at, text(&row, 1).parse().unwrap_or_default());
        keys.entry(key).or_insert_with(|| (text(&row, 2), Vec::new())).1.push(text(&row, 3));
    }
    for ((at, _), (kind, columns)) in keys {
        if kind == "primary" { tables[at].primary = columns } else { tables[at].uniques.push(columns) }
    }
    let mut references: BTreeMap<(usize, String), TableReference> = BTreeMap::new();
    for row in session.texts(&mut client, REFERENCES).await? {
        let (Some(at), Some(target)) = (places.get(&text(&row, 0)), places.get(&text(&row, 3))) else { continue };
        let table = tables[*target].name.clone();
        let reference = references.entry((*at, text(&row, 1)));
        let reference = reference.or_insert_with(|| TableReference { columns: Vec::new(), table, targets: Vec::new() });
        reference.columns.push(text(&row, 2));
        reference.targets.push(text(&row, 4));
    }
    for ((at, _), reference) in references {
        tables[at].references.push(reference);
    }
    let _ = client.close().await;
    Ok(tables)
}

/// What the server says of a table's or view's columns, by their names, and a digest of the view's text, which is shown
/// only to accounts that may see definitions.
pub(super) async fn outline(
    session: &Session,
    client: &mut Client,
    object: &str,
) -> Result<(HashMap<String, Said>, Option<String>), SourceError> {
    let id = format!("OBJECT_ID({})", literal(&path(object)));
    let rows = session.texts(client, &format!("{COLUMNS} WHERE c.object_id = {id}")).await?;
    let columns = rows.iter().map(|row| (text(row, 1).trim().to_owned(), said(row))).collect();
    let view = format!("SELECT m.definition FROM sys.sql_modules m WHERE m.object_id = {id}");
    let view = session.texts(client, &view).await?.first().and_then(|row| filled(text(row, 0)));
    Ok((columns, view.map(|definition| digest(&definition))))
}

/// How many of a statement's columns are in UTF-8.
pub(super) async fn utf8_columns(session: &Session, client: &mut Client, sql: &str) -> Result<u64, SourceError> {
    let asked = format!(
        "SELECT COUNT(*) FROM sys.dm_exec_describe_first_result_set({}, NULL, 0) d WHERE d.collation_name LIKE '%[_]UTF8' \
         AND d.system_type_name NOT LIKE 'n%'",
        literal(sql)
    );
    let rows = session.texts(client, &asked).await?;
    Ok(rows.first().map(|row| text(row, 0)).and_then(|count| count.parse().ok()).unwrap_or_default())
}

fn said(row: &[Option<String>]) -> Said {
    let number = |at: usize| text(row, at).parse::<i64>().unwrap_or_default();
    Said {
        declared: declared(&text(row, 2), number(3), number(4), number(5)),
        nullable: Some(text(row, 6) == "yes"),
        charset: String::new(),
        collation: text(row, 7),
    }
}

/// A type as it is written when a table is made. `length` is in bytes, -1 for (max).
fn declared(name: &str, length: i64, precision: i64, scale: i64) -> String {
    match name {
        "char" | "varchar" | "binary" | "varbinary" | "nchar" | "nvarchar" if length < 0 => format!("{name}(max)"),
        "nchar" | "nvarchar" => format!("{name}({})", length / 2),
        "char" | "varchar" | "binary" | "varbinary" => format!("{name}({length})"),
        "decimal" | "numeric" => format!("{name}({precision},{scale})"),
        "time" | "datetime2" | "datetimeoffset" => format!("{name}({scale})"),
        _ => name.to_owned(),
    }
}

/// A table as mappings name it: without the schema that is meant anyway.
fn named(usual: &str, schema: &str, table: &str) -> String {
    if schema == usual { table.to_owned() } else { format!("{schema}.{table}") }
}

/// `[schema].[table]`.
pub(super) fn path(object: &str) -> String {
    match object.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => format!("{}.{}", name(schema), name(table)),
        _ => name(object),
    }
}

/// A name in brackets, which need no setting to be understood.
pub(super) fn name(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// A text of any characters.
fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn text(row: &[Option<String>], at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_tables_are_made() {
        for (name, length, precision, scale, expected) in [
            ("nvarchar", 40, 0, 0, "nvarchar(20)"),
            ("nvarchar", -1, 0, 0, "nvarchar(max)"),
            ("varchar", 20, 0, 0, "varchar(20)"),
            ("varbinary", -1, 0, 0, "varbinary(max)"),
            ("decimal", 9, 12, 2, "decimal(12,2)"),
            ("datetime2", 8, 27, 7, "datetime2(7)"),
            ("int", 4, 10, 0, "int"),
            ("Name", 100, 0, 0, "Name"),
        ] {
            assert_eq!(declared(name, length, precision, scale), expected);
        }
    }

    #[test]
    fn names_and_texts_cannot_end_early() {
        assert_eq!(path("dbo.学生"), "[dbo].[学生]");
        assert_eq!(path("a]b'c"), "[a]]b'c]");
        assert_eq!(literal(&path("it's")), "N'[it''s]'");
        assert_eq!(named("dbo", "dbo", "t"), "t");
        assert_eq!(named("dbo", "edu", "t"), "edu.t");
    }
}
