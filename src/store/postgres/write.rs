//! The statements of a landing.

use super::fault::db;
use super::feeds::OpenFeed;
use super::lock::Locked;
use super::place::{count, cursors, leave};
use super::{Tx, inconsistent, short_key, signed};
use crate::record::{ContentHash, RecordBatch, canonical_json};
use crate::standard::FieldIdx;
use crate::store::numbered::{Numbered, keep_key};
use crate::store::open_run::{CHUNK_BITS, OpenRun, bitmap_bytes, hash_of};
use crate::store::place::{Leaving, Place};
use crate::store::sort::{Fate, Found, Group, Odd, Write};
use crate::store::{FeedId, Millis, RunId, StoreError};

/// Compares in the database and answers in one row of arrays. `OFFSET 0` keeps it a look-up a key, in the order of the
/// keys, whatever the planner believes about the table.
const LOOK_UP: &str = "SELECT array_agg(q.i) FILTER (WHERE f.same), array_agg(f.rid) FILTER (WHERE f.same), \
    array_agg(q.i) FILTER (WHERE NOT f.same), array_agg(f.rid) FILTER (WHERE NOT f.same), \
    array_agg(f.seq) FILTER (WHERE NOT f.same), array_agg(f.flags) FILTER (WHERE NOT f.same), \
    array_agg(f.hash) FILTER (WHERE NOT f.same), array_agg(f.source) FILTER (WHERE NOT f.same) \
    FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY q(nk, hash, i) \
    CROSS JOIN LATERAL (SELECT h.rid, h.seq, h.flags, h.hash, h.source, h.flags = 0 AND h.hash = q.hash AS same FROM head h \
     WHERE h.feed = $1 AND h.nk = q.nk OFFSET 0) f";

type Columns = (
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<i32>>,
    Option<Vec<Vec<u8>>>,
    Option<Vec<i32>>,
);

/// Looks the groups' keys up.
pub(super) async fn look_up(
    tx: &mut Tx,
    feed: FeedId,
    batch: &RecordBatch,
    groups: &[Group],
) -> Result<Vec<Option<Found>>, StoreError> {
    let mut found = vec![None; groups.len()];
    if groups.is_empty() {
        return Ok(found);
    }
    let keys: Vec<_> = groups.iter().map(|group| short_key(batch.row(group.first()).natural_key())).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    let hashes: Vec<Option<ContentHash>> = groups.iter().map(|group| group.content(batch)).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| hash.as_ref().map_or(&[][..], |hash| &hash.0[..])).collect();
    let (same, rids, odd, odd_rids, seqs, flags, odd_hashes, sources): Columns = sqlx::query_as(LOOK_UP)
        .bind(feed.0 as i32)
        .bind(keys)
        .bind(hashes)
        .fetch_one(&mut **tx)
        .await
        .map_err(db("looking keys up"))?;
    let mut put = |at: i64, head: Found| {
        if let Some(slot) = usize::try_from(at - 1).ok().and_then(|at| found.get_mut(at)) {
            *slot = Some(head);
        }
    };
    for (at, rid) in same.unwrap_or_default().into_iter().zip(rids.unwrap_or_default()) {
        put(at, Found { rid: rid as u32, odd: None });
    }
    let heads = odd_rids.unwrap_or_default().into_iter().zip(seqs.unwrap_or_default());
    let more = flags.unwrap_or_default().into_iter().zip(odd_hashes.unwrap_or_default()).zip(sources.unwrap_or_default());
    for ((at, (rid, seq)), ((flags, hash), source)) in odd.unwrap_or_default().into_iter().zip(heads).zip(more) {
        let odd = Odd { seq: seq as u64, flags: i64::from(flags), hash: hash_of(&hash), source: i64::from(source) };
        put(at, Found { rid: rid as u32, odd: Some(odd) });
    }
    Ok(found)
}

