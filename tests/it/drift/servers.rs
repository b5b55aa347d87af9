//! Scripts over real servers: PostgreSQL and MariaDB.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Row};

use super::hub::{Demand, HARMLESS, MAPPING, REPORTING};
use super::sql::{Database, Script, over_view, run, script, table};
use crate::sources::fixtures::{Fixture, MysqlDatabase, PostgresSchema};

const BOTH: Demand = [REPORTING, REPORTING];
const VIEW: &str = "CREATE VIEW v AS SELECT * FROM t;";

/// Settings as TOML; the password stands in a file of its own, as settings want it.
fn source(settings: &Value, write: &dyn Fn(&str, &str)) -> String {
    let text = |key: &str| settings[key].as_str().expect("a text");
    write("password", text("password"));
    let allowed = &settings["guest"]["allow_writes"];
    let allow = |key: &str| allowed[key].as_str().expect("a text");
    format!(
        "kind = \"{}\"\nhost = \"{}\"\nport = {}\ndatabase = \"{}\"\nuser = \"{}\"\npassword = {{ file = \"password\" }}\n\
         guest = {{ allow_writes = {{ by = \"{}\", date = \"{}\", reason = \"{}\" }} }}",
        text("kind"),
        text("host"),
        settings["port"],
        text("database"),
        text("user"),
        allow("by"),
        allow("date"),
        allow("reason")
    )
}

fn url(settings: &Value, scheme: &str) -> String {
    let text = |key: &str| settings[key].as_str().expect("a text");
    format!("{scheme}://{}:{}@{}:{}/{}", text("user"), text("password"), text("host"), settings["port"], text("database"))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

impl Database for PostgresSchema {
    fn source(&self, write: &dyn Fn(&str, &str)) -> String {
        source(&self.settings(), write)
    }

    fn object(&self, object: &str) -> String {
        format!("{}.{object}", self.name)
    }

    fn run(&self, sql: &str) {
        PostgresSchema::run(self, &format!("SET search_path TO {}; {sql}", self.name));
    }

    fn rows(&self, object: &str, columns: &[&str]) -> Vec<BTreeMap<String, Option<String>>> {
        let list: Vec<String> = columns.iter().map(|name| format!("{name}::text")).collect();
        let sql = format!("SELECT {} FROM {}.{object}", list.join(", "), self.name);
        let rows = block_on(async {
            let mut connection = sqlx::PgConnection::connect(&url(&self.settings(), "postgres")).await.expect("connected");
            sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("rows")
        });
        let row = |row: &sqlx::postgres::PgRow| {
            columns.iter().enumerate().map(|(at, name)| ((*name).to_owned(), row.get::<Option<String>, _>(at))).collect()
        };
        rows.iter().map(row).collect()
    }
}

impl Database for MysqlDatabase {
    fn source(&self, write: &dyn Fn(&str, &str)) -> String {
        source(&self.settings(), write)
    }

    fn run(&self, sql: &str) {
        MysqlDatabase::run(self, sql);
    }

    fn rows(&self, object: &str, columns: &[&str]) -> Vec<BTreeMap<String, Option<String>>> {
        let list: Vec<String> = columns.iter().map(|name| format!("CAST({name} AS CHAR) AS {name}")).collect();
        let sql = format!("SELECT {} FROM {object}", list.join(", "));
        let rows = block_on(async {
            let mut connection = sqlx::MySqlConnection::connect(&url(&self.settings(), "mysql")).await.expect("connected");
            sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("rows")
        });
        let row = |row: &sqlx::mysql::MySqlRow| {
            columns.iter().enumerate().map(|(at, name)| ((*name).to_owned(), row.get::<Option<String>, _>(at))).collect()
        };
        rows.iter().map(row).collect()
    }
}

fn types(attr: &str) -> &'static str {
    match attr {
        "hours" | "practice" | "sort" => "int",
        "no" => "varchar(20)",
        "name" => "varchar(60)",
        _ => "varchar(100)",
    }
}

