//! Quarantined rows.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::fault::db;
use super::{PostgresStore, Tx, short_key};
use crate::store::entry::Entry;
use crate::store::{Cause, FeedId, Millis, Quarantine, QuarantineFilter, QuarantinedRow, RunId, StoreError};

const PUT: &str = "INSERT INTO quarantine (feed, source, ident, nk, conflict, origin, raw, violations, waits, since, first_run, last_run) \
    SELECT $1, $2, ident, nk, conflict, origin, raw, violations, waits, $3, $4, $4 \
    FROM unnest($5::bytea[], $6::bytea[], $7::integer[], $8::text[], $9::text[], $10::text[], $11::text[]) \
    u(ident, nk, conflict, origin, raw, violations, waits) \
    ON CONFLICT (feed, source, ident) DO UPDATE SET nk = excluded.nk, conflict = excluded.conflict, origin = excluded.origin, \
    raw = excluded.raw, violations = excluded.violations, waits = excluded.waits, last_run = excluded.last_run";

/// Quarantines rows; one known already keeps its `since`.
pub(super) async fn put(
    tx: &mut Tx,
    feed: FeedId,
    source: i32,
    run: RunId,
    at: Millis,
    entries: Vec<Entry>,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    // A statement may touch a row only once; of several the last one stands.
    let mut last: HashMap<Vec<u8>, Entry> = HashMap::with_capacity(entries.len());
    let mut order = Vec::with_capacity(entries.len());
    for entry in entries {
        let ident = short_key(&entry.ident).into_owned();
        if last.insert(ident.clone(), entry).is_none() {
            order.push(ident);
        }
    }
    let entries: Vec<(&Vec<u8>, &Entry)> = order.iter().filter_map(|ident| Some((ident, last.get(ident)?))).collect();
    let texts = |of: fn(&Entry) -> &String| entries.iter().map(|(_, e)| without_nul(of(e))).collect::<Vec<_>>();
    sqlx::query(PUT)
        .bind(feed.0 as i32)
        .bind(source)
        .bind(at)
        .bind(run.0)
        .bind(entries.iter().map(|(ident, _)| ident.as_slice()).collect::<Vec<_>>())
        .bind(entries.iter().map(|(_, e)| e.nk.as_deref()).collect::<Vec<_>>())
        .bind(entries.iter().map(|(_, e)| e.conflict as i32).collect::<Vec<_>>())
        .bind(texts(|e| &e.origin))
        .bind(texts(|e| &e.raw))
        .bind(texts(|e| &e.violations))
        .bind(texts(|e| &e.waits))
        .execute(&mut **tx)
        .await
        .map_err(db("quarantining rows"))?;
    Ok(())
}

/// PostgreSQL's texts cannot hold NUL. In JSON it is escaped, so only a file's or object's name could bring one.
fn without_nul(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// Closes what waits under keys that have landed; what waits for another source to say the same waits until its own source does.
pub(super) async fn settle_keys(tx: &mut Tx, feed: FeedId, source: i32, keys: &[&[u8]]) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = keys.iter().map(|key| short_key(key)).collect();
    sqlx::query("DELETE FROM quarantine WHERE feed = $1 AND nk IS NOT NULL AND short_key(nk) = ANY($2) AND (conflict <> 3 OR source = $3)")
        .bind(feed.0 as i32)
        .bind(keys.iter().map(|key| &**key).collect::<Vec<&[u8]>>())
        .bind(source)
        .execute(&mut **tx)
        .await
        .map_err(db("closing quarantined rows"))?;
    Ok(())
}

const COLUMNS: &str = "SELECT q.id, q.feed, s.name, q.origin, q.raw, q.violations, q.waits, q.since, q.last_run, q.nk \
                       FROM quarantine q JOIN source s ON s.id = q.source";

