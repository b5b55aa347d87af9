//! Looks into a slot without taking anything out of it.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::gather::{Gather, Gathered, Snapshot, Step, Wanted};
use super::message::{Lsn, Malformed};
use super::slot;
use crate::source::SourceError;
use crate::source::postgres::connect::Session;

/// The server puts what it found aside before it gives the first row, so pages cost it nothing and bound the hub's memory.
const PAGE: &str = "FETCH FORWARD 2000 FROM xiaoshu_changes";
const SNAPSHOT: &str = "SELECT txid_current_snapshot()::text";

/// What came of it.
#[derive(Debug)]
pub(super) enum Peeked {
    /// What was found, and why it ended: [`Step::On`] at the end of what was asked for.
    Found(Gathered, Step),
    /// The slot cannot be read any more.
    Unreadable,
}

/// Looks through the log up to `upto`, at least; transactions are never cut.
pub(super) async fn peek(
    session: &Session,
    connection: &mut PgConnection,
    slot: &str,
    publication: &str,
    wanted: Wanted,
    upto: Lsn,
) -> Result<Peeked, SourceError> {
    // Each statement sees what is there when it begins, whatever the account's default: the snapshot is taken after the log
    // was looked through.
    session.execute(connection, "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY").await?;
    let found = pages(session, connection, slot, publication, wanted, upto).await;
    let ended = session.execute(connection, "ROLLBACK").await;
    match found {
        Ok(found) => ended.map(|()| found),
        Err(Trouble::Source(error)) => Err(error),
        Err(Trouble::Sql(error)) => match slot::code(&error).as_deref() {
            // Invalidated; without its publication in the log's own past; a file of the log is gone.
            Some("55000" | "42704" | "58P01") => Ok(Peeked::Unreadable),
            _ => Err(session.trouble(&error)),
        },
    }
}

enum Trouble {
    Sql(sqlx::Error),
    Source(SourceError),
}

async fn pages(
    session: &Session,
    connection: &mut PgConnection,
    slot: &str,
    publication: &str,
    wanted: Wanted,
    upto: Lsn,
) -> Result<Peeked, Trouble> {
    let malformed = |error: Malformed| {
        let source_name = session.source.clone();
        Trouble::Source(SourceError::Content { source_name, object: slot.to_owned(), what: error.to_string() })
    };
    let quoted = |text: &str| text.replace('\'', "''");
    let publications = format!("\"{}\"", publication.replace('"', "\"\""));
    let cursor = format!(
        "DECLARE xiaoshu_changes NO SCROLL CURSOR FOR SELECT data FROM pg_logical_slot_peek_binary_changes('{}', '{upto}', NULL, \
         'proto_version', '1', 'publication_names', '{}')",
        quoted(slot),
        quoted(&publications)
    );
    sqlx::raw_sql(AssertSqlSafe(cursor)).execute(&mut *connection).await.map_err(Trouble::Sql)?;
    let mut gather = Gather::new(wanted);
    let mut snapshot = None;
    loop {
        let page = sqlx::query(PAGE).persistent(false).fetch_all(&mut *connection).await.map_err(Trouble::Sql)?;
        if page.is_empty() {
            return Ok(Peeked::Found(gather.finish(), Step::On));
        }
        if snapshot.is_none() {
            let row = sqlx::query(SNAPSHOT).persistent(false).fetch_one(&mut *connection).await.map_err(Trouble::Sql)?;
            snapshot = row.try_get::<String, _>(0).ok().and_then(|text| Snapshot::parse(&text));
        }
        for row in &page {
            let data: &[u8] = row.try_get(0).map_err(Trouble::Sql)?;
            let is_seen = |xid| snapshot.as_ref().is_some_and(|snapshot| snapshot.sees(xid));
            match gather.take(data, is_seen).map_err(malformed)? {
                Step::On => {}
                step => return Ok(Peeked::Found(gather.finish(), step)),
            }
        }
    }
}

/// Up to where everything was looked at, when it was asked to look up to `end`.
pub(super) fn upto(found: &Gathered, step: Step, end: Lsn) -> Lsn {
    match step {
        Step::On => found.upto.max(end),
        Step::Enough | Step::Unseen => found.upto,
    }
}
