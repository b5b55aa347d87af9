//! How upstreams stand: comparisons and notices.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::fault::db;
use super::lease::Row;
use super::lock::lock;
use crate::finding::Text;
use crate::record::RecordKey;
use crate::store::standing::{outcome_columns, outcome_of};
use crate::store::{Again, Comparison, ComparisonRow, FeedId, Notice, NoticeKind, Standing, StoreError, UpstreamId};

#[async_trait::async_trait]
impl Standing for PostgresStore {
    async fn compared(
        &self,
        upstream: UpstreamId,
        feed: FeedId,
        comparison: &Comparison,
        again: &[RecordKey],
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin("noting a comparison").await?;
        self.fence(&mut tx, Row::Upstream(upstream.0 as i32)).await?;
        lock(&mut tx, feed).await?;
        let (outcome, differ, why) = outcome_columns(&comparison.outcome);
        sqlx::query(
            "INSERT INTO compared (upstream, feed, at, position, records, elsewhere, outcome, differ, zh, en, equal_at, \
             differed_at, differed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $7 = 0 THEN $3::bigint END, \
             CASE WHEN $7 = 1 THEN $3::bigint END, $8) ON CONFLICT (upstream, feed) DO UPDATE SET at = excluded.at, \
             position = excluded.position, records = excluded.records, elsewhere = excluded.elsewhere, \
             outcome = excluded.outcome, differ = excluded.differ, zh = excluded.zh, en = excluded.en, \
             equal_at = coalesce(excluded.equal_at, compared.equal_at), \
             differed = CASE WHEN excluded.differed_at IS NULL THEN compared.differed ELSE excluded.differed END, \
             differed_at = coalesce(excluded.differed_at, compared.differed_at)",
        )
        .bind(upstream.0 as i32)
        .bind(feed.0 as i32)
        .bind(comparison.at)
        .bind(comparison.position as i64)
        .bind(comparison.records as i64)
        .bind(comparison.foreign as i64)
        .bind(outcome)
        .bind(differ as i64)
        .bind(why.map_or(String::new(), |why| clean(&why.zh)))
        .bind(why.map_or(String::new(), |why| clean(&why.en)))
        .execute(&mut *tx)
        .await
        .map_err(db("noting a comparison"))?;
        let rows = match again {
            [] => 0,
            keys => super::delivery::send_again(&mut tx, upstream, feed, Again::Keys(keys), comparison.at).await?,
        };
        self.commit(tx, "noting a comparison").await?;
        Ok(rows)
    }

    async fn comparisons(&self) -> Result<Vec<ComparisonRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT upstream, feed, at, position, records, elsewhere, outcome, differ, zh, en, equal_at, differed_at, differed \
             FROM compared ORDER BY upstream, feed",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading comparisons"))?;
        rows.iter().map(comparison).collect::<Result<_, _>>().map_err(db("reading comparisons"))
    }

    async fn note(&self, upstream: UpstreamId, notices: &[Notice]) -> Result<(), StoreError> {
        let what = db("noting how an upstream stands");
        let mut tx = self.begin("noting how an upstream stands").await?;
        self.fence(&mut tx, Row::Upstream(upstream.0 as i32)).await?;
        sqlx::query("DELETE FROM notice WHERE upstream = $1").bind(upstream.0 as i32).execute(&mut *tx).await.map_err(what)?;
        for (place, notice) in (0_i32..).zip(notices) {
            sqlx::query(
                "INSERT INTO notice (upstream, place, kind, feed, zh, en, since, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(upstream.0 as i32)
            .bind(place)
            .bind(notice.kind.code())
            .bind(notice.feed.map(|feed| feed.0 as i32))
            .bind(clean(&notice.text.zh))
            .bind(clean(&notice.text.en))
            .bind(notice.since)
            .bind(notice.until)
            .execute(&mut *tx)
            .await
            .map_err(what)?;
        }
        self.commit(tx, "noting how an upstream stands").await
    }

    async fn notices(&self) -> Result<Vec<(UpstreamId, String, Notice)>, StoreError> {
        let rows = sqlx::query(
            "SELECT n.upstream, u.name, n.kind, n.feed, n.zh, n.en, n.since, n.until FROM notice n \
             JOIN upstream u ON u.id = n.upstream ORDER BY u.name COLLATE \"C\", n.place",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading notices"))?;
        rows.iter().map(notice).collect::<Result<_, _>>().map_err(db("reading notices"))
    }
}

/// The database takes no NUL in a text, and a platform's text may hold one.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn number(row: &PgRow, at: usize) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(at)? as u64)
}

fn comparison(row: &PgRow) -> Result<ComparisonRow, sqlx::Error> {
    let differed: Option<i64> = row.try_get(11)?;
    Ok(ComparisonRow {
        upstream: UpstreamId(row.try_get::<i32, _>(0)? as u32),
        feed: FeedId(row.try_get::<i32, _>(1)? as u32),
        last: Comparison {
            at: row.try_get(2)?,
            position: number(row, 3)?,
            records: number(row, 4)?,
            foreign: number(row, 5)?,
            outcome: outcome_of(
                row.try_get(6)?,
                number(row, 7)?,
                Text::new(row.try_get::<String, _>(8)?, row.try_get::<String, _>(9)?),
            ),
        },
        equal_at: row.try_get(10)?,
        differed: differed.map(|at| Ok::<_, sqlx::Error>((at, number(row, 12)?))).transpose()?,
    })
}

fn notice(row: &PgRow) -> Result<(UpstreamId, String, Notice), sqlx::Error> {
    let text = Text::new(row.try_get::<String, _>(4)?, row.try_get::<String, _>(5)?);
    let notice = Notice {
        kind: NoticeKind::of_code(row.try_get(2)?),
        feed: row.try_get::<Option<i32>, _>(3)?.map(|feed| FeedId(feed as u32)),
        text,
        since: row.try_get(6)?,
        until: row.try_get(7)?,
    };
    Ok((UpstreamId(row.try_get::<i32, _>(0)? as u32), row.try_get(1)?, notice))
}
