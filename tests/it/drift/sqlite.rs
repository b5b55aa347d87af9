//! Scripts over SQLite files.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use super::hub::{Demand, HARMLESS, MAPPING, REPORTING};
use super::sql::{Database, Script, over_view, run, script, table};

struct File {
    dir: TempDir,
    done: RefCell<()>,
}

impl File {
    fn new() -> Self {
        Self { dir: TempDir::new().expect("a folder"), done: RefCell::new(()) }
    }

    fn with<T>(&self, act: impl AsyncFnOnce(&mut sqlx::SqliteConnection) -> T) -> T {
        let _one = self.done.borrow_mut();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.dir.path().join("s.db")).create_if_missing(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("opened");
            let done = act(&mut connection).await;
            connection.close().await.expect("closed");
            done
        })
    }
}

impl Database for File {
    fn source(&self, _: &dyn Fn(&str, &str)) -> String {
        format!("kind = \"sqlite\"\npath = \"{}\"", self.dir.path().join("s.db").display())
    }

    fn run(&self, sql: &str) {
        self.with(async |connection| {
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.expect("done");
        });
    }

    fn rows(&self, object: &str, columns: &[&str]) -> Vec<BTreeMap<String, Option<String>>> {
        let list: Vec<String> = columns.iter().map(|name| format!("CAST({name} AS TEXT)")).collect();
        let sql = format!("SELECT {} FROM {object}", list.join(", "));
        let rows = self.with(async |connection| sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.expect("rows"));
        let row = |row: &sqlx::sqlite::SqliteRow| {
            columns.iter().enumerate().map(|(at, name)| ((*name).to_owned(), row.get::<Option<String>, _>(at))).collect()
        };
        rows.iter().map(row).collect()
    }
}

const BOTH: Demand = [REPORTING, REPORTING];
const MORE: &str = "UPDATE t SET zxs = zxs + 1;";
const VIEW: &str = "CREATE VIEW v AS SELECT * FROM t;";

fn types(attr: &str) -> &'static str {
    match attr {
        "hours" | "practice" | "sort" => "INTEGER",
        "no" => "VARCHAR(20)",
        "name" => "VARCHAR(60)",
        _ => "TEXT",
    }
}

fn scripts() -> Vec<Script> {
    vec![
        script("nothing changes", HARMLESS, MORE),
        script("a column is added", HARMLESS, "ALTER TABLE t ADD COLUMN extra TEXT; UPDATE t SET zxs = zxs + 1, extra = kch;"),
        script("a column that nobody uses is dropped", HARMLESS, "ALTER TABLE t DROP COLUMN bz; UPDATE t SET zxs = zxs + 1;"),
        script(
            "an optional field's column is dropped",
            [MAPPING, None],
            "ALTER TABLE t DROP COLUMN xgjs; UPDATE t SET zxs = zxs + 1;",
        ),
        script("a mandatory field's column is dropped", [REPORTING, None], "ALTER TABLE t DROP COLUMN zxs;"),
        script("an optional field's column is renamed", [MAPPING, None], "ALTER TABLE t RENAME COLUMN wz TO kcwz;"),
        script("the key's column is renamed", BOTH, "ALTER TABLE t RENAME COLUMN kch TO kcdm; UPDATE t SET zxs = zxs + 1;"),
        script(
            "two columns exchange their names",
            [REPORTING, None],
            "ALTER TABLE t RENAME COLUMN zxs TO x; \
            ALTER TABLE t RENAME COLUMN sjxs TO zxs; ALTER TABLE t RENAME COLUMN x TO sjxs;",
        ),
        script(
            "the key's text becomes a number",
            BOTH,
            "ALTER TABLE t RENAME TO old; CREATE TABLE t AS SELECT CAST(kch AS INTEGER) AS kch, \
            kcmc, zxs, sjxs, xgjs, wz, fzr, lxnd, bz, xh FROM old;",
        ),
        script(
            "a text is made longer",
            HARMLESS,
            "ALTER TABLE t RENAME TO old; CREATE TABLE t (kch VARCHAR(40), kcmc VARCHAR(200), zxs INTEGER, \
            sjxs INTEGER, xgjs TEXT, wz TEXT, fzr TEXT, lxnd TEXT, bz TEXT, xh INTEGER); INSERT INTO t SELECT * FROM old; \
            UPDATE t SET zxs = zxs + 1;",
        ),
        over_view(
            "a view is made anew with the same meaning",
            VIEW,
            HARMLESS,
            "DROP VIEW v; CREATE VIEW v AS SELECT t.*, 1 AS extra FROM t; \
            UPDATE t SET zxs = zxs + 1;",
        ),
        over_view(
            "a view's columns change places",
            "CREATE VIEW v AS SELECT kch, kcmc, zxs, sjxs, xgjs, wz, fzr, lxnd FROM t;",
            HARMLESS,
            "DROP VIEW v; CREATE VIEW v AS SELECT lxnd, fzr, wz, xgjs, sjxs, zxs, kcmc, kch FROM t; UPDATE t SET zxs = zxs + 1;",
        ),
        over_view(
            "the table under SELECT * changes its order",
            VIEW,
            HARMLESS,
            "ALTER TABLE t RENAME TO old; DROP VIEW v; \
            CREATE TABLE t AS SELECT xh, bz, lxnd, fzr, wz, xgjs, CAST(sjxs AS INTEGER) AS sjxs, zxs, kcmc, kch FROM old; \
            CREATE VIEW v AS SELECT * FROM t; UPDATE t SET zxs = zxs + 1;",
        ),
        over_view(
            "a view swaps two columns",
            "CREATE VIEW v AS SELECT kch, kcmc, zxs, sjxs, xgjs, wz, fzr, lxnd FROM t;",
            [REPORTING, None],
            "DROP VIEW v; CREATE VIEW v AS SELECT kch, kcmc, sjxs AS zxs, zxs AS sjxs, xgjs, wz, fzr, lxnd FROM t;",
        ),
        over_view(
            "a view gives other rows of no known values",
            VIEW,
            BOTH,
            "DROP VIEW v; \
            CREATE VIEW v AS SELECT 'X' || kch AS kch, 'x' || kcmc AS kcmc, zxs, sjxs, xgjs, wz, fzr, lxnd FROM t;",
        ),
        over_view("a view comes to be empty", VIEW, BOTH, "DROP VIEW v; CREATE VIEW v AS SELECT * FROM t WHERE 1 = 0;"),
        over_view(
            "a view takes two names for one column",
            VIEW,
            [REPORTING, None],
            "DROP VIEW v; \
            CREATE VIEW v AS SELECT kch, kcmc, sjxs AS zxs, sjxs, xgjs, wz, fzr, lxnd FROM t;",
        ),
    ]
}

#[test]
fn database_files_drift() {
    for script in scripts() {
        run(&File::new(), &script, &table(&types));
    }
}
