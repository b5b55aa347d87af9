//! A table of PostgreSQL read by the server's log, through the connector. The log itself, with kills, restarts and random
//! histories, is tested beside its code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use xiaoshu::source::{Begin, Position, ReadSpec};

use super::Configured;

/// A server of the test's own, which keeps a log of changes.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
}

fn script(words: &[&str]) -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/cluster.sh");
    let done = Command::new("bash").arg(file).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Cluster {
    pub fn start(name: &str) -> Self {
        let home = std::env::var("XIAOSHU_TEST_CLUSTERS");
        let home = home.expect("XIAOSHU_TEST_CLUSTERS is not set: run tests/run.sh --servers=postgres cargo test");
        let folder = PathBuf::from(home).join(format!("{name}{}", std::process::id()));
        let port = script(&["start", folder.to_str().unwrap()]).parse().unwrap();
        Self { folder, port }
    }

    pub fn run(&self, sql: &str) {
        let url = format!("postgres://xiaoshu@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    /// Read by an account that can read, and nothing else.
    pub fn settings(&self) -> Value {
        json!({ "kind": "postgres", "host": "127.0.0.1", "port": self.port, "database": "postgres", "user": "reader", "tls": "disable" })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script(&["remove", self.folder.to_str().unwrap()]);
    }
}

/// What a run read: each row's cells by the first one, whether it was complete, and whether another follows at once.
#[derive(Debug, PartialEq)]
struct Ran {
    rows: BTreeMap<String, String>,
    complete: bool,
    more: bool,
}

/// A run to its end, all of it landed.
fn run(source: &Configured<'_>, read: &ReadSpec, begin: Begin<'_>) -> (Ran, Position) {
    let mut source = source.begin(read, begin).unwrap();
    let (mut rows, mut last) = (BTreeMap::new(), None);
    while let Some(batch) = source.next_batch(7).unwrap() {
        for row in 0..batch.len() {
            let cells: Vec<&str> = (0..batch.columns().len()).map(|at| batch.cell(row, at).unwrap_or("-")).collect();
            rows.insert(cells[0].to_owned(), cells.join("|"));
        }
        source.committed(batch.position()).unwrap();
        last = Some(batch.position().clone());
    }
    (Ran { rows, complete: source.is_complete(), more: source.has_more() }, last.expect("a position"))
}

fn by_log(object: &str, reader: &str) -> ReadSpec {
    let changes = serde_json::from_value(json!({ "by": "log" })).unwrap();
    ReadSpec { object: Some(object.into()), changes: Some(changes), reader: reader.into(), ..ReadSpec::default() }
}

#[test]
fn whole_reads_and_the_log_take_turns_and_keys_of_all_types_find_their_rows() {
    let cluster = Cluster::start("turns");
    cluster.run(
        "CREATE SCHEMA jw; CREATE TYPE jw.half AS ENUM ('上', '下');
         CREATE TABLE jw.t (no numeric(8, 2), half jw.half, code char(6), on_day timestamptz, is_in boolean, raw bytea, name text,
             PRIMARY KEY (no, half, code, on_day, is_in, raw));
         INSERT INTO jw.t SELECT n, '上', 'a' || n, '2024-09-01 08:00+08', true, '\\x00ff', '旧' FROM generate_series(1, 20) AS n;
         CREATE ROLE reader LOGIN REPLICATION; GRANT USAGE ON SCHEMA jw TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA jw TO reader;
         CREATE PUBLICATION xiaoshu FOR TABLE jw.t",
    );
    let source = Configured { kind: "postgres", settings: cluster.settings(), base: Path::new("/") };
    let read = by_log("jw.t", "T");
    let needs = source.with(|place| source.connector().needs(place, &[&read])).unwrap();
    assert!(needs.len() == 1 && needs[0].ok == Some(true), "{needs:?}");
    let (first, mark) = run(&source, &read, Begin::AFRESH);
    assert_eq!((first.rows.len(), first.complete, first.more), (20, true, false));
    let (quiet, mark) = run(&source, &read, Begin::Since(&mark));
    assert_eq!(quiet, Ran { rows: BTreeMap::new(), complete: false, more: false });
    cluster.run("UPDATE jw.t SET name = '新' WHERE no IN (3, 4); INSERT INTO jw.t VALUES (1.5, '下', 'b\\''', '2024-01-01 00:00Z', false, '', NULL)");
    let (changed, mark) = run(&source, &read, Begin::Since(&mark));
    let want = [
        ("1.50", "1.50|下|b\\'|2024-01-01 08:00:00+08|false||-"),
        ("3.00", "3.00|上|a3|2024-09-01 08:00:00+08|true|00ff|新"),
        ("4.00", "4.00|上|a4|2024-09-01 08:00:00+08|true|00ff|新"),
    ];
    assert_eq!(changed.rows, want.map(|(key, row)| (key.to_owned(), row.to_owned())).into());
    assert!(!changed.complete && !changed.more);
    // Something went away: another run follows at once, which reads everything.
    cluster.run("DELETE FROM jw.t WHERE no > 10; UPDATE jw.t SET name = '更新' WHERE no = 1");
    let (removed, mark) = run(&source, &read, Begin::Since(&mark));
    assert_eq!((removed.rows.len(), removed.complete, removed.more), (1, false, true));
    let (whole, mark) = run(&source, &read, Begin::Since(&mark));
    assert_eq!((whole.rows.len(), whole.complete, whole.more), (11, true, false));
    // Two readers of one table do not take from each other.
    let other = by_log("jw.t", "OTHER");
    let (_, others) = run(&source, &other, Begin::AFRESH);
    cluster.run("UPDATE jw.t SET name = '又' WHERE no = 2");
    let (own, _) = run(&source, &read, Begin::Since(&mark));
    let (second, _) = run(&source, &other, Begin::Since(&others));
    assert_eq!((own.rows.len(), &own.rows), (1, &second.rows));
    let left = source.with(|place| source.connector().needs(place, &[&read])).unwrap();
    let unused: Vec<_> = left.iter().filter(|need| need.what.en == "replication slot").collect();
    assert!(unused.len() == 1 && unused[0].found.en.contains("_other_"), "{left:?}");
}