/// Writes new and changed records; returns the rids of new ones, which follow each other.
pub(super) async fn write_records(
    tx: &mut Tx,
    locked: &Locked,
    open: &OpenFeed,
    run: &OpenRun,
    batch: &RecordBatch,
    writes: &[Write],
    at: Millis,
) -> Result<std::ops::Range<u32>, StoreError> {
    if writes.is_empty() {
        return Ok(0..0);
    }
    let feed = locked.feed;
    let new = writes.iter().filter(|w| w.old.is_none()).count();
    let alive = writes.iter().filter(|w| w.old.is_none_or(|old| old.gone)).count() as i64;
    let taken = locked.take(tx, writes.len(), new, alive).await?;
    let end = u32::try_from(taken.next_rid).map_err(|_| inconsistent("a table has more than four thousand million keys"))?;
    let begin = end - new as u32;
    let leaving: Vec<Leaving> =
        writes.iter().filter_map(|w| w.old).map(|old| Leaving { rid: old.rid, seq: old.seq, live: !old.gone }).collect();
    replace(tx, feed, &leaving, alive).await?;
    let mut fresh = begin;
    let numbered: Vec<Numbered<'_>> = writes
        .iter()
        .zip(taken.first..)
        .map(|(write, seq)| {
            let rid = write.old.map_or(fresh, |old| old.rid);
            fresh += u32::from(write.old.is_none());
            Numbered { seq: seq as u64, rid, record: batch.row(write.row as usize), key: write.key }
        })
        .collect();
    insert(tx, feed, run.source as i32, &numbered, at).await?;
    let indexed = locked.indexed(tx, &open.plan).await?;
    insert_values(tx, feed, &indexed, &numbered).await?;
    Ok(begin..end)
}

/// Takes replaced versions out of index, places and feed, and counts the new versions of all writes as waiting:
/// `alive` keys come to life, the live ones among `leaving` stay alive.
async fn replace(tx: &mut Tx, feed: FeedId, leaving: &[Leaving], alive: i64) -> Result<(), StoreError> {
    let stay = leaving.iter().filter(|l| l.live).count() as i64;
    for (upstream, cursor) in cursors(tx, feed).await? {
        let mut delta = leave(tx, feed, upstream, &cursor, leaving).await?;
        delta.add(Place::Waiting, alive + stay);
        count(tx, feed, upstream, &delta).await?;
    }
    if leaving.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = leaving.iter().map(|l| l.seq as i64).collect();
    unindex(tx, feed, &seqs).await?;
    sqlx::query("DELETE FROM feed WHERE feed = $1 AND seq = ANY($2)")
        .bind(feed.0 as i32)
        .bind(seqs)
        .execute(&mut **tx)
        .await
        .map_err(db("removing old versions"))?;
    Ok(())
}

/// Takes the values of versions that are about to be replaced out of the index.
pub(super) async fn unindex(tx: &mut Tx, feed: FeedId, seqs: &[i64]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM value WHERE feed = $1 AND seq = ANY($2)")
        .bind(feed.0 as i32)
        .bind(seqs)
        .execute(&mut **tx)
        .await
        .map_err(db("removing indexed values"))?;
    Ok(())
}

/// Feed rows, and the heads that follow from them.
const INSERT: &str = "WITH new AS (INSERT INTO feed (feed, seq, rid, op, key, nk, hash, at, payload) \
    SELECT $1, u.seq, u.rid, 0, u.key, u.nk, u.hash, $2, u.payload \
    FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[], $8::text[]) u(seq, rid, key, nk, hash, payload) \
    RETURNING seq, rid, nk, hash) \
    INSERT INTO head (feed, nk, rid, seq, hash, source, flags) SELECT $1, short_key(nk), rid, seq, hash, $9, 0 FROM new \
    ON CONFLICT (feed, nk) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, source = excluded.source, flags = 0";

