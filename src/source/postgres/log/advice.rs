//! What an administrator has to do before the log can be followed, and slots that nobody uses any more.

use std::collections::BTreeSet;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::table;
use super::unfit::Unfit;
use super::{settings::LogSettings, slot};
use crate::finding::Text;
use crate::source::incremental::Watched;
use crate::source::postgres::connect::Session;
use crate::source::statement::{quoted, quoted_path};
use crate::source::{Need, SourceError};

/// For each table that is to be followed whether it can be, the SQL for what is missing, and slots without a mapping.
pub(in crate::source::postgres) async fn needs(session: &Session, watched: &[Watched]) -> Result<Vec<Need>, SourceError> {
    let mut connection = session.connect().await?;
    let mut needs = Vec::new();
    let mut missing = Vec::new();
    if !watched.is_empty() {
        tables(session, &mut connection, watched, &mut needs, &mut missing).await?;
    }
    if !missing.is_empty() {
        let role = if session.writes(&mut connection).await? { "xiaoshu_reader" } else { &session.server.user };
        needs.push(instructions(&session.log, &statements(&session.log, role, &missing)));
    }
    let used: BTreeSet<String> = watched.iter().map(|own| session.log.slot(&session.server.database, own)).collect();
    // A server that knows no slots, or is a standby, has been said to be one if a log is to be followed there.
    let found = slot::own(session, &mut connection, &session.log.slots).await;
    let is_unfit = watched.is_empty() || !missing.is_empty();
    let found = if is_unfit { found.unwrap_or_default() } else { found? };
    needs.extend(found.into_iter().filter(|(name, _)| !used.contains(name)).map(|(name, kept)| unused(&name, kept)));
    let _ = connection.close().await;
    Ok(needs)
}

async fn tables<'a>(
    session: &Session,
    connection: &mut PgConnection,
    watched: &'a [Watched],
    needs: &mut Vec<Need>,
    missing: &mut Vec<(Option<&'a Watched>, Unfit)>,
) -> Result<(), SourceError> {
    let server = table::server(session, connection).await?;
    let what = || Text::new("变更日志", "log of changes");
    if let Some(unfit) = &server {
        needs.push(Need { what: what(), ok: Some(false), found: unfit.what(), remedy: Some(unfit.remedy()) });
        missing.push((None, unfit.clone()));
        if matches!(unfit, Unfit::Version) {
            return Ok(());
        }
    }
    for own in watched {
        let path = quoted_path(&own.object, '"');
        let found = table::table(session, connection, &path, &own.key, &session.log.publication).await?;
        let what = Text::new(format!("{} 的变更日志", own.object), format!("log of changes of {}", own.object));
        match found {
            Ok(_) if server.is_some() => {}
            Ok(_) => {
                needs.push(Need { what, ok: Some(true), found: Text::new("可以跟踪", "it can be followed"), remedy: None });
            }
            Err(unfits) => {
                for unfit in unfits {
                    needs.push(Need { what: what.clone(), ok: Some(false), found: unfit.what(), remedy: Some(unfit.remedy()) });
                    missing.push((Some(own), unfit));
                }
            }
        }
    }
    Ok(())
}

