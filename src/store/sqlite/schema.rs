//! The format of the database and its migrations: versioned, forward only.

use std::path::Path;

use sqlx::{Connection, SqliteConnection, SqlitePool};

use super::fault::db;
use crate::store::StoreError;

/// Migration `i` (counted from 0) brings format `i` to format `i + 1`.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
];

/// Looks whether the database has the newest format, and changes nothing.
pub(super) async fn check(readers: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(readers).await.map_err(db("reading its format"))?;
    match found {
        // Made a moment ago, and its first tables are still to come.
        0 => Err(StoreError::Absent(path.display().to_string())),
        found if found < known => Err(StoreError::Older { found, known }),
        found if found > known => Err(StoreError::Newer { found, known }),
        _ => Ok(()),
    }
}

/// Brings the database to the newest format.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *conn).await.map_err(db("reading its format"))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (at, script) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or_default()) {
        let mut tx = conn.begin().await.map_err(db("migrating"))?;
        sqlx::raw_sql(*script).execute(&mut *tx).await.map_err(db("migrating"))?;
        // A pragma takes no parameters; the number is ours.
        let version = format!("PRAGMA user_version = {}", at + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(version)).execute(&mut *tx).await.map_err(db("migrating"))?;
        tx.commit().await.map_err(db("migrating"))?;
    }
    Ok(())
}