async fn insert(tx: &mut Tx, feed: FeedId, source: i32, rows: &[Numbered<'_>], at: Millis) -> Result<(), StoreError> {
    let mut payloads = Vec::with_capacity(rows.len());
    let mut size = 256;
    for Numbered { record, key, .. } in rows {
        let mut payload = Vec::with_capacity(size + 64);
        canonical_json(record, &mut payload);
        size = payload.len();
        if let Some(key) = key {
            keep_key(record, key, &mut payload);
        }
        payloads.push(String::from_utf8(payload).map_err(|_| inconsistent("a record is no UTF-8"))?);
    }
    let hashes: Vec<ContentHash> = rows.iter().map(|row| row.record.content_hash()).collect();
    let keys: Vec<_> = rows.iter().map(|row| row.key.unwrap_or_else(|| row.record.record_key())).collect();
    sqlx::query(INSERT)
        .bind(feed.0 as i32)
        .bind(at)
        .bind(signed(rows.iter().map(|row| row.seq)))
        .bind(rows.iter().map(|row| i64::from(row.rid)).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.record.natural_key()).collect::<Vec<_>>())
        .bind(hashes.iter().map(|hash| hash.0.as_slice()).collect::<Vec<_>>())
        .bind(payloads)
        .bind(source)
        .execute(&mut **tx)
        .await
        .map_err(db("writing records"))?;
    Ok(())
}

async fn insert_values(tx: &mut Tx, feed: FeedId, indexed: &[(i32, FieldIdx)], rows: &[Numbered<'_>]) -> Result<(), StoreError> {
    let (mut slots, mut values, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        for (slot, field) in indexed {
            if let Some(text) = row.value(*field) {
                slots.push(*slot);
                values.push(text);
                seqs.push(row.seq as i64);
            }
        }
    }
    if slots.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO value (feed, slot, value, seq) SELECT $1, slot, value, seq \
         FROM unnest($2::integer[], $3::text[], $4::bigint[]) u(slot, value, seq)",
    )
    .bind(feed.0 as i32)
    .bind(slots)
    .bind(values)
    .bind(seqs)
    .execute(&mut **tx)
    .await
    .map_err(db("indexing values"))?;
    Ok(())
}

/// Freezes records and notes sightings of frozen ones.
pub(super) async fn freeze(tx: &mut Tx, feed: FeedId, run: RunId, fate: &Fate, batch: &RecordBatch) -> Result<(), StoreError> {
    if !fate.freeze.is_empty() {
        let keys: Vec<_> = fate.freeze.iter().map(|row| short_key(batch.row(*row as usize).natural_key())).collect();
        sqlx::query("UPDATE head SET flags = flags | 2 WHERE feed = $1 AND nk = ANY($2) AND flags & 1 = 0")
            .bind(feed.0 as i32)
            .bind(keys.iter().map(|key| &**key).collect::<Vec<&[u8]>>())
            .execute(&mut **tx)
            .await
            .map_err(db("freezing records"))?;
    }
    if fate.sightings.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO sighting (run, rid, hash, several) SELECT $1, rid, hash, several \
         FROM unnest($2::bigint[], $3::bytea[], $4::boolean[]) u(rid, hash, several) \
         ON CONFLICT (run, rid) DO UPDATE SET hash = excluded.hash, several = excluded.several",
    )
    .bind(run.0)
    .bind(fate.sightings.keys().map(|rid| i64::from(*rid)).collect::<Vec<_>>())
    .bind(fate.sightings.values().map(|s| s.hash.0.as_slice()).collect::<Vec<_>>())
    .bind(fate.sightings.values().map(|s| s.several).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(db("noting frozen records"))?;
    Ok(())
}

/// Adds rids to the run's seen set, in memory and in the database.
pub(super) async fn see(
    tx: &mut Tx,
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
    if touched.is_empty() {
        return Ok(());
    }
    let sets: Vec<(i64, Vec<u8>)> =
        touched.iter().filter_map(|chunk| Some((i64::from(*chunk), bitmap_bytes(open.seen.get(chunk)?)))).collect();
    sqlx::query(
        "INSERT INTO seen (run, chunk, rids) SELECT $1, chunk, rids FROM unnest($2::bigint[], $3::bytea[]) u(chunk, rids) \
         ON CONFLICT (run, chunk) DO UPDATE SET rids = excluded.rids",
    )
    .bind(run.0)
    .bind(sets.iter().map(|(chunk, _)| *chunk).collect::<Vec<_>>())
    .bind(sets.iter().map(|(_, rids)| rids.as_slice()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await
    .map_err(db("saving the seen set"))?;
    Ok(())
}
