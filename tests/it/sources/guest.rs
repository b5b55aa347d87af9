//! Behaviour towards the people whose systems are read.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::ReadSpec;

use super::fixtures::{Fixture, MysqlDatabase, PostgresSchema};
use super::interface::{Interface, Reply};
use super::{Configured, some, table};

fn without_acceptance(mut settings: Value) -> Value {
    settings.as_object_mut().unwrap().remove("guest");
    settings
}

/// An account that can write is refused; the one that the printed SQL makes reads, and can do nothing else.
fn judged(kind: &'static str, fixture: &dyn Fixture, object: &str, run: impl Fn(&str), user: &str, names: &[(&str, &str)]) {
    let owner = Configured { kind, settings: without_acceptance(fixture.settings()), base: fixture.base() };
    let error = owner.open(&table(object), None).err().expect("refused");
    assert_eq!(error.fault_class(), FaultClass::Configuration);
    assert!(error.to_string().contains("can write") && error.to_string().contains("allow_writes"), "{error}");
    let parts: ReadSpec = serde_json::from_value(json!({ "object": object, "chunks": { "key": ["no"] } })).unwrap();
    let error = owner.open(&parts, None).err().expect("refused by parts, too");
    assert!(error.to_string().contains("allow_writes"), "{error}");
    let checked = owner.with(|place| owner.connector().check(place)).unwrap();
    assert!(checked.can_write && checked.notes[0].en.contains("refused"), "{checked:?}");

    let mut sql = owner.with(|place| owner.connector().account_sql(place, &[object.to_owned()])).expect("SQL");
    for (name, real) in names {
        sql = sql.replace(name, real);
    }
    run(&sql);
    let mut settings = without_acceptance(fixture.settings());
    settings["user"] = user.into();
    settings["password"] = "reading".into();
    let reader = Configured { kind, settings, base: fixture.base() };
    let checked = reader.with(|place| reader.connector().check(place)).unwrap();
    assert!(!checked.can_write && checked.notes.is_empty(), "{checked:?}");
    assert_eq!(reader.read(&table(object)).rows, [vec![some("1")]]);
}

#[test]
fn the_account_that_the_sql_makes_reads_and_cannot_write_in_postgresql() {
    let schema = PostgresSchema::new();
    let object = schema.put("course", &["no"], &[vec![some("1")]]);
    let role = format!("{}_guest", schema.name);
    let names = [("xiaoshu_reader", role.as_str()), ("<password>", "reading")];
    judged("postgres", &schema, &object, |sql| schema.run(sql), &role, &names);
    schema.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn the_account_that_the_sql_makes_reads_and_cannot_write_in_mariadb() {
    let database = MysqlDatabase::new();
    let object = database.put("course", &["no"], &[vec![some("1")]]);
    let user = format!("{}_g", database.name);
    let names = [("xiaoshu_reader", user.as_str()), ("<password>", "reading"), ("<address of the hub>", "127.0.0.1")];
    judged("mysql", &database, &object, |sql| database.run(sql), &user, &names);
    database.run(&format!("DROP USER '{user}'@'127.0.0.1'"));
}

#[cfg(feature = "odbc")]
#[test]
fn an_account_that_can_write_is_refused_through_odbc_too() {
    let schema = super::fixtures::OdbcSchema(PostgresSchema::new());
    let object = schema.put("course", &["no"], &[vec![some("1")]]);
    let owner = Configured { kind: "odbc", settings: without_acceptance(schema.settings()), base: schema.base() };
    let error = owner.open(&table(&object), None).err().expect("refused");
    assert!(error.to_string().contains("can write"), "{error}");
    assert!(owner.with(|place| owner.connector().check(place)).unwrap().can_write);

    let (schema, role) = (&schema.0, format!("{}_odbc", schema.0.name));
    schema.run(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'reading'; GRANT USAGE ON SCHEMA {} TO {role}; GRANT SELECT ON {object} TO {role}",
        schema.name
    ));
    let mut reader = owner;
    reader.settings["user"] = role.as_str().into();
    reader.settings["password"] = "reading".into();
    let can_write = || reader.with(|place| reader.connector().check(place)).unwrap().can_write;
    assert!(!can_write());
    for right in ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "INSERT (no)", "UPDATE (no)"] {
        schema.run(&format!("GRANT {right} ON {object} TO {role}"));
        assert!(can_write(), "{right}");
        schema.run(&format!("REVOKE {right} ON {object} FROM {role}"));
    }
    assert!(!can_write());
    schema.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// A table that somebody has locked is not waited for beyond `guest.lock_timeout`, in one go or by parts.
