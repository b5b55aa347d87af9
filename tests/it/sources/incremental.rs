//! What reading what changed, and reading by ranges of a key, promise; the same for all kinds that know it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tempfile::TempDir;
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::{Begin, Incremental, Position, ReadSpec, Source, SourceError, connector, registry};

use super::fixtures::{Fixture, MysqlDatabase, OdbcSchema, PostgresSchema, run_sqlite};
use super::{Cell, Configured};

/// A database that tests change.
enum Place {
    Sqlite(TempDir),
    Postgres(PostgresSchema),
    Mysql(MysqlDatabase),
    /// A file of SQLite through its ODBC driver.
    OdbcSqlite(TempDir),
    /// A schema of PostgreSQL through its ODBC driver.
    OdbcPostgres(OdbcSchema),
}

impl Place {
    fn all() -> Vec<Place> {
        let mut all = vec![
            Place::Sqlite(TempDir::new().unwrap()),
            Place::Postgres(PostgresSchema::new()),
            Place::Mysql(MysqlDatabase::new()),
        ];
        // A binary without ODBC says so, and promises nothing else.
        if cfg!(feature = "odbc") {
            all.push(Place::OdbcSqlite(TempDir::new().unwrap()));
            all.push(Place::OdbcPostgres(OdbcSchema(PostgresSchema::new())));
        }
        all
    }

    fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) | Self::OdbcSqlite(folder) => run_sqlite(&folder.path().join("school.db"), sql),
            Self::Postgres(schema) | Self::OdbcPostgres(OdbcSchema(schema)) => {
                schema.run(&format!("SET search_path = {}; {sql}", schema.name))
            }
            Self::Mysql(database) => database.run(sql),
        }
    }

    fn configured(&self) -> Configured<'_> {
        let (kind, settings, base) = match self {
            Self::Sqlite(folder) => ("sqlite", json!({ "kind": "sqlite", "path": "school.db" }), folder.path()),
            Self::Postgres(schema) => ("postgres", schema.settings(), schema.base()),
            Self::Mysql(database) => ("mysql", database.settings(), database.base()),
            Self::OdbcSqlite(folder) => {
                let file = folder.path().join("school.db");
                let connection = format!("Driver={{SQLite3}};Database={}", file.display());
                ("odbc", json!({ "kind": "odbc", "connection": connection }), folder.path())
            }
            Self::OdbcPostgres(schema) => ("odbc", schema.settings(), schema.base()),
        };
        Configured { kind, settings, base }
    }

    fn object(&self, table: &str) -> String {
        match self {
            Self::Postgres(schema) | Self::OdbcPostgres(OdbcSchema(schema)) => format!("{}.{table}", schema.name),
            _ => table.to_owned(),
        }
    }

    /// The type of a point in time, with and without parts of a second.
    fn time(&self) -> &'static str {
        match self {
            Self::Sqlite(_) | Self::OdbcSqlite(_) => "TEXT",
            Self::Postgres(_) | Self::OdbcPostgres(_) => "timestamptz",
            Self::Mysql(_) => "DATETIME(3)",
        }
    }

    /// Reads a table with sections of `[read]`.
    fn spec(&self, table: &str, sections: Value) -> ReadSpec {
        let mut read = sections;
        read["object"] = self.object(table).into();
        serde_json::from_value(read).unwrap()
    }
}

/// What a hub would have landed, by the first column.
#[derive(Default)]
struct Landed {
    rows: BTreeMap<String, Vec<Cell>>,
    /// Where the last run that ended well had come to.
    after: Option<Position>,
}

/// What one run did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    read: usize,
    changed: usize,
    /// Changed rows that reading what changed would have passed over.
    missed: BTreeSet<String>,
    complete: bool,
    whole: bool,
}

impl Landed {
    /// One run to its end.
    fn run(&mut self, configured: &Configured<'_>, read: &ReadSpec, whole: bool) -> Done {
        let after = self.after.clone();
        let begin = match &after {
            Some(position) if !whole => Begin::Since(position),
            before => Begin::Whole { before: before.as_ref() },
        };
        let mut source = configured.begin(read, begin).expect("opens");
        let mut seen = BTreeSet::new();
        let mut done = Done::default();
        while let Some(batch) = source.next_batch(7).expect("reads") {
            self.land(&batch, &mut seen, &mut done);
            if !batch.position().0.is_empty() {
                self.after = Some(batch.position().clone());
            }
            source.committed(batch.position()).expect("noted");
        }
        (done.complete, done.whole) = (source.is_complete(), source.is_whole());
        if done.complete {
            self.rows.retain(|key, _| seen.contains(key));
        }
        done
    }

