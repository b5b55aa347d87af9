//! The log of changes of a PostgreSQL server: a logical slot for each reader, read by SQL on a connection like any other.
//!
//! A slot makes the server keep its log. The hub peeks into it, lands what it finds, and only then lets the server forget
//! (`forget`); a crash in between shows the same changes again. What stands in the log may not be seen by readers yet, for
//! the server writes the log first: such a transaction is left for later, and a slot is good only once whatever was
//! written before it can be seen.

mod advice;
mod gather;
mod mark;
mod message;
mod peek;
mod settings;
mod slot;
mod table;
mod unfit;

#[cfg(test)]
mod tests;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use self::mark::{At, Mark, Without};
use self::message::Lsn;
use self::peek::Peeked;
use self::slot::Made;
use self::table::{Standing, Table};
use self::unfit::{Unfit, Why};
use super::connect::Session;
use crate::finding::Text;
use crate::source::incremental::{ChangeLog, Changes, LogMark, Watched};
use crate::source::{SourceError, statement};

pub(super) use self::advice::needs;
pub(in crate::source) use self::settings::LogSettings;

/// How long the log is left alone after its slot had become too large, in seconds.
const A_DAY: i64 = 24 * 60 * 60;
/// As much of the log is looked through in one go, in bytes.
const STRETCH: u64 = 128 * 1024 * 1024;
const MEBIBYTE: u64 = 1024 * 1024;

/// The log of a server, seen from one table.
pub(super) struct Log {
    session: Session,
    watched: Watched,
    /// The table's quoted name.
    path: String,
    slot: String,
    /// The log is left alone, as changes were asked for already.
    without: Option<Without>,
    connection: Option<PgConnection>,
}

/// The log, seen from one table. Connects only when it is asked something.
///
/// # Errors
/// None: what does not fit shows when it is asked.
pub(super) fn log(session: &Session, watched: Watched) -> Result<Log, SourceError> {
    let slot = session.log.slot(&session.server.database, &watched);
    let path = statement::quoted_path(&watched.object, '"');
    Ok(Log { session: session.clone(), watched, path, slot, without: None, connection: None })
}

impl ChangeLog for Log {
    async fn mark(&mut self) -> Result<LogMark, SourceError> {
        let mut connection = self.connect().await?;
        let mark = self.marked(&mut connection).await?;
        // A read of everything follows and may take long. Each statement was a transaction of its own: losing the
        // connection's end loses nothing.
        let _ = connection.close().await;
        Ok(mark.write())
    }

    async fn changes(&mut self, from: &LogMark, most: usize) -> Result<Changes, SourceError> {
        self.without = None;
        let from = match Mark::read(from) {
            None => return Ok(lost(&Why::Unreadable)),
            Some(Mark::Without(without)) => {
                let why = without.why.clone();
                self.without = Some(without);
                return Ok(Changes::Lost { why });
            }
            Some(Mark::At(at)) => at,
        };
        let mut connection = self.connect().await?;
        let changes = self.since(&mut connection, &from, most).await?;
        self.connection = Some(connection);
        Ok(changes)
    }

    async fn forget(&mut self, mark: &LogMark) -> Result<(), SourceError> {
        let Some(Mark::At(at)) = Mark::read(mark) else { return Ok(()) };
        let mut connection = self.connect().await?;
        self.forgotten(&mut connection, &at).await?;
        self.connection = Some(connection);
        Ok(())
    }

    fn without(&self, mark: &LogMark) -> Option<Text> {
        match Mark::read(mark) {
            Some(Mark::Without(without)) => Some(without.why),
            _ => None,
        }
    }
}

fn lost(why: &Why) -> Changes {
    Changes::Lost { why: why.text() }
}

