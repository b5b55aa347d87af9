//! The tables and their migrations: numbered, forward only, each in a transaction of its own, one process at a time.
//!
//! As in the hub's store: a step that only adds leaves the oldest format that may still write as it was, a step that takes
//! something away raises it, and a process below that is refused as one that is too old.

use sqlx::{Connection, PgConnection, PgPool};

use crate::brain::effects::fault::sqlstate;
use crate::brain::error::BrainError;

/// A step from format `i` to format `i + 1`, `i` its place in the list.
struct Migration {
    script: &'static str,
    /// The oldest format whose processes may go on writing behind this step.
    oldest: i64,
}

const MIGRATIONS: &[Migration] = &[Migration { script: include_str!("schema/0001.sql"), oldest: 1 }];

/// The format that this version writes.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Any number, the same for all processes: the lock under which the tables are changed.
pub(super) const LOCK: i64 = 0x7869_616f_6272_6e01;

/// Not the name that the hub's store uses: the two never share a schema by mistake.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS platform_migration (format bigint PRIMARY KEY, oldest bigint NOT NULL, \
                     applied timestamptz NOT NULL DEFAULT now())";

/// The newest format, and the oldest one whose processes may write; `None` before the first step.
async fn found(connection: &mut PgConnection) -> Result<Option<(i64, i64)>, sqlx::Error> {
    sqlx::query_as("SELECT format, oldest FROM platform_migration ORDER BY format DESC LIMIT 1").fetch_optional(connection).await
}

/// Brings the tables to the newest format.
pub(super) async fn migrate(pool: &PgPool, schema: &str) -> Result<(), BrainError> {
    let mut connection = pool.acquire().await?;
    let mut at = match found(&mut connection).await {
        Ok(found) => up_to_date(found)?,
        Err(error) if sqlstate(&error).as_deref() == Some("42P01") => 0,
        Err(error) => return Err(error.into()),
    };
    while at < KNOWN {
        let mut tx = connection.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
        let known: Option<String> = sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname = $1")
            .bind(schema)
            .fetch_optional(&mut *tx)
            .await?;
        if known.is_none() {
            let make = format!("CREATE SCHEMA \"{}\"", schema.replace('"', "\"\""));
            sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&mut *tx).await?;
        }
        sqlx::raw_sql(TABLE).execute(&mut *tx).await?;
        // Another process may have done it while we waited for the lock.
        at = up_to_date(found(&mut tx).await?)?;
        if let Some(step) = usize::try_from(at).ok().and_then(|at| MIGRATIONS.get(at)) {
            sqlx::raw_sql(step.script).execute(&mut *tx).await.map_err(|error| foreign(error, schema))?;
            at += 1;
            sqlx::query("INSERT INTO platform_migration (format, oldest) VALUES ($1, $2)")
                .bind(at)
                .bind(step.oldest)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// A table that is there and not ours belongs to somebody else.
fn foreign(error: sqlx::Error, schema: &str) -> BrainError {
    match sqlstate(&error).as_deref() {
        Some("42P07") => BrainError::Settings(format!(
            "the schema {schema} of effects.postgres holds tables of something else: name another one in effects.schema"
        )),
        _ => error.into(),
    }
}

/// The format found, unless it is beyond this version.
fn up_to_date(found: Option<(i64, i64)>) -> Result<i64, BrainError> {
    match found {
        None => Ok(0),
        Some((format, oldest)) if oldest > KNOWN => Err(BrainError::Settings(format!(
            "the database of effects.postgres has format {format}, this version knows {KNOWN}: use the version that wrote it, or newer"
        ))),
        Some((format, _)) => Ok(format),
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, up_to_date};

    #[test]
    fn an_older_process_goes_on_until_something_is_taken_away() {
        assert_eq!(up_to_date(None).unwrap(), 0);
        assert_eq!(up_to_date(Some((KNOWN, 1))).unwrap(), KNOWN);
        assert_eq!(up_to_date(Some((KNOWN + 1, KNOWN))).unwrap(), KNOWN + 1, "expanded");
        assert!(up_to_date(Some((KNOWN + 2, KNOWN + 1))).is_err(), "contracted");
    }
}