    fn land(&mut self, batch: &xiaoshu::source::SourceBatch, seen: &mut BTreeSet<String>, done: &mut Done) {
        for row in 0..batch.len() {
            let cells: Vec<Cell> = (0..batch.columns().len()).map(|at| batch.cell(row, at).map(str::to_owned)).collect();
            let key = cells[0].clone().expect("a key");
            assert!(seen.insert(key.clone()), "one key came twice in one run");
            done.read += 1;
            if self.rows.insert(key.clone(), cells.clone()).as_ref() != Some(&cells) {
                done.changed += 1;
                if batch.is_settled() {
                    done.missed.insert(key);
                }
            }
        }
    }
}

/// All rows of a table, as a plain read gives them.
fn all(place: &Place, table: &str) -> BTreeMap<String, Vec<Cell>> {
    let rows = place.configured().read(&place.spec(table, json!({}))).rows;
    rows.into_iter().map(|row| (row[0].clone().expect("a key"), row)).collect()
}

/// Small random numbers that are the same in each run of the test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A moment in September 2024, as SQL writes it.
fn moment(minutes: u64) -> String {
    let (day, hour, minute) = (1 + minutes / 1440, minutes / 60 % 24, minutes % 60);
    format!("'2024-09-{day:02} {hour:02}:{minute:02}:00.250'")
}

/// A history of a table: what is late by no more than ten minutes must be found by the poll after it.
struct History {
    dice: Dice,
    now: u64,
    next: u64,
    live: BTreeSet<u64>,
    /// Rows that were written since the last poll, late by more than that.
    too_late: BTreeSet<String>,
    written: BTreeSet<u64>,
}

impl History {
    fn step(&mut self, place: &Place) {
        self.now += self.dice.roll(4);
        let late = [0, 0, 0, 3, 9, 200][self.dice.roll(6) as usize];
        let mark = moment(self.now.saturating_sub(late));
        let pick = |dice: &mut Dice, live: &BTreeSet<u64>| live.iter().nth(dice.roll(live.len().max(1) as u64) as usize).copied();
        let value = self.now * 1000 + self.dice.roll(1000);
        let (id, sql) = match self.dice.roll(10) {
            0..4 => {
                self.next += 1;
                let id = self.next;
                let marks = [format!("{mark}, NULL"), format!("NULL, {mark}"), "NULL, NULL".to_owned()];
                let marks = &marks[self.dice.roll(12).saturating_sub(9) as usize];
                let without = marks == "NULL, NULL";
                self.live.insert(id);
                if late > 10 && !without {
                    self.too_late.insert(id.to_string());
                }
                (id, format!("INSERT INTO t VALUES ({id}, {value}, {marks})"))
            }
            4..9 => {
                let Some(id) = pick(&mut self.dice, &self.live) else { return };
                if late > 10 {
                    self.too_late.insert(id.to_string());
                }
                (id, format!("UPDATE t SET v = {value}, updated = {mark} WHERE id = {id}"))
            }
            _ => {
                let Some(id) = pick(&mut self.dice, &self.live) else { return };
                self.live.remove(&id);
                (id, format!("DELETE FROM t WHERE id = {id}"))
            }
        };
        self.written.insert(id);
        place.run(&sql);
    }
}