fn not_waited_for(kind: &'static str, fixture: &dyn Fixture, object: &str) {
    let mut settings = fixture.settings();
    settings["guest"]["lock_timeout"] = 1.into();
    settings["statement_timeout"] = 120.into();
    let configured = Configured { kind, settings, base: fixture.base() };
    let parts: ReadSpec = serde_json::from_value(json!({ "object": object, "chunks": { "key": ["no"] } })).unwrap();
    for read in [table(object), parts] {
        let began = Instant::now();
        let read = configured.open(&read, None).and_then(|mut source| source.next_batch(10).map(drop));
        let error = read.expect_err("gives up");
        assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}

fn url(settings: &Value, scheme: &str) -> String {
    let text = |key: &str| settings[key].as_str().expect("a text");
    format!("{scheme}://{}:{}@{}:{}/{}", text("user"), text("password"), text("host"), settings["port"], text("database"))
}

#[test]
fn a_locked_table_of_postgresql_is_left_for_later() {
    let schema = PostgresSchema::new();
    let object = schema.put("course", &["no"], &[vec![some("1")]]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut holder = runtime.block_on(sqlx::PgConnection::connect(&url(&schema.settings(), "postgres"))).unwrap();
    let lock = format!("BEGIN; LOCK TABLE {object} IN ACCESS EXCLUSIVE MODE");
    runtime.block_on(sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut holder)).unwrap();
    not_waited_for("postgres", &schema, &object);
    runtime.block_on(holder.close()).unwrap();
}

#[test]
fn a_locked_table_of_mariadb_is_left_for_later() {
    let database = MysqlDatabase::new();
    let object = database.put("course", &["no"], &[vec![some("1")]]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut holder = runtime.block_on(sqlx::MySqlConnection::connect(&url(&database.settings(), "mysql"))).unwrap();
    let lock = format!("LOCK TABLES {object} WRITE");
    runtime.block_on(sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut holder)).unwrap();
    not_waited_for("mysql", &database, &object);
    runtime.block_on(holder.close()).unwrap();
}

/// A hub that reads courses from an interface, with further settings of that source.
fn collect(folder: &Path, interface: &Interface, guest: &str) -> (bool, String) {
    let settings = format!(
        r#"[log]
level = "info"

[school]
code = "4199099999"
name = "测试职业技术学院"
edition = "gaozhi-2024.09"

[sources.cloud]
kind = "http"
url = "{}"
plain_http = {{ by = "test", date = "2025-09-01", reason = "loopback" }}
auth = {{ by = "token", token = {{ file = "token" }} }}
system = "JW"
owner = "教务处"
{guest}

[sources.cloud.objects.courses]
path = "courses"
complete = "stable"
answer = {{ rows = "/data", total = "/total" }}
paging = {{ by = "page", parameter = "page", size_parameter = "size", size = 4 }}
"#,
        interface.url()
    );
    let mapping = r#"table = "ODS_KCJBSJ"
source = "cloud"
owner = "教务处"
mode = "automatic"

[read]
object = "courses"

[fields]
KCH = "no"
KCMC = "info.name"
KCLXM = { value = "1" }
KCSXM = { value = "1" }
KCXZM = { value = "1" }
JXJHGDKSS = { value = "32" }
SJJXKSS = { value = "8" }
XNFZSXKSS = { value = "0" }
SFKZRTKC = { value = "0" }
SFXQHZKFKC = { value = "0" }
SFYXSKC = { value = "0" }
SFKCSZSFKC = { value = "0" }
"#;
    std::fs::create_dir_all(folder.join("mappings")).unwrap();
    std::fs::write(folder.join("xiaoshu.toml"), settings).unwrap();
    std::fs::write(folder.join("token"), "cloud-token").unwrap();
    std::fs::write(folder.join("mappings/courses.toml"), mapping).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["run", "--once", "--only", "collect", "--lang", "en", "--settings"]).arg(folder.join("xiaoshu.toml"));
    let done = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    (done.status.success(), said)
}

fn courses() -> Interface {
    Interface::start(|call| {
        assert_eq!(call.header("authorization"), Some("Bearer cloud-token"));
        let from = (call.number("page") - 1) * 4;
        let rows: Vec<Value> =
            (from..10.min(from + 4)).map(|n| json!({ "no": format!("K{n:03}"), "info": { "name": "课程" } })).collect();
        Reply::json(&json!({ "data": rows, "total": 10 }))
    })
}

#[test]
fn a_source_is_left_alone_outside_of_its_hours() {
    let minute = |after: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(after);
        at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8))).strftime("%H:%M").to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let interface = courses();
    let closed = format!("guest = {{ hours = [\"{}-{}\"] }}", minute(2), minute(4));
    let (done, said) = collect(folder.path(), &interface, &closed);
    assert!(done && said.contains("guest.hours"), "{said}");
    assert_eq!(interface.calls().len(), 0);
    let open = format!("guest = {{ hours = [\"{}-{}\"], rows_per_second = 1000 }}", minute(-2), minute(2));
    let (done, said) = collect(folder.path(), &interface, &open);
    assert_eq!(interface.calls().len(), 3, "{said}");
    let line = said.lines().find(|line| line.starts_with("ODS_KCJBSJ")).expect("a line of the table");
    // Read and changed.
    assert!(done && line.split_whitespace().filter(|word| *word == "10").count() >= 2, "{said}");
    assert!(!said.contains("cloud-token"), "{said}");
}
