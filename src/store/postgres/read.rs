//! Read models.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use roaring::RoaringBitmap;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::PostgresStore;
use super::chunks::Set;
use super::fault::db;
use crate::source::Position;
use crate::standard::TablePlan;
use crate::store::chunks::Kept;
use crate::store::open_run::{bitmap, landed};
use crate::store::proof::{Waves, doubt_text, list_code, why_text};
use crate::store::{
    FeedId, Imbalance, MissingRow, PendingDeletion, ReadModels, Reason, RunId, RunRow, Stock, StockRow, StoreError, TableRow,
    UpstreamId,
};

/// Held deletions: feed, source, their names, records, reason in English and Chinese, times, since when.
type HeldRow = (i32, i32, String, String, Vec<u8>, String, String, Vec<u8>, i64);

#[async_trait::async_trait]
impl ReadModels for PostgresStore {
    async fn table_rows(&self) -> Result<Vec<TableRow>, StoreError> {
        // `flags <> 0` is what the index of odd heads asks for, word by word: without it all heads are read.
        let rows = sqlx::query(
            "SELECT f.id, f.edition, f.name, f.live, (SELECT count(*) FROM quarantine q WHERE q.feed = f.id), \
             (SELECT count(*) FROM (SELECT short_key(q.nk) FROM quarantine q JOIN head h ON h.feed = q.feed AND h.nk = short_key(q.nk) \
              WHERE q.feed = f.id AND q.conflict <> 3 AND h.flags & 1 = 0 UNION SELECT nk FROM head WHERE feed = f.id AND flags <> 0 AND flags = 2) stale), \
             f.parked, f.seq, (SELECT count(*) FROM quarantine q WHERE q.feed = f.id AND q.conflict = 2) FROM feeds f ORDER BY f.edition COLLATE \"C\", f.name COLLATE \"C\"",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading tables"))?;
        rows.iter().map(table_row).collect::<Result<_, _>>().map_err(db("reading tables"))
    }

    async fn stock(&self) -> Result<Vec<StockRow>, StoreError> {
        let what = db("reading stock");
        let mut conn = self.readers()?.begin().await.map_err(what)?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *conn).await.map_err(what)?;
        let rows = sqlx::query(
            "SELECT k.upstream, u.name, k.feed, f.name, f.live, k.last_stored, k.stored, k.in_flight, k.waiting, k.refused, k.unknown, k.waits_parent, \
             k.waits_verdict, k.not_due, k.out_of_scope, k.unsealed, k.closed FROM stock k JOIN feeds f ON f.id = k.feed \
             JOIN upstream u ON u.id = k.upstream ORDER BY u.name COLLATE \"C\", f.edition COLLATE \"C\", f.name COLLATE \"C\"",
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(what)?;
        let mut rows: Vec<StockRow> = rows.iter().map(stock_row).collect::<Result<_, _>>().map_err(what)?;
        let gone = gone(&mut conn).await?;
        let withdrawn = withdrawn(&mut conn).await?;
        for row in &mut rows {
            if let Some(rids) = gone.get(&row.feed) {
                let set = Set { upstream: row.upstream, feed: row.feed, kept: Kept::Rids };
                let by_hand = withdrawn.get(&(row.upstream, row.feed)).copied().unwrap_or(0);
                row.gone_upstream = set.load(&mut *conn).await?.common(rids).saturating_sub(by_hand);
            }
        }
        Ok(rows)
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, source, feed, name, began, ended, complete, error, read, changed, unchanged, duplicate, quarantined, \
             filtered, consumed, missed, position, whole, doubt_zh, doubt_en, after FROM (SELECT r.id, s.name AS source, r.feed, f.name, r.began, r.ended, r.complete, r.error, \
             r.read, r.changed, r.unchanged, r.duplicate, r.quarantined, r.filtered, r.consumed, r.missed, r.whole, r.doubt_zh, r.doubt_en, \
             CASE WHEN r.ended IS NULL THEN r.position END AS position, \
             CASE WHEN r.ended IS NOT NULL AND r.error IS NULL THEN r.position END AS after, \
             row_number() OVER (PARTITION BY r.source, r.feed, r.whole ORDER BY r.id DESC) AS w, \
             row_number() OVER (PARTITION BY r.source, r.feed ORDER BY r.id DESC) AS n FROM run r \
             JOIN source s ON s.id = r.source JOIN feeds f ON f.id = r.feed) r WHERE $1 = 0 OR n <= $1 OR (whole AND w = 1) ORDER BY id DESC",
        )
        .bind(i64::from(limit))
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading runs"))?;
        rows.iter().map(run_row).collect::<Result<_, _>>().map_err(db("reading runs"))
    }

