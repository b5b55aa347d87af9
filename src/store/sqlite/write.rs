//! The statements of a landing.

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::feeds::{IndexedField, OpenFeed, unindex};
use super::place::{Leaving, Place, cursors, leave};
use super::runs::{CHUNK_BITS, OpenRun, bitmap_bytes};
use super::shape::{Form, Shapes, pieces};
use super::{inconsistent, number_list, walk};
use crate::record::{ContentHash, RecordBatch, canonical_json};
use crate::store::numbered::{Numbered, keep_key};
use crate::store::sort::{Fate, Found, Group, Odd, Sighting, Write};
use crate::store::{FeedId, Millis, RunId, StoreError};

/// Compares in the database and answers in one text: a row a key would cost more than the look-up itself.
static LOOK_UP: Form = Form {
    head: "WITH q (i, nk, hash) AS (VALUES ",
    row: "(#,?,?)",
    tail: ") SELECT group_concat(CASE WHEN h.flags = 0 AND h.hash = q.hash THEN q.i || ':' || h.rid \
           ELSE q.i || ':' || h.rid || ':' || h.seq || ':' || h.flags || ':' || h.source || ':' || hex(h.hash) END) \
           FROM q CROSS JOIN head h WHERE h.feed = ? AND h.nk = q.nk",
};

static INSERT_FEED: Form = Form {
    head: "INSERT INTO feed (seq, feed, rid, op, key, nk, hash, at, payload) VALUES ",
    row: "(?,?,?,0,?,?,?,?,?)",
    tail: "",
};

static INSERT_VALUE: Form =
    Form { head: "INSERT OR IGNORE INTO value (feed, slot, value, seq) VALUES ", row: "(?,?,?,?)", tail: "" };

/// Looks the groups' keys up.
pub(super) async fn look_up(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    open: &mut OpenRun,
    batch: &RecordBatch,
    groups: &[Group],
) -> Result<Vec<Option<Found>>, StoreError> {
    let feed = open.feed;
    let mut found = vec![None; groups.len()];
    let rest = walk::look_up(tx, feed, batch, groups, &mut open.walks, &mut found).await?;
    for piece in pieces(&rest) {
        let mut query = sqlx::query_scalar::<_, Option<String>>(shapes.sql(&LOOK_UP, piece.len()));
        for at in piece {
            let group = &groups[*at];
            let content = group.content(batch).map_or_else(Vec::new, |hash| hash.0.to_vec());
            query = query.bind(batch.row(group.first()).natural_key()).bind(content);
        }
        let answer = query.bind(feed.0).fetch_one(&mut **tx).await.map_err(db("looking keys up"))?;
        for entry in answer.as_deref().unwrap_or_default().split(',').filter(|e| !e.is_empty()) {
            let (i, head) = parse_found(entry).ok_or_else(|| inconsistent("a key's entry cannot be read"))?;
            if let Some(at) = piece.get(i) {
                found[*at] = Some(head);
            }
        }
    }
    Ok(found)
}

fn parse_found(entry: &str) -> Option<(usize, Found)> {
    let mut parts = entry.split(':');
    let i = parts.next()?.parse().ok()?;
    let rid = parts.next()?.parse().ok()?;
    let odd = match parts.next() {
        None => None,
        Some(seq) => {
            let (flags, source) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let hash = hex::decode(parts.next()?).ok()?;
            Some(Odd { seq: seq.parse().ok()?, flags, hash: ContentHash(hash.try_into().ok()?), source })
        }
    };
    Some((i, Found { rid, odd }))
}

/// Takes the next `n` seqs; returns the first.
pub(super) async fn take_seqs(tx: &mut Transaction<'_, Sqlite>, n: usize) -> Result<u64, StoreError> {
    let (generation, counter): (i64, i64) =
        sqlx::query_as("UPDATE clock SET counter = counter + ? WHERE id = 1 RETURNING generation, counter")
            .bind(n as i64)
            .fetch_one(&mut **tx)
            .await
            .map_err(db("counting on"))?;
    Ok((generation as u64) << 48 | (counter as u64 + 1 - n as u64))
}

