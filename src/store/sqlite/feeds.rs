//! Feeds: opening, indexed fields, parking, another natural key.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::TryStreamExt;
use roaring::RoaringBitmap;
use sqlx::{Sqlite, Transaction};

use super::chunks::Set;
use super::fault::db;
use super::place::cursors;
use super::{SqliteStore, Writer, begin, flight, inconsistent, number_list};
use crate::standard::{FieldIdx, FieldType, Kind, TablePlan};
use crate::store::chunks::Kept;
use crate::store::{FeedId, FeedSpec, Millis, StoreError};

/// A feed as this process has opened it.
pub(super) struct OpenFeed {
    pub(super) plan: Arc<TablePlan>,
    pub(super) indexed: Arc<[IndexedField]>,
    /// Hashes of natural keys under which a row may wait in quarantine; `None`: too many, always look.
    pub(super) waiting: Option<HashSet<u64>>,
    /// Adopted record keys have landed, so that all record keys are held in a table of their own.
    pub(super) adopts: bool,
}

/// Beyond so many waiting keys a landing asks the database each time.
const MOST_WAITING: usize = 1 << 20;

impl OpenFeed {
    /// Notes that a row waits under a key.
    pub(super) fn waits(&mut self, natural_key: &[u8]) {
        if let Some(set) = &mut self.waiting {
            set.insert(xxhash_rust::xxh3::xxh3_64(natural_key));
            if set.len() > MOST_WAITING {
                self.waiting = None;
            }
        }
    }

    /// Whether a row may wait under a key.
    pub(super) fn may_wait(&self, natural_key: &[u8]) -> bool {
        self.waiting.as_ref().is_none_or(|set| !set.is_empty() && set.contains(&xxhash_rust::xxh3::xxh3_64(natural_key)))
    }
}

/// A field whose values are indexed.
#[derive(Debug, Clone)]
pub(super) struct IndexedField {
    pub(super) slot: i64,
    pub(super) field: FieldIdx,
    pub(super) name: Arc<str>,
    pub(super) number: bool,
}

fn parked(table: &str) -> String {
    format!(
        "the natural key of {table} is defined otherwise than when its records landed; approve `rekey`, or restore the definition"
    )
}

impl SqliteStore {
    /// Finds the feed of a table without writing.
    async fn find_feed(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        let known: Option<(u32, Vec<u8>, bool)> = sqlx::query_as(
            "SELECT id, key_digest, EXISTS (SELECT 1 FROM head h WHERE h.feed = feeds.id) FROM feeds WHERE edition = ? AND name = ?",
        )
        .bind(spec.plan.edition.as_str())
        .bind(&*spec.plan.name)
        .fetch_optional(self.readers()?)
        .await
        .map_err(db("finding a feed"))?;
        match known {
            None => Err(StoreError::Absent(format!("{} {}", spec.plan.edition.as_str(), spec.plan.name))),
            Some((_, digest, true)) if digest.as_slice() != spec.key_digest => Err(inconsistent(parked(&spec.plan.name))),
            Some((id, ..)) => {
                let indexed = self.find_indexed(FeedId(id), spec).await?;
                let open = OpenFeed { plan: Arc::clone(&spec.plan), indexed, waiting: None, adopts: false };
                self.looked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(FeedId(id), open);
                Ok(FeedId(id))
            }
        }
    }

    /// The fields of a feed that are indexed as it stands.
    async fn find_indexed(&self, feed: FeedId, spec: &FeedSpec) -> Result<Arc<[IndexedField]>, StoreError> {
        let known: Vec<(i64, String)> = sqlx::query_as("SELECT slot, name FROM feed_field WHERE feed = ?")
            .bind(feed.0)
            .fetch_all(self.readers()?)
            .await
            .map_err(db("reading indexed fields"))?;
        let field = |(slot, name): (i64, String)| {
            let field = spec.plan.find(&name)?;
            let number = !matches!(spec.plan.field(field).ty, FieldType::Text(_));
            Some(IndexedField { slot, field, name: name.into(), number })
        };
        Ok(known.into_iter().filter_map(field).collect())
    }

