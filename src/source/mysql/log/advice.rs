//! What a check says of reading the log.

use super::obstacle::Obstacle;
use super::server::Facts;
use super::{BinaryLog, table};
use crate::finding::Text;
use crate::source::incremental::Watched;
use crate::source::mysql::connect::Session;
use crate::source::{Need, SourceError};

/// For each table that is to be followed whether it can be, what makes that of less use, and the SQL for rights that are
/// missing.
pub(in crate::source::mysql) async fn needs(session: &Session, watched: &[Watched]) -> Result<Vec<Need>, SourceError> {
    let mut needs = Vec::new();
    if watched.is_empty() {
        return Ok(needs);
    }
    let mut connection = session.connect().await?;
    let facts = Facts::ask(session, &mut connection).await?;
    let mut lacks_rights = false;
    for own in watched {
        let what = Text::new(format!("{} 的变更日志", own.object), format!("log of changes of {}", own.object));
        let log = BinaryLog { session: session.clone(), watched: own.clone() };
        let mut obstacles: Vec<Obstacle> = facts.obstacle(session, &mut connection, log.schema()).await?.into_iter().collect();
        match table::look_up(session, &mut connection, own).await? {
            Err(obstacle) => obstacles.push(obstacle),
            Ok(found) => {
                if !found.watch.parents.is_empty() {
                    let tables = found.watch.parents.iter().map(|parent| parent.table.clone()).collect();
                    obstacles.push(Obstacle::ForeignKeys { tables });
                }
                if !facts.whole_images && !found.by_primary_key {
                    obstacles.push(Obstacle::PartialImages);
                }
            }
        }
        if facts.format != "ROW" {
            obstacles.push(Obstacle::Statements { format: facts.format.clone() });
        }
        if !obstacles.iter().any(Obstacle::refuses) {
            let at = facts.place(session, &mut connection).await?;
            if let Err(why) = log.born(&at).await? {
                let denied = Obstacle::NotAllowedToRead;
                obstacles.push(if why == denied.why() { denied } else { Obstacle::NotSent { why } });
            }
        }
        lacks_rights |=
            obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::NotAllowedToAsk | Obstacle::NotAllowedToRead));
        if !obstacles.iter().any(Obstacle::refuses) {
            let found = Text::new("可以跟踪", "it can be followed");
            needs.push(Need { what: what.clone(), ok: Some(true), found, remedy: None });
        }
        needs.extend(obstacles.iter().map(|obstacle| obstacle.need(what.clone())));
    }
    if lacks_rights {
        let user = session.server.user.replace('\'', "''");
        needs.push(grants(&format!("'{user}'@'<address of the hub>'")));
    }
    super::close(connection).await;
    Ok(needs)
}

/// The rights that reading the log takes. They cannot be given for single tables.
fn grants(to: &str) -> Need {
    let sql = format!("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {to};");
    Need {
        what: Text::new("读取二进制日志的权限", "rights to read the binary log"),
        ok: None,
        found: Text::new(
            "请管理员执行下列 SQL；这两项权限不能只授予单个表，账号由此可以读到全部数据库的变更",
            "have the administrator run this SQL; these rights cannot be given for single tables: with them the account can read the changes of all databases",
        ),
        remedy: Some(Text::new(&sql, &sql)),
    }
}