/// Writes new and changed records; returns the rids of new ones, which follow each other.
pub(super) async fn write_records(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    open: &OpenFeed,
    run: &OpenRun,
    batch: &RecordBatch,
    writes: &[Write],
    at: Millis,
) -> Result<std::ops::Range<u32>, StoreError> {
    if writes.is_empty() {
        return Ok(0..0);
    }
    let feed = run.feed;
    let first = take_seqs(tx, writes.len()).await?;
    let last = first + writes.len() as u64 - 1;
    let new = writes.iter().filter(|w| w.old.is_none()).count();
    let alive = writes.iter().filter(|w| w.old.is_none_or(|old| old.gone)).count();
    let (next_rid,): (i64,) =
        sqlx::query_as("UPDATE feeds SET next_rid = next_rid + ?, live = live + ?, seq = ? WHERE id = ? RETURNING next_rid")
            .bind(new as i64)
            .bind(alive as i64)
            .bind(last as i64)
            .bind(feed.0)
            .fetch_one(&mut **tx)
            .await
            .map_err(db("numbering records"))?;
    let end = u32::try_from(next_rid).map_err(|_| inconsistent("a table has more than four thousand million keys"))?;
    let begin = end - new as u32;
    let leaving: Vec<Leaving> =
        writes.iter().filter_map(|w| w.old).map(|old| Leaving { rid: old.rid, seq: old.seq, live: !old.gone }).collect();
    replace(tx, feed, &open.indexed, &leaving, alive as i64).await?;
    let mut fresh = begin;
    let numbered: Vec<Numbered<'_>> = writes
        .iter()
        .zip(first..)
        .map(|(write, seq)| {
            let rid = write.old.map_or(fresh, |old| old.rid);
            fresh += u32::from(write.old.is_none());
            Numbered { seq, rid, record: batch.row(write.row as usize), key: write.key }
        })
        .collect();
    insert_feed(tx, shapes, feed, &numbered, at).await?;
    insert_heads(tx, run.source, first, last).await?;
    insert_values(tx, shapes, feed, &open.indexed, &numbered).await?;
    Ok(begin..end)
}

/// Takes replaced versions out of index, places and feed, and counts the new versions of all writes as waiting:
/// `alive` keys come to life, the live ones among `leaving` stay alive.
async fn replace(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    indexed: &[IndexedField],
    leaving: &[Leaving],
    alive: i64,
) -> Result<(), StoreError> {
    let stay = leaving.iter().filter(|l| l.live).count() as i64;
    for (upstream, cursor) in cursors(tx, feed).await? {
        let mut delta = leave(tx, feed, upstream, &cursor, leaving).await?;
        delta.add(Place::Waiting, alive + stay);
        delta.apply(tx, feed, upstream).await?;
    }
    remove_versions(tx, feed, indexed, leaving).await
}

/// Removes versions from feed and index.
pub(super) async fn remove_versions(
    tx: &mut Transaction<'_, Sqlite>,
    feed: FeedId,
    indexed: &[IndexedField],
    leaving: &[Leaving],
) -> Result<(), StoreError> {
    if leaving.is_empty() {
        return Ok(());
    }
    unindex(tx, feed, indexed, leaving.iter().filter(|l| l.live).map(|l| l.seq)).await?;
    sqlx::query("DELETE FROM feed WHERE seq IN (SELECT value FROM json_each(?))")
        .bind(number_list(leaving.iter().map(|l| l.seq as i64)))
        .execute(&mut **tx)
        .await
        .map_err(db("removing old versions"))?;
    Ok(())
}

