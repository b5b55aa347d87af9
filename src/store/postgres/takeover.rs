//! Takeovers, and records whose source no mapping reads any more.

use sqlx::PgConnection;

use super::PostgresStore;
use super::deletion::{hold_for, keep_held, standing_of};
use super::fault::db;
use super::lock::lock;
use super::runs::source_id;
use super::sharing::{given, hand_over};
use crate::finding::Text;
use crate::store::open_run::bitmap;
use crate::store::{Difference, FeedId, Millis, Orphaned, Sharing, StoreError, Takeover};

/// The number of a source, if it has one.
async fn find_source(conn: &mut PgConnection, name: &str) -> Result<Option<i32>, StoreError> {
    sqlx::query_scalar("SELECT id FROM source WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await
        .map_err(db("finding a source"))
}

async fn weigh(conn: &mut PgConnection, feed: FeedId, from: i32, to: i32) -> Result<Takeover, StoreError> {
    let what = db("weighing a takeover");
    let held = standing_of(conn, feed, from).await?;
    let given = given(conn, feed).await?.remove(&to).unwrap_or_default() & &held;
    let differing: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM quarantine q JOIN head h ON h.feed = q.feed AND h.nk = short_key(q.nk) \
         WHERE q.feed = $1 AND q.source = $2 AND q.conflict = 3 AND h.source = $3 AND h.flags & 1 = 0",
    )
    .bind(feed.0 as i32)
    .bind(to)
    .bind(from)
    .fetch_one(&mut *conn)
    .await
    .map_err(what)?;
    let fields: Vec<(String, i64)> = sqlx::query_as(
        "SELECT v ->> 'field', count(DISTINCT q.id) FROM quarantine q JOIN head h ON h.feed = q.feed AND h.nk = short_key(q.nk) \
         CROSS JOIN LATERAL json_array_elements(q.violations::json) v \
         WHERE q.feed = $1 AND q.source = $2 AND q.conflict = 3 AND h.source = $3 AND h.flags & 1 = 0 \
         GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .bind(feed.0 as i32)
    .bind(to)
    .bind(from)
    .fetch_all(&mut *conn)
    .await
    .map_err(what)?;
    let fields = fields.into_iter().map(|(field, n)| (field, n.unsigned_abs())).collect();
    Ok(Takeover { held: held.len(), given: given.len(), differing: differing.unsigned_abs(), fields })
}

#[async_trait::async_trait]
impl Sharing for PostgresStore {
    async fn weigh_takeover(&self, feed: FeedId, from: &str, to: &str) -> Result<Takeover, StoreError> {
        let mut conn = self.readers()?.begin().await.map_err(db("weighing a takeover"))?;
        match (find_source(&mut conn, from).await?, find_source(&mut conn, to).await?) {
            (Some(from), Some(to)) => weigh(&mut conn, feed, from, to).await,
            (Some(from), None) => Ok(Takeover { held: standing_of(&mut conn, feed, from).await?.len(), ..Takeover::default() }),
            (None, _) => Ok(Takeover::default()),
        }
    }

    async fn take_over(&self, feed: FeedId, from: &str, to: &str, at: Millis) -> Result<Takeover, StoreError> {
        let what = db("taking a table over");
        let mut tx = self.begin("taking a table over").await?;
        let (from, to) = (source_id(&mut tx, from).await?, source_id(&mut tx, to).await?);
        lock(&mut tx, feed).await?;
        let moved = weigh(&mut tx, feed, from, to).await?;
        sqlx::query("DELETE FROM yields WHERE feed = $1 AND source = $2 AND taker = $3")
            .bind(feed.0 as i32)
            .bind(to)
            .bind(from)
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        sqlx::query(
            "INSERT INTO yields (feed, source, taker, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (feed, source) DO UPDATE SET taker = excluded.taker, at = excluded.at",
        )
        .bind(feed.0 as i32)
        .bind(from)
        .bind(to)
        .bind(at)
        .execute(&mut *tx)
        .await
        .map_err(what)?;
        let given = given(&mut tx, feed).await?.remove(&to).unwrap_or_default();
        hand_over(&mut tx, feed, from, to, &given).await?;
        let held: Option<Vec<u8>> = sqlx::query_scalar("SELECT rids FROM missing WHERE feed = $1 AND source = $2")
            .bind(feed.0 as i32)
            .bind(from)
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
        if let Some(bytes) = held {
            keep_held(&mut tx, feed, from, &(bitmap(&bytes)? - given)).await?;
        }
        self.commit(tx, "taking a table over").await?;
        Ok(moved)
    }

    async fn orphaned(&self, editions: &[&str], mapped: &[(&str, &str)]) -> Result<Vec<Orphaned>, StoreError> {
        let what = db("looking for records that are nobody's");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        let fed: Vec<(i32, String, String, i32, String, Option<String>)> = sqlx::query_as(
            "SELECT f.id, f.edition, f.name, s.id, s.name, (SELECT t.name FROM yields y JOIN source t ON t.id = y.taker \
             WHERE y.feed = f.id AND y.source = s.id) FROM feeds f CROSS JOIN source s \
             WHERE EXISTS (SELECT 1 FROM run r WHERE r.feed = f.id AND r.source = s.id) \
             ORDER BY f.edition COLLATE \"C\", f.name COLLATE \"C\", s.name COLLATE \"C\"",
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(what)?;
        let mut found = Vec::new();
        for (feed, edition, table, id, source, taken_by) in fed {
            if !editions.contains(&edition.as_str()) || mapped.contains(&(table.as_str(), source.as_str())) {
                continue;
            }
            let live: i64 = sqlx::query_scalar("SELECT count(*) FROM head WHERE feed = $1 AND source = $2 AND flags & 1 = 0")
                .bind(feed)
                .bind(id)
                .fetch_one(&mut *conn)
                .await
                .map_err(what)?;
            let waiting: i64 =
                sqlx::query_scalar("SELECT count(*) FROM quarantine WHERE feed = $1 AND source = $2 AND conflict = 3")
                    .bind(feed)
                    .bind(id)
                    .fetch_one(&mut *conn)
                    .await
                    .map_err(what)?;
            if live > 0 || waiting > 0 {
                let (live, waiting) = (live.unsigned_abs(), waiting.unsigned_abs());
                found.push(Orphaned { feed: FeedId(feed as u32), table, source, live, waiting, taken_by });
            }
        }
        Ok(found)
    }

    async fn settle_orphaned(&self, feed: FeedId, source: &str, why: Option<&Text>, at: Millis) -> Result<u64, StoreError> {
        let mut tx = self.begin("holding deletions").await?;
        let source = source_id(&mut tx, source).await?;
        lock(&mut tx, feed).await?;
        let mut held = 0;
        if let Some(why) = why {
            let rids = standing_of(&mut tx, feed, source).await?;
            held = rids.len();
            if !rids.is_empty() {
                hold_for(&mut tx, feed, source, &rids, why, at).await?;
            }
        }
        sqlx::query("DELETE FROM quarantine WHERE feed = $1 AND source = $2 AND conflict = 3")
            .bind(feed.0 as i32)
            .bind(source)
            .execute(&mut *tx)
            .await
            .map_err(db("holding deletions"))?;
        self.commit(tx, "holding deletions").await?;
        Ok(held)
    }

    async fn differences(&self) -> Result<Vec<Difference>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT f.name, v ->> 'field', a.name, s.name, count(DISTINCT q.id) FROM quarantine q \
             JOIN feeds f ON f.id = q.feed JOIN source s ON s.id = q.source JOIN head h ON h.feed = q.feed AND h.nk = short_key(q.nk) \
             JOIN source a ON a.id = h.source CROSS JOIN LATERAL json_array_elements(q.violations::json) v \
             WHERE q.conflict = 3 AND h.source <> q.source AND h.flags & 1 = 0 \
             GROUP BY 1, 2, 3, 4 ORDER BY f.name COLLATE \"C\", 5 DESC, 2, a.name COLLATE \"C\", s.name COLLATE \"C\"",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("counting differences"))?;
        let one = |(table, field, holder, source, n): (String, String, String, String, i64)| Difference {
            table,
            field,
            holder,
            source,
            rows: n.unsigned_abs(),
        };
        Ok(rows.into_iter().map(one).collect())
    }
}