    pub(super) async fn open_feed_row(&self, spec: &FeedSpec) -> Result<FeedId, StoreError> {
        if self.writer.is_none() {
            return self.find_feed(spec).await;
        }
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, .. } = &mut *guard;
        let mut tx = begin(conn, "opening a feed").await?;
        let is_log = spec.plan.kind == Kind::Log;
        let known: Option<(u32, Vec<u8>, i64)> =
            sqlx::query_as("SELECT id, key_digest, next_rid FROM feeds WHERE edition = ? AND name = ?")
                .bind(spec.plan.edition.as_str())
                .bind(&*spec.plan.name)
                .fetch_optional(&mut *tx)
                .await
                .map_err(db("opening a feed"))?;
        if let Some((id, digest, rids)) = &known
            && digest.as_slice() != spec.key_digest
            && *rids > 0
            && has_heads(&mut tx, FeedId(*id)).await?
        {
            let why = parked(&spec.plan.name);
            sqlx::query("UPDATE feeds SET parked = ? WHERE id = ?")
                .bind(&why)
                .bind(id)
                .execute(&mut *tx)
                .await
                .map_err(db("parking a table"))?;
            self.commit(tx, "parking a table").await?;
            feeds.remove(&FeedId(*id));
            return Err(inconsistent(why));
        }
        let (id, adopts): (u32, bool) = sqlx::query_as(
            "INSERT INTO feeds (edition, name, is_log, key_digest) VALUES (?, ?, ?, ?) ON CONFLICT (edition, name) DO UPDATE \
             SET is_log = excluded.is_log, key_digest = excluded.key_digest, parked = NULL RETURNING id, adopts",
        )
        .bind(spec.plan.edition.as_str())
        .bind(&*spec.plan.name)
        .bind(is_log)
        .bind(spec.key_digest.as_slice())
        .fetch_one(&mut *tx)
        .await
        .map_err(db("opening a feed"))?;
        let feed = FeedId(id);
        let indexed = index_fields(&mut tx, feed, spec).await?;
        let waiting = waiting_keys(&mut tx, feed).await?;
        self.commit(tx, "opening a feed").await?;
        feeds.insert(feed, OpenFeed { plan: Arc::clone(&spec.plan), indexed, waiting, adopts });
        Ok(feed)
    }

    pub(super) async fn rekey_feed(&self, spec: &FeedSpec, at: Millis) -> Result<u64, StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, feeds, runs, .. } = &mut *guard;
        let mut tx = begin(conn, "changing a key").await?;
        let known: Option<(u32,)> = sqlx::query_as("SELECT id FROM feeds WHERE edition = ? AND name = ?")
            .bind(spec.plan.edition.as_str())
            .bind(&*spec.plan.name)
            .fetch_optional(&mut *tx)
            .await
            .map_err(db("changing a key"))?;
        let Some((id,)) = known else {
            return Err(inconsistent(format!("{} was never opened", spec.plan.name)));
        };
        let orphans = orphans(&mut tx, FeedId(id)).await?;
        for sql in [
            "DELETE FROM head WHERE feed = ?1",
            "DELETE FROM feed WHERE feed = ?1",
            "DELETE FROM value WHERE feed = ?1",
            "DELETE FROM exception WHERE feed = ?1",
            "DELETE FROM held WHERE feed = ?1",
            "UPDATE flight SET overtaken = rids WHERE feed = ?1",
            "DELETE FROM missing WHERE feed = ?1",
            "DELETE FROM withdrawn WHERE feed = ?1",
            "DELETE FROM pushed WHERE feed = ?1",
            "DELETE FROM given WHERE feed = ?1",
            "DELETE FROM record_key WHERE feed = ?1",
            "DELETE FROM seen WHERE run IN (SELECT id FROM run WHERE feed = ?1 AND ended IS NULL)",
            "DELETE FROM sighting WHERE run IN (SELECT id FROM run WHERE feed = ?1 AND ended IS NULL)",
            "UPDATE run SET ended = ?2, error = 'the natural key was changed' WHERE feed = ?1 AND ended IS NULL",
            "UPDATE stock SET step = 0, used = 0, why = 'the natural key was changed', stored = 0, in_flight = 0, \
             waiting = 0, refused = 0, unknown = 0, waits_parent = 0, waits_verdict = 0, not_due = 0, out_of_scope = 0, \
             unsealed = 0, closed = 0 WHERE feed = ?1",
            "UPDATE feeds SET key_digest = ?3, parked = NULL, live = 0, read_once = 0, adopts = 0 WHERE id = ?1",
        ] {
            sqlx::query(sql)
                .bind(id)
                .bind(at)
                .bind(spec.key_digest.as_slice())
                .execute(&mut *tx)
                .await
                .map_err(db("changing a key"))?;
        }
        self.commit(tx, "changing a key").await?;
        runs.retain(|_, run| run.feed != FeedId(id));
        feeds.remove(&FeedId(id));
        Ok(orphans)
    }
}

