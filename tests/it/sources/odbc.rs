//! What only ODBC promises.

use std::path::Path;

use serde_json::{Value, json};
use xiaoshu::fault::{Classified, FaultClass};

use super::{Configured, table};

fn configured(settings: Value) -> Configured<'static> {
    Configured { kind: "odbc", settings, base: Path::new("/") }
}

#[cfg(not(feature = "odbc"))]
#[test]
fn a_binary_without_odbc_says_so() {
    let error = configured(json!({ "kind": "odbc", "connection": "DSN=school" })).open(&table("t"), None).err().expect("refused");
    assert_eq!(error.fault_class(), FaultClass::Configuration);
    assert!(error.to_string().contains("--features odbc"), "{error}");
}

#[cfg(not(feature = "odbc"))]
#[test]
fn settings_are_judged_without_a_driver() {
    let settings = json!({ "kind": "odbc", "connection": "DSN=school;PWD=hunter2" });
    let error = configured(settings).open(&table("t"), None).err().expect("refused");
    assert!(error.to_string().contains("`connection` holds a password") && !format!("{error:?}").contains("hunter2"), "{error}");
}

#[cfg(feature = "odbc")]
mod with_drivers {
    use tempfile::TempDir;
    use xiaoshu::source::{ColumnKind, ReadSpec, SourceError, load_script};

    use super::super::fixtures::{Fixture, OdbcSchema, PostgresSchema};
    use super::super::{drain, query, some};
    use super::*;

    fn sqlite(script: &str) -> (TempDir, Configured<'static>) {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("school.db");
        load_script(&file, script).unwrap();
        let settings = json!({ "kind": "odbc", "connection": format!("Driver={{SQLite3}};Database={}", file.display()) });
        (folder, configured(settings))
    }

    fn refusal(settings: Value) -> SourceError {
        configured(settings).open(&table("t"), None).err().expect("refused")
    }

