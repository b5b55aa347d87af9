//! The platform processes of one database: what they must agree in, and which of them live.

use std::time::Duration;

use sqlx::{PgPool, Row};
use tokio::task::JoinHandle;

use super::schema::LOCK;
use crate::brain::error::BrainError;

/// How often a process tells that it lives.
const TELL: Duration = Duration::from_secs(5);
/// Seconds of silence after which it counts as dead, by the database's clock.
const SILENCE: f64 = 30.0;

/// Enters this process among those that run, unless one of them judges by another edition: with topics, chance alone would
/// then say which of the two judges a record.
pub(super) async fn enter(pool: &PgPool, id: &str, edition: &str) -> Result<(), BrainError> {
    let mut tx = pool.begin().await?;
    // Two that start at once look one after the other.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM process WHERE told < now() - make_interval(secs => $1)").bind(SILENCE).execute(&mut *tx).await?;
    let other = sqlx::query("SELECT edition FROM process WHERE edition <> $1 LIMIT 1").bind(edition);
    if let Some(other) = other.fetch_optional(&mut *tx).await? {
        let theirs: String = other.try_get(0)?;
        return Err(BrainError::Settings(format!(
            "another platform process on this database judges by {theirs}, this one by {edition}: end it first \
             (a killed one is forgotten after {SILENCE} s), or name another schema in effects.schema"
        )));
    }
    sqlx::query("INSERT INTO process (id, edition, told) VALUES ($1, $2, now())")
        .bind(id)
        .bind(edition)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

/// Tells again and again that this process lives.
pub(super) fn tell(pool: PgPool, id: String, edition: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut times = tokio::time::interval(TELL);
        times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            let told = sqlx::query(
                "INSERT INTO process (id, edition, told) VALUES ($1, $2, now()) ON CONFLICT (id) DO UPDATE SET told = now()",
            )
            .bind(&id)
            .bind(&edition)
            .execute(&pool)
            .await;
            if let Err(error) = told {
                tracing::warn!(error = %BrainError::from(error), "the platform's database does not answer");
            }
        }
    })
}

/// Takes this process out, and its streams.
pub(super) async fn leave(pool: &PgPool, id: &str) -> Result<(), BrainError> {
    let mut tx = pool.begin().await?;
    sqlx::query("UPDATE stream_school SET holder = NULL WHERE holder LIKE $1 || '/%'").bind(id).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM process WHERE id = $1").bind(id).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
