//! What every connector promises, whatever it reads.

use std::process::Command;

use serde_json::{Value, json};
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::{ReadSpec, SampleBounds, Source, SourceError, introspect, registry};

use super::fixtures::{self, Fixture};
use super::{Cell, Configured, Reading, drain, query, some, table};

/// Runs a promise over all kinds that are read, each with a place of its own.
fn for_each_kind(promise: impl Fn(&Configured<'_>, &dyn Fixture)) {
    // A binary without ODBC says so, and promises nothing else.
    let built = |kind: &str| kind != "odbc" || cfg!(feature = "odbc");
    for connector in registry().iter().filter(|connector| !connector.is_pushed() && built(connector.kind())) {
        let fixture = fixtures::of(connector.kind());
        let configured = Configured { kind: connector.kind(), settings: fixture.settings(), base: fixture.base() };
        eprintln!("kind {}", connector.kind());
        promise(&configured, &*fixture);
    }
}

/// Reads in a known order: a database gives one only when asked.
fn ordered(fixture: &dyn Fixture, object: &str, by: &str) -> ReadSpec {
    let order_by = if fixture.is_database() { vec![by.to_owned()] } else { Vec::new() };
    ReadSpec { order_by, ..table(object) }
}

fn failure(result: Result<Box<dyn Source>, SourceError>) -> SourceError {
    match result {
        Ok(_) => panic!("opened what it should have refused"),
        Err(error) => error,
    }
}

const COLUMNS: [&str; 3] = ["no", "姓名", "Remark"];

/// Texts that get damaged where somebody is careless.
fn awkward() -> Vec<Vec<Cell>> {
    let texts = [
        "张三",
        "买买提·艾力",
        "𫖯",
        "𬭎焕",
        "㛃",
        "䶮",
        "0012",
        "00000000000000000001",
        " 前后有空格 ",
        "a,b;c|d\te",
        "\"引号\"",
        "it's",
        "C:\\路径\\n",
        "第一行\n第二行",
        "第一行\r\n第二行",
        "100%_",
        "😀",
        "１２３",
        "\u{200B}零宽",
        "NULL",
        "\\N",
        "{}",
        "-",
        "'; DROP TABLE x; --",
        "\u{A0}",
        "=1+1",
        "1e5",
        "3.10",
    ];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let remark = match index % 3 {
            0 => None,
            1 => some(""),
            _ => some("备注"),
        };
        rows.push(vec![some(&format!("{index:03}")), some(text), remark]);
    }
    rows
}

fn numbered(count: usize) -> Vec<Vec<Cell>> {
    (0..count).map(|n| vec![some(&format!("{n:05}")), some("学生"), None]).collect()
}

#[test]
fn the_same_table_gives_the_same_cells() {
    for_each_kind(|configured, fixture| {
        let object = fixture.put("students", &COLUMNS, &awkward());
        let reading = configured.read(&ordered(fixture, &object, "no"));
        assert_eq!(reading.columns, COLUMNS);
        assert_eq!(reading.rows, awkward());
        assert_eq!(reading.faults, []);
    });
}

#[test]
fn batches_keep_to_their_size_and_the_end_stays_the_end() {
    for_each_kind(|configured, fixture| {
        let rows = numbered(25);
        let object = fixture.put("students", &COLUMNS, &rows);
        for max_rows in [1, 7, 25, 1000] {
            let mut source = configured.open(&ordered(fixture, &object, "no"), None).unwrap();
            assert!(!source.is_complete());
            assert_eq!(drain(&mut *source, max_rows).rows, rows);
            for _ in 0..3 {
                assert!(source.next_batch(max_rows).unwrap().is_none());
            }
            assert!(source.is_complete());
        }
    });
}

#[test]
fn text_that_was_damaged_before_is_a_fault_of_its_row() {
    for_each_kind(|configured, fixture| {
        let rows = vec![vec![some("1"), some("好"), None], vec![some("2"), some("张\u{FFFD}"), None]];
        let object = fixture.put("students", &COLUMNS, &rows);
        let reading = configured.read(&ordered(fixture, &object, "no"));
        assert_eq!(reading.rows[1][1], some("张\\u{FFFD}"));
        let found: Vec<_> = reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect();
        assert_eq!(found, [(1, Some(1))]);
    });
}

#[test]
fn an_empty_table_has_columns_and_no_rows() {
    for_each_kind(|configured, fixture| {
        let object = fixture.put("nobody", &COLUMNS, &[]);
        let reading = configured.read(&table(object));
        assert_eq!(reading, Reading { columns: COLUMNS.map(str::to_owned).to_vec(), ..Reading::default() });
    });
}

