//! PostgreSQL: one read-only transaction an object (REPEATABLE READ), rows through a cursor.

mod catalogue;
mod cell;
mod connect;
mod read;

use super::server::{Server, ZeroDates};
use super::{Checked, Connector, Position, ReadSpec, Source, SourceError, SourcePlace, TableShape, reader};
use crate::finding::Text;
pub(super) use connect::{Own, Session};
pub(super) use read::open;

/// The connector.
pub(super) struct Postgres;

fn session(place: &SourcePlace<'_>) -> Result<Session, SourceError> {
    let mut server: Server = super::parse_settings(place)?;
    server.tls_ca = server.tls_ca.map(|file| place.base.join(file));
    server.zero_dates = Some(ZeroDates::Text);
    Ok(Session { source: place.name.clone(), server, own: None })
}

impl Connector for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let session = session(place)?;
        let (version, writes) = reader::run(place.name, || session.look())?;
        let mut checked = Checked { about: format!("PostgreSQL {version}"), notes: Vec::new() };
        if writes {
            checked.notes.push(Text::new(
                format!("账号 {} 对数据库有写权限；读取只需要 SELECT，请改用只读账号", session.server.user),
                format!("the account {} can write; reading needs SELECT only, so use a read-only account", session.server.user),
            ));
        }
        Ok(checked)
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let session = session(place)?;
        reader::run(place.name, || session.list())
    }

    fn describe(&self, place: &SourcePlace<'_>) -> Result<Vec<TableShape>, SourceError> {
        let session = session(place)?;
        reader::run(place.name, || catalogue::describe(&session))
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, _resume: Option<&Position>) -> Result<Box<dyn Source>, SourceError> {
        open(session(place)?, read)
    }
}