impl Log {
    /// The connection of the last question, if that went well, else a new one.
    async fn connect(&mut self) -> Result<PgConnection, SourceError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let mut connection = self.session.connect().await?;
        self.session.permit(&mut connection).await?;
        Ok(connection)
    }

    /// Server and table, when the log can be followed.
    async fn fit(&self, connection: &mut PgConnection) -> Result<Result<(Table, Standing), Unfit>, SourceError> {
        if let Some(unfit) = table::server(&self.session, connection).await? {
            return Ok(Err(unfit));
        }
        let (key, publication) = (&self.watched.key, &self.session.log.publication);
        let table = match table::table(&self.session, connection, &self.path, key, publication).await? {
            Ok(table) => table,
            // The first is enough to say why.
            Err(unfits) => return Ok(Err(unfits.into_iter().next().unwrap_or(Unfit::NoTable))),
        };
        // After the table: what is done to it from here on is seen next time.
        Ok(Ok((table, table::standing(&self.session, connection).await?)))
    }

    async fn marked(&mut self, connection: &mut PgConnection) -> Result<Mark, SourceError> {
        let without = |why: &Why| Mark::Without(Without { why: why.text(), until: None });
        let (table, standing) = match self.fit(connection).await? {
            Ok(fit) => fit,
            Err(unfit) => return Ok(without(&Why::Unfit(unfit))),
        };
        if let Some(own) = &self.without
            && own.until.is_some_and(|until| standing.now < until)
        {
            return Ok(Mark::Without(own.clone()));
        }
        let lsn = match self.known(connection, &table, &standing).await? {
            Some(lsn) => lsn,
            None => match slot::make(&self.session, connection, &self.slot, &table).await? {
                Made::At(lsn) => lsn,
                Made::Busy => return Ok(without(&Why::Busy)),
                Made::Full => return Ok(without(&Why::Unfit(Unfit::Full))),
            },
        };
        Ok(Mark::At(At { system: standing.system, timeline: standing.timeline, table: table.print, lsn }))
    }

    /// A place in the slot that is there already, before which nothing is that a reader does not see yet. A slot that is
    /// of no use is dropped.
    async fn known(&self, connection: &mut PgConnection, table: &Table, standing: &Standing) -> Result<Option<Lsn>, SourceError> {
        let Some(state) = slot::state(&self.session, connection, &self.slot).await? else { return Ok(None) };
        if !state.lost && state.retained <= self.session.log.most_retained() {
            let wanted = self.wanted(table, state.confirmed, usize::MAX);
            match self.peek(connection, wanted, standing.flushed).await? {
                Peeked::Found(found, step) => return Ok(Some(peek::upto(&found, step, standing.flushed))),
                Peeked::Unreadable => {}
            }
        }
        slot::drop_slot(&self.session, connection, &self.slot).await?;
        Ok(None)
    }

    fn wanted(&self, table: &Table, from: Lsn, most: usize) -> gather::Wanted {
        gather::Wanted { key: self.watched.key.clone(), tables: table.members.clone(), from, most }
    }

    async fn peek(&self, connection: &mut PgConnection, wanted: gather::Wanted, upto: Lsn) -> Result<Peeked, SourceError> {
        peek::peek(&self.session, connection, &self.slot, &self.session.log.publication, wanted, upto).await
    }

    async fn since(&mut self, connection: &mut PgConnection, from: &At, most: usize) -> Result<Changes, SourceError> {
        let (table, standing) = match self.fit(connection).await? {
            Ok(fit) => fit,
            Err(unfit) => return Ok(lost(&Why::Unfit(unfit))),
        };
        let state = slot::state(&self.session, connection, &self.slot).await?;
        if let Some(why) = broken(from, &table, &standing, state.as_ref()) {
            return Ok(lost(&why));
        }
        let kept = state.map_or(0, |state| state.retained);
        if kept > self.session.log.most_retained() {
            slot::drop_slot(&self.session, connection, &self.slot).await?;
            let why = Why::Budget(kept / MEBIBYTE, self.session.log.most_retained() / MEBIBYTE).text();
            self.without = Some(Without { why: why.clone(), until: Some(standing.now.saturating_add(A_DAY)) });
            return Ok(Changes::Lost { why });
        }
        let end = standing.flushed.min(Lsn(from.lsn.0.saturating_add(STRETCH)));
        let (found, step) = match self.peek(connection, self.wanted(&table, from.lsn, most), end).await? {
            Peeked::Found(found, step) => (found, step),
            Peeked::Unreadable => return Ok(lost(&Why::SlotLost)),
        };
        let lsn = peek::upto(&found, step, end);
        let more = step == gather::Step::Enough || step == gather::Step::On && end < standing.flushed;
        let upto = At { system: standing.system, timeline: standing.timeline, table: table.print, lsn };
        let keys = found.keys.into_iter().collect();
        Ok(Changes::Found { keys, removed: found.removed, upto: Mark::At(upto).write(), more })
    }

    async fn forgotten(&self, connection: &mut PgConnection, at: &At) -> Result<(), SourceError> {
        // Without its slot, or on another server, there is nothing to forget; the next changes say so.
        if table::server(&self.session, connection).await?.is_some() {
            return Ok(());
        }
        let standing = table::standing(&self.session, connection).await?;
        if (&standing.system, &standing.timeline) != (&at.system, &at.timeline) {
            return Ok(());
        }
        match slot::state(&self.session, connection, &self.slot).await? {
            Some(state) if !state.lost && state.confirmed < at.lsn => {
                slot::advance(&self.session, connection, &self.slot, at.lsn).await
            }
            _ => Ok(()),
        }
    }
}

/// Why the log no longer reaches back to `from`, if it does not.
fn broken(from: &At, table: &Table, standing: &Standing, slot: Option<&slot::State>) -> Option<Why> {
    match slot {
        _ if standing.system != from.system => Some(Why::OtherServer),
        _ if standing.timeline != from.timeline => Some(Why::OtherTimeline),
        _ if standing.flushed < from.lsn => Some(Why::ServerOlder),
        None => Some(Why::SlotGone),
        Some(slot) if slot.lost => Some(Why::SlotLost),
        Some(slot) if slot.confirmed > from.lsn => Some(Why::SlotAhead),
        _ if table.print != from.table => Some(Why::TableChanged),
        Some(_) => None,
    }
}