    async fn pending_deletions(&self) -> Result<Vec<PendingDeletion>, StoreError> {
        let what = db("reading held deletions");
        let held: Vec<HeldRow> = sqlx::query_as(
            "SELECT m.feed, m.source, f.name, s.name, m.rids, m.why, m.zh, m.waves, m.since FROM missing m JOIN feeds f ON f.id = m.feed \
             JOIN source s ON s.id = m.source ORDER BY m.since, f.name, s.name",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(what)?;
        let code = |feed| {
            let mut own: Vec<&HeldRow> = held.iter().filter(|row| row.0 == feed).collect();
            own.sort_by_key(|row| row.1);
            list_code(own.into_iter().map(|row| (i64::from(row.1), &*row.4, &*row.5)))
        };
        let mut all = Vec::with_capacity(held.len());
        for row in &held {
            let (feed, _, table, source, rids, en, zh, waves, since) = row;
            let (rids, waves) = (bitmap(rids)?, Waves::read(waves)?);
            let samples: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(
                "SELECT h.rid, f.key, f.nk FROM head h JOIN unnest($2::bigint[]) r(rid) ON r.rid = h.rid \
                 JOIN feed f ON f.feed = h.feed AND f.seq = h.seq WHERE h.feed = $1 AND h.flags & 1 = 0 ORDER BY f.key COLLATE \"C\"",
            )
            .bind(feed)
            .bind(rids.iter().take(10).map(i64::from).collect::<Vec<_>>())
            .fetch_all(self.readers()?)
            .await
            .map_err(what)?;
            let sample = |(rid, record_key, natural_key): (i64, String, Vec<u8>)| MissingRow {
                record_key,
                natural_key,
                seen: waves.seen(rid as u32),
            };
            all.push(PendingDeletion {
                feed: FeedId(*feed as u32),
                table: table.clone(),
                source: source.clone(),
                count: rids.len(),
                samples: samples.into_iter().map(sample).collect(),
                why: why_text(zh.clone(), en.clone()),
                since: *since,
                code: code(*feed),
            });
        }
        Ok(all)
    }

    async fn audit(&self) -> Result<Vec<Imbalance>, StoreError> {
        self.recount().await
    }

    async fn views(&self, plans: &[(Option<FeedId>, Arc<TablePlan>)]) -> Result<(String, Vec<String>), StoreError> {
        Ok((self.address(), super::views::views(plans)))
    }
}

/// Row ids of deleted records, by feed.
async fn gone(conn: &mut PgConnection) -> Result<HashMap<FeedId, RoaringBitmap>, StoreError> {
    // `flags <> 0` as above.
    let rows: Vec<(i32, Vec<i64>)> =
        sqlx::query_as("SELECT feed, array_agg(rid) FROM head WHERE flags <> 0 AND flags = 1 GROUP BY feed")
            .fetch_all(conn)
            .await
            .map_err(db("reading stock"))?;
    Ok(rows.into_iter().map(|(feed, rids)| (FeedId(feed as u32), rids.into_iter().map(|rid| rid as u32).collect())).collect())
}

/// How many of them somebody has withdrawn upstream, by upstream and feed.
async fn withdrawn(conn: &mut PgConnection) -> Result<HashMap<(UpstreamId, FeedId), u64>, StoreError> {
    let rows: Vec<(i32, i32, i64)> = sqlx::query_as(
        "SELECT w.upstream, w.feed, count(*) FROM withdrawn w JOIN head h ON h.feed = w.feed AND h.rid = w.rid AND h.seq = w.seq \
         WHERE h.flags <> 0 AND h.flags = 1 GROUP BY w.upstream, w.feed",
    )
    .fetch_all(conn)
    .await
    .map_err(db("reading stock"))?;
    Ok(rows
        .into_iter()
        .map(|(upstream, feed, n)| ((UpstreamId(upstream as u32), FeedId(feed as u32)), n.unsigned_abs()))
        .collect())
}

fn number(row: &PgRow, at: usize) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(at)?.unsigned_abs())
}

fn table_row(row: &PgRow) -> Result<TableRow, sqlx::Error> {
    Ok(TableRow {
        feed: FeedId(row.try_get::<i32, _>(0)? as u32),
        edition: row.try_get(1)?,
        table: row.try_get(2)?,
        live: number(row, 3)?,
        quarantined: number(row, 4)?,
        collisions: number(row, 8)?,
        stale: number(row, 5)?,
        parked: row.try_get(6)?,
        seq: number(row, 7)?,
    })
}

fn stock_row(row: &PgRow) -> Result<StockRow, sqlx::Error> {
    let mut held = BTreeMap::new();
    // The columns follow the order of the reasons; the first two have names of their own.
    for (at, reason) in Reason::ALL.iter().enumerate().skip(2) {
        let n = number(row, 9 + at)?;
        if n > 0 {
            held.insert(reason.name().to_owned(), n);
        }
    }
    let stock = Stock {
        live: number(row, 4)?,
        stored: number(row, 6)?,
        in_flight: number(row, 7)?,
        waiting: number(row, 8)?,
        refused: number(row, 9)?,
        unknown: number(row, 10)?,
        held,
    };
    Ok(StockRow {
        upstream: UpstreamId(row.try_get::<i32, _>(0)? as u32),
        upstream_name: row.try_get(1)?,
        feed: FeedId(row.try_get::<i32, _>(2)? as u32),
        table: row.try_get(3)?,
        stock,
        last_stored: row.try_get(5)?,
        gone_upstream: 0,
    })
}

fn position(bytes: Option<Vec<u8>>) -> Option<Position> {
    bytes.filter(|bytes| !bytes.is_empty()).map(Position)
}

fn run_row(row: &PgRow) -> Result<RunRow, sqlx::Error> {
    let mut totals = [0; 7];
    for (i, total) in totals.iter_mut().enumerate() {
        *total = row.try_get(8 + i)?;
    }
    Ok(RunRow {
        run: RunId(row.try_get(0)?),
        source: row.try_get(1)?,
        feed: FeedId(row.try_get::<i32, _>(2)? as u32),
        table: row.try_get(3)?,
        began: row.try_get(4)?,
        ended: row.try_get(5)?,
        complete: row.try_get(6)?,
        whole: row.try_get(17)?,
        error: row.try_get(7)?,
        doubt: doubt_text(row.try_get(18)?, row.try_get(19)?),
        landed: landed(totals),
        missed: row.try_get::<i64, _>(15)?.unsigned_abs(),
        reached: position(row.try_get(16)?),
        after: position(row.try_get(20)?),
    })
}
