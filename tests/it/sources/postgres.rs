//! What only PostgreSQL promises.

use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::ColumnKind;

use super::fixtures::{Fixture, PostgresSchema};
use super::{Configured, query, some, table};

fn configured(schema: &PostgresSchema) -> Configured<'_> {
    Configured { kind: "postgres", settings: schema.settings(), base: schema.base() }
}

#[test]
fn values_come_as_texts_of_a_fixed_form() {
    let schema = PostgresSchema::new();
    schema.run(&format!(
        "CREATE TYPE {0}.sex AS ENUM ('男', '女');
         CREATE TABLE {0}.t (i bigint, n numeric(20, 4), f double precision, b boolean, d date, ts timestamp, tz timestamptz,
             by bytea, c char(8), u uuid, j jsonb, a text[], e {0}.sex, v interval);
         INSERT INTO {0}.t VALUES (9007199254740993, 12.5000, 0.1, true, '2023-09-01', '2023-09-01 08:00:00.5',
             '2023-08-31 16:00:00Z', '\\x00ffAB', '男', '00000000-0000-0000-0000-000000000001', '{{\"a\": 1}}', '{{一,二}}', '男', '1 day')",
        schema.name
    ));
    let configured = configured(&schema);
    let read = table(format!("{}.t", schema.name));
    let expected = [
        "9007199254740993",
        "12.5000",
        "0.1",
        "true",
        "2023-09-01",
        "2023-09-01 08:00:00.5",
        "2023-09-01 00:00:00+08",
        "00ffab",
        "男",
        "00000000-0000-0000-0000-000000000001",
        "{\"a\": 1}",
        "{一,二}",
        "男",
        "P1D",
    ];
    assert_eq!(configured.read(&read).rows, [expected.map(some).to_vec()]);
    let source = configured.open(&read, None).unwrap();
    let kinds: Vec<ColumnKind> = source.columns().iter().take(9).map(|column| column.kind).collect();
    use ColumnKind::{Bool, Bytes, Date, Number, Text};
    assert_eq!(kinds, [Number, Number, Number, Bool, Date, Date, Date, Bytes, Text]);
}

#[test]
fn one_reading_sees_one_moment() {
    let schema = PostgresSchema::new();
    schema.run(&format!("CREATE TABLE {0}.t AS SELECT n FROM generate_series(1, 20000) AS n", schema.name));
    let configured = configured(&schema);
    let mut source = configured.open(&table(format!("{}.t", schema.name)), None).unwrap();
    let mut seen = source.next_batch(10).unwrap().unwrap().len();
    schema.run(&format!(
        "DELETE FROM {0}.t WHERE n > 100; INSERT INTO {0}.t SELECT n FROM generate_series(30000, 50000) AS n",
        schema.name
    ));
    while let Some(batch) = source.next_batch(1000).unwrap() {
        seen += batch.len();
    }
    assert_eq!(seen, 20_000);
}

#[test]
fn a_slow_statement_is_given_up() {
    let schema = PostgresSchema::new();
    let mut configured = configured(&schema);
    configured.settings["statement_timeout"] = 1.into();
    let error = configured
        .open(&query("SELECT pg_sleep(60) AS nothing"), None)
        .and_then(|mut source| source.next_batch(1).map(|_| ()))
        .expect_err("gives up");
    assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
    assert!(error.to_string().contains("57014"), "the server stops it, and does not go on for nobody: {error}");
}

#[test]
fn an_error_does_not_quote_data() {
    let schema = PostgresSchema::new();
    schema.run(&format!("CREATE TABLE {0}.t AS SELECT '张三丰' AS name", schema.name));
    let error = configured(&schema)
        .open(&query(format!("SELECT name::int AS number FROM {}.t", schema.name)), None)
        .and_then(|mut source| source.next_batch(1).map(|_| ()))
        .expect_err("refused");
    assert_eq!(error.fault_class(), FaultClass::Configuration);
    assert!(!format!("{error} {error:?}").contains("张三丰") && error.to_string().contains("22P02"), "{error:?}");
}

#[test]
fn the_account_s_rights_are_looked_at() {
    let schema = PostgresSchema::new();
    let reader = format!("{}_reader", schema.name);
    schema.run(&format!(
        "CREATE TABLE {0}.open AS SELECT 1 AS a; CREATE TABLE {0}.closed AS SELECT 1 AS a;
         CREATE ROLE {reader} LOGIN PASSWORD 'reading'; GRANT USAGE ON SCHEMA {0} TO {reader}; GRANT SELECT ON {0}.open TO {reader}",
        schema.name
    ));
    let owner = configured(&schema);
    let notes = owner.with(|place| owner.connector().check(place)).unwrap().notes;
    assert!(notes.len() == 1 && notes[0].en.contains("can write"), "{notes:?}");
    let mut limited = configured(&schema);
    limited.settings["user"] = reader.as_str().into();
    limited.settings["password"] = "reading".into();
    assert_eq!(limited.with(|place| limited.connector().check(place)).unwrap().notes, []);
    assert_eq!(limited.with(|place| limited.connector().objects(place)).unwrap(), [format!("{}.open", schema.name)]);
    let error = limited.open(&table(format!("{}.closed", schema.name)), None).err().expect("refused");
    assert_eq!(error.fault_class(), FaultClass::Credentials, "{error}");
    for right in ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "INSERT (a)", "UPDATE (a)"] {
        schema.run(&format!("GRANT {right} ON {}.closed TO {reader}", schema.name));
        assert!(limited.with(|place| limited.connector().check(place)).unwrap().can_write, "{right}");
        schema.run(&format!("REVOKE {right} ON {}.closed FROM {reader}", schema.name));
    }
    assert!(!limited.with(|place| limited.connector().check(place)).unwrap().can_write);
    schema.run(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[test]
fn the_catalogue_tells_comments_and_keys() {
    let schema = PostgresSchema::new();
    let name = &schema.name;
    schema.run(&format!(
        "CREATE TABLE {name}.major (no varchar(8) PRIMARY KEY);
         CREATE TABLE {name}.student (id bigint PRIMARY KEY, no varchar(20) NOT NULL UNIQUE, major varchar(8) REFERENCES {name}.major (no));
         COMMENT ON TABLE {name}.student IS '学生表'; COMMENT ON COLUMN {name}.student.no IS '学号'"
    ));
    let configured = configured(&schema);
    let shapes = configured.with(|place| configured.connector().describe(place)).unwrap();
    let student = shapes.iter().find(|shape| shape.name == format!("{name}.student")).unwrap();
    assert_eq!(student.comment.as_deref(), Some("学生表"));
    assert_eq!(student.columns[1].comment.as_deref(), Some("学号"));
    assert_eq!((student.columns[1].nullable, student.columns[2].nullable), (Some(false), Some(true)));
    assert_eq!((&student.primary[..], &student.uniques[..]), (&["id".to_owned()][..], &[vec!["no".to_owned()]][..]));
    assert_eq!(student.references[0].table, format!("{name}.major"));
    assert_eq!((&student.references[0].columns[0][..], &student.references[0].targets[0][..]), ("major", "no"));
}
