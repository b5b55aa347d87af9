//! What only MySQL and MariaDB promise.

use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::ColumnKind;

use super::fixtures::{Fixture, MysqlDatabase};
use super::{Configured, query, some, table};

fn configured(database: &MysqlDatabase) -> Configured<'_> {
    Configured { kind: "mysql", settings: database.settings(), base: database.base() }
}

#[test]
fn values_come_as_texts_of_a_fixed_form() {
    let database = MysqlDatabase::new();
    database.run(
        "CREATE TABLE t (i BIGINT UNSIGNED, n DECIMAL(20,4), f DOUBLE, yes TINYINT(1), bits BIT(10), d DATE, dt DATETIME, ts TIMESTAMP NULL,
            tm TIME, y YEAR, bin VARBINARY(8), bl BLOB, tx TEXT, folded VARCHAR(8) COLLATE utf8mb4_bin, e ENUM('男','女'), s SET('一','二'));
         SET time_zone = '+00:00';
         INSERT INTO t VALUES (18446744073709551615, 12.5, 0.1, 2, b'1000000001', '2023-09-01', '2023-09-01 08:00:00', '2023-08-31 16:00:00',
            '08:30:00', 2023, x'00ff', x'AB', '𫖯', '男', '男', '一,二')",
    );
    let configured = configured(&database);
    let expected = [
        "18446744073709551615",
        "12.5000",
        "0.1",
        "2",
        "513",
        "2023-09-01",
        "2023-09-01 08:00:00",
        "2023-09-01 00:00:00",
        "08:30:00",
        "2023",
        "00ff",
        "ab",
        "𫖯",
        "男",
        "男",
        "一,二",
    ];
    assert_eq!(configured.read(&table("t")).rows, [expected.map(some).to_vec()]);
    let source = configured.open(&table("t"), None).unwrap();
    let kinds: Vec<ColumnKind> = source.columns().iter().map(|column| column.kind).collect();
    use ColumnKind::{Bytes, Date, Number, Text, Unknown};
    let expected =
        [Number, Number, Number, Number, Number, Date, Date, Date, Unknown, Number, Bytes, Bytes, Text, Text, Text, Text];
    assert_eq!(kinds, expected);
}

#[test]
fn zero_dates_are_no_dates_unless_asked_for() {
    let database = MysqlDatabase::new();
    database.run(
        "SET sql_mode = ''; CREATE TABLE t (d DATE, dt DATETIME);
         INSERT INTO t VALUES ('0000-00-00', '0000-00-00 00:00:00'), ('2023-00-00', '2023-09-01 00:00:00')",
    );
    let mut configured = configured(&database);
    let half = vec![some("2023-00-00"), some("2023-09-01 00:00:00")];
    assert_eq!(configured.read(&table("t")).rows, [vec![None, None], half.clone()]);
    configured.settings["zero_dates"] = "text".into();
    assert_eq!(configured.read(&table("t")).rows, [vec![some("0000-00-00"), some("0000-00-00 00:00:00")], half]);
}

#[test]
fn gbk_kept_in_latin1_columns_is_read_as_what_it_is() {
    let database = MysqlDatabase::new();
    // 职业, 䶮 and 张 in GBK, as a client that called itself latin1 has stored them; the last one cut in half.
    database.run(
        "CREATE TABLE t (no INT, old VARCHAR(20) CHARACTER SET latin1, new VARCHAR(20));
         INSERT INTO t VALUES (1, x'D6B0D2B5', 'Müller'), (2, x'FE9F', '买买提·艾力'), (3, 'plain', '上'), (4, x'D5C5C8', '')",
    );
    let mut configured = configured(&database);
    configured.settings["reinterpret"] = "gb18030".into();
    let mut read = table("t");
    read.order_by = vec!["no".into()];
    let reading = configured.read(&read);
    let names: Vec<_> = reading.rows.iter().map(|row| (row[1].clone().unwrap(), row[2].clone().unwrap())).collect();
    let expected = [("职业", "Müller"), ("䶮", "买买提·艾力"), ("plain", "上"), ("张\\xC8", "")];
    assert_eq!(names, expected.map(|(old, new)| (old.to_owned(), new.to_owned())));
    assert_eq!(reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect::<Vec<_>>(), [(3, Some(1))]);
    let reading = configured.read(&query("SELECT old FROM t WHERE no = 1"));
    assert_eq!(reading.rows, [[some("职业")]]);
}

