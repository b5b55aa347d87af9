//! The format of the database and its migrations: versioned, forward only.

use std::path::Path;

use sqlx::{Connection, SqliteConnection, SqlitePool};

use super::fault::db;
use crate::store::StoreError;

/// Migration `i` (counted from 0) brings format `i` to format `i + 1`.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
];

/// The format in which bitmaps took the place of rows that SQL alone cannot make into them.
const BITMAPS: usize = 4;

/// Looks whether the database has the newest format, and changes nothing.
pub(super) async fn check(readers: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(readers).await.map_err(db("reading its format"))?;
    match found {
        // Made a moment ago, and its first tables are still to come.
        0 => Err(StoreError::Absent(path.display().to_string())),
        found if found < known => Err(StoreError::Older { found, known }),
        found if found > known => Err(StoreError::Newer { found, known }),
        _ => Ok(()),
    }
}

/// Brings the database to the newest format.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *conn).await.map_err(db("reading its format"))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (at, script) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or_default()) {
        let mut tx = conn.begin().await.map_err(db("migrating"))?;
        sqlx::raw_sql(*script).execute(&mut *tx).await.map_err(db("migrating"))?;
        if at + 1 == BITMAPS {
            super::convert::convert(&mut tx).await?;
        }
        // A pragma takes no parameters; the number is ours.
        let version = format!("PRAGMA user_version = {}", at + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(version)).execute(&mut *tx).await.map_err(db("migrating"))?;
        tx.commit().await.map_err(db("migrating"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::super::{chunks::Set, flight};
    use super::{MIGRATIONS, migrate};
    use crate::record::RecordKey;
    use crate::store::chunks::Kept;
    use crate::store::flight::unpack;
    use crate::store::{FeedId, Op, UpstreamId};

    #[tokio::test]
    async fn rows_in_flight_and_stored_outlive_the_change_to_bitmaps() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for script in &MIGRATIONS[..3] {
            sqlx::raw_sql(*script).execute(&mut conn).await.unwrap();
        }
        let rows = "PRAGMA user_version = 3; \
            INSERT INTO feed (seq, feed, rid, op, key, nk, hash, at, payload) VALUES (70001, 1, 3, 0, 'K', x'03', x'', 0, '{}'); \
            INSERT INTO batch (id, upstream, feed, phase, rows, staged, not_after) VALUES (7, 2, 1, 0, 2, 0, 0); \
            INSERT INTO member (batch, ordinal, upstream, feed, rid, seq, hash, key, op, refusals, split) VALUES \
            (7, 0, 2, 1, 9, 60009, x'', '0123456789ABCDEF0123456789ABCDEF', 1, 0, 0), \
            (7, 1, 2, 1, 3, 70001, x'', 'VENDORKEY00000000000000000000001', 0, 1, 40); \
            INSERT INTO delivered (upstream, feed, rid, seq, hash) VALUES (2, 1, 9, 60001, x''), (2, 1, 70000, 65536, x'')";
        sqlx::raw_sql(rows).execute(&mut conn).await.unwrap();
        migrate(&mut conn).await.unwrap();
        let (upstream, feed) = (UpstreamId(2), FeedId(1));
        let flying = flight::flying(&mut conn, upstream, feed).await.unwrap();
        assert_eq!(flying.rids.iter().collect::<Vec<_>>(), [3, 9]);
        assert_eq!(flying.overtaken.iter().collect::<Vec<_>>(), [9], "its row is in the feed no more");
        let bytes: Vec<u8> = sqlx::query_scalar("SELECT members FROM flight WHERE batch = 7").fetch_one(&mut conn).await.unwrap();
        let members = unpack(&bytes).unwrap();
        assert_eq!(
            members.iter().map(|m| (m.rid, m.seq, m.op)).collect::<Vec<_>>(),
            [(9, 60009, Op::Delete), (3, 70001, Op::Upsert)]
        );
        assert_eq!((members[1].refusals, members[1].split), (1, 40));
        assert_eq!(members[1].key, RecordKey::parse("VENDORKEY00000000000000000000001").unwrap());
        let rids = Set { upstream, feed, kept: Kept::Rids }.load(&mut conn).await.unwrap();
        let seqs = Set { upstream, feed, kept: Kept::Seqs }.load(&mut conn).await.unwrap();
        assert_eq!([9, 70000, 3].map(|rid| rids.contains(rid)), [true, true, false]);
        assert!(seqs.contains(65536) && !seqs.contains(70001));
    }
}
