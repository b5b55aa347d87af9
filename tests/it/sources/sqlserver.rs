//! What only the SQL Server connector promises. The server is the tests' own ([`super::tds`]): nothing here has met a real one.

use std::path::Path;

use serde_json::json;
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::{ColumnKind, SourceError, TableReference};

use super::fixtures::{Fixture, with};
use super::tds::wire::{self, CHINESE, columns, done, medium, row, tiny, utf16, whole};
use super::tds::{Nature, Reply, Responder};
use super::{Cell, Configured, drain, query, some, table};

fn configured(server: &Responder) -> Configured<'_> {
    Configured { kind: "sqlserver", settings: server.settings(), base: Path::new("/") }
}

fn refusal(server: &Responder, object: &str) -> SourceError {
    configured(server).open(&table(object), None).err().expect("refused")
}

/// A server that answers what contains `part` by these tokens.
fn replying(part: &'static str, reply: Reply) -> Responder {
    Responder::start(Nature { replies: vec![(part, reply)], ..Nature::default() })
}

/// A type of characters in the code page 936 or in UTF-16.
fn characters(kind: u8, length: u16) -> Vec<u8> {
    let mut of = vec![kind];
    of.extend(length.to_le_bytes());
    of.extend(CHINESE);
    of
}

/// The types `text`, `ntext` and `image`, with the name of their table.
fn old(kind: u8) -> Vec<u8> {
    let mut of = vec![kind, 0xFF, 0xFF, 0xFF, 0x7F];
    if kind != 0x22 {
        of.extend(CHINESE);
    }
    of.extend([1, 1, 0]);
    of.extend(utf16("t"));
    of
}