#[test]
fn one_reading_sees_one_moment() {
    let database = MysqlDatabase::new();
    database.run("CREATE TABLE t AS SELECT seq AS n, REPEAT('x', 500) AS filler FROM seq_1_to_20000");
    let configured = configured(&database);
    let mut source = configured.open(&table("t"), None).unwrap();
    let mut seen = source.next_batch(10).unwrap().unwrap().len();
    database.run("DELETE FROM t WHERE n > 100; INSERT INTO t SELECT seq, '' FROM seq_30000_to_50000");
    while let Some(batch) = source.next_batch(1000).unwrap() {
        seen += batch.len();
    }
    assert_eq!(seen, 20_000);
}

#[test]
fn a_slow_statement_is_given_up_and_killed() {
    let database = MysqlDatabase::new();
    let mut configured = configured(&database);
    configured.settings["statement_timeout"] = 1.into();
    // The statement holds a lock for as long as the server works on it, however gone the reader is.
    let slow = format!("SELECT GET_LOCK('{}', 1) AS locked, SLEEP(100) AS nothing", database.name);
    let mut source = configured.open(&query(slow), None).unwrap();
    let error = source.next_batch(1).map(|_| ()).expect_err("gives up");
    assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
    configured.settings["statement_timeout"] = 100.into();
    let locked = configured.read(&query(format!("SELECT GET_LOCK('{}', 50) AS locked", database.name)));
    assert_eq!(locked.rows, [[some("1")]]);
}

#[test]
fn the_account_s_rights_are_looked_at() {
    let database = MysqlDatabase::new();
    let reader = format!("{}_r", database.name);
    database.run(&format!(
        "CREATE TABLE open AS SELECT 1 AS a; CREATE TABLE closed AS SELECT 1 AS a;
         CREATE USER '{reader}'@'127.0.0.1' IDENTIFIED BY 'reading'; GRANT SELECT ON {}.open TO '{reader}'@'127.0.0.1'",
        database.name
    ));
    let owner = configured(&database);
    let notes = owner.with(|place| owner.connector().check(place)).unwrap().notes;
    assert!(notes.len() == 1 && notes[0].en.contains("can write"), "{notes:?}");
    let mut limited = configured(&database);
    limited.settings["user"] = reader.as_str().into();
    limited.settings["password"] = "reading".into();
    assert_eq!(limited.with(|place| limited.connector().check(place)).unwrap().notes, []);
    assert_eq!(limited.with(|place| limited.connector().objects(place)).unwrap(), ["open"]);
    let error = limited.open(&table("closed"), None).err().expect("refused");
    assert_eq!(error.fault_class(), FaultClass::Credentials, "{error}");
    for right in ["INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "CREATE", "ALL", "INSERT (a)", "UPDATE (a)"] {
        database.run(&format!("GRANT {right} ON {}.closed TO '{reader}'@'127.0.0.1'", database.name));
        assert!(limited.with(|place| limited.connector().check(place)).unwrap().can_write, "{right}");
        database.run(&format!("REVOKE {right} ON {}.closed FROM '{reader}'@'127.0.0.1'", database.name));
    }
    assert!(!limited.with(|place| limited.connector().check(place)).unwrap().can_write);
    let mut elsewhere = configured(&database);
    elsewhere.settings["database"] = "no_such_database".into();
    let error = elsewhere.open(&table("open"), None).err().expect("refused");
    assert_eq!(error.fault_class(), FaultClass::Configuration, "{error}");
    database.run(&format!("DROP USER '{reader}'@'127.0.0.1'"));
}

#[test]
fn the_catalogue_tells_comments_and_keys() {
    let database = MysqlDatabase::new();
    database.run(
        "CREATE TABLE major (no VARCHAR(8) PRIMARY KEY COMMENT '专业编号') COMMENT='专业表';
         CREATE TABLE student (id BIGINT AUTO_INCREMENT PRIMARY KEY, no VARCHAR(20) NOT NULL UNIQUE COMMENT '学号',
            major VARCHAR(8), FOREIGN KEY (major) REFERENCES major (no)) COMMENT='学生表';",
    );
    let configured = configured(&database);
    let shapes = configured.with(|place| configured.connector().describe(place)).unwrap();
    let student = shapes.iter().find(|shape| shape.name == "student").unwrap();
    assert_eq!(student.comment.as_deref(), Some("学生表"));
    assert_eq!(student.columns[1].comment.as_deref(), Some("学号"));
    assert_eq!((student.columns[1].nullable, student.columns[2].nullable), (Some(false), Some(true)));
    assert_eq!((&student.primary[..], &student.uniques[..]), (&["id".to_owned()][..], &[vec!["no".to_owned()]][..]));
    assert_eq!(student.references[0].table, "major");
    assert_eq!((&student.references[0].columns[0][..], &student.references[0].targets[0][..]), ("major", "no"));
}