fn live_history(place: &Place, seed: u64) {
    let time = place.time();
    place.run(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, created {time}, updated {time})"));
    let read = place.spec("t", json!({ "changes": { "by": "watermark", "columns": ["updated", "created"], "overlap": "10m" } }));
    let configured = place.configured();
    let (mut landed, live) = (Landed::default(), BTreeSet::new());
    let dice = Dice(seed);
    let mut history = History { dice, now: 300, next: 0, live, too_late: BTreeSet::new(), written: BTreeSet::new() };
    for round in 0..5 {
        (0..12).for_each(|_| history.step(place));
        let done = landed.run(&configured, &read, round == 0);
        // While there is no mark yet, everything is read.
        assert!(done.complete || round > 0);
        assert_eq!(done.missed.len(), 0);
        let there = all(place, "t");
        for (id, row) in there.iter().filter(|(id, _)| round > 0 && !history.too_late.contains(*id)) {
            assert_eq!(landed.rows.get(id), Some(row), "row {id} in round {round} of history {seed}");
        }
        if round == 0 {
            history.too_late.clear();
        }
    }
    let there = all(place, "t");
    let wanted: BTreeSet<String> =
        there.iter().filter(|(id, row)| landed.rows.get(*id) != Some(row)).map(|(id, _)| id.clone()).collect();
    let done = landed.run(&configured, &read, true);
    assert_eq!(landed.rows, there, "history {seed}");
    assert!(done.complete && done.whole && done.read == there.len());
    assert_eq!(done.missed, wanted, "what was missed is what a comparison finds among rows held to be settled");
    // A replay of the same window brings nothing new.
    let again = landed.run(&configured, &read, false);
    assert_eq!((again.changed, again.complete, again.whole), (0, false, false));
    assert_eq!(landed.rows, there);
    place.run("DROP TABLE t");
}

#[test]
fn after_a_comparison_what_has_landed_is_the_table() {
    for place in Place::all() {
        let histories = if matches!(place, Place::Sqlite(_)) { 20 } else { 6 };
        (0..histories).for_each(|seed| live_history(&place, seed));
    }
}

#[test]
fn a_row_without_any_mark_is_read_by_every_run() {
    for place in Place::all() {
        place.run(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, updated {})", place.time()));
        place.run(&format!("INSERT INTO t VALUES (1, 1, NULL), (2, 1, {0}), (3, 1, {1})", moment(900), moment(100)));
        let read = place.spec("t", json!({ "changes": { "by": "watermark", "columns": ["updated"] } }));
        let mut landed = Landed::default();
        assert_eq!(landed.run(&place.configured(), &read, true).changed, 3);
        place.run("UPDATE t SET v = 2 WHERE id IN (1, 3)");
        let done = landed.run(&place.configured(), &read, false);
        assert_eq!((done.read, done.changed), (2, 1), "the row without a mark and the newest");
        let whole = landed.run(&place.configured(), &read, true);
        assert_eq!((whole.changed, whole.missed), (1, BTreeSet::from(["3".to_owned()])));
    }
}

#[test]
fn very_many_rows_without_any_mark_are_left_to_the_read_of_everything() {
    let place = Place::Sqlite(TempDir::new().unwrap());
    place.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, updated TEXT); INSERT INTO t VALUES (1, 1, '2024-09-01 12:00:00');
         WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10002) INSERT INTO t SELECT i, 1, NULL FROM n",
    );
    let read = place.spec("t", json!({ "changes": { "by": "watermark", "columns": ["updated"] } }));
    let mut landed = Landed::default();
    assert_eq!(landed.run(&place.configured(), &read, true).read, 10_002);
    assert_eq!(landed.run(&place.configured(), &read, false).read, 1);
    place.run("DELETE FROM t WHERE id = 2");
    assert_eq!(landed.run(&place.configured(), &read, false).read, 10_001, "ten thousand are not too many");
}

#[test]
fn marks_may_be_numbers_texts_or_days_and_one_in_the_future_hides_nothing() {
    for place in Place::all() {
        for (kind, marks) in [
            ("INTEGER", ["100000", "5000000", "5000001", "5000002"]),
            ("VARCHAR(20)", ["'20240901080000'", "'20240915080000'", "'20240915080001'", "'20991231000000'"]),
            ("VARCHAR(30)", ["'2024-09-01T08:00:00'", "'2024-09-15T08:00:00'", "'2024-09-15T08:00:01'", "'2099-12-31T00:00:00'"]),
            ("DATE", ["'2024-09-01'", "'2024-09-15'", "'2024-09-15'", "'2099-12-31'"]),
        ] {
            let [old, new, newer, future] = marks;
            place.run(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, u {kind})"));
            place.run(&format!("INSERT INTO t VALUES (1, {old}), (2, {new}), (3, {future})"));
            let read = place.spec("t", json!({ "changes": { "by": "watermark", "columns": ["u"] } }));
            let mut landed = Landed::default();
            assert_eq!(landed.run(&place.configured(), &read, true).changed, 3, "{kind}");
            place.run(&format!("INSERT INTO t VALUES (4, {newer})"));
            let done = landed.run(&place.configured(), &read, false);
            assert_eq!((done.changed, landed.rows.contains_key("4"), landed.rows.len()), (1, true, 4), "{kind} {newer}");
            assert!(done.read <= 3, "the old row is not read again: {kind}");
            place.run("DROP TABLE t");
        }
    }
}

