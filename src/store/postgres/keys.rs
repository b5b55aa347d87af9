//! Questions about landed values.

use std::collections::{HashMap, HashSet};

use super::fault::db;
use super::{PostgresStore, inconsistent};
use crate::standard::FieldIdx;
use crate::store::{FeedId, Keys, StoreError};

/// What is needed to ask for a field's values.
struct Asked {
    /// `None` in a store that is open for reading only, where nobody has indexed the field yet: the records are read.
    slot: Option<i32>,
    name: String,
    give: String,
}

impl PostgresStore {
    fn asked(&self, feed: FeedId, field: FieldIdx, give: FieldIdx) -> Result<Asked, StoreError> {
        let open = self.opened(feed)?;
        let name = open.plan.field(field).name.to_string();
        let slot = open.indexed.iter().find(|(_, indexed)| *indexed == field).map(|(slot, _)| *slot);
        if slot.is_none() && !self.read_only {
            return Err(inconsistent(format!("{name} of {} is not indexed", open.plan.name)));
        }
        Ok(Asked { slot, name, give: open.plan.field(give).name.to_string() })
    }

    /// Values and what is given with them.
    async fn given(&self, feed: FeedId, asked: &Asked, values: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        let sql = match asked.slot {
            Some(_) => {
                "SELECT DISTINCT value, given FROM (SELECT v.value, (f.payload::json ->> $4) COLLATE \"C\" AS given \
                 FROM unnest($3::text[]) j(value) JOIN value v ON v.feed = $1 AND v.slot = $2 \
                 AND \"left\"(v.value, 200) = \"left\"(j.value, 200) AND v.value = j.value \
                 JOIN feed f ON f.feed = $1 AND f.seq = v.seq WHERE $5::text IS NOT NULL) found \
                 WHERE given IS NOT NULL ORDER BY value, given"
            }
            None => {
                "SELECT DISTINCT value, given FROM (SELECT payload::json ->> $5 AS value, (payload::json ->> $4) COLLATE \"C\" AS given \
                 FROM feed WHERE feed = $1 AND op = 0 AND $2::integer IS NULL) found \
                 WHERE value = ANY($3) AND given IS NOT NULL ORDER BY value, given"
            }
        };
        sqlx::query_as(sql)
            .bind(feed.0 as i32)
            .bind(asked.slot)
            .bind(askable(values))
            .bind(&asked.give)
            .bind(&asked.name)
            .fetch_all(self.readers()?)
            .await
            .map_err(db("looking values up"))
    }
}

#[async_trait::async_trait]
impl Keys for PostgresStore {
    async fn existing(&self, feed: FeedId, field: FieldIdx, values: &[&str]) -> Result<HashSet<String>, StoreError> {
        if values.is_empty() {
            return Ok(HashSet::new());
        }
        let asked = self.asked(feed, field, field)?;
        if asked.slot.is_none() {
            return Ok(self.given(feed, &asked, values).await?.into_iter().map(|(value, _)| value).collect());
        }
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
        let found = self.given(feed, &asked, values).await?;
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
}

/// The values that a text of the database can hold at all: one with NUL in it is none of ours.
fn askable<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values.iter().copied().filter(|value| !value.contains('\0')).collect()
}
