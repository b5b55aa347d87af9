//! Small facts about the installation.

use super::fault::db;
use super::{PostgresStore, inconsistent};
use crate::store::{Meta, StoreError};

#[async_trait::async_trait]
impl Meta for PostgresStore {
    async fn get_meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
            .bind(key)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading a fact"))
    }

    async fn init_meta(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut tx = self.begin("setting a fact").await?;
        let holds: Vec<u8> = sqlx::query_scalar(
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = meta.value RETURNING value",
        )
        .bind(key)
        .bind(value)
        .fetch_one(&mut *tx)
        .await
        .map_err(db("setting a fact"))?;
        self.commit(tx, "setting a fact").await?;
        Ok(holds)
    }

    async fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.begin("setting a fact").await?;
        sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
            .bind(key)
            .bind(value)
            .execute(&mut *tx)
            .await
            .map_err(db("setting a fact"))?;
        self.commit(tx, "setting a fact").await
    }

    async fn generation(&self) -> Result<u16, StoreError> {
        let generation: i64 = sqlx::query_scalar("SELECT generation FROM clock")
            .fetch_one(self.readers()?)
            .await
            .map_err(db("reading the generation"))?;
        u16::try_from(generation).map_err(|_| inconsistent("the generation is out of range"))
    }

    async fn raise_generation(&self) -> Result<u16, StoreError> {
        let mut tx = self.begin("raising the generation").await?;
        let generation: i64 = sqlx::query_scalar("UPDATE clock SET generation = generation + 1 RETURNING generation")
            .fetch_one(&mut *tx)
            .await
            .map_err(db("raising the generation"))?;
        // The database's whole numbers are signed, and so is a seq there.
        if generation > i64::from(i16::MAX) {
            return Err(inconsistent("the generation cannot rise any further"));
        }
        self.commit(tx, "raising the generation").await?;
        u16::try_from(generation).map_err(|_| inconsistent("the generation is out of range"))
    }
}
