//! What the server says of itself, of the table and of the publication: whether the log can be followed, and by what it
//! is known again.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, postgres::PgArguments, query::Query};

use super::message::Lsn;
use super::unfit::Unfit;
use crate::source::SourceError;
use crate::source::postgres::connect::Session;

const SERVER: &str = "SELECT pg_is_in_recovery(), current_setting('server_version_num')::int, current_setting('wal_level')::text,
    coalesce((SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), false)";
const PLACE: &str = "SELECT (SELECT system_identifier::text FROM pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_current_wal_flush_lsn()::text,
    floor(extract(epoch FROM clock_timestamp()))::bigint";
const PUBLICATION: &str =
    "SELECT p.oid::text || ':' || p.xmin::text, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate
    FROM pg_catalog.pg_publication p WHERE p.pubname = $1";
const MEMBERS: &str = "WITH RECURSIVE tree(id) AS (
        SELECT to_regclass($1)::oid WHERE to_regclass($1) IS NOT NULL
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.id)
    SELECT c.oid::bigint, c.oid = to_regclass($1)::oid, c.relkind::text, c.relreplident::text,
        coalesce(pg_relation_filenode(c.oid::regclass), 0)::bigint,
        EXISTS (SELECT 1 FROM pg_catalog.pg_publication_tables t
            WHERE t.pubname = $2 AND t.schemaname = n.nspname AND t.tablename = c.relname),
        (SELECT string_agg(r.oid::text || ':' || r.xmin::text, ',' ORDER BY r.oid) FROM pg_catalog.pg_publication_rel r
            JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $2 AND r.prrelid = c.oid),
        EXISTS (SELECT 1 FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
            WHERE p.pubname = $2 AND r.prrelid = c.oid
            AND (to_jsonb(r) ->> 'prqual' IS NOT NULL OR to_jsonb(r) ->> 'prattrs' IS NOT NULL)),
        (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index x JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1]) WHERE x.indrelid = c.oid AND x.indisvalid
            AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END),
        (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_index x JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1]) WHERE x.indrelid = c.oid AND x.indisprimary)
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.id JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    ORDER BY c.oid";
/// The first version that has all that is used here.
const OLDEST: i32 = 120_000;

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The cluster's number.
    pub system: String,
    /// Its timeline.
    pub timeline: String,
    /// Up to here the log is on disk: whatever lies before can be read from a slot.
    pub flushed: Lsn,
    /// Seconds since 1970 by its clock.
    pub now: i64,
}

/// The table whose log can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Its number and those of its parts.
    pub members: BTreeSet<u32>,
    /// Another one when the table was rebuilt, emptied or made anew, or the publication changed: rows may then have
    /// changed past the log.
    pub print: String,
}

/// Whether the server keeps a log that this account may follow.
pub(super) async fn server(session: &Session, connection: &mut PgConnection) -> Result<Option<Unfit>, SourceError> {
    let row = one(session, connection, sqlx::query(SERVER)).await?;
    let version: i32 = row.try_get(1).unwrap_or(0);
    let level: String = row.try_get(2).unwrap_or_default();
    Ok(match () {
        () if version < OLDEST => Some(Unfit::Version),
        () if row.try_get(0).unwrap_or(true) => Some(Unfit::Standby),
        () if level != "logical" => Some(Unfit::Level(level)),
        () if !row.try_get(3).unwrap_or(false) => Some(Unfit::Right(session.server.user.clone())),
        () => None,
    })
}

/// Where the server is now.
pub(super) async fn standing(session: &Session, connection: &mut PgConnection) -> Result<Standing, SourceError> {
    let row = one(session, connection, sqlx::query(PLACE)).await?;
    let text = |at: usize| row.try_get::<String, _>(at).unwrap_or_default();
    Ok(Standing {
        system: text(0),
        timeline: text(1),
        flushed: Lsn::parse(&text(2)).unwrap_or_default(),
        now: row.try_get(3).unwrap_or(0),
    })
}

