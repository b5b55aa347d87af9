//! Rows and writes, many a statement.

use std::borrow::Cow;

use sqlx::sqlite::SqliteConnection;

use super::shape::{Form, pieces};
use crate::brain::effects::streams::signed;
use crate::brain::effects::upsert::{NewRow, NewWrite};
use crate::brain::error::BrainError;

/// The seq stays where a submit writes over what a stream has brought.
const SUBMITTED: Form = Form {
    head: "INSERT INTO held (tbl, key, school, deleted, digest, body, seq, comparable) VALUES ",
    row: "(?,?,?,?,?,?,?,?)",
    tail: " ON CONFLICT (tbl, key) DO UPDATE SET deleted = excluded.deleted, digest = excluded.digest, \
           body = excluded.body, comparable = excluded.comparable",
};

const STREAMED: Form = Form {
    tail: " ON CONFLICT (tbl, key) DO UPDATE SET deleted = excluded.deleted, digest = excluded.digest, \
           body = excluded.body, seq = excluded.seq, comparable = excluded.comparable",
    ..SUBMITTED
};

const WRITES: Form =
    Form { head: "INSERT INTO write (batch, place, tbl, key, op, digest) VALUES ", row: "(?,?,?,?,?,?)", tail: "" };

/// Puts rows in the place of what is held under their keys; those of a stream bring their seqs.
pub(super) async fn hold(
    tx: &mut SqliteConnection,
    table: &str,
    school: &str,
    rows: &[NewRow<'_>],
    streamed: bool,
) -> Result<(), BrainError> {
    let form = if streamed { STREAMED } else { SUBMITTED };
    for piece in pieces(rows) {
        let mut query = sqlx::query(form.sql(piece.len()));
        for row in piece {
            query = query
                .bind(table)
                .bind(row.key)
                .bind(school)
                .bind(row.deleted)
                .bind(hex::encode(row.digest))
                .bind(row.body)
                .bind(signed(row.seq))
                .bind(row.comparable.as_slice());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Notes writes in their order.
pub(super) async fn note(tx: &mut SqliteConnection, batch: i64, table: &str, writes: &[NewWrite<'_>]) -> Result<(), BrainError> {
    for piece in pieces(writes) {
        let mut query = sqlx::query(WRITES.sql(piece.len()));
        for write in piece {
            query = query
                .bind(batch)
                .bind(write.place)
                .bind(table)
                .bind(write.key)
                .bind(write.operation.name())
                .bind(hex::encode(write.digest));
        }
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Keys as a statement takes them: one parameter instead of many.
pub(super) fn key_list<'a>(keys: impl Iterator<Item = &'a str>) -> Cow<'static, str> {
    serde_json::to_string(&keys.collect::<Vec<_>>()).map_or(Cow::Borrowed("[]"), Cow::Owned)
}
