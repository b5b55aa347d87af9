//! Questions about landed values.

use std::collections::{HashMap, HashSet};

use super::fault::db;
use super::{PostgresStore, inconsistent};
use crate::standard::FieldIdx;
use crate::store::{FeedId, Keys, StoreError};

/// What is needed to ask for a field's values.
struct Asked {
    slot: i32,
    give: String,
}

impl PostgresStore {
    fn asked(&self, feed: FeedId, field: FieldIdx, give: FieldIdx) -> Result<Asked, StoreError> {
        let open = self.opened(feed)?;
        let found = open.indexed.iter().find(|(_, indexed)| *indexed == field);
        let (slot, _) = found
            .ok_or_else(|| inconsistent(format!("{} of {} is not indexed", open.plan.field(field).name, open.plan.name)))?;
        Ok(Asked { slot: *slot, give: open.plan.field(give).name.to_string() })
    }
}

#[async_trait::async_trait]
impl Keys for PostgresStore {
    async fn existing(&self, feed: FeedId, field: FieldIdx, values: &[&str]) -> Result<HashSet<String>, StoreError> {
        if values.is_empty() {
            return Ok(HashSet::new());
        }
        let asked = self.asked(feed, field, field)?;
        let found: Option<Vec<String>> = sqlx::query_scalar(
            "SELECT array_agg(j.value) FROM unnest($3::text[]) j(value) WHERE EXISTS (SELECT 1 FROM value v \
             WHERE v.feed = $1 AND v.slot = $2 AND \"left\"(v.value, 200) = \"left\"(j.value, 200) AND v.value = j.value)",
        )
        .bind(feed.0 as i32)
        .bind(asked.slot)
        .bind(askable(values))
        .fetch_one(self.readers()?)
        .await
        .map_err(db("asking for values"))?;
        Ok(found.unwrap_or_default().into_iter().collect())
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
        let asked = self.asked(feed, field, give)?;
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT value, given FROM (SELECT v.value, (f.payload::json ->> $4) COLLATE \"C\" AS given \
             FROM unnest($3::text[]) j(value) JOIN value v ON v.feed = $1 AND v.slot = $2 \
             AND \"left\"(v.value, 200) = \"left\"(j.value, 200) AND v.value = j.value \
             JOIN feed f ON f.feed = $1 AND f.seq = v.seq) found WHERE given IS NOT NULL ORDER BY value, given",
        )
        .bind(feed.0 as i32)
        .bind(asked.slot)
        .bind(askable(values))
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
        let known: Option<bool> = sqlx::query_scalar("SELECT read_once FROM feeds WHERE id = $1")
            .bind(feed.0 as i32)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("reading a feed"))?;
        Ok(known.unwrap_or(false))
    }

    async fn natural_key_of(&self, feed: FeedId, record_key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        // The index has the record key behind the seq: this reads it, not the records. An index in the order of record
        // keys, which are hashes, would cost every landing several times what this costs the few who ask.
        sqlx::query_scalar("SELECT nk FROM feed WHERE feed = $1 AND seq = (SELECT seq FROM feed WHERE feed = $1 AND key = $2 LIMIT 1)")
            .bind(feed.0 as i32)
            .bind(record_key)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("looking a record key up"))
    }
}

/// The values that a text of the database can hold at all: one with NUL in it is none of ours.
fn askable<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values.iter().copied().filter(|value| !value.contains('\0')).collect()
}
