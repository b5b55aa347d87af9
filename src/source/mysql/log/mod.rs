//! The log of changes of MySQL and MariaDB: the binary log, from where it was left to where it is now.
//!
//! The server sends the whole log of all its databases; what does not concern the table is dropped as it comes. Of the rows of
//! the table only the key is taken. The server keeps its log as long as it is set to; nothing is held back for the hub.

mod advice;
mod dump;
mod mark;
mod obstacle;
mod row;
mod scan;
mod server;
mod settings;
mod table;
mod value;
mod watch;
mod words;

use sqlx::Connection;
use sqlx::mysql::MySqlConnection;

use super::connect::Session;
use crate::finding::Text;
use crate::source::SourceError;
use crate::source::incremental::{ChangeLog, Changes, LogMark, Watched};
use dump::Ended;
use mark::{Mark, Point};
use scan::{Scan, Step};
use server::Facts;

pub(super) use advice::needs;
pub(super) use settings::LogSettings;

/// The log of this kind of server.
pub(super) type Log = BinaryLog;

/// The binary log, seen from one table.
pub(super) struct BinaryLog {
    session: Session,
    watched: Watched,
}

/// The log, seen from one table. Connects only when it is asked something.
///
/// # Errors
/// None here.
pub(super) fn log(session: &Session, watched: Watched) -> Result<Log, SourceError> {
    Ok(BinaryLog { session: session.clone(), watched })
}

impl ChangeLog for BinaryLog {
    async fn mark(&mut self) -> Result<LogMark, SourceError> {
        let (facts, mut connection) = self.usable().await?;
        let found = table::look_up(&self.session, &mut connection, &self.watched).await?;
        found.map_err(|obstacle| obstacle.into_error(&self.session.source))?;
        let at = facts.place(&self.session, &mut connection).await?;
        close(connection).await;
        let born = self.born(&at).await?;
        Ok(Mark::new(facts.identity, born, at).packed())
    }

    async fn changes(&mut self, from: &LogMark, most: usize) -> Result<Changes, SourceError> {
        let Some(from) = Mark::unpacked(from) else {
            return Ok(lost("日志位置的格式无法识别", "the mark in the log is not understood"));
        };
        let (facts, mut connection) = self.usable().await?;
        if facts.identity != from.server {
            return Ok(lost("服务器已更换", "this is another server than before"));
        }
        let until = facts.place(&self.session, &mut connection).await?;
        if until.file == from.at.file && until.offset < from.at.offset {
            return Ok(lost(
                "服务器的日志比上次短（服务器被恢复过）",
                "the server's log is shorter than before (it was restored)",
            ));
        }
        let found = table::look_up(&self.session, &mut connection, &self.watched).await?;
        let watch = found.map_err(|obstacle| obstacle.into_error(&self.session.source))?.watch;
        close(connection).await;
        let mut scan = Scan::new(&watch, &from, &until, most);
        let budget = self.session.log;
        if let Ended::Lost(why) = dump::read(&self.session, &from.at, budget, |event| scan.take(event)).await? {
            return Ok(Changes::Lost { why });
        }
        let found = scan.found().ok_or_else(|| self.cut_short())?;
        Ok(Changes::Found { keys: found.keys, removed: found.removed, upto: found.upto.packed(), more: !found.reached })
    }

    async fn forget(&mut self, _mark: &LogMark) -> Result<(), SourceError> {
        // The server keeps its log by its own time-out.
        Ok(())
    }
}

impl BinaryLog {
    /// The schema that the table is in, as the mapping writes it.
    fn schema(&self) -> &str {
        self.watched.object.split_once('.').map_or(&self.session.server.database, |(schema, _)| schema)
    }

    /// A connection to a server whose log can be used.
    async fn usable(&self) -> Result<(Facts, MySqlConnection), SourceError> {
        let mut connection = self.session.connect().await?;
        let facts = Facts::ask(&self.session, &mut connection).await?;
        match facts.obstacle(&self.session, &mut connection, self.schema()).await? {
            Some(obstacle) => Err(obstacle.into_error(&self.session.source)),
            None => Ok((facts, connection)),
        }
    }

    /// When the file was begun, which is in the first event that the server sends, from wherever it sends.
    async fn born(&self, at: &Point) -> Result<u32, SourceError> {
        let mut born = None;
        let budget = self.session.log;
        let ended = dump::read(&self.session, at, budget, |event| {
            born = (event.kind == 15).then_some(event.at);
            if born.is_some() { Step::Done } else { Step::On }
        });
        match ended.await? {
            Ended::Well => born.ok_or_else(|| self.cut_short()),
            Ended::Lost(why) => Err(SourceError::Connection { source_name: self.session.source.clone(), what: why.en }),
        }
    }

    fn cut_short(&self) -> SourceError {
        SourceError::Connection {
            source_name: self.session.source.clone(),
            what: "the binary log ended before its beginning was told".into(),
        }
    }
}

fn lost(zh: &str, en: &str) -> Changes {
    Changes::Lost { why: Text::new(zh, en) }
}

async fn close(connection: MySqlConnection) {
    // Nothing was written: losing the connection's end loses nothing.
    let _ = connection.close().await;
}
