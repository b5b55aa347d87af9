//! The independent recount.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::chunks::Set;
use super::fault::db;
use super::place::{CursorColumns, cursor_of};
use super::runs::bitmap;
use super::{SqliteStore, number_list};
use crate::store::chunks::Kept;
use crate::store::flight::unpack;
use crate::store::recount::{Held, Places, compare, note};
use crate::store::{FeedId, Imbalance, StoreError, UpstreamId};

/// Heads read at once.
const PAGE: i64 = 10_000;

const COUNTERS: &str = "SELECT stored, in_flight, waiting, refused, unknown, waits_parent, waits_verdict, not_due, out_of_scope, \
    unsealed, closed FROM stock WHERE feed = ? AND upstream = ?";

/// Counts that must be zero or agree, with what they are about; ?1 is the feed.
const FACTS: &[(&str, &str, &str)] = &[
    (
        "live keys",
        "SELECT live FROM feeds WHERE id = ?1",
        "SELECT count(*) FROM head h JOIN feed f ON f.seq = h.seq AND f.feed = h.feed AND f.nk = h.nk AND f.rid = h.rid \
         AND f.hash = h.hash AND f.op = 0 WHERE h.feed = ?1 AND h.flags & 1 = 0",
    ),
    ("keys and their feed rows", "SELECT count(*) FROM head WHERE feed = ?1", "SELECT count(*) FROM feed WHERE feed = ?1"),
    (
        "keys whose newest version is in the feed",
        "SELECT count(*) FROM head WHERE feed = ?1",
        "SELECT count(*) FROM head h JOIN feed f ON f.seq = h.seq AND f.op = h.flags & 1 WHERE h.feed = ?1",
    ),
    (
        "indexed values of versions that are no longer live",
        "SELECT 0",
        "SELECT count(*) FROM value v LEFT JOIN feed f ON f.seq = v.seq AND f.op = 0 WHERE v.feed = ?1 AND f.seq IS NULL",
    ),
    (
        "indexed values",
        "SELECT count(*) FROM feed f JOIN feed_field i ON i.feed = f.feed WHERE f.feed = ?1 AND f.op = 0 AND f.payload ->> i.name IS NOT NULL",
        "SELECT count(*) FROM value WHERE feed = ?1",
    ),
    (
        "record keys and their holders",
        "SELECT count(*) FROM record_key WHERE feed = ?1",
        "SELECT count(*) FROM record_key k JOIN head h ON h.feed = k.feed AND h.nk = k.nk JOIN feed f ON f.seq = h.seq AND f.key = k.key \
         WHERE k.feed = ?1",
    ),
    (
        "record keys that nobody holds, where keys are adopted",
        "SELECT 0",
        "SELECT count(*) FROM feeds a JOIN feed f ON f.feed = a.id LEFT JOIN record_key k ON k.feed = f.feed AND k.key = f.key \
         WHERE a.id = ?1 AND a.adopts = 1 AND k.key IS NULL",
    ),
    (
        "unsettled batches",
        "SELECT count(*) FROM batch WHERE feed = ?1 AND settled IS NULL",
        "SELECT count(*) FROM flight f JOIN batch b ON b.id = f.batch AND b.upstream = f.upstream AND b.feed = f.feed \
         AND b.settled IS NULL WHERE f.feed = ?1",
    ),
];