#[test]
fn a_position_gives_the_rest_or_says_that_it_cannot() {
    for_each_kind(|configured, fixture| {
        let rows = numbered(10);
        let object = fixture.put("students", &COLUMNS, &rows);
        let read = ordered(fixture, &object, "no");
        let mut source = configured.open(&read, None).unwrap();
        let mut seen = 0;
        while let Some(batch) = source.next_batch(3).unwrap() {
            seen += batch.len();
            source.committed(batch.position()).unwrap();
            let mut again = configured.open(&read, Some(batch.position())).unwrap();
            let from = if batch.position().0.is_empty() { 0 } else { seen };
            assert_eq!(drain(&mut *again, 1000).rows, rows[from..]);
        }
    });
}

#[test]
fn a_reader_may_stop_anywhere() {
    for_each_kind(|configured, fixture| {
        let object = fixture.put("students", &COLUMNS, &numbered(500));
        let mut source = configured.open(&table(&object), None).unwrap();
        assert_eq!(source.next_batch(2).unwrap().unwrap().len(), 2);
        drop(source);
        drop(configured.open(&table(&object), None).unwrap());
        assert_eq!(configured.read(&table(object)).rows.len(), 500);
    });
}

#[test]
fn an_unknown_table_is_a_wrong_setting_and_is_named() {
    for_each_kind(|configured, fixture| {
        fixture.put("students", &COLUMNS, &[]);
        let error = failure(configured.open(&table("no_such_table"), None));
        assert_eq!(error.fault_class(), FaultClass::Configuration);
        assert!(error.to_string().contains("no_such_table"), "{error}");
        assert!(error.to_string().contains("tested"), "the source is not named: {error}");
    });
}

#[test]
fn a_read_without_an_object_is_a_wrong_setting() {
    for_each_kind(|configured, fixture| {
        fixture.put("students", &COLUMNS, &[]);
        let error = failure(configured.open(&ReadSpec::default(), None));
        assert_eq!(error.fault_class(), FaultClass::Configuration);
    });
}

#[test]
fn a_server_that_is_not_there_may_come_back() {
    for_each_kind(|configured, fixture| {
        let Some(settings) = fixture.unreachable() else {
            return;
        };
        let gone = Configured { settings, ..*configured };
        let error = gone.with(|place| gone.connector().check(place)).unwrap_err();
        assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
        assert_eq!(failure(gone.open(&table("students"), None)).fault_class(), FaultClass::Transient);
    });
}

#[test]
fn a_refused_password_is_a_matter_of_credentials_and_is_not_repeated() {
    for_each_kind(|configured, fixture| {
        let Some((settings, secret)) = fixture.refused() else {
            return;
        };
        let refused = Configured { settings, ..*configured };
        let error = failure(refused.open(&table("students"), None));
        assert_eq!(error.fault_class(), FaultClass::Credentials, "{error}");
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    });
}

#[test]
fn settings_that_do_not_fit_are_refused_without_being_repeated() {
    for_each_kind(|configured, _| {
        let settings = json!({ "kind": configured.kind, "password": ["hunter2"], "unknown": "hunter2" });
        let wrong = Configured { settings, ..*configured };
        let error = failure(wrong.open(&table("students"), None));
        assert_eq!(error.fault_class(), FaultClass::Configuration);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    });
}

#[test]
fn the_settings_schema_is_closed_and_explains_itself() {
    for_each_kind(|configured, fixture| {
        let schema: Value = serde_json::from_str(configured.connector().settings_schema()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["kind"]["const"], configured.kind);
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} is not described");
        }
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let mut settings = fixture.settings();
        assert!(validator.is_valid(&settings), "{settings}");
        settings["unknown"] = true.into();
        assert!(!validator.is_valid(&settings));
    });
}

#[test]
fn a_check_says_what_is_there_and_the_list_names_it() {
    for_each_kind(|configured, fixture| {
        let object = fixture.put("students", &COLUMNS, &numbered(1));
        let checked = configured.with(|place| configured.connector().check(place)).unwrap();
        let product = match configured.kind {
            "postgres" => "PostgreSQL 1",
            "odbc" => "PostgreSQL through ODBC",
            "mysql" => "MariaDB 1",
            "sqlserver" => "SQL Server 10.50",
            "csv" => "UTF-8",
            "excel" => "xlsx",
            "kafka" => "Kafka, 1 brokers",
            "http" => "HTTP, 3 objects",
            _ => "SQLite 3",
        };
        assert!(checked.about.contains(product), "{}", checked.about);
        let objects = configured.with(|place| configured.connector().objects(place)).unwrap();
        assert!(objects.contains(&object), "{objects:?} without {object}");
    });
}

