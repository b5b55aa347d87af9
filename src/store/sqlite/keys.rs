//! Questions about landed values.

use std::collections::{HashMap, HashSet};

use super::SqliteStore;
use super::fault::db;
use super::inconsistent;
use crate::standard::{FieldIdx, FieldType};
use crate::store::{FeedId, Keys, StoreError};

/// What is needed to ask for a field's values.
struct Asked {
    slot: i64,
    give: String,
    give_number: bool,
}

impl SqliteStore {
    async fn asked(&self, feed: FeedId, field: FieldIdx, give: FieldIdx) -> Result<Asked, StoreError> {
        let guard = self.writer().await?;
        let open = guard.feeds.get(&feed).ok_or_else(|| inconsistent(format!("feed {} was not opened", feed.0)))?;
        let indexed = open
            .indexed
            .iter()
            .find(|i| i.field == field)
            .ok_or_else(|| inconsistent(format!("{} of {} is not indexed", open.plan.field(field).name, open.plan.name)))?;
        let given = open.plan.field(give);
        Ok(Asked { slot: indexed.slot, give: given.name.to_string(), give_number: !matches!(given.ty, FieldType::Text(_)) })
    }
}

fn text_list(values: &[&str]) -> String {
    serde_json::Value::from(values.to_vec()).to_string()
}

#[async_trait::async_trait]
impl Keys for SqliteStore {
    async fn existing(&self, feed: FeedId, field: FieldIdx, values: &[&str]) -> Result<HashSet<String>, StoreError> {
        if values.is_empty() {
            return Ok(HashSet::new());
        }
        let asked = self.asked(feed, field, field).await?;
        let found: Vec<(String,)> = sqlx::query_as(
            "SELECT DISTINCT j.value FROM json_each(?) j CROSS JOIN value v WHERE v.feed = ? AND v.slot = ? AND v.value = j.value",
        )
        .bind(text_list(values))
        .bind(feed.0)
        .bind(asked.slot)
        .fetch_all(self.readers()?)
        .await
        .map_err(db("asking for values"))?;
        Ok(found.into_iter().map(|(value,)| value).collect())
    }

    async fn lookup(
        &self,
        feed: FeedId,
        field: FieldIdx,
        values: &[&str],
        give: FieldIdx,
    ) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut answers: HashMap<String, Vec<String>> = HashMap::new();
        if values.is_empty() {
            return Ok(answers);
        }
        let asked = self.asked(feed, field, give).await?;
        let sql = if asked.give_number {
            "SELECT DISTINCT v.value, CAST(f.payload -> ? AS TEXT) AS given FROM json_each(?) j CROSS JOIN value v \
             JOIN feed f ON f.seq = v.seq WHERE v.feed = ? AND v.slot = ? AND v.value = j.value AND f.payload ->> ? IS NOT NULL \
             ORDER BY v.value, given"
        } else {
            "SELECT DISTINCT v.value, CAST(f.payload ->> ? AS TEXT) AS given FROM json_each(?) j CROSS JOIN value v \
             JOIN feed f ON f.seq = v.seq WHERE v.feed = ? AND v.slot = ? AND v.value = j.value AND f.payload ->> ? IS NOT NULL \
             ORDER BY v.value, given"
        };
        let found: Vec<(String, String)> = sqlx::query_as(sql)
            .bind(&asked.give)
            .bind(text_list(values))
            .bind(feed.0)
            .bind(asked.slot)
            .bind(&asked.give)
            .fetch_all(self.readers()?)
            .await
            .map_err(db("looking values up"))?;
        for (value, given) in found {
            answers.entry(value).or_default().push(given);
        }
        Ok(answers)
    }

    async fn read_once(&self, feed: FeedId) -> Result<bool, StoreError> {
        let known: Option<(bool,)> = sqlx::query_as("SELECT read_once FROM feeds WHERE id = ?")
            .bind(feed.0)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading a feed"))?;
        Ok(known.is_some_and(|(once,)| once))
    }
}