#[test]
fn an_overlap_that_is_not_given_grows_with_the_lateness_seen() {
    for place in Place::all() {
        place.run(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, u {})", place.time()));
        let read = place.spec("t", json!({ "changes": { "by": "watermark", "columns": ["u"] } }));
        let configured = place.configured();
        let mut landed = Landed::default();
        let mut poll = |sql: String, found: usize| {
            place.run(&sql);
            let done = landed.run(&configured, &read, false);
            assert_eq!(done.changed, found, "{sql}");
        };
        poll(format!("INSERT INTO t VALUES (1, {})", moment(1000)), 1);
        // Ten minutes at first; one that is late by eight is seen, and twice that is read again from then on.
        poll(format!("INSERT INTO t VALUES (2, {})", moment(992)), 1);
        poll("UPDATE t SET id = 1 WHERE id = 1".into(), 0);
        poll(format!("INSERT INTO t VALUES (3, {})", moment(985)), 1);
        poll("UPDATE t SET id = 1 WHERE id = 1".into(), 0);
        poll(format!("INSERT INTO t VALUES (4, {})", moment(971)), 1);
        poll(format!("INSERT INTO t VALUES (5, {})", moment(900)), 0);
    }
}

/// Rows whose keys compare in no obvious way.
fn awkward_keys(place: &Place) {
    let text = if matches!(place, Place::Mysql(_)) { "VARCHAR(40) COLLATE utf8mb4_bin" } else { "VARCHAR(40)" };
    place.run(&format!("CREATE TABLE t (k {text} NOT NULL, n INTEGER NOT NULL, v INTEGER, PRIMARY KEY (n, k))"));
    let mut rows = Vec::new();
    for (at, key) in ["a", "A", "it''s", "C:\\x", "学号", "", " x", "%", "\"q\"", "`b`", "z'';--"].iter().enumerate() {
        rows.extend([-5, 0, 7, 70_000].map(|n| format!("('{key}', {n}, {at})")));
    }
    place.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
}

fn key_of(batch: &xiaoshu::source::SourceBatch, row: usize) -> String {
    format!("{:?} {:?}", batch.cell(row, 0), batch.cell(row, 1))
}

/// Reads until so many batches were given; gives the keys and the last position.
fn some_batches(source: &mut dyn Source, batches: usize, keys: &mut Vec<String>) -> Option<Position> {
    let mut last = None;
    for _ in 0..batches {
        let Some(batch) = source.next_batch(5).expect("reads") else { return last };
        keys.extend((0..batch.len()).map(|row| key_of(&batch, row)));
        last = Some(batch.position().clone()).filter(|position| !position.0.is_empty());
    }
    last
}

#[test]
fn a_read_by_ranges_goes_on_behind_any_landing_and_gives_each_row_once() {
    for place in Place::all() {
        awkward_keys(&place);
        let read = place.spec("t", json!({ "chunks": { "rows": 11 } }));
        let configured = place.configured();
        let connector = connector(configured.kind).unwrap();
        let mut whole = Vec::new();
        let mut source = configured.begin(&read, Begin::AFRESH).unwrap();
        while some_batches(&mut *source, 1, &mut whole).is_some() {
            assert!(whole.len() < 100, "{whole:?}");
        }
        assert!(source.is_complete() && source.is_whole() && whole.len() == 44);
        drop(source);
        for cut in 1..9 {
            let mut keys = Vec::new();
            let mut source = configured.begin(&read, Begin::AFRESH).unwrap();
            let position = some_batches(&mut *source, cut, &mut keys).expect("a position");
            drop(source);
            let progress = connector.progress(&read, &position).expect("known");
            assert_eq!((progress.done, progress.total), (keys.len() as u64, 44));
            let mut source = configured.begin(&read, Begin::Resume(&position)).unwrap();
            while some_batches(&mut *source, 1, &mut keys).is_some() {}
            assert_eq!(
                (source.is_complete(), source.is_whole()),
                (false, true),
                "what was read in two views proves nothing gone"
            );
            assert_eq!(keys, whole, "cut behind {cut} batches");
        }
        assert!(configured.with(|place| connector.resumes(place, &read)));
    }
}

