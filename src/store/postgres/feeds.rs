//! Feeds: opening, indexed fields, parking, another natural key.

use std::sync::Arc;

use futures_util::TryStreamExt;
use roaring::RoaringBitmap;

use super::chunks::Set;
use super::fault::db;
use super::lock::lock;
use super::place::cursors;
use super::{PostgresStore, Tx, flight, inconsistent};
use crate::standard::{FieldIdx, Kind, TablePlan};
use crate::store::chunks::Kept;
use crate::store::{FeedId, FeedSpec, Millis, StoreError};

/// A feed as this process has opened it.
#[derive(Clone)]
pub(super) struct OpenFeed {
    pub(super) plan: Arc<TablePlan>,
    /// The fields that can be asked for, with their slots.
    pub(super) indexed: Arc<[(i32, FieldIdx)]>,
    pub(super) key_digest: [u8; 16],
}

fn parked(table: &str) -> String {
    format!(
        "the natural key of {table} is defined otherwise than when its records landed; approve `rekey`, or restore the definition"
    )
}

const KNOWN: &str =
    "SELECT id, key_digest, EXISTS (SELECT 1 FROM head h WHERE h.feed = feeds.id) FROM feeds WHERE edition = $1 AND name = $2";

impl PostgresStore {
    /// A feed that this process has opened.
    pub(super) fn opened(&self, feed: FeedId) -> Result<OpenFeed, StoreError> {
        self.feeds().get(&feed).cloned().ok_or_else(|| inconsistent(format!("feed {} was not opened", feed.0)))
    }

    /// Finds the feed of a table without writing.
    async fn find_feed(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        let known: Option<(i32, Vec<u8>, bool)> = sqlx::query_as(KNOWN)
            .bind(spec.plan.edition.as_str())
            .bind(&*spec.plan.name)
            .fetch_optional(self.readers()?)
            .await
            .map_err(db("finding a feed"))?;
        match known {
            None => Err(StoreError::Absent(format!("{} {}", spec.plan.edition.as_str(), spec.plan.name))),
            Some((_, digest, true)) if digest.as_slice() != spec.key_digest => Err(inconsistent(parked(&spec.plan.name))),
            Some((id, ..)) => {
                let feed = FeedId(id as u32);
                let indexed = self.find_indexed(feed, spec).await?;
                let open = OpenFeed { plan: Arc::clone(&spec.plan), indexed, key_digest: spec.key_digest };
                self.feeds().insert(feed, open);
                Ok(feed)
            }
        }
    }

    /// The fields of a feed that are indexed as it stands.
    async fn find_indexed(&self, feed: FeedId, spec: &FeedSpec) -> Result<Arc<[(i32, FieldIdx)]>, StoreError> {
        let known: Vec<(i32, String)> = sqlx::query_as("SELECT slot, name FROM feed_field WHERE feed = $1")
            .bind(feed.0 as i32)
            .fetch_all(self.readers()?)
            .await
            .map_err(db("reading indexed fields"))?;
        Ok(known.into_iter().filter_map(|(slot, name)| Some((slot, spec.plan.find(&name)?))).collect())
    }

    pub(super) async fn open_feed_row(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        if self.read_only {
            return self.find_feed(spec).await;
        }
        let what = db("opening a feed");
        let mut tx = self.begin("opening a feed").await?;
        let id: i32 = sqlx::query_scalar(
            "INSERT INTO feeds (edition, name, is_log, key_digest) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (edition, name) DO UPDATE SET is_log = excluded.is_log RETURNING id",
        )
        .bind(spec.plan.edition.as_str())
        .bind(&*spec.plan.name)
        .bind(spec.plan.kind == Kind::Log)
        .bind(spec.key_digest.as_slice())
        .fetch_one(&mut *tx)
        .await
        .map_err(what)?;
        // The row is locked by now, so that what is asked here stays true.
        let feed = FeedId(id as u32);
        let (_, digest, has_heads): (i32, Vec<u8>, bool) = sqlx::query_as(KNOWN)
            .bind(spec.plan.edition.as_str())
            .bind(&*spec.plan.name)
            .fetch_one(&mut *tx)
            .await
            .map_err(what)?;
        if digest.as_slice() != spec.key_digest && has_heads {
            let why = parked(&spec.plan.name);
            let sql = "UPDATE feeds SET parked = $2 WHERE id = $1";
            sqlx::query(sql).bind(id).bind(&why).execute(&mut *tx).await.map_err(db("parking a table"))?;
            self.commit(tx, "parking a table").await?;
            self.feeds().remove(&feed);
            return Err(inconsistent(why));
        }
        sqlx::query("UPDATE feeds SET key_digest = $2, parked = NULL WHERE id = $1 AND (key_digest <> $2 OR parked IS NOT NULL)")
            .bind(id)
            .bind(spec.key_digest.as_slice())
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        let indexed = index_fields(&mut tx, feed, spec).await?;
        self.commit(tx, "opening a feed").await?;
        let open = OpenFeed { plan: Arc::clone(&spec.plan), indexed, key_digest: spec.key_digest };
        self.feeds().insert(feed, open);
        Ok(feed)
    }

