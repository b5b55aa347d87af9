//! The independent recount.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::chunks::Set;
use super::fault::db;
use super::{PostgresStore, signed};
use crate::store::chunks::Kept;
use crate::store::flight::unpack;
use crate::store::open_run::bitmap;
use crate::store::place::{CursorColumns, cursor_of};
use crate::store::recount::{Held, Places, compare, note};
use crate::store::{FeedId, Imbalance, StoreError, UpstreamId};

const COUNTERS: &str = "SELECT stored, in_flight, waiting, refused, unknown, waits_parent, waits_verdict, not_due, out_of_scope, \
    unsealed, closed FROM stock WHERE feed = $1 AND upstream = $2";

/// Counts that must be zero or agree, with what they are about; ?1 is the feed.
const FACTS: &[(&str, &str, &str)] = &[
    (
        "live keys",
        "SELECT live FROM feeds WHERE id = $1",
        "SELECT count(*) FROM head h JOIN feed f ON f.seq = h.seq AND f.feed = h.feed AND short_key(f.nk) = h.nk AND f.rid = h.rid \
         AND f.hash = h.hash AND f.op = 0 WHERE h.feed = $1 AND h.flags & 1 = 0",
    ),
    ("keys and their feed rows", "SELECT count(*) FROM head WHERE feed = $1", "SELECT count(*) FROM feed WHERE feed = $1"),
    (
        "keys whose newest version is in the feed",
        "SELECT count(*) FROM head WHERE feed = $1",
        "SELECT count(*) FROM head h JOIN feed f ON f.feed = h.feed AND f.seq = h.seq AND f.op = h.flags & 1 WHERE h.feed = $1",
    ),
    (
        "indexed values of versions that are no longer live",
        "SELECT 0::bigint WHERE $1::integer IS NOT NULL",
        "SELECT count(*) FROM value v LEFT JOIN feed f ON f.feed = v.feed AND f.seq = v.seq AND f.op = 0 WHERE v.feed = $1 AND f.seq IS NULL",
    ),
    (
        "indexed values",
        "SELECT count(*) FROM feed f JOIN feed_field i ON i.feed = f.feed WHERE f.feed = $1 AND f.op = 0 AND f.payload::json ->> i.name IS NOT NULL",
        "SELECT count(*) FROM value WHERE feed = $1",
    ),
    (
        "record keys and their holders",
        "SELECT count(*) FROM record_key WHERE feed = $1",
        "SELECT count(*) FROM record_key k JOIN head h ON h.feed = k.feed AND h.nk = short_key(k.nk) \
         JOIN feed f ON f.feed = h.feed AND f.seq = h.seq AND f.key = k.key WHERE k.feed = $1",
    ),
    (
        "record keys that nobody holds, where keys are adopted",
        "SELECT 0::bigint WHERE $1::integer IS NOT NULL",
        "SELECT count(*) FROM feeds a JOIN feed f ON f.feed = a.id LEFT JOIN record_key k ON k.feed = f.feed AND k.key = f.key \
         WHERE a.id = $1 AND a.adopts AND k.key IS NULL",
    ),
    (
        "unsettled batches",
        "SELECT count(*) FROM batch WHERE feed = $1 AND settled IS NULL",
        "SELECT count(*) FROM flight f JOIN batch b ON b.id = f.batch AND b.upstream = f.upstream AND b.feed = f.feed \
         AND b.settled IS NULL WHERE f.feed = $1",
    ),
];