fn old_value(bytes: &[u8]) -> Vec<u8> {
    let mut value = tiny(&[7; 16]);
    value.extend([0; 8]);
    value.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    value.extend(bytes);
    value
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A type as it is written on the line, a value, its cell, what the column holds.
type Typed = (Vec<u8>, Vec<u8>, Option<&'static str>, ColumnKind);

fn numbers() -> Vec<Typed> {
    use ColumnKind::{Bool, Number};
    let decimal = |precision: u8, scale: u8, length: u8| vec![0x6A, length, precision, scale];
    vec![
        (vec![0x32], vec![1], Some("true"), Bool),
        (vec![0x68, 1], tiny(&[0]), Some("false"), Bool),
        (vec![0x68, 1], vec![0], None, Bool),
        (vec![0x30], vec![255], Some("255"), Number),
        (vec![0x26, 2], tiny(&(-2_i16).to_le_bytes()), Some("-2"), Number),
        (vec![0x38], 7_i32.to_le_bytes().to_vec(), Some("7"), Number),
        (vec![0x26, 8], tiny(&9_007_199_254_740_993_i64.to_le_bytes()), Some("9007199254740993"), Number),
        (vec![0x26, 4], vec![0], None, Number),
        (decimal(9, 2, 5), tiny(&joined(&[&[0], &5_u32.to_le_bytes()])), Some("-0.05"), Number),
        (
            decimal(38, 10, 17),
            tiny(&joined(&[&[1], &12_345_678_901_234_567_890_123_456_789_u128.to_le_bytes()])),
            Some("1234567890123456789.0123456789"),
            Number,
        ),
        (vec![0x6E, 8], tiny(&joined(&[&0_i32.to_le_bytes(), &48_005_000_u32.to_le_bytes()])), Some("4800.5000"), Number),
        (vec![0x7A], (-123_456_i32).to_le_bytes().to_vec(), Some("-12.3456"), Number),
        (vec![0x6D, 4], tiny(&0.1_f32.to_le_bytes()), Some("0.1"), Number),
        (vec![0x3E], 0.1_f64.to_le_bytes().to_vec(), Some("0.1"), Number),
    ]
}

fn moments() -> Vec<Typed> {
    use ColumnKind::{Date, Unknown};
    let days = 738_763_u32.to_le_bytes();
    let date = &days[..3];
    let half = 306_005_000_000_u64.to_le_bytes();
    let time = &half[..5];
    vec![
        (vec![0x28], tiny(date), Some("2023-09-01"), Date),
        (vec![0x28], vec![0], None, Date),
        (vec![0x29, 7], tiny(time), Some("08:30:00.5"), Unknown),
        (vec![0x29, 0], tiny(&[0x88, 0x77, 0]), Some("08:30:00"), Unknown),
        (
            vec![0x6F, 8],
            tiny(&joined(&[&45_168_i32.to_le_bytes(), &9_180_001_u32.to_le_bytes()])),
            Some("2023-09-01 08:30:00.003"),
            Date,
        ),
        (vec![0x3A], joined(&[&45_168_u16.to_le_bytes(), &510_u16.to_le_bytes()]), Some("2023-09-01 08:30:00"), Date),
        (vec![0x2A, 7], tiny(&joined(&[time, date])), Some("2023-09-01 08:30:00.5"), Date),
        (vec![0x2B, 7], tiny(&joined(&[time, date, &480_i16.to_le_bytes()])), Some("2023-09-01 16:30:00.5+08:00"), Date),
    ]
}

fn texts() -> Vec<Typed> {
    use ColumnKind::{Bytes, Text, Unknown};
    let chinese = encoding_rs::GBK.encode("张三丰").0.into_owned();
    let guid = [0xFF, 0x19, 0x96, 0x6F, 0x86, 0x8B, 0x11, 0xD0, 0xB4, 0x2D, 0, 0xC0, 0x4F, 0xC9, 0x64, 0xFF];
    let variant = |base: u8, properties: &[u8], value: &[u8]| {
        let own = joined(&[&[base, properties.len() as u8], properties, value]);
        joined(&[&(own.len() as u32).to_le_bytes(), &own])
    };
    vec![
        (characters(0xA7, 20), medium(&chinese), Some("张三丰"), Text),
        (characters(0xAF, 8), medium(&joined(&[&chinese, b"  "])), Some("张三丰"), Text),
        (characters(0xE7, 40), medium(&utf16("𫖯 ")), Some("𫖯 "), Text),
        (characters(0xEF, 8), medium(&utf16("男   ")), Some("男"), Text),
        (characters(0xE7, 40), vec![0xFF, 0xFF], None, Text),
        (characters(0xA7, 0xFFFF), whole(&chinese), Some("张三丰"), Text),
        (characters(0xE7, 0xFFFF), wire::nothing_long(), None, Text),
        (old(0x23), old_value(&chinese), Some("张三丰"), Text),
        (old(0x63), old_value(&utf16("长文")), Some("长文"), Text),
        (old(0x22), old_value(&[0xAB, 0]), Some("ab00"), Bytes),
        (old(0x22), vec![0], None, Bytes),
        (vec![0xF1, 0], whole(&utf16("<班级/>")), Some("<班级/>"), Text),
        (vec![0x24, 16], tiny(&guid), Some("6F9619FF-8B86-D011-B42D-00C04FC964FF"), Unknown),
        // rowversion
        (vec![0xAD, 8, 0], medium(&[0, 0, 0, 0, 0, 0, 7, 0xD1]), Some("00000000000007d1"), Bytes),
        (vec![0xA5, 0xFF, 0xFF], whole(&[0, 0xFF]), Some("00ff"), Bytes),
        (vec![0x62, 0x91, 0x1F, 0, 0], variant(0x38, &[], &7_i32.to_le_bytes()), Some("7"), Unknown),
        (
            vec![0x62, 0x91, 0x1F, 0, 0],
            variant(0xE7, &joined(&[&CHINESE, &40_u16.to_le_bytes()]), &utf16("张三")),
            Some("张三"),
            Unknown,
        ),
        (vec![0x62, 0x91, 0x1F, 0, 0], vec![0; 4], None, Unknown),
    ]
}

#[test]
fn every_type_comes_as_it_is() {
    let all: Vec<Typed> = [numbers(), moments(), texts()].concat();
    let names: Vec<String> = (0..all.len()).map(|at| format!("c{at}")).collect();
    let listed: Vec<(&str, &[u8])> = names.iter().zip(&all).map(|(name, (of, ..))| (name.as_str(), of.as_slice())).collect();
    let values: Vec<Vec<u8>> = all.iter().map(|(_, value, ..)| value.clone()).collect();
    let tokens = joined(&[&columns(&listed), &row(&values), &row(&values), &done(0, 2)]);
    let server = replying("typed", Reply::Tokens(tokens));
    let mut source = configured(&server).open(&table("typed"), None).unwrap();
    let kinds: Vec<ColumnKind> = source.columns().iter().map(|column| column.kind).collect();
    assert_eq!(kinds, all.iter().map(|(.., kind)| *kind).collect::<Vec<_>>());
    let reading = drain(&mut *source, 10);
    let expected: Vec<Cell> = all.iter().map(|(_, _, cell, _)| cell.map(str::to_owned)).collect();
    assert_eq!(reading.rows, [expected.clone(), expected]);
    assert_eq!(reading.faults, []);
}

#[test]
fn damage_in_utf16_is_a_fault_of_its_row_and_a_wrong_code_page_ends_the_read() {
    // 也, then half of a pair.
    let lone = [0x5F, 0x4E, 0x00, 0xD8];
    let tokens = joined(&[&columns(&[("a", &characters(0xE7, 40))]), &row(&[medium(&lone)]), &done(0, 1)]);
    let server = replying("\"t\"", Reply::Tokens(tokens));
    let reading = configured(&server).read(&table("t"));
    assert_eq!((reading.rows, reading.faults.len()), (vec![vec![some("也\\u{FFFD}")]], 1));

    let tokens = joined(&[&columns(&[("a", &characters(0xA7, 40))]), &row(&[medium(&[0xB0, 0xFF])]), &done(0, 1)]);
    let server = replying("\"t\"", Reply::Tokens(tokens));
    let error = configured(&server).open(&table("t"), None).unwrap().next_batch(10).unwrap_err();
    assert_eq!(error.fault_class(), FaultClass::Data, "{error}");
    assert!(error.to_string().contains("CAST"), "{error}");
}

#[test]
fn a_server_that_insists_on_encryption_gets_no_login() {
    for encryption in [1, 3] {
        let server = Responder::start(Nature { encryption, ..Nature::default() });
        let error = refusal(&server, "t");
        assert_eq!(error.fault_class(), FaultClass::Configuration);
        let said = error.to_string();
        assert!(
            said.contains("服务器要求加密连接") && said.contains("insists on encryption") && said.contains("FreeTDS"),
            "{said}"
        );
        assert_eq!(server.logins(), 0, "the password went over the line");
    }
}

#[test]
fn a_line_without_encryption_has_to_be_accepted() {
    let server = Responder::start(Nature::default());
    let mut settings = server.settings();
    settings.as_object_mut().unwrap().remove("plaintext");
    let unaccepted = Configured { settings, ..configured(&server) };
    let error = unaccepted.open(&table("t"), None).err().expect("refused");
    assert_eq!((error.fault_class(), server.logins()), (FaultClass::Configuration, 0));
}

#[test]
fn a_database_that_is_not_there_is_a_wrong_setting() {
    let server = Responder::start(Nature::default());
    let other = Configured { settings: with(server.settings(), "database", "jwgl"), ..configured(&server) };
    let error = other.open(&table("t"), None).err().expect("refused");
    assert_eq!(error.fault_class(), FaultClass::Configuration);
    assert!(error.to_string().contains("4060") && error.to_string().contains("jwgl"), "{error}");
}

#[test]
fn a_line_that_breaks_amid_rows_is_no_end() {
    let start =
        joined(&[&columns(&[("a", &[0x38])]), &row(&[1_i32.to_le_bytes().to_vec()]), &row(&[2_i32.to_le_bytes().to_vec()])]);
    for kept in [start.len(), start.len() - 2] {
        let server = replying("\"t\"", Reply::Cut(start[..kept].to_vec()));
        let mut source = configured(&server).open(&table("t"), None).unwrap();
        assert_eq!(source.next_batch(1).unwrap().unwrap().cell(0, 0), Some("1"));
        let error = loop {
            match source.next_batch(1) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("taken for the end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
        assert!(!source.is_complete() && source.next_batch(1).unwrap().is_none() && !source.is_complete());
    }
}

#[test]
fn an_error_amid_rows_is_no_end_and_quotes_no_value() {
    let start = joined(&[&columns(&[("a", &[0x38])]), &row(&[1_i32.to_le_bytes().to_vec()])]);
    for (number, class, text, expected) in [
        (1205, 13, "Transaction was deadlocked on lock resources.", FaultClass::Transient),
        (1222, 16, "Lock request time out period exceeded.", FaultClass::Transient),
        (229, 14, "The SELECT permission was denied on the object 't'.", FaultClass::Credentials),
        (245, 16, "Conversion failed when converting the varchar value '张某某' to data type int.", FaultClass::Configuration),
    ] {
        let server = replying("\"t\"", Reply::Tokens(joined(&[&start, &wire::error(number, class, text)])));
        let mut source = configured(&server).open(&table("t"), None).unwrap();
        assert_eq!(source.next_batch(1).unwrap().unwrap().len(), 1);
        let error = source.next_batch(1).unwrap_err();
        assert_eq!(error.fault_class(), expected, "{error}");
        assert!(error.to_string().contains(&number.to_string()) && !error.to_string().contains("张某某"), "{error}");
        assert!(!source.is_complete());
    }
}

#[test]
fn a_statement_without_an_answer_is_cancelled() {
    let server = replying("\"t\"", Reply::Silence);
    let hasty = Configured { settings: with(server.settings(), "statement_timeout", 1), ..configured(&server) };
    let error = hasty.open(&table("t"), None).err().expect("no answer");
    assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
    assert!(error.to_string().contains("statement_timeout"), "{error}");
    server.wait_for_cancellation();
}

#[test]
fn the_session_gives_way_and_texts_are_not_cut() {
    let server = Responder::start(Nature::default());
    let object = server.put("t", &["a"], &[vec![some("1")]]);
    let settings = with(server.settings(), "guest", json!({ "lock_timeout": 7 }));
    Configured { settings, ..configured(&server) }.read(&table(object));
    let first = server.statements().remove(0);
    for part in ["SET LOCK_TIMEOUT 7000;", "SET DEADLOCK_PRIORITY LOW;", "SET TEXTSIZE 2147483647;", "SET QUOTED_IDENTIFIER ON"] {
        assert!(first.contains(part), "{first}");
    }
}

#[test]
fn a_read_is_as_consistent_as_the_database_allows_and_says_so() {
    for (snapshot, committed, level, complete) in
        [(1, 0, "LEVEL SNAPSHOT;", true), (0, 1, "LEVEL READ COMMITTED;", true), (0, 0, "LEVEL READ COMMITTED;", false)]
    {
        let server = Responder::start(Nature { snapshot, committed, ..Nature::default() });
        let object = server.put("t", &["a"], &[vec![some("1")], vec![some("2")]]);
        let own = configured(&server);
        let mut source = own.open(&table(object), None).unwrap();
        assert_eq!(drain(&mut *source, 10).rows.len(), 2);
        assert_eq!(source.is_complete(), complete, "{snapshot} {committed}");
        assert_eq!(source.doubt().is_some_and(|doubt| doubt.zh.contains("ALLOW_SNAPSHOT_ISOLATION")), !complete);
        let statements = server.statements();
        assert!(statements.iter().any(|sql| sql.contains(level) && sql.contains("BEGIN TRANSACTION")), "{statements:?}");
        let notes = own.with(|place| own.connector().check(place)).unwrap().notes;
        assert_eq!(notes.iter().any(|note| note.en.contains("ALLOW_SNAPSHOT_ISOLATION")), !complete);
    }
}

#[test]
fn a_count_that_differs_proves_nothing() {
    let three = joined(&[&columns(&[("", &[0x38])]), &row(&[3_i32.to_le_bytes().to_vec()]), &done(0, 1)]);
    let server = replying("count(*)", Reply::Tokens(three));
    let object = server.put("t", &["a"], &[vec![some("1")], vec![some("2")]]);
    let mut source = configured(&server).open(&table(object), None).unwrap();
    drain(&mut *source, 10);
    assert!(!source.is_complete() && source.doubt().is_some_and(|doubt| doubt.en.contains("3 counted")));
}

#[test]
fn an_account_that_can_write_is_refused() {
    let server = Responder::start(Nature { writes: true, ..Nature::default() });
    let object = server.put("t", &["a"], &[vec![some("1")]]);
    let own = configured(&server);
    let error = refusal(&server, &object);
    assert!(error.to_string().contains("can write") && error.to_string().contains("allow_writes"), "{error}");
    let checked = own.with(|place| own.connector().check(place)).unwrap();
    assert!(checked.can_write && checked.notes[0].en.contains("refused"), "{checked:?}");
    let acceptance = json!({ "allow_writes": { "by": "test", "date": "2025-09-01", "reason": "test" } });
    let accepted = Configured { settings: with(server.settings(), "guest", acceptance), ..configured(&server) };
    assert_eq!(accepted.read(&table(object)).rows.len(), 1);
}

#[test]
fn the_sql_of_an_account_grants_reading_and_nothing_else() {
    let server = Responder::start(Nature::default());
    let own = configured(&server);
    let sql = own.with(|place| own.connector().account_sql(place, &["学生".to_owned(), "edu.course".to_owned()])).unwrap();
    assert_eq!(
        sql,
        "CREATE LOGIN [xiaoshu_reader] WITH PASSWORD = N'<password>', DEFAULT_DATABASE = [jw];\n\
         USE [jw];\n\
         CREATE USER [xiaoshu_reader] FOR LOGIN [xiaoshu_reader];\n\
         GRANT SELECT ON [学生] TO [xiaoshu_reader];\n\
         GRANT SELECT ON [edu].[course] TO [xiaoshu_reader];"
    );
    assert_eq!(server.logins(), 0);
}

#[test]
fn statements_that_need_no_semicolon_between_them_are_seen_through() {
    let server = Responder::start(Nature::default());
    let object = server.put("t", &["a"], &[vec![some("1")]]);
    for more in ["DROP TABLE t", "EXEC sp_who", "TRUNCATE TABLE t", "COMMIT", "DELETE FROM t", "; DROP TABLE t"] {
        let sql = format!("SELECT a FROM {object} {more}");
        let error = configured(&server).open(&query(&sql), None).err().expect("refused");
        assert_eq!((error.fault_class(), server.logins()), (FaultClass::Configuration, 0), "{sql}");
    }
    assert_eq!(configured(&server).read(&query("SELECT a AS [drop] FROM [dbo].[t]")).rows, [vec![some("1")]]);
}

#[test]
fn utf8_columns_are_refused_rather_than_misread() {
    for (version, utf8_columns, refused) in [("15.0.2000.5", 1, true), ("15.0.2000.5", 0, false), ("10.50.6000.34", 1, false)] {
        let server = Responder::start(Nature { version, utf8_columns, ..Nature::default() });
        let object = server.put("t", &["a"], &[vec![some("1")]]);
        let opened = configured(&server).open(&table(object), None);
        assert_eq!(opened.is_err(), refused, "{version} {utf8_columns}");
        if let Err(error) = opened {
            assert!(error.to_string().contains("UTF-8"), "{error}");
        }
    }
}

#[test]
fn the_catalogue_tells_names_types_comments_keys_and_references() {
    let catalogue = "
        INSERT INTO sys.objects VALUES (901, 'xs', 5, 'U', 0), (902, 'bj', 1, 'U', 0), (903, 'hidden', 1, 'U', 1);
        INSERT INTO sys.columns VALUES (901, 1, 'xh', 231, 40, 0, 0, 0, 'Chinese_PRC_CI_AS'), (901, 2, 'xf', 106, 5, 4, 1, 1, NULL),
            (901, 3, 'bh', 231, 20, 0, 0, 1, 'Chinese_PRC_CI_AS'), (902, 1, 'no', 231, -1, 0, 0, 0, 'Chinese_PRC_CI_AS');
        INSERT INTO sys.extended_properties VALUES (1, 901, 0, 'MS_Description', '学生基本信息'), (1, 901, 1, 'MS_Description', '学号'),
            (1, 901, 2, 'Other', 'x');
        INSERT INTO sys.partitions VALUES (901, 1, 40), (901, 1, 2), (901, 2, 42);
        INSERT INTO sys.indexes VALUES (901, 1, 1, 1, 0), (901, 2, 0, 1, 0), (901, 3, 0, 0, 0), (901, 4, 0, 1, 1);
        INSERT INTO sys.index_columns VALUES (901, 1, 1, 1, 0), (901, 2, 2, 2, 0), (901, 2, 3, 1, 0), (901, 3, 2, 1, 0), (901, 4, 2, 1, 0);
        INSERT INTO sys.foreign_key_columns VALUES (950, 1, 901, 3, 902, 1);";
    let server = Responder::start(Nature { catalogue: catalogue.into(), ..Nature::default() });
    let own = configured(&server);
    let shapes = own.with(|place| own.connector().describe(place)).unwrap();
    assert_eq!(shapes.iter().map(|shape| shape.name.as_str()).collect::<Vec<_>>(), ["bj", "edu.xs"]);
    let students = &shapes[1];
    assert_eq!((students.comment.as_deref(), students.rows), (Some("学生基本信息"), Some(42)));
    let column = |at: usize| {
        let column = &students.columns[at];
        (&*column.name, column.declared.as_str(), column.nullable, column.comment.as_deref())
    };
    assert_eq!(column(0), ("xh", "nvarchar(20)", Some(false), Some("学号")));
    assert_eq!(column(1), ("xf", "decimal(4,1)", Some(true), None));
    assert_eq!(shapes[0].columns[0].declared, "nvarchar(max)");
    assert_eq!(
        (&*students.primary, &*students.uniques),
        (["xh".to_owned()].as_slice(), [vec!["bh".to_owned(), "xf".to_owned()]].as_slice())
    );
    assert_eq!(
        students.references,
        [TableReference { columns: vec!["bh".into()], table: "bj".into(), targets: vec!["no".into()] }]
    );
    assert_eq!(own.with(|place| own.connector().objects(place)).unwrap(), ["bj", "edu.xs"]);
}

#[test]
fn a_read_shows_the_columns_as_they_are_declared_and_a_views_text_as_a_digest() {
    let server = Responder::start(Nature::default());
    server.run("CREATE TABLE t (n INTEGER NOT NULL, a TEXT); CREATE VIEW v AS SELECT n, a FROM t;");
    let outline = |object: &str| configured(&server).open(&table(object), None).unwrap().outline();
    let own = outline("dbo.t");
    assert_eq!((own.columns[0].declared.as_str(), own.columns[0].nullable), ("bigint", Some(false)));
    assert_eq!((own.columns[1].declared.as_str(), own.columns[1].collation.as_str()), ("nvarchar(50)", "Chinese_PRC_CI_AS"));
    assert_eq!(own.view, None);
    let before = outline("v").view.expect("a digest");
    server.run("DROP VIEW v; CREATE VIEW v AS SELECT n, a FROM t WHERE n > 1;");
    assert_ne!(outline("v").view.expect("a digest"), before);
}