    pub(super) async fn rekey_feed(&self, spec: &FeedSpec, at: Millis) -> Result<u64, StoreError> {
        let what = db("changing a key");
        let mut tx = self.begin("changing a key").await?;
        let known: Option<i32> = sqlx::query_scalar("SELECT id FROM feeds WHERE edition = $1 AND name = $2")
            .bind(spec.plan.edition.as_str())
            .bind(&*spec.plan.name)
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
        let Some(id) = known else {
            return Err(inconsistent(format!("{} was never opened", spec.plan.name)));
        };
        let feed = FeedId(id as u32);
        lock(&mut tx, feed).await?;
        let orphans = orphans(&mut tx, feed).await?;
        clear(&mut tx, feed, &spec.key_digest, at).await?;
        self.commit(tx, "changing a key").await?;
        self.runs().retain(|_, run| run.feed != feed);
        self.feeds().remove(&feed);
        Ok(orphans)
    }
}

/// How many records of a feed an upstream holds or is being sent.
async fn orphans(tx: &mut Tx, feed: FeedId) -> Result<u64, StoreError> {
    let (mut held, mut orphans) = (Vec::new(), RoaringBitmap::new());
    for (upstream, _) in cursors(tx, feed).await? {
        held.push(Set { upstream, feed, kept: Kept::Rids }.load(&mut **tx).await?);
        orphans |= flight::flying(&mut **tx, upstream, feed).await?.rids;
    }
    let mut rids = sqlx::query_scalar::<_, i64>("SELECT rid FROM head WHERE feed = $1").bind(feed.0 as i32).fetch(&mut **tx);
    while let Some(rid) = rids.try_next().await.map_err(db("counting orphans"))? {
        if held.iter().any(|held| held.contains(rid as u64)) {
            orphans.insert(rid as u32);
        }
    }
    Ok(orphans.len())
}

/// Closes all records of a feed and forgets where its sources stood.
async fn clear(tx: &mut Tx, feed: FeedId, key_digest: &[u8; 16], at: Millis) -> Result<(), StoreError> {
    let what = db("changing a key");
    let id = feed.0 as i32;
    for sql in [
        "DELETE FROM head WHERE feed = $1",
        "DELETE FROM feed WHERE feed = $1",
        "DELETE FROM value WHERE feed = $1",
        "DELETE FROM exception WHERE feed = $1",
        "DELETE FROM held WHERE feed = $1",
        "UPDATE flight SET overtaken = rids WHERE feed = $1",
        "DELETE FROM missing WHERE feed = $1",
        "DELETE FROM withdrawn WHERE feed = $1",
        "DELETE FROM record_key WHERE feed = $1",
        "DELETE FROM pushed WHERE feed = $1",
        "DELETE FROM given WHERE feed = $1",
        "DELETE FROM seen WHERE run IN (SELECT id FROM run WHERE feed = $1 AND ended IS NULL)",
        "DELETE FROM sighting WHERE run IN (SELECT id FROM run WHERE feed = $1 AND ended IS NULL)",
        "UPDATE stock SET step = 0, used = 0, why = 'the natural key was changed', stored = 0, in_flight = 0, \
         waiting = 0, refused = 0, unknown = 0, waits_parent = 0, waits_verdict = 0, not_due = 0, out_of_scope = 0, \
         unsealed = 0, closed = 0 WHERE feed = $1",
    ] {
        sqlx::query(sql).bind(id).execute(&mut **tx).await.map_err(what)?;
    }
    let ended = "UPDATE run SET ended = $2, error = 'the natural key was changed' WHERE feed = $1 AND ended IS NULL";
    sqlx::query(ended).bind(id).bind(at).execute(&mut **tx).await.map_err(what)?;
    let opened = "UPDATE feeds SET key_digest = $2, parked = NULL, live = 0, read_once = false, adopts = false WHERE id = $1";
    sqlx::query(opened).bind(id).bind(key_digest.as_slice()).execute(&mut **tx).await.map_err(what)?;
    Ok(())
}

/// Adds the wanted fields to the index of values; new ones are filled from what has landed. Fields that are not wanted any
/// more stay: another hub may want them.
async fn index_fields(tx: &mut Tx, feed: FeedId, spec: &FeedSpec) -> Result<Arc<[(i32, FieldIdx)]>, StoreError> {
    let known: Vec<(i32, String)> = sqlx::query_as("SELECT slot, name FROM feed_field WHERE feed = $1")
        .bind(feed.0 as i32)
        .fetch_all(&mut **tx)
        .await
        .map_err(db("reading indexed fields"))?;
    let mut next = known.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0);
    let mut indexed: Vec<(i32, FieldIdx)> = Vec::new();
    for &field in &spec.indexed {
        let name = &spec.plan.field(field).name;
        if indexed.iter().any(|(_, i)| *i == field) {
            continue;
        }
        if let Some((slot, _)) = known.iter().find(|(_, n)| **n == **name) {
            indexed.push((*slot, field));
            continue;
        }
        fill_index(tx, feed, next, name).await?;
        indexed.push((next, field));
        next += 1;
    }
    Ok(indexed.into())
}

async fn fill_index(tx: &mut Tx, feed: FeedId, slot: i32, name: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO feed_field (feed, slot, name) VALUES ($1, $2, $3)")
        .bind(feed.0 as i32)
        .bind(slot)
        .bind(name)
        .execute(&mut **tx)
        .await
        .map_err(db("adding an index"))?;
    // `json` keeps a number's text as it is written, which `jsonb` does not.
    sqlx::query(
        "INSERT INTO value (feed, slot, value, seq) SELECT feed, $2, payload::json ->> $3, seq FROM feed \
         WHERE feed = $1 AND op = 0 AND payload::json ->> $3 IS NOT NULL",
    )
    .bind(feed.0 as i32)
    .bind(slot)
    .bind(name)
    .execute(&mut **tx)
    .await
    .map_err(db("filling an index"))?;
    Ok(())
}
