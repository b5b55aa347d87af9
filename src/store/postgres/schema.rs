//! The tables and their migrations: numbered, forward only, each in a transaction of its own, one hub at a time.
//!
//! A step that only adds (expand) leaves the oldest version that may still write as it was; a step that takes something
//! away (contract) raises it. A hub whose version is below that is refused as one that is too old.

use sqlx::{PgConnection, PgPool, Row};

use super::fault::{db, sqlstate};
use crate::store::StoreError;

/// A step from format `i` to format `i + 1`, `i` its place in the list.
struct Migration {
    script: &'static str,
    /// The oldest format whose hubs may go on writing behind this step.
    oldest: i64,
}

const MIGRATIONS: &[Migration] = &[
    Migration { script: include_str!("schema/0001.sql"), oldest: 1 },
    // Takes tables away at once: format 1 was in no release.
    Migration { script: include_str!("schema/0002.sql"), oldest: 2 },
    Migration { script: include_str!("schema/0003.sql"), oldest: 2 },
    Migration { script: include_str!("schema/0004.sql"), oldest: 2 },
    Migration { script: include_str!("schema/0005.sql"), oldest: 2 },
    Migration { script: include_str!("schema/0006.sql"), oldest: 2 },
    Migration { script: include_str!("schema/0007.sql"), oldest: 2 },
];

/// The format in which bitmaps took the place of rows that SQL alone cannot make into them.
const BITMAPS: i64 = 2;

/// The format that this version writes.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Any number, the same for all hubs: the lock under which the tables are changed.
const LOCK: i64 = 0x7869_616f_7368_7501;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (format bigint PRIMARY KEY, oldest bigint NOT NULL, \
                     applied timestamptz NOT NULL DEFAULT now())";

/// The newest format, and the oldest one whose hubs may write; `None` before the first step.
async fn found(conn: &mut PgConnection) -> Result<Option<(i64, i64)>, sqlx::Error> {
    let row = sqlx::query("SELECT format, oldest FROM migration ORDER BY format DESC LIMIT 1").fetch_optional(conn).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Looks whether the tables are there and can be read, and changes nothing.
pub(super) async fn check(pool: &PgPool, schema: &str) -> Result<(), StoreError> {
    let mut conn = pool.acquire().await.map_err(db("reading its format"))?;
    match found(&mut conn).await {
        Ok(None) => Err(StoreError::Absent(format!("schema {schema}"))),
        // No such table: nothing was ever made there.
        Err(error) if sqlstate(&error).as_deref() == Some("42P01") => Err(StoreError::Absent(format!("schema {schema}"))),
        Err(error) => Err(db("reading its format")(error)),
        Ok(Some((format, _))) if format < KNOWN => Err(StoreError::Older { found: format, known: KNOWN }),
        Ok(Some((format, oldest))) if oldest > KNOWN => Err(StoreError::Newer { found: format, known: KNOWN }),
        Ok(Some(_)) => Ok(()),
    }
}

/// Brings the tables to the newest format.
pub(super) async fn migrate(pool: &PgPool, schema: &str) -> Result<(), StoreError> {
    let what = db("migrating");
    let mut conn = pool.acquire().await.map_err(db("reaching the database"))?;
    let before = found(&mut conn).await;
    drop(conn);
    let mut at = match before {
        Ok(found) => up_to_date(found)?,
        Err(error) if sqlstate(&error).as_deref() == Some("42P01") => 0,
        Err(error) => return Err(db("reading its format")(error)),
    };
    while at < KNOWN {
        let mut tx = pool.begin().await.map_err(what)?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await.map_err(what)?;
        let quoted = schema.replace('"', "\"\"");
        let make = format!("CREATE SCHEMA IF NOT EXISTS \"{quoted}\"");
        let known: Option<String> = sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname = $1")
            .bind(schema)
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
        if known.is_none() {
            sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&mut *tx).await.map_err(what)?;
        }
        sqlx::raw_sql(TABLE).execute(&mut *tx).await.map_err(what)?;
        // Another hub may have done it while we waited for the lock.
        at = up_to_date(found(&mut tx).await.map_err(what)?)?;
        if let Some(step) = usize::try_from(at).ok().and_then(|at| MIGRATIONS.get(at)) {
            sqlx::raw_sql(step.script).execute(&mut *tx).await.map_err(what)?;
            at += 1;
            if at == BITMAPS {
                super::convert::convert(&mut tx).await?;
            }
            sqlx::query("INSERT INTO migration (format, oldest) VALUES ($1, $2)")
                .bind(at)
                .bind(step.oldest)
                .execute(&mut *tx)
                .await
                .map_err(what)?;
        }
        tx.commit().await.map_err(what)?;
    }
    Ok(())
}

/// The format found, unless it is beyond this version.
fn up_to_date(found: Option<(i64, i64)>) -> Result<i64, StoreError> {
    match found {
        None => Ok(0),
        Some((format, oldest)) if oldest > KNOWN => Err(StoreError::Newer { found: format, known: KNOWN }),
        Some((format, _)) => Ok(format),
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, up_to_date};

    #[test]
    fn an_older_hub_goes_on_until_something_is_taken_away() {
        assert_eq!(up_to_date(None).unwrap(), 0);
        assert_eq!(up_to_date(Some((KNOWN, 1))).unwrap(), KNOWN);
        assert_eq!(up_to_date(Some((KNOWN + 1, KNOWN))).unwrap(), KNOWN + 1, "expanded");
        assert!(up_to_date(Some((KNOWN + 2, KNOWN + 1))).is_err(), "contracted");
    }
}
