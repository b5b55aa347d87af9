//! A slot at the server: what makes it keep its log until the hub has landed what it holds.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::message::Lsn;
use super::settings::TEMPORARY;
use super::table::Table;
use crate::source::SourceError;
use crate::source::postgres::connect::Session;

const STATE: &str = "SELECT s.plugin::text, s.database::text, s.confirmed_flush_lsn::text,
    (to_jsonb(s) ->> 'wal_status') IS NOT DISTINCT FROM 'lost' OR s.restart_lsn IS NULL,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint, current_database()::text
    FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1";
const CREATE: &str = "SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput', true)";
const COPY: &str = "SELECT lsn::text FROM pg_copy_logical_replication_slot($1, $2, false)";
const DROP: &str = "SELECT pg_drop_replication_slot(slot_name)::text FROM pg_catalog.pg_replication_slots WHERE slot_name = $1";
const ADVANCE: &str = "SELECT end_lsn::text FROM pg_replication_slot_advance($1, $2::pg_lsn)";
const OWN: &str = "SELECT slot_name::text, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint FROM pg_catalog.pg_replication_slots WHERE database = current_database()
    AND plugin = 'pgoutput' AND NOT temporary AND left(slot_name, length($1)) = $1 ORDER BY 1";
/// Whoever writes to a table holds one of these locks until his rows can be seen by others.
const WRITERS: &str = "SELECT DISTINCT virtualtransaction FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND granted
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND relation::bigint = ANY ($1)
    AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";

/// How long those who write to the table may take to end.
const SETTLE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A slot that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// Up to here the hub has said that it has everything.
    pub confirmed: Lsn,
    /// Bytes of log kept for it.
    pub retained: u64,
    /// The server has thrown away what it needs, or it is not of our making.
    pub lost: bool,
}

/// What became of making a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// It is there; all that was written before can be seen by who reads now.
    At(Lsn),
    /// Transactions stay open for long; there is none.
    Busy,
    /// The server has no room for another.
    Full,
}

/// The slot, if there is one.
pub(super) async fn state(session: &Session, connection: &mut PgConnection, name: &str) -> Result<Option<State>, SourceError> {
    let found = sqlx::query(STATE).bind(name).persistent(false).fetch_optional(connection).await;
    let Some(row) = found.map_err(|error| session.trouble(&error))? else { return Ok(None) };
    let text = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten();
    let confirmed = text(2).and_then(|text| Lsn::parse(&text));
    let gone: bool = row.try_get(3).unwrap_or(true);
    let ours = text(0).as_deref() == Some("pgoutput") && text(1) == text(5);
    Ok(Some(State {
        lost: gone || !ours || confirmed.is_none(),
        confirmed: confirmed.unwrap_or_default(),
        retained: row.try_get::<i64, _>(4).unwrap_or(0).try_into().unwrap_or(0),
    }))
}

/// Makes the slot. It is a temporary one, which ends with the connection, until everything written before it can be seen:
/// whoever finds a lasting one later need not ask.
pub(super) async fn make(
    session: &Session,
    connection: &mut PgConnection,
    name: &str,
    table: &Table,
) -> Result<Made, SourceError> {
    let temporary = format!("{name}{TEMPORARY}");
    let made = sqlx::query(CREATE).bind(&temporary).persistent(false).fetch_one(&mut *connection).await;
    let row = match made {
        Ok(row) => row,
        Err(error) => {
            return match code(&error).as_deref() {
                // A lock or the statement was waited for too long.
                Some("55P03" | "57014") => Ok(Made::Busy),
                Some("53400") => Ok(Made::Full),
                _ => Err(session.trouble(&error)),
            };
        }
    };
    let place = row.try_get::<String, _>(0).ok().and_then(|text| Lsn::parse(&text)).unwrap_or_default();
    let made = match settled(session, connection, table).await? {
        true => match sqlx::query(COPY).bind(&temporary).bind(name).persistent(false).fetch_one(&mut *connection).await {
            Ok(_) => Made::At(place),
            Err(error) if code(&error).as_deref() == Some("53400") => Made::Full,
            Err(error) => return Err(session.trouble(&error)),
        },
        false => Made::Busy,
    };
    drop_slot(session, connection, &temporary).await?;
    Ok(made)
}

/// Waits until all who write to the table now have ended, but not for long.
async fn settled(session: &Session, connection: &mut PgConnection, table: &Table) -> Result<bool, SourceError> {
    let first = writers(session, connection, table).await?;
    let begun = tokio::time::Instant::now();
    let mut left = first.clone();
    while left.iter().any(|writer| first.contains(writer)) {
        if begun.elapsed() > SETTLE {
            return Ok(false);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        left = writers(session, connection, table).await?;
    }
    Ok(true)
}

async fn writers(session: &Session, connection: &mut PgConnection, table: &Table) -> Result<Vec<String>, SourceError> {
    let tables: Vec<i64> = table.members.iter().map(|id| i64::from(*id)).collect();
    let rows = sqlx::query(WRITERS).bind(tables).persistent(false).fetch_all(connection).await;
    let rows = rows.map_err(|error| session.trouble(&error))?;
    Ok(rows.iter().filter_map(|row| row.try_get(0).ok()).collect())
}

/// Drops the slot, if it is there.
pub(super) async fn drop_slot(session: &Session, connection: &mut PgConnection, name: &str) -> Result<(), SourceError> {
    let done = sqlx::query(DROP).bind(name).persistent(false).fetch_optional(connection).await;
    done.map(|_| ()).map_err(|error| session.trouble(&error))
}

/// Lets the server forget what lies before `to`.
pub(super) async fn advance(session: &Session, connection: &mut PgConnection, name: &str, to: Lsn) -> Result<(), SourceError> {
    let done = sqlx::query(ADVANCE).bind(name).bind(to.to_string()).persistent(false).fetch_one(connection).await;
    done.map(|_| ()).map_err(|error| session.trouble(&error))
}

/// The slots of a database whose names begin like ours, each with the bytes of log kept for it.
pub(super) async fn own(
    session: &Session,
    connection: &mut PgConnection,
    prefix: &str,
) -> Result<Vec<(String, u64)>, SourceError> {
    let rows = sqlx::query(OWN).bind(format!("{prefix}_")).persistent(false).fetch_all(connection).await;
    let rows = rows.map_err(|error| session.trouble(&error))?;
    let slot = |row: &PgRow| Some((row.try_get(0).ok()?, row.try_get::<i64, _>(1).ok()?.try_into().unwrap_or(0)));
    Ok(rows.iter().filter_map(slot).collect())
}

/// The SQLSTATE of an error of the server.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}
