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
use mark::{Kept, Mark, Point};
use obstacle::Obstacle;
use scan::{Scan, Step};
use server::Facts;
use watch::Watch;

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
        let without = |why: Text| Ok(Kept::Without(why).packed());
        let (facts, mut connection, _) = match self.fit().await? {
            Ok(fit) => fit,
            Err(obstacle) => return without(obstacle.why()),
        };
        let at = facts.place(&self.session, &mut connection).await?;
        close(connection).await;
        match self.born(&at).await? {
            Ok(born) => Ok(Kept::At(Mark { server: facts.identity, born, at }).packed()),
            Err(why) => without(why),
        }
    }

    async fn changes(&mut self, from: &LogMark, most: usize) -> Result<Changes, SourceError> {
        let from = match Kept::unpacked(from) {
            Some(Kept::At(from)) => from,
            Some(Kept::Without(why)) => return Ok(Changes::Lost { why }),
            None => return Ok(lost("日志位置的格式无法识别", "the mark in the log is not understood")),
        };
        let (facts, mut connection, watch) = match self.fit().await? {
            Ok(fit) => fit,
            Err(obstacle) => return Ok(Changes::Lost { why: obstacle.why() }),
        };
        if facts.identity != from.server {
            return Ok(lost("服务器已更换", "this is another server than before"));
        }
        let until = facts.place(&self.session, &mut connection).await?;
        close(connection).await;
        if until.file == from.at.file && until.offset < from.at.offset {
            return Ok(lost(
                "服务器的日志比上次短（服务器被恢复过）",
                "the server's log is shorter than before (it was restored)",
            ));
        }
        let mut scan = Scan::new(&watch, &from, &until, most);
        match dump::read(&self.session, &from.at, self.session.log, |event| scan.take(event)).await? {
            Ended::Well => {}
            Ended::Lost(why) => return Ok(Changes::Lost { why }),
            Ended::Denied => return Ok(Changes::Lost { why: Obstacle::NotAllowedToRead.why() }),
        }
        let found = scan.found().ok_or_else(|| self.cut_short())?;
        let upto = Kept::At(found.upto).packed();
        Ok(Changes::Found { keys: found.keys, removed: found.removed, upto, more: !found.reached })
    }

    async fn forget(&mut self, _mark: &LogMark) -> Result<(), SourceError> {
        // The server keeps its log by its own time-out.
        Ok(())
    }

    fn without(&self, mark: &LogMark) -> Option<Text> {
        match Kept::unpacked(mark) {
            Some(Kept::Without(why)) => Some(why),
            _ => None,
        }
    }
}

impl BinaryLog {
    /// The schema that the table is in, as the mapping writes it.
    fn schema(&self) -> &str {
        self.watched.object.split_once('.').map_or(&self.session.server.database, |(schema, _)| schema)
    }

    /// The server, a connection to it and the table, when the log can be followed. The log's place has to be asked for after
    /// the table: what is done to the table from then on is then seen the next time.
    async fn fit(&self) -> Result<Result<(Facts, MySqlConnection, Watch), Obstacle>, SourceError> {
        let mut connection = self.session.connect().await?;
        let facts = Facts::ask(&self.session, &mut connection).await?;
        if let Some(obstacle) = facts.obstacle(&self.session, &mut connection, self.schema()).await? {
            return Ok(Err(obstacle));
        }
        let found = table::look_up(&self.session, &mut connection, &self.watched).await?;
        Ok(found.map(|found| (facts, connection, found.watch)))
    }

    /// When the file was begun, which is in the first event that the server sends, from wherever it sends; or why it does
    /// not send it.
    async fn born(&self, at: &Point) -> Result<Result<u32, Text>, SourceError> {
        let mut born = None;
        let ended = dump::read(&self.session, at, self.session.log, |event| {
            born = (event.kind == 15).then_some(event.at);
            if born.is_some() { Step::Done } else { Step::On }
        });
        match ended.await? {
            Ended::Well => born.map(Ok).ok_or_else(|| self.cut_short()),
            Ended::Lost(why) => Ok(Err(why)),
            Ended::Denied => Ok(Err(Obstacle::NotAllowedToRead.why())),
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
