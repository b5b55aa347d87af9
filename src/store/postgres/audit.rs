//! The independent recount.

use sqlx::PgConnection;

use super::PostgresStore;
use super::fault::db;
use crate::store::recount::{compare, note};
use crate::store::{Imbalance, StoreError};

/// Where the newest version of each live key is, by what the tables hold; `feed` and `upstream` are ?1 and ?2. A key
/// is stored when the upstream holds its newest version and it is nowhere else.
const PLACES: &str = "WITH live AS (SELECT h.rid, h.seq FROM head h WHERE h.feed = $1 AND h.flags & 1 = 0), \
    line AS (SELECT cursor, coalesce(backfill_from, 0) AS lo, coalesce(backfill_to, 0) AS hi FROM stock WHERE feed = $1 AND upstream = $2), \
    placed AS (SELECT (l.seq > k.cursor OR (l.seq > k.lo AND l.seq <= k.hi)) AS ahead, m.rid IS NOT NULL AS flying, e.reason AS reason, \
    e.rid IS NOT NULL AND e.seq <> l.seq AS old_exception, d.rid IS NOT NULL AS held FROM live l CROSS JOIN line k \
    LEFT JOIN member m ON m.upstream = $2 AND m.feed = $1 AND m.rid = l.rid AND m.seq = l.seq \
    LEFT JOIN exception e ON e.upstream = $2 AND e.feed = $1 AND e.rid = l.rid \
    LEFT JOIN delivered d ON d.upstream = $2 AND d.feed = $1 AND d.rid = l.rid AND d.seq = l.seq) \
    SELECT CASE WHEN old_exception THEN 'an exception about an old version' \
    WHEN ahead::int + flying::int + (reason IS NOT NULL)::int > 1 THEN 'several places' WHEN ahead THEN 'waiting' WHEN flying THEN 'in_flight' \
    WHEN reason = 8 THEN 'waiting' WHEN reason IS NOT NULL THEN 'reason ' || reason WHEN held THEN 'stored' ELSE 'no place' END, \
    count(*) FROM placed GROUP BY 1";

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
        "members of unsettled batches",
        "SELECT coalesce(sum(rows), 0)::bigint FROM batch WHERE feed = $1 AND settled IS NULL",
        "SELECT count(*) FROM member WHERE feed = $1",
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
    let places: Vec<(String, i64)> =
        sqlx::query_as(PLACES).bind(feed).bind(upstream).fetch_all(&mut *conn).await.map_err(what)?;
    let live: i64 =
        sqlx::query_scalar("SELECT live FROM feeds WHERE id = $1").bind(feed).fetch_one(&mut *conn).await.map_err(what)?;
    compare(name, counters.into(), places, live, found);
    Ok(())
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