#[test]
fn a_read_by_ranges_of_what_changed_first_can_be_cut_as_well() {
    for place in Place::all() {
        place.run(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, u {})", place.time()));
        let rows: Vec<String> = (1..60).map(|id| format!("({id}, 1, {})", moment(id * 20))).collect();
        place.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
        let sections = json!({ "changes": { "by": "watermark", "columns": ["u"] }, "chunks": { "rows": 13 } });
        let read = place.spec("t", sections);
        let mut landed = Landed::default();
        assert!(landed.run(&place.configured(), &read, true).complete);
        place.run(&format!("UPDATE t SET v = 2 WHERE id = 3; UPDATE t SET v = 2, u = {} WHERE id = 40", moment(1300)));
        let configured = place.configured();
        let before = landed.after.clone().unwrap();
        let (mut seen, mut done, mut last) = (BTreeSet::new(), Done::default(), None);
        let mut source = configured.begin(&read, Begin::Whole { before: Some(&before) }).unwrap();
        for _ in 0..4 {
            let batch = source.next_batch(7).unwrap().expect("more");
            landed.land(&batch, &mut seen, &mut done);
            last = Some(batch.position().clone());
        }
        drop(source);
        let mut source = configured.begin(&read, Begin::Resume(&last.unwrap())).unwrap();
        while let Some(batch) = source.next_batch(7).unwrap() {
            landed.land(&batch, &mut seen, &mut done);
            landed.after = Some(batch.position().clone());
        }
        assert_eq!((seen.len(), done.changed, done.missed), (59, 2, BTreeSet::from(["3".to_owned()])));
        assert!(source.is_whole() && !source.is_complete());
        drop(source);
        assert_eq!(landed.rows, all(&place, "t"));
        place.run(&format!("UPDATE t SET v = 3, u = {} WHERE id = 9", moment(1301)));
        assert_eq!(landed.run(&configured, &read, false).changed, 1);
    }
}

/// A table of forty rows that another session may change while it is read.
fn forty(place: &Place, engine: &str) {
    if let Place::Sqlite(_) | Place::OdbcSqlite(_) = place {
        place.run("PRAGMA journal_mode = WAL");
    }
    place.run(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, u {}) {engine}", place.time()));
    let rows: Vec<String> = (1..=40).map(|id| format!("({id}, 1, {})", moment(id))).collect();
    place.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
}

/// Reads a first batch, has the table changed, and reads the rest.
fn read_while(place: &Place, read: &ReadSpec, begin: Begin<'_>, sql: &str) -> (BTreeSet<u64>, Box<dyn Source>) {
    let mut source = place.configured().begin(read, begin).expect("opens");
    let mut ids = BTreeSet::new();
    let mut take = |source: &mut dyn Source| {
        let Some(batch) = source.next_batch(10).expect("reads") else { return false };
        ids.extend((0..batch.len()).map(|row| batch.cell(row, 0).unwrap().parse::<u64>().unwrap()));
        true
    };
    take(&mut *source);
    place.run(sql);
    while take(&mut *source) {}
    (ids, source)
}

#[test]
fn what_several_statements_give_is_of_one_moment_and_counted_in_it() {
    for place in Place::all() {
        forty(&place, "");
        let read = place.spec("t", json!({ "chunks": { "rows": 10 } }));
        let change = "DELETE FROM t WHERE id = 35; INSERT INTO t VALUES (0, 1, NULL), (41, 1, NULL), (42, 1, NULL)";
        let (ids, source) = read_while(&place, &read, Begin::AFRESH, change);
        assert_eq!(ids, (1..=40).collect());
        assert!(source.is_complete() && source.is_whole() && source.doubt().is_none(), "{:?}", source.doubt());
    }
}

