//! Lanes, batches, rows and writes.

use super::{Ended, Tx, text};
use crate::brain::effects::streams::signed;
use crate::brain::effects::submits::NewBatch;
use crate::brain::effects::upsert::{NewRow, NewWrite};

/// The seq stays where a submit writes over what a stream has brought.
const SUBMITTED: &str = "INSERT INTO held (tbl, key, school, deleted, digest, body, seq, comparable) \
     SELECT $1, key, $2, deleted, digest, body, seq, comparable \
     FROM unnest($3::text[], $4::boolean[], $5::bytea[], $6::text[], $7::bigint[], $8::bytea[]) \
          u(key, deleted, digest, body, seq, comparable) \
     ON CONFLICT (tbl, key) DO UPDATE SET deleted = excluded.deleted, digest = excluded.digest, body = excluded.body, \
     comparable = excluded.comparable WHERE held.school = excluded.school";

/// Neither another school's row nor a newer version is ever written over.
const STREAMED: &str = "INSERT INTO held (tbl, key, school, deleted, digest, body, seq, comparable) \
     SELECT $1, key, $2, deleted, digest, body, seq, comparable \
     FROM unnest($3::text[], $4::boolean[], $5::bytea[], $6::text[], $7::bigint[], $8::bytea[]) \
          u(key, deleted, digest, body, seq, comparable) \
     ON CONFLICT (tbl, key) DO UPDATE SET deleted = excluded.deleted, digest = excluded.digest, body = excluded.body, \
     seq = excluded.seq, comparable = excluded.comparable WHERE held.school = excluded.school AND held.seq < excluded.seq";

/// Locks a school's table to the commit: the first thing of a transaction that writes its rows.
pub(super) async fn lock(tx: &mut Tx, school: &str, table: &str) -> Result<(), Ended> {
    for _ in 0..2 {
        let found = sqlx::query("SELECT 1 FROM lane WHERE school = $1 AND tbl = $2 FOR UPDATE")
            .bind(text(school))
            .bind(table)
            .fetch_optional(&mut **tx)
            .await?;
        if found.is_some() {
            return Ok(());
        }
        sqlx::query("INSERT INTO lane (school, tbl) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(text(school))
            .bind(table)
            .execute(&mut **tx)
            .await?;
    }
    Err(Ended::Met)
}

/// Puts rows in the place of what is held under their keys; those of a stream bring their seqs.
pub(super) async fn hold(tx: &mut Tx, table: &str, school: &str, rows: &[NewRow<'_>], streamed: bool) -> Result<(), Ended> {
    if rows.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(if streamed { STREAMED } else { SUBMITTED })
        .bind(table)
        .bind(text(school))
        .bind(rows.iter().map(|r| r.key).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.deleted).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.digest.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| text(r.body)).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| signed(r.seq)).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.comparable.as_slice()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    // A key that was free a moment ago is another school's by now.
    if done.rows_affected() == rows.len() as u64 { Ok(()) } else { Err(Ended::Met) }
}

/// Notes writes in their order.
pub(super) async fn note(tx: &mut Tx, batch: i64, table: &str, writes: &[NewWrite<'_>]) -> Result<(), Ended> {
    if writes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO write (batch, place, tbl, key, op, digest) SELECT $1, place, $2, key, op, digest \
         FROM unnest($3::bigint[], $4::text[], $5::text[], $6::bytea[]) WITH ORDINALITY u(place, key, op, digest, nth) \
         ORDER BY nth",
    )
    .bind(batch)
    .bind(table)
    .bind(writes.iter().map(|w| w.place).collect::<Vec<_>>())
    .bind(writes.iter().map(|w| w.key).collect::<Vec<_>>())
    .bind(writes.iter().map(|w| w.operation.name()).collect::<Vec<_>>())
    .bind(writes.iter().map(|w| w.digest.as_slice()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps a batch and counts it in its lane; gives its number. `seq` is the highest that it has brought.
pub(super) async fn keep(tx: &mut Tx, batch: &NewBatch, seq: Option<u64>) -> Result<i64, Ended> {
    let number = sqlx::query_scalar(
        "INSERT INTO batch (batch_id, school, username, system_name, kind, tbl, received, visible, hidden_for,
                            collect_num, storage_num, remark, state, state_info)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
    )
    .bind(&batch.batch_id)
    .bind(text(&batch.school))
    .bind(&batch.username)
    .bind(text(&batch.system_name))
    .bind(text(&batch.kind))
    .bind(text(&batch.table))
    .bind(batch.times.received)
    .bind(batch.times.visible)
    .bind(i64::from(batch.times.hidden_for))
    .bind(batch.collect_num)
    .bind(batch.storage_num)
    .bind(batch.remark.as_deref().map(text))
    .bind(batch.state.as_deref().map(text))
    .bind(batch.state_info.as_deref().map(text))
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO lane (school, tbl, seq, streamed, received, accepted, last) VALUES ($1, $2, coalesce($3, 0), $3 IS NOT NULL, $4, $5, $6)
         ON CONFLICT (school, tbl) DO UPDATE SET seq = greatest(lane.seq, excluded.seq),
         streamed = lane.streamed OR excluded.streamed, received = lane.received + excluded.received,
         accepted = lane.accepted + excluded.accepted, last = greatest(lane.last, excluded.last)",
    )
    .bind(text(&batch.school))
    .bind(text(&batch.table))
    .bind(seq.map(signed))
    .bind(batch.collect_num)
    .bind(batch.storage_num)
    .bind(batch.times.received)
    .execute(&mut **tx)
    .await?;
    Ok(number)
}