/// The table, or all that is wrong with it, if its changes are in the publication and tell their keys; without a key, its primary one. `path` is its
/// quoted name.
pub(super) async fn table(
    session: &Session,
    connection: &mut PgConnection,
    path: &str,
    key: &[String],
    publication: &str,
) -> Result<Result<Table, Vec<Unfit>>, SourceError> {
    let asked = sqlx::query(PUBLICATION).bind(publication).persistent(false).fetch_optional(&mut *connection).await;
    let asked = asked.map_err(|error| session.trouble(&error))?;
    let asked = asked.map(|row| (row.try_get::<String, _>(0).unwrap_or_default(), row.try_get(1).unwrap_or(false)));
    let rows = sqlx::query(MEMBERS).bind(path).bind(publication).persistent(false).fetch_all(connection).await;
    let rows = rows.map_err(|error| session.trouble(&error))?;
    let members: Vec<Member> = rows.iter().map(Member::of).collect();
    Ok(judged(&members, asked, key, publication))
}

async fn one(
    session: &Session,
    connection: &mut PgConnection,
    query: Query<'static, sqlx::Postgres, PgArguments>,
) -> Result<PgRow, SourceError> {
    query.persistent(false).fetch_one(connection).await.map_err(|error| session.trouble(&error))
}

/// The table or a part of it, as the catalogue has it.
#[derive(Debug, Clone, Default)]
struct Member {
    id: u32,
    is_root: bool,
    kind: String,
    identity: String,
    file: i64,
    published: bool,
    entry: Option<String>,
    restricted: bool,
    identity_columns: Vec<String>,
    columns: Vec<String>,
    primary: Vec<String>,
}

impl Member {
    fn of(row: &PgRow) -> Self {
        let names = |at: usize| row.try_get::<Option<Vec<String>>, _>(at).ok().flatten().unwrap_or_default();
        Self {
            id: row.try_get::<i64, _>(0).unwrap_or(0).try_into().unwrap_or(0),
            is_root: row.try_get(1).unwrap_or(false),
            kind: row.try_get(2).unwrap_or_default(),
            identity: row.try_get(3).unwrap_or_default(),
            file: row.try_get(4).unwrap_or(0),
            published: row.try_get(5).unwrap_or(false),
            entry: row.try_get(6).ok().flatten(),
            restricted: row.try_get(7).unwrap_or(true),
            identity_columns: names(8),
            columns: names(9),
            primary: names(10),
        }
    }

    /// Whether a change tells what the columns of the key were.
    fn tells(&self, key: &[String]) -> bool {
        self.identity == "f" || key.iter().all(|column| self.identity_columns.contains(column))
    }
}