async fn insert_feed(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    feed: FeedId,
    rows: &[Numbered<'_>],
    at: Millis,
) -> Result<(), StoreError> {
    let mut size = 256;
    for piece in pieces(rows) {
        let mut query = sqlx::query(shapes.sql(&INSERT_FEED, piece.len()));
        for Numbered { seq, rid, record, key } in piece {
            let own = record.record_key();
            let mut payload = Vec::with_capacity(size + 64);
            canonical_json(record, &mut payload);
            size = payload.len();
            if let Some(key) = key {
                keep_key(record, key, &mut payload);
            }
            let payload = String::from_utf8(payload).map_err(|_| inconsistent("a record is no UTF-8"))?;
            query = query
                .bind(*seq as i64)
                .bind(feed.0)
                .bind(rid)
                .bind(key.as_ref().unwrap_or(&own).as_str())
                .bind(record.natural_key())
                .bind(record.content_hash().0.to_vec())
                .bind(at)
                .bind(payload);
        }
        query.execute(&mut **tx).await.map_err(db("writing records"))?;
    }
    Ok(())
}

/// Heads follow from the feed rows just written, which are in key order.
async fn insert_heads(tx: &mut Transaction<'_, Sqlite>, source: i64, first: u64, last: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO head (feed, nk, rid, seq, hash, source, flags) \
         SELECT feed, nk, rid, seq, hash, ?, 0 FROM feed WHERE seq BETWEEN ? AND ? ORDER BY seq \
         ON CONFLICT (feed, nk) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, source = excluded.source, flags = 0",
    )
    .bind(source)
    .bind(first as i64)
    .bind(last as i64)
    .execute(&mut **tx)
    .await
    .map_err(db("writing heads"))?;
    Ok(())
}

async fn insert_values(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    feed: FeedId,
    indexed: &[IndexedField],
    rows: &[Numbered<'_>],
) -> Result<(), StoreError> {
    for field in indexed {
        let mut values: Vec<(&str, u64)> =
            rows.iter().filter_map(|row| row.value(field.field).map(|text| (text, row.seq))).collect();
        values.sort_unstable();
        for piece in pieces(&values) {
            let mut query = sqlx::query(shapes.sql(&INSERT_VALUE, piece.len()));
            for (value, seq) in piece {
                query = query.bind(feed.0).bind(field.slot).bind(*value).bind(*seq as i64);
            }
            query.execute(&mut **tx).await.map_err(db("indexing values"))?;
        }
    }
    Ok(())
}

static FREEZE: Form =
    Form { head: "UPDATE head SET flags = flags | 2 WHERE nk IN (VALUES ", row: "(?)", tail: ") AND feed = ? AND flags & 1 = 0" };

static INSERT_SIGHTING: Form =
    Form { head: "INSERT OR REPLACE INTO sighting (run, rid, hash, several) VALUES ", row: "(?,?,?,?)", tail: "" };

/// Freezes records and notes sightings of frozen ones.
pub(super) async fn freeze(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    feed: FeedId,
    run: RunId,
    fate: &Fate,
    batch: &RecordBatch,
) -> Result<(), StoreError> {
    for piece in pieces(&fate.freeze) {
        let mut query = sqlx::query(shapes.sql(&FREEZE, piece.len()));
        for row in piece {
            query = query.bind(batch.row(*row as usize).natural_key());
        }
        query.bind(feed.0).execute(&mut **tx).await.map_err(db("freezing records"))?;
    }
    let sightings: Vec<(u32, Sighting)> = fate.sightings.iter().map(|(rid, sighting)| (*rid, *sighting)).collect();
    for piece in pieces(&sightings) {
        let mut query = sqlx::query(shapes.sql(&INSERT_SIGHTING, piece.len()));
        for (rid, sighting) in piece {
            query = query.bind(run.0).bind(rid).bind(sighting.hash.0.to_vec()).bind(sighting.several);
        }
        query.execute(&mut **tx).await.map_err(db("noting frozen records"))?;
    }
    Ok(())
}

/// Adds rids to the run's seen set, in memory and in the database.
pub(super) async fn see(
    tx: &mut Transaction<'_, Sqlite>,
    run: RunId,
    open: &mut OpenRun,
    known: &[u32],
    new: std::ops::Range<u32>,
) -> Result<(), StoreError> {
    let mut touched = std::collections::BTreeSet::new();
    for rid in known.iter().copied().chain(new) {
        let chunk = rid >> CHUNK_BITS;
        if open.seen.entry(chunk).or_default().insert(rid) {
            touched.insert(chunk);
        }
    }
    for chunk in touched {
        let Some(rids) = open.seen.get(&chunk) else { continue };
        sqlx::query("INSERT OR REPLACE INTO seen (run, chunk, rids) VALUES (?, ?, ?)")
            .bind(run.0)
            .bind(chunk)
            .bind(bitmap_bytes(rids))
            .execute(&mut **tx)
            .await
            .map_err(db("saving the seen set"))?;
    }
    Ok(())
}