#[test]
fn queries_read_and_cannot_write() {
    for_each_kind(|configured, fixture| {
        if !fixture.is_database() {
            return;
        }
        let rows = numbered(3);
        let object = fixture.put("students", &COLUMNS, &rows);
        let reading = configured.read(&query(format!("SELECT no AS number FROM {object} WHERE no > '00000' ORDER BY no DESC;")));
        assert_eq!(reading.columns, ["number"]);
        assert_eq!(reading.rows, [vec![some("00002")], vec![some("00001")]]);
        for sql in [
            format!("DELETE FROM {object}"),
            format!("SELECT 1; DELETE FROM {object}"),
            format!("COMMIT; DELETE FROM {object}"),
            format!("CREATE TABLE another AS SELECT * FROM {object}"),
            format!("INSERT INTO {object} VALUES ('9', '9', '9')"),
            format!("DROP TABLE {object}"),
        ] {
            assert_eq!(failure(configured.open(&query(&sql), None)).fault_class(), FaultClass::Configuration, "{sql}");
            assert_eq!(configured.read(&ordered(fixture, &object, "no")).rows, rows, "after {sql}");
        }
    });
}

const PROBE: &str = "XIAOSHU_TEST_MEMORY_PROBE";
const LONG: u32 = 100_000;
const MOST_KIB: u64 = 40 * 1024;

/// 100 MiB of rows are read by a process of their own, so that no other test's memory is counted.
#[test]
fn a_long_table_is_read_whole_in_little_memory() {
    if let Ok(probe) = std::env::var(PROBE) {
        return read_long(&serde_json::from_str(&probe).unwrap());
    }
    for_each_kind(|configured, fixture| {
        let object = fixture.put_long(LONG);
        let probe = json!({
            "kind": configured.kind, "settings": configured.settings, "base": configured.base,
            "read": ordered(fixture, &object, "n"),
        });
        let this = "sources::promises::a_long_table_is_read_whole_in_little_memory";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this, "--nocapture"])
            .env(PROBE, probe.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

fn read_long(probe: &Value) {
    let base = std::path::PathBuf::from(probe["base"].as_str().unwrap());
    let configured = Configured { kind: probe["kind"].as_str().unwrap(), settings: probe["settings"].clone(), base: &base };
    let read: ReadSpec = serde_json::from_value(probe["read"].clone()).unwrap();
    let before = peak_kib();
    let mut source = configured.open(&read, None).unwrap();
    let mut seen = 0u32;
    while let Some(batch) = source.next_batch(1000).unwrap() {
        for row in 0..batch.len() {
            seen += 1;
            assert_eq!(batch.cell(row, 0), Some(seen.to_string().as_str()));
            assert_eq!(batch.cell(row, 1).map(str::len), Some(1024));
        }
    }
    assert_eq!(seen, LONG);
    let grown = peak_kib() - before;
    assert!(grown <= MOST_KIB, "reading took {grown} KiB");
    eprintln!("reading took {grown} KiB");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_source_is_described_and_its_samples_are_its_cells() {
    for_each_kind(|configured, fixture| {
        let object = fixture.put("students", &COLUMNS, &numbered(7));
        let bounds = SampleBounds { rows: 5, bytes: 1 << 20 };
        // Others may have put something there as well.
        let mut own = |name: &str, _: usize, _: usize| name == object;
        let shapes = configured.with(|place| introspect(configured.connector(), place, bounds, &mut own)).unwrap();
        let shape = shapes.iter().find(|shape| shape.name == object).unwrap_or_else(|| panic!("{object} is not described"));
        assert_eq!(shape.unreadable, None);
        assert_eq!(shape.columns.iter().map(|column| &*column.name).collect::<Vec<_>>(), COLUMNS);
        assert_eq!(shape.samples.rows(), 5, "no more than was asked for");
        assert_eq!(shape.samples.column(1).collect::<Vec<_>>(), [Some("学生"); 5]);
        assert_eq!(shape.samples.column(2).flatten().count(), 0);
        assert!(!format!("{shapes:?}").contains("学生"), "samples are not printed");
    });
}