#[test]
fn a_read_of_everything_that_its_count_does_not_bear_out_proves_nothing() {
    // Tables of this kind know no transactions: each statement sees what is there.
    let place = Place::Mysql(MysqlDatabase::new());
    let watermark = json!({ "changes": { "by": "watermark", "columns": ["u"] } });
    let ranges = json!({ "chunks": { "rows": 10 } });
    for (sections, change) in [(watermark, "DELETE FROM t WHERE id = 35"), (ranges, "INSERT INTO t VALUES (0, 1, NULL)")] {
        forty(&place, "ENGINE = MyISAM");
        let read = place.spec("t", sections);
        let mut landed = Landed::default();
        let first = landed.run(&place.configured(), &read, true);
        assert!(first.complete && first.whole);
        let begin = Begin::Whole { before: landed.after.as_ref() };
        let (ids, source) = read_while(&place, &read, begin, change);
        assert_eq!(ids.len(), 40);
        assert!(!source.is_complete() && source.is_whole(), "after {change}");
        let why = source.doubt().expect("a reason");
        assert!(why.en.contains("counted in the same transaction") && why.zh.contains("计数"), "{why:?}");
        drop(source);
        place.run("DROP TABLE t");
    }
}

#[test]
fn rows_that_a_policy_may_hide_are_not_taken_for_gone() {
    let schema = PostgresSchema::new();
    let role = format!("{}_reader", schema.name);
    schema.run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA {0} TO {role}", schema.name));
    let place = Place::Postgres(schema);
    forty(&place, "");
    place.run(&format!(
        "GRANT SELECT ON t TO {role}; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY office ON t USING (id > 10)"
    ));
    let mut configured = place.configured();
    (configured.settings["user"], configured.settings["password"]) = (role.as_str().into(), "x".into());
    for sections in [json!({ "chunks": {} }), json!({ "changes": { "by": "watermark", "columns": ["u"] } })] {
        let mut source = configured.begin(&place.spec("t", sections), Begin::AFRESH).expect("opens");
        let rows = std::iter::from_fn(|| source.next_batch(100).expect("reads")).map(|batch| batch.len()).sum::<usize>();
        assert_eq!((rows, source.is_complete()), (30, true));
        assert!(source.doubt().is_some_and(|doubt| doubt.en.contains("row-level security")));
    }
    place.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

fn refused(place: &Place, sections: Value) -> SourceError {
    let read = place.spec("t", sections);
    let configured = place.configured();
    let mut source = match configured.begin(&read, Begin::AFRESH) {
        Ok(source) => source,
        Err(error) => return error,
    };
    loop {
        match source.next_batch(100) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("was read to its end"),
            Err(error) => return error,
        }
    }
}

#[test]
fn what_cannot_be_read_so_is_refused_with_the_setting_to_change() {
    for place in Place::all() {
        place.run(&format!("CREATE TABLE t (a INTEGER, b INTEGER, u {}, w VARCHAR(9))", place.time()));
        place.run(&format!("INSERT INTO t VALUES (1, 1, {0}, 'x'), (1, 2, {0}, 'y'), (NULL, 3, {0}, 'z')", moment(9)));
        let watermark = |columns: Value| json!({ "changes": { "by": "watermark", "columns": columns } });
        for (sections, word) in [
            (json!({ "chunks": {} }), "primary key"),
            (json!({ "chunks": { "key": ["a"], "rows": 1 } }), "key"),
            (json!({ "chunks": { "key": ["nowhere"] } }), "nowhere"),
            (watermark(json!(["nowhere"])), "nowhere"),
            (watermark(json!(["w"])), "w"),
            (watermark(json!(["u", "b"])), "columns"),
            (json!({ "changes": { "by": "watermark", "columns": ["u"], "overlap": 5 } }), "overlap"),
            (json!({ "changes": { "by": "watermark", "columns": ["b"], "overlap": "5m" } }), "overlap"),
        ] {
            let error = refused(&place, sections.clone());
            assert_eq!(error.fault_class(), FaultClass::Configuration, "{sections}: {error}");
            assert!(error.to_string().contains(word), "{sections}: {error}");
        }
        let query = ReadSpec { query: Some("SELECT * FROM t".into()), object: None, ..place.spec("t", watermark(json!(["u"]))) };
        assert_eq!(
            place.configured().begin(&query, Begin::AFRESH).err().expect("refused").fault_class(),
            FaultClass::Configuration
        );
    }
}

#[test]
fn kinds_say_what_they_know() {
    for connector in registry() {
        let known = match connector.kind() {
            "sqlite" | "odbc" => Incremental::ByWatermark,
            "postgres" | "mysql" => Incremental::ByLog,
            _ => Incremental::No,
        };
        assert_eq!(connector.incremental(), known, "{}", connector.kind());
    }
}