/// How many records of a feed an upstream holds or is being sent.
async fn orphans(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<u64, StoreError> {
    let (mut held, mut orphans) = (Vec::new(), RoaringBitmap::new());
    for (upstream, _) in cursors(tx, feed).await? {
        held.push(Set { upstream, feed, kept: Kept::Rids }.load(&mut **tx).await?);
        orphans |= flight::flying(&mut **tx, upstream, feed).await?.rids;
    }
    let mut rids = sqlx::query_scalar::<_, u32>("SELECT rid FROM head WHERE feed = ?").bind(feed.0).fetch(&mut **tx);
    while let Some(rid) = rids.try_next().await.map_err(db("counting orphans"))? {
        if held.iter().any(|held| held.contains(u64::from(rid))) {
            orphans.insert(rid);
        }
    }
    Ok(orphans.len())
}

async fn has_heads(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<bool, StoreError> {
    let (any,): (bool,) = sqlx::query_as("SELECT EXISTS (SELECT 1 FROM head WHERE feed = ?)")
        .bind(feed.0)
        .fetch_one(&mut **tx)
        .await
        .map_err(db("opening a feed"))?;
    Ok(any)
}

/// Brings the index of values in line with the fields wanted: new ones are filled from what has landed.
async fn index_fields(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    spec: &FeedSpec,
) -> Result<Arc<[IndexedField]>, StoreError> {
    let known: Vec<(i64, String)> = sqlx::query_as("SELECT slot, name FROM feed_field WHERE feed = ?")
        .bind(feed.0)
        .fetch_all(&mut **tx)
        .await
        .map_err(db("reading indexed fields"))?;
    let mut next = known.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0);
    let mut indexed: Vec<IndexedField> = Vec::new();
    for &field in &spec.indexed {
        let plan = spec.plan.field(field);
        let name = Arc::clone(&plan.name);
        if indexed.iter().any(|i| i.field == field) {
            continue;
        }
        let number = !matches!(plan.ty, FieldType::Text(_));
        if let Some((slot, _)) = known.iter().find(|(_, n)| **n == *name) {
            indexed.push(IndexedField { slot: *slot, field, name, number });
            continue;
        }
        let new = IndexedField { slot: next, field, name, number };
        next += 1;
        fill_index(tx, feed, &new).await?;
        indexed.push(new);
    }
    for (slot, _) in known.iter().filter(|(slot, _)| !indexed.iter().any(|i| i.slot == *slot)) {
        for sql in ["DELETE FROM value WHERE feed = ? AND slot = ?", "DELETE FROM feed_field WHERE feed = ? AND slot = ?"] {
            sqlx::query(sql).bind(feed.0).bind(slot).execute(&mut **tx).await.map_err(db("dropping an index"))?;
        }
    }
    Ok(indexed.into())
}

async fn fill_index(tx: &mut Transaction<'_, Sqlite>, feed: FeedId, new: &IndexedField) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO feed_field (feed, slot, name) VALUES (?, ?, ?)")
        .bind(feed.0)
        .bind(new.slot)
        .bind(&*new.name)
        .execute(&mut **tx)
        .await
        .map_err(db("adding an index"))?;
    // `->` keeps a number's text as it is written, `->>` gives a text without its quotes.
    let sql = if new.number {
        "INSERT INTO value (feed, slot, value, seq) SELECT feed, ?, payload -> ?, seq FROM feed \
         WHERE feed = ? AND op = 0 AND payload ->> ? IS NOT NULL"
    } else {
        "INSERT INTO value (feed, slot, value, seq) SELECT feed, ?, payload ->> ?, seq FROM feed \
         WHERE feed = ? AND op = 0 AND payload ->> ? IS NOT NULL"
    };
    sqlx::query(sql)
        .bind(new.slot)
        .bind(&*new.name)
        .bind(feed.0)
        .bind(&*new.name)
        .execute(&mut **tx)
        .await
        .map_err(db("filling an index"))?;
    Ok(())
}

/// Takes the values of versions that are about to be replaced out of the index.
pub(super) async fn unindex(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    indexed: &[IndexedField],
    seqs: impl Iterator<Item = u64> + Clone,
) -> Result<(), StoreError> {
    for field in indexed {
        let sql = if field.number {
            "DELETE FROM value WHERE (feed, slot, value, seq) IN (SELECT feed, ?, CAST(payload -> ? AS TEXT), seq FROM feed \
             WHERE seq IN (SELECT value FROM json_each(?)) AND feed = ? AND payload ->> ? IS NOT NULL)"
        } else {
            "DELETE FROM value WHERE (feed, slot, value, seq) IN (SELECT feed, ?, CAST(payload ->> ? AS TEXT), seq FROM feed \
             WHERE seq IN (SELECT value FROM json_each(?)) AND feed = ? AND payload ->> ? IS NOT NULL)"
        };
        sqlx::query(sql)
            .bind(field.slot)
            .bind(&*field.name)
            .bind(number_list(seqs.clone().map(|s| s as i64)))
            .bind(feed.0)
            .bind(&*field.name)
            .execute(&mut **tx)
            .await
            .map_err(db("removing indexed values"))?;
    }
    Ok(())
}

async fn waiting_keys(tx: &mut Transaction<'_, Sqlite>, feed: FeedId) -> Result<Option<HashSet<u64>>, StoreError> {
    let keys: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT nk FROM quarantine WHERE feed = ? AND nk IS NOT NULL LIMIT ?")
        .bind(feed.0)
        .bind(MOST_WAITING as i64 + 1)
        .fetch_all(&mut **tx)
        .await
        .map_err(db("reading waiting keys"))?;
    if keys.len() > MOST_WAITING {
        return Ok(None);
    }
    Ok(Some(keys.iter().map(|(key,)| xxhash_rust::xxh3::xxh3_64(key)).collect()))
}