/// What both servers understand.
fn shared() -> Vec<Script> {
    vec![
        script("a column is added", HARMLESS, "ALTER TABLE t ADD COLUMN extra int; UPDATE t SET zxs = zxs + 1;"),
        script("a column that nobody uses is dropped", HARMLESS, "ALTER TABLE t DROP COLUMN bz; UPDATE t SET zxs = zxs + 1;"),
        script(
            "an optional field's column is dropped",
            [MAPPING, None],
            "ALTER TABLE t DROP COLUMN xgjs; UPDATE t SET zxs = zxs + 1;",
        ),
        script("the key's column is renamed", BOTH, "ALTER TABLE t RENAME COLUMN kch TO kcdm; UPDATE t SET zxs = zxs + 1;"),
        script(
            "the other table's column is renamed",
            [None, REPORTING],
            "ALTER TABLE t RENAME COLUMN fzr TO zcr; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "two columns exchange their names",
            [REPORTING, None],
            "ALTER TABLE t RENAME COLUMN zxs TO x; \
            ALTER TABLE t RENAME COLUMN sjxs TO zxs; ALTER TABLE t RENAME COLUMN x TO sjxs;",
        ),
        over_view(
            "a view swaps two columns",
            "CREATE VIEW v AS SELECT kch, kcmc, zxs, sjxs, xgjs, wz, fzr, lxnd FROM t;",
            [REPORTING, None],
            "DROP VIEW v; CREATE VIEW v AS SELECT kch, kcmc, sjxs AS zxs, zxs AS sjxs, xgjs, wz, fzr, lxnd FROM t;",
        ),
        over_view(
            "a view is made anew with the same meaning",
            VIEW,
            HARMLESS,
            "DROP VIEW v; \
            CREATE VIEW v AS SELECT lxnd, fzr, wz, xgjs, sjxs, zxs, kcmc, kch FROM t; UPDATE t SET zxs = zxs + 1;",
        ),
        over_view("a view comes to be empty", VIEW, BOTH, "DROP VIEW v; CREATE VIEW v AS SELECT * FROM t WHERE 1 = 0;"),
    ]
}

#[test]
fn postgres_tables_drift() {
    let own = [
        script(
            "a whole number is made wider",
            HARMLESS,
            "ALTER TABLE t ALTER COLUMN zxs TYPE bigint; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "a text is made longer",
            HARMLESS,
            "ALTER TABLE t ALTER COLUMN kch TYPE varchar(64), ALTER COLUMN kcmc TYPE text; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "a text is made shorter than it was, but holds all",
            HARMLESS,
            "ALTER TABLE t ALTER COLUMN kcmc TYPE varchar(30); UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "the key's text becomes a number",
            BOTH,
            "ALTER TABLE t ALTER COLUMN kch TYPE integer USING kch::integer; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "a year's text becomes a date",
            [None, REPORTING],
            "ALTER TABLE t ALTER COLUMN lxnd TYPE date USING (lxnd || '-01-01')::date; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "a number becomes a text that prints the same",
            HARMLESS,
            "ALTER TABLE t ALTER COLUMN sjxs TYPE varchar(9); UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "a column may be without a value",
            HARMLESS,
            "ALTER TABLE t ALTER COLUMN kcmc SET NOT NULL; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "a collation changes that nothing is ordered by",
            HARMLESS,
            "ALTER TABLE t ALTER COLUMN kcmc TYPE varchar(60) COLLATE \"C\"; UPDATE t SET zxs = zxs + 1;",
        ),
    ];
    let make = table(&types);
    for script in shared().iter().chain(&own) {
        run(&PostgresSchema::new(), script, &make);
    }
}

#[test]
fn mysql_tables_drift() {
    let own = [
        script("a whole number is made wider", HARMLESS, "ALTER TABLE t MODIFY zxs bigint; UPDATE t SET zxs = zxs + 1;"),
        script(
            "a column is moved to the front",
            HARMLESS,
            "ALTER TABLE t MODIFY lxnd varchar(100) FIRST; UPDATE t SET zxs = zxs + 1;",
        ),
        script("the key's text becomes a number", BOTH, "ALTER TABLE t MODIFY kch int; UPDATE t SET zxs = zxs + 1;"),
        script(
            "a text becomes floating point",
            [None, REPORTING],
            "ALTER TABLE t MODIFY lxnd double; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "the collation changes that nothing is ordered by",
            HARMLESS,
            "ALTER TABLE t MODIFY kcmc varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "the encoding loses what the texts hold",
            BOTH,
            "ALTER TABLE t MODIFY kcmc varchar(60) CHARACTER SET latin1; UPDATE t SET zxs = zxs + 1;",
        ),
        script(
            "the encoding takes less and the texts are as before",
            HARMLESS,
            "ALTER TABLE t MODIFY fzr varchar(100) CHARACTER SET latin1; UPDATE t SET zxs = zxs + 1;",
        ),
    ];
    let make = table(&types);
    for script in shared().iter().chain(&own) {
        run(&MysqlDatabase::new(), script, &make);
    }
}
