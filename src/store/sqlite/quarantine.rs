//! Quarantined rows.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::fault::db;
use super::shape::{Form, Shapes, pieces};
use super::{SqliteStore, Writer, begin, number_list};
pub(super) use crate::store::entry::{Entry, clash_entries, conflict_entries, rejected_entries, rival_entries};
use crate::store::{Cause, FeedId, Millis, Quarantine, QuarantineFilter, QuarantinedRow, RunId, StoreError};

static INSERT: Form = Form {
    head: "INSERT INTO quarantine (feed, source, ident, nk, conflict, origin, raw, violations, waits, since, first_run, last_run) \
           VALUES ",
    row: "(?,?,?,?,?,?,?,?,?,?,?,?)",
    tail: " ON CONFLICT (feed, source, ident) DO UPDATE SET nk = excluded.nk, conflict = excluded.conflict, \
           origin = excluded.origin, raw = excluded.raw, violations = excluded.violations, waits = excluded.waits, \
           last_run = excluded.last_run",
};

/// Quarantines rows; one known already keeps its `since`.
pub(super) async fn put(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    feed: FeedId,
    source: i64,
    run: RunId,
    at: Millis,
    entries: &[Entry],
) -> Result<(), StoreError> {
    for piece in pieces(entries) {
        let mut query = sqlx::query(shapes.sql(&INSERT, piece.len()));
        for entry in piece {
            query = query
                .bind(feed.0)
                .bind(source)
                .bind(entry.ident.as_slice())
                .bind(entry.nk.as_deref())
                .bind(entry.conflict as i64)
                .bind(&entry.origin)
                .bind(&entry.raw)
                .bind(&entry.violations)
                .bind(&entry.waits)
                .bind(at)
                .bind(run.0)
                .bind(run.0);
        }
        query.execute(&mut **tx).await.map_err(db("quarantining rows"))?;
    }
    Ok(())
}

static SETTLE: Form = Form {
    head: "DELETE FROM quarantine WHERE nk IN (VALUES ",
    row: "(?)",
    tail: ") AND feed = ? AND (conflict <> 3 OR source = ?)",
};

/// Closes what waits under keys that have landed; what waits for another source to say the same waits until its own source does.
pub(super) async fn settle_keys(
    tx: &mut Transaction<'_, Sqlite>,
    shapes: &mut Shapes,
    feed: FeedId,
    source: i64,
    keys: &[&[u8]],
) -> Result<(), StoreError> {
    for piece in pieces(keys) {
        let mut query = sqlx::query(shapes.sql(&SETTLE, piece.len()));
        for key in piece {
            query = query.bind(*key);
        }
        query.bind(feed.0).bind(source).execute(&mut **tx).await.map_err(db("closing quarantined rows"))?;
    }
    Ok(())
}

const COLUMNS: &str = "SELECT q.id, q.feed, s.name, q.origin, q.raw, q.violations, q.waits, q.since, q.last_run, q.nk \
                       FROM quarantine q JOIN source s ON s.id = q.source";

fn quarantined(row: &SqliteRow) -> Result<QuarantinedRow, sqlx::Error> {
    Ok(QuarantinedRow {
        id: row.try_get(0)?,
        feed: FeedId(row.try_get(1)?),
        source: row.try_get::<String, _>(2)?.into(),
        natural_key: row.try_get(9)?,
        origin: row.try_get(3)?,
        raw: row.try_get(4)?,
        violations: row.try_get(5)?,
        waits_for: row.try_get(6)?,
        since: row.try_get(7)?,
        last_run: RunId(row.try_get(8)?),
    })
}

fn quarantined_rows(rows: &[SqliteRow]) -> Result<Vec<QuarantinedRow>, StoreError> {
    rows.iter().map(quarantined).collect::<Result<_, _>>().map_err(db("reading quarantined rows"))
}

fn limit(n: u32) -> i64 {
    if n == 0 { -1 } else { i64::from(n) }
}

#[async_trait::async_trait]
impl Quarantine for SqliteStore {
    async fn quarantined(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantinedRow>, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE (?1 IS NULL OR q.feed = ?1) AND (?2 IS NULL OR s.name = ?2) AND (?3 IS NULL OR EXISTS \
             (SELECT 1 FROM json_each(q.violations) v WHERE v.value ->> 'rule' = ?3)) ORDER BY q.since, q.id LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.feed.map(|f| f.0))
            .bind(filter.source.as_deref())
            .bind(&filter.rule)
            .bind(limit(filter.limit))
            .fetch_all(self.readers()?)
            .await
            .map_err(db("reading quarantined rows"))?;
        quarantined_rows(&rows)
    }

    async fn quarantined_row(&self, id: i64) -> Result<Option<QuarantinedRow>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE q.id = ?")))
            .bind(id)
            .fetch_all(self.readers()?)
            .await
            .map_err(db("reading a quarantined row"))?;
        Ok(quarantined_rows(&rows)?.pop())
    }

    async fn causes(&self) -> Result<Vec<Cause>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT f.name, s.name, v.value ->> 'rule' AS rule, v.value ->> 'field' AS field, count(DISTINCT q.id) \
             FROM quarantine q JOIN feeds f ON f.id = q.feed JOIN source s ON s.id = q.source, json_each(q.violations) v \
             WHERE v.value ->> 'severity' = 'error' GROUP BY f.name, s.name, rule, field ORDER BY 5 DESC, 1, 2, 3, 4",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("counting causes"))?;
        Ok(rows
            .into_iter()
            .map(|(table, source, rule, field, n)| Cause { table, source, rule, field, rows: n.unsigned_abs() })
            .collect())
    }

    async fn ready(&self, feed: FeedId, source: &str, held_since: Millis, max: u32) -> Result<Vec<QuarantinedRow>, StoreError> {
        // A parent may stand in the child's edition or among the hub's own masters. What waited for another source to give the
        // record up is ready when no live record stands under the key, or the source holds it itself.
        let sql = format!(
            "{COLUMNS} JOIN feeds me ON me.id = q.feed WHERE q.feed = ?1 AND s.name = ?2 AND (q.conflict = 3 AND NOT EXISTS \
             (SELECT 1 FROM head h WHERE h.feed = q.feed AND h.nk = q.nk AND h.flags & 1 = 0 AND (h.source <> q.source OR h.flags <> 0)) \
             OR q.waits <> '[]' AND (q.since < ?3 OR NOT EXISTS (SELECT 1 FROM json_each(q.waits) w WHERE NOT EXISTS \
             (SELECT 1 FROM feeds p JOIN feed_field pf ON pf.feed = p.id AND pf.name = w.value ->> 'field' \
              JOIN value v ON v.feed = p.id AND v.slot = pf.slot AND v.value = w.value ->> 'value' \
              WHERE p.name = w.value ->> 'table' AND p.edition IN (me.edition, 'core'))))) \
             ORDER BY q.since, q.id LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(feed.0)
            .bind(source)
            .bind(held_since)
            .bind(limit(max))
            .fetch_all(self.readers()?)
            .await
            .map_err(db("looking for rows whose parents have come"))?;
        quarantined_rows(&rows)
    }

    async fn close(&self, ids: &[i64], _at: Millis) -> Result<(), StoreError> {
        let mut guard = self.writer().await?;
        let Writer { conn, .. } = &mut *guard;
        let mut tx = begin(conn, "closing quarantined rows").await?;
        sqlx::query("DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?))")
            .bind(number_list(ids.iter().copied()))
            .execute(&mut *tx)
            .await
            .map_err(db("closing quarantined rows"))?;
        self.commit(tx, "closing quarantined rows").await
    }
}
