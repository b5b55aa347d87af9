//! A hub in small: it reads one table by its log as the product does, lands rows and position together, and can be killed
//! at every boundary.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use super::super::{Log, log};
use super::cluster::Cluster;
use crate::finding::Text;
use crate::source::SourcePlace;
use crate::source::incremental::{ChangeLog, Changes, LogMark, Watched};

/// Where it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The log was marked, nothing read.
    Marked,
    /// Rows were read, nothing landed.
    Read,
    /// Rows and position have landed, the server was not told.
    Landed,
}

pub const KILLS: [Kill; 3] = [Kill::Marked, Kill::Read, Kill::Landed];

/// What a run did.
#[derive(Debug, PartialEq, Eq)]
pub enum Ran {
    /// Read everything, and why, if the log had been there before.
    Whole(Option<Text>),
    /// Read what changed: so many rows were asked for; whether something was removed, and whether there is more.
    Since(usize, bool, bool),
    /// Was killed.
    Killed,
}

/// What survives a kill.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Landed rows: key and version, which grows with every change of a row.
    pub rows: BTreeMap<String, i64>,
    pub mark: Option<LogMark>,
    pub removed: bool,
}

pub struct Hub {
    settings: Value,
    watched: Watched,
    /// The query of all rows, key and version.
    rows: String,
    pub kept: Kept,
    /// Keys that a run asks for at most.
    pub most: usize,
}

impl Hub {
    /// A hub that reads `table`, whose columns are `id` and `v`, as the owner.
    pub fn new(cluster: &Cluster, table: &str) -> Self {
        Self {
            settings: cluster.settings("xiaoshu"),
            watched: Watched { source: "jw".into(), object: table.into(), key: vec!["id".into()], reader: "T".into() },
            rows: format!("SELECT id::text, v::bigint FROM {table}"),
            kept: Kept::default(),
            most: 1000,
        }
    }

    /// With other settings.
    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The log as a process that has just begun has it.
    pub fn log(&self) -> Log {
        let name = "jw".into();
        let place = SourcePlace { name: &name, settings: &self.settings, base: std::path::Path::new("/") };
        log(&crate::source::postgres::session(&place).unwrap(), self.watched.clone()).unwrap()
    }

    pub fn slot(&self) -> String {
        self.log().slot
    }

    /// One run, killed somewhere or not.
    pub async fn run(&mut self, kill: Option<Kill>) -> Ran {
        let mut log = self.log();
        let mut why = None;
        if let Some(mark) = self.kept.mark.clone() {
            log.forget(&mark).await.unwrap();
            if !self.kept.removed {
                match log.changes(&mark, self.most).await.unwrap() {
                    Changes::Found { keys, removed, upto, more } => {
                        return self.since(&mut log, &keys, Step { removed, upto, more }, kill).await;
                    }
                    Changes::Lost { why: found } => why = Some(found),
                }
            }
        }
        let mark = log.mark().await.unwrap();
        if kill == Some(Kill::Marked) {
            return Ran::Killed;
        }
        let read = self.read(None).await;
        if kill == Some(Kill::Read) {
            return Ran::Killed;
        }
        for (id, version) in &read {
            self.must_not_be_older(id, *version);
        }
        self.kept = Kept { rows: read, mark: Some(mark.clone()), removed: false };
        if kill == Some(Kill::Landed) {
            return Ran::Killed;
        }
        log.forget(&mark).await.unwrap();
        Ran::Whole(why)
    }

    async fn since(&mut self, log: &mut Log, keys: &[Box<[Box<str>]>], step: Step, kill: Option<Kill>) -> Ran {
        if kill == Some(Kill::Marked) {
            return Ran::Killed;
        }
        let read = if keys.is_empty() { BTreeMap::new() } else { self.read(Some(keys)).await };
        if kill == Some(Kill::Read) {
            return Ran::Killed;
        }
        for (id, version) in read {
            self.must_not_be_older(&id, version);
            self.kept.rows.insert(id, version);
        }
        (self.kept.mark, self.kept.removed) = (Some(step.upto.clone()), step.removed);
        if kill == Some(Kill::Landed) {
            return Ran::Killed;
        }
        log.forget(&step.upto).await.unwrap();
        Ran::Since(keys.len(), step.removed, step.more)
    }

    fn must_not_be_older(&self, id: &str, version: i64) {
        let landed = self.kept.rows.get(id).copied().unwrap_or(i64::MIN);
        assert!(landed <= version, "an older image of {id} would land over a newer one: {version} over {landed}");
    }

    async fn read(&self, keys: Option<&[Box<[Box<str>]>]>) -> BTreeMap<String, i64> {
        let name = "jw".into();
        let place = SourcePlace { name: &name, settings: &self.settings, base: std::path::Path::new("/") };
        let mut connection = crate::source::postgres::session(&place).unwrap().connect().await.unwrap();
        let list = |keys: &[Box<[Box<str>]>]| {
            keys.iter().map(|key| format!("'{}'", key[0].replace('\'', "''"))).collect::<Vec<_>>().join(", ")
        };
        let filter = keys.map(|keys| format!(" WHERE id IN ({})", list(keys))).unwrap_or_default();
        let rows = all(&mut connection, &format!("{}{filter}", self.rows)).await;
        connection.close().await.unwrap();
        rows
    }

    /// What the table holds.
    pub async fn table(&self) -> BTreeMap<String, i64> {
        self.read(None).await
    }

    /// Runs until there is nothing new. The log is followed at the end.
    pub async fn to_the_end(&mut self) {
        for _ in 0..40 {
            if self.run(None).await == Ran::Since(0, false, false) {
                return;
            }
        }
        panic!("it does not come to an end");
    }
}

struct Step {
    removed: bool,
    upto: LogMark,
    more: bool,
}

async fn all(connection: &mut PgConnection, sql: &str) -> BTreeMap<String, i64> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