/// The SQL for what is missing. A table gets its identity before it gets into the publication: without one the database
/// would refuse the application's own updates. Without comments: it may be shown in one line.
fn statements(settings: &LogSettings, role: &str, missing: &[(Option<&Watched>, Unfit)]) -> String {
    let mut lines = BTreeSet::new();
    let publication = quoted(&settings.publication, '"');
    let mut joining = BTreeSet::new();
    for (own, unfit) in missing {
        let table = own.map(|own| quoted_path(&own.object, '"')).unwrap_or_default();
        match unfit {
            Unfit::Level(_) => {
                lines.insert((0, "ALTER SYSTEM SET wal_level = logical;".to_owned()));
            }
            Unfit::Right(_) => {
                lines.insert((1, format!("ALTER ROLE {} REPLICATION;", quoted(role, '"'))));
            }
            Unfit::NoIdentity | Unfit::KeyNotTold | Unfit::NoKey => {
                lines.insert((2, format!("ALTER TABLE {table} REPLICA IDENTITY FULL;")));
            }
            Unfit::NoPublication(_) | Unfit::NotPublished(_) => {
                joining.insert(table);
            }
            Unfit::PublishedInPart(_) => {
                lines.insert((4, format!("ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate');")));
                lines.insert((4, format!("ALTER PUBLICATION {publication} DROP TABLE {table};")));
                joining.insert(table);
            }
            Unfit::Version | Unfit::Standby | Unfit::NoTable | Unfit::NoColumn(_) | Unfit::Full => {}
        }
    }
    let tables = joining.into_iter().collect::<Vec<_>>().join(", ");
    if !tables.is_empty() {
        let is_new = missing.iter().any(|(_, unfit)| matches!(unfit, Unfit::NoPublication(_)));
        let line = match is_new {
            true => format!("CREATE PUBLICATION {publication} FOR TABLE {tables};"),
            false => format!("ALTER PUBLICATION {publication} ADD TABLE {tables};"),
        };
        lines.insert((5, line));
    }
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

fn instructions(settings: &LogSettings, sql: &str) -> Need {
    let kept = (settings.most_retained() >> 20).saturating_mul(4);
    let found = match sql.is_empty() {
        true => Text::new("没有可以用 SQL 解决的事项", "nothing of it is mended by SQL"),
        false => Text::new(
            format!(
                "请管理员执行下列 SQL（改动 wal_level 后须重启数据库）；另建议把 max_slot_wal_keep_size 设为 {kept}MB（对服务器上所有复制槽有效），\
                 以免本系统停用期间日志占满磁盘"
            ),
            format!(
                "have the administrator run this SQL (a changed wal_level needs a restart of the server); max_slot_wal_keep_size = \
                 {kept}MB, which holds for all slots of the server, keeps a slot from filling the disk while the hub is down"
            ),
        ),
    };
    Need {
        what: Text::new("变更日志的准备", "preparing the log of changes"),
        ok: None,
        found,
        remedy: (!sql.is_empty()).then(|| Text::new(sql, sql)),
    }
}

fn unused(name: &str, kept: u64) -> Need {
    let sql = format!("SELECT pg_drop_replication_slot('{}');", name.replace('\'', "''"));
    let kept = kept >> 20;
    Need {
        what: Text::new("复制槽", "replication slot"),
        ok: None,
        found: Text::new(
            format!("没有映射使用复制槽 {name}，数据库为它保留着 {kept} MiB 日志；若也没有另一套本系统使用它，请删除"),
            format!(
                "no mapping uses the slot {name}, for which the server keeps {kept} MiB of log; unless another hub uses it, drop it"
            ),
        ),
        remedy: Some(Text::new(&sql, &sql)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(object: &str) -> Watched {
        Watched { source: "jw".into(), object: object.into(), key: Vec::new(), reader: "T".into() }
    }

    #[test]
    fn the_sql_makes_what_is_missing_and_nothing_else() {
        let (a, b) = (watched("jw.XS_JBXX"), watched("b"));
        let sql = |missing: &[(Option<&Watched>, Unfit)]| statements(&LogSettings::default(), "reader", missing);
        let none = || Unfit::NoPublication("xiaoshu".into());
        let new = sql(&[(None, Unfit::Right("reader".into())), (Some(&a), none()), (Some(&b), none())]);
        assert_eq!(
            new.lines().collect::<Vec<_>>(),
            ["ALTER ROLE \"reader\" REPLICATION;", "CREATE PUBLICATION \"xiaoshu\" FOR TABLE \"b\", \"jw\".\"XS_JBXX\";"]
        );
        let more = sql(&[(Some(&b), Unfit::NotPublished("xiaoshu".into())), (Some(&a), Unfit::NoIdentity)]);
        assert_eq!(
            more.lines().collect::<Vec<_>>(),
            ["ALTER TABLE \"jw\".\"XS_JBXX\" REPLICA IDENTITY FULL;", "ALTER PUBLICATION \"xiaoshu\" ADD TABLE \"b\";"]
        );
        // Shown in one line, nothing of it is lost in a comment.
        assert!(!new.contains("--") && !more.contains("--"));
        assert!(instructions(&LogSettings::default(), &new).found.en.contains("max_slot_wal_keep_size = 4096MB"));
        assert_eq!(sql(&[(Some(&a), Unfit::NoTable)]), "");
    }
}