fn judged(members: &[Member], publication: Option<(String, bool)>, key: &[String], name: &str) -> Result<Table, Vec<Unfit>> {
    let root = members.iter().find(|member| member.is_root).ok_or_else(|| vec![Unfit::NoTable])?;
    if members.iter().any(|member| !matches!(&member.kind[..], "r" | "p")) {
        return Err(vec![Unfit::NoTable]);
    }
    let mut wrong = Vec::new();
    let key = if key.is_empty() { &root.primary[..] } else { key };
    let with_rows = || members.iter().filter(|member| member.kind == "r");
    if let Some(column) = key.iter().find(|column| !root.columns.contains(column)) {
        wrong.push(Unfit::NoColumn(column.clone()));
    } else if key.is_empty() {
        wrong.push(Unfit::NoKey);
    } else if with_rows().any(|member| member.identity != "f" && member.identity_columns.is_empty()) {
        wrong.push(Unfit::NoIdentity);
    } else if with_rows().any(|member| !member.tells(key)) {
        wrong.push(Unfit::KeyNotTold);
    }
    let published = root.published || with_rows().next().is_some() && with_rows().all(|member| member.published);
    let entry = match publication {
        None => {
            wrong.push(Unfit::NoPublication(name.to_owned()));
            String::new()
        }
        Some((entry, whole)) => {
            if !published {
                wrong.push(Unfit::NotPublished(name.to_owned()));
            } else if !whole || members.iter().any(|member| member.restricted) {
                wrong.push(Unfit::PublishedInPart(name.to_owned()));
            }
            entry
        }
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut digest = Sha256::new();
    digest.update(entry);
    for member in members {
        let part = format!("/{} {} {}", member.id, member.file, member.entry.as_deref().unwrap_or_default());
        digest.update(part);
    }
    let print = digest.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Ok(Table { members: members.iter().map(|member| member.id).collect(), print })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u32) -> Member {
        Member {
            id,
            is_root: id == 1,
            kind: "r".into(),
            identity: "d".into(),
            file: 70,
            published: true,
            entry: Some("9:5".into()),
            restricted: false,
            identity_columns: vec!["ID".into()],
            columns: vec!["ID".into(), "XM".into()],
            primary: vec!["ID".into()],
        }
    }

    fn judge(members: &[Member]) -> Result<Table, Vec<Unfit>> {
        judged(members, Some(("8:4".into(), true)), &["ID".into()], "xiaoshu")
    }

    #[test]
    fn a_table_is_followed_when_all_its_changes_tell_their_keys() {
        assert!(judge(&[member(1)]).is_ok());
        let name = || "xiaoshu".to_owned();
        for (found, unfit) in [
            (vec![], Unfit::NoTable),
            (vec![Member { kind: "v".into(), ..member(1) }], Unfit::NoTable),
            (vec![Member { kind: "p".into(), ..member(1) }, Member { kind: "f".into(), ..member(2) }], Unfit::NoTable),
            (vec![Member { columns: vec!["XM".into()], ..member(1) }], Unfit::NoColumn("ID".into())),
            (vec![Member { published: false, ..member(1) }], Unfit::NotPublished(name())),
            (vec![Member { restricted: true, ..member(1) }], Unfit::PublishedInPart(name())),
            (vec![Member { identity_columns: vec![], ..member(1) }], Unfit::NoIdentity),
            (vec![Member { identity: "n".into(), identity_columns: vec![], ..member(1) }], Unfit::NoIdentity),
            (vec![Member { identity_columns: vec!["XM".into()], ..member(1) }], Unfit::KeyNotTold),
        ] {
            assert_eq!(judge(&found), Err(vec![unfit]), "{found:?}");
        }
        let full = Member { identity: "f".into(), identity_columns: vec![], ..member(1) };
        assert!(judge(&[full]).is_ok());
        assert_eq!(
            judged(&[member(1)], Some((String::new(), false)), &["ID".into()], "p"),
            Err(vec![Unfit::PublishedInPart("p".into())])
        );
        assert_eq!(judged(&[member(1)], None, &["ID".into()], "p"), Err(vec![Unfit::NoPublication("p".into())]));
        let published = || Some((String::new(), true));
        assert!(judged(&[member(1)], published(), &[], "p").is_ok());
        assert_eq!(judged(&[Member { primary: vec![], ..member(1) }], published(), &[], "p"), Err(vec![Unfit::NoKey]));
        // A table that would get into a publication without an identity must get one first.
        let bare = Member { published: false, identity_columns: vec![], primary: vec![], ..member(1) };
        assert_eq!(judge(&[bare]), Err(vec![Unfit::NoIdentity, Unfit::NotPublished(name())]));
    }

    #[test]
    fn of_a_table_in_parts_each_part_is_published_or_the_whole() {
        let root = Member { kind: "p".into(), identity_columns: vec![], ..member(1) };
        let part = |id, published| Member { published, ..member(id) };
        let hidden = Member { published: false, ..root.clone() };
        for (members, fits) in [
            (vec![root.clone(), part(2, false), part(3, false)], true),
            (vec![hidden.clone(), part(2, true), part(3, true)], true),
            (vec![hidden.clone(), part(2, true), part(3, false)], false),
            (vec![hidden.clone()], false),
            (vec![root.clone(), Member { identity: "n".into(), identity_columns: vec![], ..part(2, true) }], false),
        ] {
            assert_eq!(judge(&members).is_ok(), fits, "{members:?}");
        }
        assert_eq!(judge(&[root, part(2, false)]).unwrap().members, [1, 2].into());
    }

    #[test]
    fn what_may_change_rows_past_the_log_changes_the_print() {
        let print = |members: &[Member], publication: &str| {
            judged(members, Some((publication.into(), true)), &["ID".into()], "p").unwrap().print
        };
        let usual = print(&[member(1)], "8:4");
        assert_eq!(print(&[member(1)], "8:4"), usual);
        for other in [
            print(&[member(1)], "8:5"),
            print(&[Member { file: 71, ..member(1) }], "8:4"),
            print(&[Member { entry: Some("9:6".into()), ..member(1) }], "8:4"),
            print(&[Member { entry: None, ..member(1) }], "8:4"),
            print(&[member(1), member(2)], "8:4"),
            print(&[Member { id: 4, is_root: true, ..member(1) }], "8:4"),
        ] {
            assert_ne!(other, usual);
        }
    }
}
