//! Questions about landed values.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use super::SqliteStore;
use super::fault::db;
use super::feeds::OpenFeed;
use super::inconsistent;
use crate::standard::{FieldIdx, FieldType};
use crate::store::{FeedId, Keys, StoreError};

/// What is needed to ask for a field's values.
struct Asked {
    /// `None` in a store that is open for reading only, where nobody has indexed the field yet: the records are read.
    slot: Option<i64>,
    name: String,
    give: String,
    give_number: bool,
}

impl Asked {
    fn new(open: &OpenFeed, field: FieldIdx, give: FieldIdx) -> Self {
        let given = open.plan.field(give);
        Self {
            slot: open.indexed.iter().find(|i| i.field == field).map(|i| i.slot),
            name: open.plan.field(field).name.to_string(),
            give: given.name.to_string(),
            give_number: !matches!(given.ty, FieldType::Text(_)),
        }
    }
}

impl SqliteStore {
    async fn asked(&self, feed: FeedId, field: FieldIdx, give: FieldIdx) -> Result<Asked, StoreError> {
        let unopened = || inconsistent(format!("feed {} was not opened", feed.0));
        if self.writer.is_none() {
            let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            return looked.get(&feed).map(|open| Asked::new(open, field, give)).ok_or_else(unopened);
        }
        let guard = self.writer().await?;
        let open = guard.feeds.get(&feed).ok_or_else(unopened)?;
        let asked = Asked::new(open, field, give);
        match asked.slot {
            Some(_) => Ok(asked),
            None => Err(inconsistent(format!("{} of {} is not indexed", asked.name, open.plan.name))),
        }
    }

    /// Values and what is given with them, by reading the records.
    async fn read_through(&self, feed: FeedId, asked: &Asked, values: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        let sql = if asked.give_number {
            "SELECT DISTINCT CAST(payload ->> ?1 AS TEXT) AS value, CAST(payload -> ?2 AS TEXT) AS given FROM feed WHERE feed = ?3 \
             AND op = 0 AND CAST(payload ->> ?1 AS TEXT) IN (SELECT value FROM json_each(?4)) AND payload ->> ?2 IS NOT NULL ORDER BY 1, 2"
        } else {
            "SELECT DISTINCT CAST(payload ->> ?1 AS TEXT) AS value, CAST(payload ->> ?2 AS TEXT) AS given FROM feed WHERE feed = ?3 \
             AND op = 0 AND CAST(payload ->> ?1 AS TEXT) IN (SELECT value FROM json_each(?4)) AND payload ->> ?2 IS NOT NULL ORDER BY 1, 2"
        };
        sqlx::query_as(sql)
            .bind(&asked.name)
            .bind(&asked.give)
            .bind(feed.0)
            .bind(text_list(values))
            .fetch_all(self.readers()?)
            .await
            .map_err(db("looking values up"))
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
        let Some(slot) = asked.slot else {
            return Ok(self.read_through(feed, &asked, values).await?.into_iter().map(|(value, _)| value).collect());
        };
        let found: Vec<(String,)> = sqlx::query_as(
            "SELECT DISTINCT j.value FROM json_each(?) j CROSS JOIN value v WHERE v.feed = ? AND v.slot = ? AND v.value = j.value",
        )
        .bind(text_list(values))
        .bind(feed.0)
        .bind(slot)
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
        let Some(slot) = asked.slot else {
            for (value, given) in self.read_through(feed, &asked, values).await? {
                answers.entry(value).or_default().push(given);
            }
            return Ok(answers);
        };
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
            .bind(slot)
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