impl PostgresStore {
    pub(super) async fn recount(&self) -> Result<Vec<Imbalance>, StoreError> {
        let what = db("recounting");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        // All counts of one moment.
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *conn).await.map_err(what)?;
        let mut found = Vec::new();
        let feeds: Vec<(i32, String)> =
            sqlx::query_as("SELECT id, edition || ' ' || name FROM feeds").fetch_all(&mut *conn).await.map_err(what)?;
        for (feed, name) in &feeds {
            for (about, counted, recounted) in FACTS {
                let counted: i64 = sqlx::query_scalar(*counted).bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
                let recounted: i64 = sqlx::query_scalar(*recounted).bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
                note(&mut found, format!("{name}: {about}"), counted, recounted);
            }
        }
        let pairs: Vec<(i32, i32, String)> = sqlx::query_as(
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
    conn: &mut PgConnection,
    feed: i32,
    upstream: i32,
    name: &str,
    found: &mut Vec<Imbalance>,
) -> Result<(), StoreError> {
    let what = db("recounting stock");
    let counters: (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) =
        sqlx::query_as(COUNTERS).bind(feed).bind(upstream).fetch_one(&mut *conn).await.map_err(what)?;
    let held = held(conn, FeedId(feed as u32), UpstreamId(upstream as u32), name, found).await?;
    let mut places = Places::default();
    {
        let mut live = sqlx::query_as::<_, (i64, i64)>("SELECT rid, seq FROM head WHERE feed = $1 AND flags & 1 = 0")
            .bind(feed)
            .fetch(&mut *conn);
        while let Some((rid, seq)) = live.try_next().await.map_err(what)? {
            places.count(&held, rid as u32, seq as u64);
        }
    }
    let live: i64 =
        sqlx::query_scalar("SELECT live FROM feeds WHERE id = $1").bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
    compare(name, counters.into(), places.into_counts(), live, found);
    Ok(())
}

/// What the tables hold of one (upstream, feed); batches that do not agree with themselves are noted.
async fn held(
    conn: &mut PgConnection,
    feed: FeedId,
    upstream: UpstreamId,
    name: &str,
    found: &mut Vec<Imbalance>,
) -> Result<Held, StoreError> {
    let what = db("recounting stock");
    let cursor: CursorColumns =
        sqlx::query_as("SELECT cursor, backfill_from, backfill_to FROM stock WHERE feed = $1 AND upstream = $2")
            .bind(feed.0 as i32)
            .bind(upstream.0 as i32)
            .fetch_one(&mut *conn)
            .await
            .map_err(what)?;
    let excepted: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT rid, seq, reason FROM exception WHERE upstream = $1 AND feed = $2")
            .bind(upstream.0 as i32)
            .bind(feed.0 as i32)
            .fetch_all(&mut *conn)
            .await
            .map_err(what)?;
    let batches: Vec<(i64, Vec<u8>, Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "SELECT b.rows, f.rids, f.overtaken, f.members FROM flight f JOIN batch b ON b.id = f.batch WHERE f.upstream = $1 AND f.feed = $2",
    )
    .bind(upstream.0 as i32)
    .bind(feed.0 as i32)
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
    let newest: i64 = sqlx::query_scalar("SELECT count(*) FROM feed WHERE feed = $1 AND seq = ANY($2)")
        .bind(feed.0 as i32)
        .bind(signed(flying.values().copied()))
        .fetch_one(&mut *conn)
        .await
        .map_err(what)?;
    note(found, format!("{name}: members whose key has a newer version"), overtaken, flying.len() as i64 - newest);
    Ok(Held {
        cursor: cursor_of(cursor),
        flying,
        excepted: excepted.into_iter().map(|(rid, seq, reason)| (rid as u32, (seq as u64, reason))).collect(),
        stored: Set { upstream, feed, kept: Kept::Seqs }.load(&mut *conn).await?,
    })
}

async fn recount_runs(conn: &mut PgConnection, found: &mut Vec<Imbalance>) -> Result<(), StoreError> {
    let odd: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT id, read, parts FROM (SELECT id, read, changed + unchanged + duplicate + quarantined + filtered + consumed AS parts \
         FROM run) r WHERE read <> parts",
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(db("recounting runs"))?;
    for (run, read, parts) in odd {
        note(found, format!("run {run}: the run equation"), read, parts);
    }
    Ok(())
}