fn quarantined(row: &PgRow) -> Result<QuarantinedRow, sqlx::Error> {
    Ok(QuarantinedRow {
        id: row.try_get(0)?,
        feed: FeedId(row.try_get::<i32, _>(1)? as u32),
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

fn quarantined_rows(rows: &[PgRow]) -> Result<Vec<QuarantinedRow>, StoreError> {
    rows.iter().map(quarantined).collect::<Result<_, _>>().map_err(db("reading quarantined rows"))
}

/// A bound as `LIMIT` takes it: none is NULL.
pub(super) fn limit(n: u32) -> Option<i64> {
    (n > 0).then_some(i64::from(n))
}

#[async_trait::async_trait]
impl Quarantine for PostgresStore {
    async fn quarantined(&self, filter: &QuarantineFilter) -> Result<Vec<QuarantinedRow>, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE ($1::integer IS NULL OR q.feed = $1) AND ($2::text IS NULL OR s.name = $2) AND ($3::text IS NULL \
             OR EXISTS (SELECT 1 FROM json_array_elements(q.violations::json) v WHERE v ->> 'rule' = $3)) \
             ORDER BY q.since, q.id LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.feed.map(|f| f.0 as i32))
            .bind(filter.source.as_deref())
            .bind(&filter.rule)
            .bind(limit(filter.limit))
            .fetch_all(self.readers()?)
            .await
            .map_err(db("reading quarantined rows"))?;
        quarantined_rows(&rows)
    }

    async fn quarantined_row(&self, id: i64) -> Result<Option<QuarantinedRow>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE q.id = $1")))
            .bind(id)
            .fetch_all(self.readers()?)
            .await
            .map_err(db("reading a quarantined row"))?;
        Ok(quarantined_rows(&rows)?.pop())
    }

    async fn causes(&self) -> Result<Vec<Cause>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
            "SELECT f.name, s.name, v ->> 'rule', v ->> 'field', count(DISTINCT q.id) \
             FROM quarantine q JOIN feeds f ON f.id = q.feed JOIN source s ON s.id = q.source \
             CROSS JOIN LATERAL json_array_elements(q.violations::json) v \
             WHERE v ->> 'severity' = 'error' GROUP BY 1, 2, 3, 4 \
             ORDER BY 5 DESC, f.name COLLATE \"C\", s.name COLLATE \"C\", 3, 4",
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
            "{COLUMNS} JOIN feeds me ON me.id = q.feed WHERE q.feed = $1 AND s.name = $2 AND (q.conflict = 3 AND NOT EXISTS \
             (SELECT 1 FROM head h WHERE h.feed = q.feed AND h.nk = short_key(q.nk) AND h.flags & 1 = 0 \
              AND (h.source <> q.source OR h.flags <> 0)) \
             OR q.waits <> '[]' AND (q.since < $3 OR NOT EXISTS (SELECT 1 FROM json_array_elements(q.waits::json) w WHERE NOT EXISTS \
             (SELECT 1 FROM feeds p JOIN feed_field pf ON pf.feed = p.id AND pf.name = w ->> 'field' \
              JOIN value v ON v.feed = p.id AND v.slot = pf.slot AND \"left\"(v.value, 200) = \"left\"(w ->> 'value', 200) \
              AND v.value = w ->> 'value' \
              WHERE p.name = w ->> 'table' AND p.edition IN (me.edition, 'core'))))) \
             ORDER BY q.since, q.id LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(feed.0 as i32)
            .bind(source)
            .bind(held_since)
            .bind(limit(max))
            .fetch_all(self.readers()?)
            .await
            .map_err(db("looking for rows whose parents have come"))?;
        quarantined_rows(&rows)
    }

    async fn close(&self, ids: &[i64], _at: Millis) -> Result<(), StoreError> {
        let mut tx = self.begin("closing quarantined rows").await?;
        sqlx::query("DELETE FROM quarantine WHERE id = ANY($1)")
            .bind(ids)
            .execute(&mut *tx)
            .await
            .map_err(db("closing quarantined rows"))?;
        self.commit(tx, "closing quarantined rows").await
    }
}