    #[test]
    fn values_come_exact_from_postgresql() {
        let schema = OdbcSchema(PostgresSchema::new());
        schema.0.run(&format!(
            "CREATE TABLE {0}.t (i bigint, n numeric(20, 4), f double precision, r real, d date, ts timestamp, by bytea, c char(8),
                 u uuid, j jsonb, a text[], s text, e varchar(10), nothing text, long text);
             INSERT INTO {0}.t VALUES (9007199254740993, 12.5000, 0.1, 0.1, '2023-09-01', '2023-09-01 08:00:00.5', '\\x00ffAB', '男',
                 '00000000-0000-0000-0000-000000000001', '{{\"a\": 1}}', '{{一,二}}', '张三𫖯', '', NULL, repeat('长', 100000))",
            schema.0.name
        ));
        let configured = configured(schema.settings());
        let read = table(format!("{}.t", schema.0.name));
        let rows = configured.read(&read).rows;
        let expected = [
            "9007199254740993",
            "12.5000",
            "0.1",
            "0.1",
            "2023-09-01",
            "2023-09-01 08:00:00.5",
            "00ffab",
            "男",
            "00000000-0000-0000-0000-000000000001",
            "{\"a\": 1}",
            "{一,二}",
            "张三𫖯",
            "",
        ];
        assert_eq!(rows[0][..13], expected.map(some));
        assert_eq!(rows[0][13], None);
        assert_eq!(rows[0][14], some(&"长".repeat(100_000)));
        let source = configured.open(&read, None).unwrap();
        let kinds: Vec<ColumnKind> = source.columns().iter().take(8).map(|column| column.kind).collect();
        use ColumnKind::{Bytes, Date, Number, Text};
        assert_eq!(kinds, [Number, Number, Number, Number, Date, Date, Bytes, Text]);
    }

    #[test]
    fn values_come_as_they_are_from_sqlite() {
        let (_folder, configured) = sqlite(
            "CREATE TABLE t (n INTEGER, s TEXT, r REAL, b BLOB, v VARCHAR(5));
             INSERT INTO t VALUES (1, ' 张三 ', 0.1, x'00FF', 'longer than five'), (NULL, '', NULL, NULL, NULL);",
        );
        let reading = configured.read(&table("t"));
        assert_eq!(reading.columns, ["n", "s", "r", "b", "v"]);
        assert_eq!(reading.rows[0][..3], ["1", " 张三 ", "0.1"].map(some));
        assert_eq!(reading.rows[0][4], some("longer than five"));
        assert_eq!(reading.rows[1], [None, some(""), None, None, None]);
        let checked = configured.with(|place| configured.connector().check(place)).unwrap();
        assert!(checked.about.contains("SQLite through ODBC") && checked.notes.len() == 1, "{checked:?}");
    }

    #[test]
    fn blocks_give_the_same_rows_and_never_cut_a_value() {
        let schema = OdbcSchema(PostgresSchema::new());
        schema.0.run(&format!(
            "CREATE TABLE {0}.t AS SELECT n, '课程' || n AS name, n / 8.0 AS part, NULL::varchar(4) AS nothing
             FROM generate_series(1, 2345) AS n; ALTER TABLE {0}.t ALTER name TYPE varchar(40)",
            schema.0.name
        ));
        let read = query(format!("SELECT * FROM {}.t ORDER BY n", schema.0.name));
        let rows = configured(schema.settings()).read(&read);
        assert_eq!(rows.rows.len(), 2345);
        for text in ["wide", "utf-8"] {
            let mut settings = schema.settings();
            settings["fetch"] = "blocks".into();
            settings["text"] = text.into();
            let more = if text == "wide" { "" } else { ";ConnSettings={SET client_encoding TO 'UTF8'}" };
            if text == "utf-8" {
                settings["connection"] = schema.with_driver("PostgreSQL ANSI", more)["connection"].clone();
            }
            assert_eq!(configured(settings).read(&read).rows, rows.rows, "{text}");
        }
        let (_folder, mut short) = sqlite("CREATE TABLE t (v VARCHAR(5)); INSERT INTO t VALUES ('longer than five');");
        short.settings["fetch"] = "blocks".into();
        let mut source = short.open(&table("t"), None).unwrap();
        let error = source.next_batch(10).expect_err("too long");
        assert!(error.to_string().contains("fetch = \"rows\""), "{error}");
        assert!(!source.is_complete());
    }

    #[test]
    fn narrow_drivers_are_read_in_their_encoding() {
        let schema = OdbcSchema(PostgresSchema::new());
        schema.0.run(&format!("CREATE TABLE {0}.t AS SELECT '张三'::text AS name", schema.0.name));
        for (text, set) in [("utf-8", "UTF8"), ("gb18030", "GBK")] {
            let more = format!(";ConnSettings={{SET client_encoding TO '{set}'}}");
            let mut settings = schema.with_driver("PostgreSQL ANSI", &more);
            settings["text"] = text.into();
            let reading = configured(settings).read(&table(format!("{}.t", schema.0.name)));
            assert_eq!(reading.rows, [vec![some("张三")]], "{text}");
        }
        let mut wrong = schema.with_driver("PostgreSQL ANSI", ";ConnSettings={SET client_encoding TO 'GBK'}");
        wrong["text"] = "utf-8".into();
        let reading = configured(wrong).read(&table(format!("{}.t", schema.0.name)));
        assert_eq!(reading.faults.len(), 1, "{reading:?}");
    }

    #[test]
    fn a_slow_statement_is_given_up() {
        let schema = OdbcSchema(PostgresSchema::new());
        let mut settings = schema.settings();
        settings["statement_timeout"] = 1.into();
        let error = configured(settings)
            .open(&query("SELECT pg_sleep(60) AS nothing"), None)
            .and_then(|mut source| source.next_batch(1).map(|_| ()))
            .expect_err("gives up");
        assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
    }

    #[test]
    fn an_error_does_not_quote_data() {
        let schema = OdbcSchema(PostgresSchema::new());
        schema.0.run(&format!("CREATE TABLE {0}.t AS SELECT '张三丰' AS name", schema.0.name));
        let error = configured(schema.settings())
            .open(&query(format!("SELECT name::int AS number FROM {}.t", schema.0.name)), None)
            .and_then(|mut source| source.next_batch(1).map(|_| ()))
            .expect_err("refused");
        assert_eq!(error.fault_class(), FaultClass::Configuration);
        assert!(!format!("{error} {error:?}").contains("张三丰") && error.to_string().contains("22P02"), "{error:?}");
    }

    #[test]
    fn drivers_and_servers_that_are_not_there_are_told_apart() {
        let connection = |text: &str| json!({ "kind": "odbc", "connection": text, "user": "sa", "password": "hunter2" });
        for (text, expected) in [
            ("Driver={FreeTDS};Server=127.0.0.1;Port=1;Database=jw;TDS_Version=7.4", FaultClass::Transient),
            ("Driver={No such driver};Server=127.0.0.1", FaultClass::Configuration),
            ("DSN=no_such_dsn", FaultClass::Configuration),
            ("DSN=x;Pwd=hunter2", FaultClass::Configuration),
        ] {
            let error = refusal(connection(text));
            assert_eq!(error.fault_class(), expected, "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn only_a_consistent_read_is_complete() {
        let (_folder, mut configured) = sqlite("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);");
        for (consistent, expected) in [(None, true), (Some(true), true), (Some(false), false)] {
            if let Some(consistent) = consistent {
                configured.settings["consistent"] = consistent.into();
            }
            let mut source = configured.open(&table("t"), None).unwrap();
            while source.next_batch(10).unwrap().is_some() {}
            assert_eq!(source.is_complete(), expected);
        }
    }
    #[test]
    fn a_check_asks_the_driver_for_the_keys_that_ranges_go_by() {
        let (_folder, configured) = sqlite(
            "CREATE TABLE keyed (v TEXT, 序号 INTEGER, code TEXT, PRIMARY KEY (code, 序号)); CREATE TABLE loose (n INTEGER);",
        );
        let schema = OdbcSchema(PostgresSchema::new());
        schema.0.run(&format!(
            "CREATE TABLE {0}.keyed (v text, 序号 integer, code text, PRIMARY KEY (code, 序号)); CREATE TABLE {0}.loose (n integer)",
            schema.0.name
        ));
        let postgres = Configured { kind: "odbc", settings: schema.settings(), base: Path::new("/") };
        for (configured, prefix) in [(configured, String::new()), (postgres, format!("{}.", schema.0.name))] {
            let by_ranges =
                |name: &str| ReadSpec { chunks: serde_json::from_value(json!({})).unwrap(), ..table(format!("{prefix}{name}")) };
            let (keyed, loose, plain) = (by_ranges("keyed"), by_ranges("loose"), table(format!("{prefix}keyed")));
            let needs = |reads: &[&ReadSpec]| configured.with(|place| configured.connector().needs(place, reads)).unwrap();
            assert_eq!(needs(&[&plain]), []);
            let found = needs(&[&keyed, &loose, &plain]);
            assert_eq!(found.iter().map(|need| need.ok).collect::<Vec<_>>(), [Some(true), Some(false)]);
            assert_eq!(found[0].found.en, "code, 序号");
            assert!(found[1].remedy.as_ref().is_some_and(|remedy| remedy.en.contains("key = ")));
        }
    }

    #[test]
    fn what_several_statements_give_proves_nothing_unless_they_see_one_moment() {
        let (_folder, mut configured) = sqlite("CREATE TABLE t (n INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);");
        let read = ReadSpec { chunks: serde_json::from_value(json!({ "rows": 1 })).unwrap(), ..table("t") };
        for (consistent, expected) in [(true, true), (false, false)] {
            configured.settings["consistent"] = consistent.into();
            let mut source = configured.open(&read, None).unwrap();
            while source.next_batch(10).unwrap().is_some() {}
            assert_eq!((source.is_complete(), source.is_whole()), (expected, true));
        }
    }
    #[test]
    fn a_statement_that_would_not_arrive_as_it_was_written_is_not_sent() {
        // This driver knows no UTF-16. Whether the driver manager makes other characters of those that are not ASCII is a matter
        // of the process's locale, which other drivers set when they are loaded.
        let (_folder, configured) = sqlite("CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('在校'), ('离校');");
        match configured.open(&query("SELECT v FROM t WHERE v = '在校'"), None) {
            Ok(mut source) => assert_eq!(drain(&mut *source, 10).rows, [vec![some("在校")]]),
            Err(error) => {
                assert_eq!(error.fault_class(), FaultClass::Configuration);
                assert!(error.to_string().contains("Unicode"), "{error}");
            }
        }
        assert_eq!(configured.read(&query("SELECT v FROM t ORDER BY v")).rows.len(), 2);
        let schema = OdbcSchema(PostgresSchema::new());
        schema.0.run(&format!("CREATE TABLE {0}.t AS SELECT '在校'::text AS v UNION ALL SELECT '离校'", schema.0.name));
        let read = query(format!("SELECT v FROM {}.t WHERE v = '在校'", schema.0.name));
        let unicode = Configured { kind: "odbc", settings: schema.settings(), base: Path::new("/") };
        assert_eq!(unicode.read(&read).rows, [vec![some("在校")]]);
    }
}