impl SqliteStore {
    pub(super) async fn recount(&self) -> Result<Vec<Imbalance>, StoreError> {
        let what = db("recounting");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        let mut found = Vec::new();
        let feeds: Vec<(u32, String)> =
            sqlx::query_as("SELECT id, edition || ' ' || name FROM feeds").fetch_all(&mut *conn).await.map_err(what)?;
        for (feed, name) in &feeds {
            for (about, counted, recounted) in FACTS {
                let counted: i64 = sqlx::query_scalar(*counted).bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
                let recounted: i64 = sqlx::query_scalar(*recounted).bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
                note(&mut found, format!("{name}: {about}"), counted, recounted);
            }
        }
        let pairs: Vec<(u32, u32, String)> = sqlx::query_as(
            "SELECT k.feed, k.upstream, u.name || ' ' || f.edition || ' ' || f.name FROM stock k JOIN feeds f ON f.id = k.feed \
             JOIN upstream u ON u.id = k.upstream",
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(what)?;
        for (feed, upstream, name) in &pairs {
            recount_places(&mut conn, *feed, *upstream, name, &mut found).await?;
        }
        recount_runs(&mut conn, &mut found).await?;
        Ok(found)
    }
}

async fn recount_places(
    conn: &mut SqliteConnection,
    feed: u32,
    upstream: u32,
    name: &str,
    found: &mut Vec<Imbalance>,
) -> Result<(), StoreError> {
    let what = db("recounting stock");
    let counters: (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) =
        sqlx::query_as(COUNTERS).bind(feed).bind(upstream).fetch_one(&mut *conn).await.map_err(what)?;
    let held = held(conn, FeedId(feed), UpstreamId(upstream), name, found).await?;
    let mut places = Places::default();
    let mut behind: Vec<u8> = Vec::new();
    // One row a page: a row a record would cost more than reading it.
    while let (Some(rids), Some(seqs), Some(last)) = sqlx::query_as::<_, (Option<String>, Option<String>, Option<Vec<u8>>)>(
        "SELECT group_concat(rid), group_concat(seq), max(nk) FROM (SELECT rid, seq, nk FROM head WHERE feed = ? AND nk > ? \
         AND flags & 1 = 0 ORDER BY nk LIMIT ?)",
    )
    .bind(feed)
    .bind(&behind)
    .bind(PAGE)
    .fetch_one(&mut *conn)
    .await
    .map_err(what)?
    {
        for (rid, seq) in rids.split(',').zip(seqs.split(',')) {
            if let (Ok(rid), Ok(seq)) = (rid.parse(), seq.parse::<i64>()) {
                places.count(&held, rid, seq as u64);
            }
        }
        behind = last;
    }
    let live: i64 =
        sqlx::query_scalar("SELECT live FROM feeds WHERE id = ?").bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
    compare(name, counters.into(), places.into_counts(), live, found);
    Ok(())
}

/// What the tables hold of one (upstream, feed); batches that do not agree with themselves are noted.
async fn held(
    conn: &mut SqliteConnection,
    feed: FeedId,
    upstream: UpstreamId,
    name: &str,
    found: &mut Vec<Imbalance>,
) -> Result<Held, StoreError> {
    let what = db("recounting stock");
    let cursor: CursorColumns =
        sqlx::query_as("SELECT cursor, backfill_from, backfill_to FROM stock WHERE feed = ? AND upstream = ?")
            .bind(feed.0)
            .bind(upstream.0)
            .fetch_one(&mut *conn)
            .await
            .map_err(what)?;
    let excepted: Vec<(u32, i64, i64)> = sqlx::query_as("SELECT rid, seq, reason FROM exception WHERE upstream = ? AND feed = ?")
        .bind(upstream.0)
        .bind(feed.0)
        .fetch_all(&mut *conn)
        .await
        .map_err(what)?;
    let batches: Vec<(i64, Vec<u8>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT b.rows, f.rids, f.overtaken, f.members FROM flight f JOIN batch b ON b.id = f.batch WHERE f.upstream = ? AND f.feed = ?",
    )
    .bind(upstream.0)
    .bind(feed.0)
    .fetch_all(&mut *conn)
    .await
    .map_err(what)?;
    let (mut flying, mut overtaken, mut rows) = (HashMap::new(), 0, 0);
    for (wanted, rids, gone, members) in batches {
        let (members, rids) = (unpack(&members)?, bitmap(&rids)?);
        note(
            found,
            format!("{name}: members of a batch"),
            wanted,
            members.iter().filter(|m| rids.contains(m.rid)).count() as i64,
        );
        overtaken += bitmap(&gone)?.len() as i64;
        rows += wanted;
        flying.extend(members.iter().map(|m| (m.rid, m.seq)));
    }
    note(found, format!("{name}: keys in flight, each in one batch"), rows, flying.len() as i64);
    let newest: i64 = sqlx::query_scalar("SELECT count(*) FROM feed WHERE feed = ? AND seq IN (SELECT value FROM json_each(?))")
        .bind(feed.0)
        .bind(number_list(flying.values().map(|seq| *seq as i64)))
        .fetch_one(&mut *conn)
        .await
        .map_err(what)?;
    note(found, format!("{name}: members whose key has a newer version"), overtaken, flying.len() as i64 - newest);
    Ok(Held {
        cursor: cursor_of(cursor),
        flying,
        excepted: excepted.into_iter().map(|(rid, seq, reason)| (rid, (seq as u64, reason))).collect(),
        stored: Set { upstream, feed, kept: Kept::Seqs }.load(&mut *conn).await?,
    })
}

async fn recount_runs(conn: &mut SqliteConnection, found: &mut Vec<Imbalance>) -> Result<(), StoreError> {
    let odd: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT id, read, changed + unchanged + duplicate + quarantined + filtered + consumed AS parts FROM run WHERE read <> parts",
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(db("recounting runs"))?;
    for (run, read, parts) in odd {
        note(found, format!("run {run}: the run equation"), read, parts);
    }
    Ok(())
}
