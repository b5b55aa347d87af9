//! Reading what changed over runs that ended, and reading by ranges over kills, with the whole hub around.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::Connection;
use xiaoshu::app::{self, RunAnswer, StatusLine};
use xiaoshu::report::Clock;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{ReadModels, RunRow};

use super::school::School;
use crate::sources::fixtures::run_sqlite;
use crate::store::home::postgres_url;

const TABLE: &str = "ODS_KCJBSJ";

/// A school whose courses are in a database, read as `read` says.
fn school(read: &str, rows: usize) -> School {
    let school = School::new(1, 0);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    let files = "kind = \"csv\"\npath = \"files\"\nsettle = 0";
    assert!(settings.contains(files));
    school.write("xiaoshu.toml", &settings.replace(files, "kind = \"sqlite\"\npath = \"jw.db\""));
    std::fs::remove_file(school.path("mappings/projects.toml")).expect("removed");
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("read.object = \"courses.csv\"", read));
    change(
        &school,
        &format!(
            "CREATE TABLE course (课程号 TEXT PRIMARY KEY, 课程名称 TEXT, 总学时 INTEGER, 更新时间 TEXT);
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})
             INSERT INTO course SELECT printf('K%06d', i), '课程' || i, 16 + i % 64,
             datetime('2024-11-01', '+' || i || ' minutes') FROM n;"
        ),
    );
    school
}

fn change(school: &School, sql: &str) {
    run_sqlite(&school.path("jw.db"), sql);
}

/// Whether each run was complete, what it read and what was changed.
fn counts(answer: &RunAnswer) -> Vec<(bool, u64, u64)> {
    assert!(answer.imbalances.is_empty(), "{:?}", answer.imbalances);
    let own = answer.runs.iter().filter(|run| run.table == TABLE);
    own.map(|run| {
        assert_eq!(run.error, None);
        (run.complete, run.counts.read, run.counts.changed)
    })
    .collect()
}

fn status(school: &School) -> StatusLine {
    let answer = app::status(&school.context()).expect("a status");
    answer.tables.into_iter().find(|line| line.table == TABLE).expect("the table")
}

#[test]
fn a_watermark_goes_on_behind_runs_that_ended_and_a_comparison_finds_the_rest() {
    let read = "read.object = \"course\"\nread.changes.by = \"watermark\"\nread.changes.columns = [\"更新时间\"]";
    let school = school(read, 30);
    let minute = |minutes: u64| school.clock.advance(Duration::from_secs(60 * minutes));
    assert_eq!(counts(&school.round()), [(true, 30, 30)]);
    minute(5);
    change(
        &school,
        "UPDATE course SET 总学时 = 99, 更新时间 = '2024-11-20 10:03:00' WHERE 课程号 = 'K000003';
         INSERT INTO course VALUES ('K000030', '新课程', 32, '2024-11-20 10:04:00');",
    );
    let polled = counts(&school.round());
    assert!(matches!(polled[..], [(false, read, 2)] if read < 20), "{polled:?}");
    minute(5);
    // One changes without its mark, one goes: polling sees neither.
    change(&school, "UPDATE course SET 总学时 = 98 WHERE 课程号 = 'K000005'; DELETE FROM course WHERE 课程号 = 'K000007'");
    assert_eq!(counts(&school.round()), [(false, 2, 0)]);
    let line = status(&school);
    assert_eq!((line.live, line.missed.len()), (31, 0));
    assert!(line.last_read.as_deref() >= Some("2024-11-20 10:10"), "{:?}", line.last_read);
    minute(24 * 60);
    assert_eq!(counts(&school.round()), [(true, 30, 1)]);
    let line = status(&school);
    assert_eq!((line.live, line.missed.len()), (30, 1));
    let missed = &line.missed[0];
    assert_eq!((missed.missed, missed.source.as_str(), missed.columns.as_slice()), (1, "jw", &["更新时间".to_owned()][..]));
    minute(5);
    assert_eq!(counts(&school.round()), [(false, 2, 0)], "from then on what changed again");
}

#[test]
fn files_that_add_to_each_other_are_each_read_once_over_runs_that_ended() {
    let school = School::new(1, 0);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("xiaoshu.toml", &settings.replace("settle = 0", "settle = 0\nfiles = \"each\""));
    std::fs::remove_file(school.path("mappings/projects.toml")).expect("removed");
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("courses.csv", "courses-*.csv"));
    let file = |name: &str, numbers: std::ops::Range<usize>| {
        let rows: Vec<String> = numbers.map(|i| format!("K{i:04},课程{i},32\n")).collect();
        school.write(&format!("files/courses-{name}.csv"), &format!("课程号,课程名称,总学时\n{}", rows.concat()));
    };
    let round = || {
        school.clock.advance(Duration::from_secs(60));
        counts(&school.round())
    };
    file("1", 0..10);
    file("2", 10..15);
    let mut first = round();
    first.sort_unstable();
    assert_eq!(first, [(false, 5, 5), (false, 10, 10)], "each file is a run of its own");
    assert_eq!(round(), [(false, 0, 0)]);
    // One more, one under another name, one taken away.
    file("3", 14..20);
    std::fs::rename(school.path("files/courses-1.csv"), school.path("files/courses-0.csv")).expect("renamed");
    std::fs::remove_file(school.path("files/courses-2.csv")).expect("removed");
    assert_eq!(round(), [(false, 6, 5)], "only what is new by its content");
    assert_eq!(status(&school).live, 20);
    assert_eq!(round(), [(false, 0, 0)]);
}

/// Runs the hub as a process of its own and kills it at the `moment`-th landing; false when it ended before.
fn kill_at(dir: &Path, moment: usize) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
        .args(["run", "--once", "--only", "collect", "--settings"])
        .arg(dir.join("xiaoshu.toml"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let log = BufReader::new(child.stderr.take().expect("a pipe"));
    let landings = log.lines().map_while(Result::ok).filter(|line| line.contains("landed"));
    let reached = landings.take(moment).count() == moment;
    child.kill().expect("killed or over");
    child.wait().expect("reaped");
    reached
}

fn runs(school: &School) -> Vec<RunRow> {
    school.runtime.block_on(async {
        let store = SqliteStore::open_read_only(&school.path("data"), SqliteOptions::default()).await.expect("the store");
        store.runs(0).await.expect("runs")
    })
}

#[test]
fn a_read_by_ranges_outlives_kills_and_says_how_far_it_is() {
    const ROWS: u64 = 16_000;
    let school = school("read.object = \"course\"\nread.chunks.rows = 1000", ROWS as usize);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("xiaoshu.toml", &format!("{settings}\n[log]\nlevel = \"debug\"\n"));
    let dir = school.path("");
    let (mut kills, mut done) = (0, 0);
    while kill_at(&dir, 2) {
        kills += 1;
        assert!(kills < 40, "no progress survives");
        let [run] = &runs(&school)[..] else { panic!("a run of its own after a kill") };
        if run.ended.is_some() {
            break;
        }
        let line = status(&school);
        let Some(reading) = line.reading.first() else {
            assert_eq!(run.landed.read, ROWS, "all has landed, and only the end was not noted");
            continue;
        };
        assert!(reading.done > done && reading.total == ROWS, "{reading:?} after {done}");
        assert_eq!((reading.percent, run.landed.read), (reading.done * 100 / ROWS, reading.done));
        done = reading.done;
    }
    assert!(kills >= 3, "only {kills} kills");
    let [run] = &runs(&school)[..] else { panic!("one run") };
    assert_eq!((run.landed.read, run.landed.changed, run.landed.duplicate), (ROWS, ROWS, 0), "each row once");
    assert_eq!((run.complete, run.whole, run.error.as_deref()), (false, true, None));
    let line = status(&school);
    assert_eq!((line.live, line.reading.len()), (ROWS, 0));
    // A read that is not interrupted proves what is gone.
    change(&school, "DELETE FROM course WHERE 课程号 = 'K000007'");
    assert!(!kill_at(&dir, usize::MAX));
    let last = &runs(&school)[0];
    assert_eq!((last.complete, last.landed.read, status(&school).live), (true, ROWS - 1, ROWS - 1));
}

/// Faults that `check --connect` finds: line of the mapping and English words.
fn faults(school: &School) -> Vec<(usize, String)> {
    let request = app::CheckRequest { connect: true, upstream: false };
    let answer = app::check(&school.context(), &request).expect("an answer");
    answer.faults.into_iter().filter(|f| f.file.ends_with("courses.toml")).map(|f| (f.line, f.what.en)).collect()
}

#[test]
fn check_names_the_line_of_what_a_source_cannot_do() {
    let watermark = "read.object = \"course\"\nread.changes.by = \"watermark\"\n";
    for (read, line, words) in [
        (format!("{watermark}read.changes.columns = [\"更新时间\"]\nread.chunks.rows = 2000"), 0, ""),
        (format!("{watermark}read.changes.columns = [\"更新时间\", \"没有\"]"), 6, "没有"),
        (format!("{watermark}read.changes.columns = [\"更新时间\"]\nread.chunks.key = [\"无此列\"]"), 7, "无此列"),
        ("read.object = \"bare\"\nread.chunks.rows = 2000".to_owned(), 5, "no primary key"),
        ("read.object = \"course\"\nread.changes.by = \"log\"".to_owned(), 5, "no log of changes"),
    ] {
        let school = school(&read, 3);
        change(&school, "CREATE TABLE bare AS SELECT * FROM course");
        let found = faults(&school);
        assert_eq!(found.is_empty(), words.is_empty(), "{read}: {found:?}");
        assert!(words.is_empty() || found.iter().any(|(at, what)| *at == line && what.contains(words)), "{read}: {found:?}");
    }
    // Files know neither, and are refused before anything is read.
    let school = School::new(1, 0);
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    let wanted = mapping
        .replace("mode = \"file\"", "mode = \"file\"\nread.changes.by = \"watermark\"\nread.changes.columns = [\"课程号\"]");
    school.write("mappings/courses.toml", &wanted);
    let found = faults(&school);
    assert!(found.iter().any(|(line, what)| *line == 4 && what.contains("do not know [read.changes]")), "{found:?}");
    assert!(school.try_round(|store| store).is_err());
}

/// A line to a server that breaks when so many bytes of answers have gone through it.
struct Line {
    port: u16,
    left: Arc<AtomicI64>,
}

impl Line {
    fn to(server: String, bytes: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let left = Arc::new(AtomicI64::new(bytes));
        let budget = Arc::clone(&left);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(&server).expect("the server");
                let (mut asks, mut to) = (near.try_clone().expect("a line"), far.try_clone().expect("a line"));
                std::thread::spawn(move || {
                    // Who hangs up here hangs up there, too: else the server keeps his transaction open.
                    drop((std::io::copy(&mut asks, &mut to), to.shutdown(Shutdown::Both)));
                });
                let budget = Arc::clone(&budget);
                std::thread::spawn(move || carry(far, near, &budget));
            }
        });
        Self { port, left }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, left: &AtomicI64) {
    let mut some = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut some) {
        if left.fetch_sub(count as i64, Ordering::AcqRel) < count as i64 || to.write_all(&some[..count]).is_err() {
            break;
        }
    }
    // The other direction goes with it; what is shut already needs no shutting.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

/// Courses in PostgreSQL, in a schema of their own, reached through a line.
fn over_a_line(school: &School, rows: u64, bytes: i64) -> (Line, String) {
    let url = postgres_url();
    let (account, place) = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).expect("an account");
    let (user, password) = account.split_once(':').expect("a password");
    let (server, database) = place.split_once('/').expect("a database");
    let schema = format!("line_{}", std::process::id());
    let sql = format!(
        "CREATE SCHEMA {schema}; CREATE TABLE {schema}.course AS SELECT 'K' || lpad(i::text, 6, '0') AS \"课程号\",
         '课程' || i AS \"课程名称\", 32 AS \"总学时\" FROM generate_series(1, {rows}) i;
         ALTER TABLE {schema}.course ADD PRIMARY KEY (\"课程号\")"
    );
    on_server(school, &sql);
    let line = Line::to(server.to_owned(), bytes);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    let source = format!(
        "kind = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{database}\"\nuser = \"{user}\"\ntls = \"disable\"\n\
         password = {{ file = \"pg_password\" }}\n\
         guest = {{ allow_writes = {{ by = \"test\", date = \"2025-09-01\", reason = \"the owner of the table\" }} }}",
        line.port
    );
    school.write("pg_password", password);
    school.write("xiaoshu.toml", &settings.replace("kind = \"sqlite\"\npath = \"jw.db\"", &source));
    (line, schema)
}

fn on_server(school: &School, sql: &str) {
    school.runtime.block_on(async {
        let mut connection = sqlx::PgConnection::connect(&postgres_url()).await.expect("the server");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("done");
    });
}

/// Everything read once, nothing reported.
fn collect(school: &School) {
    let clock: Arc<dyn Clock> = Arc::clone(&school.clock) as Arc<dyn Clock>;
    let request = app::RunRequest { once: true, only: vec![app::Part::Collect], restored: false };
    let fittings = app::Fittings { clock, around_store: Box::new(|store| store) };
    app::run_fitted(&school.context(), &request, &fittings).expect("a round");
}

#[test]
fn a_read_by_ranges_whose_line_breaks_stays_open_and_goes_on() {
    const ROWS: u64 = 8_000;
    let read = format!("read.object = \"line_{}.course\"\nread.chunks.rows = 1000", std::process::id());
    let school = school(&read, 1);
    let (line, schema) = over_a_line(&school, ROWS, 200_000);
    collect(&school);
    let [open] = &runs(&school)[..] else { panic!("one run") };
    let error = open.error.clone().expect("what stopped it");
    assert!(open.ended.is_none() && open.landed.read > 0 && open.landed.read < ROWS, "{open:?}");
    let shown = status(&school);
    assert_eq!((shown.error, shown.reading[0].done), (Some(error), open.landed.read), "status says why, and how far it is");
    // It breaks once more, before anything is read.
    line.left.store(0, Ordering::Release);
    collect(&school);
    assert_eq!(runs(&school).iter().map(|run| (run.run, run.ended)).collect::<Vec<_>>(), [(open.run, None)]);
    line.left.store(i64::MAX, Ordering::Release);
    collect(&school);
    let [run] = &runs(&school)[..] else { panic!("the same run") };
    assert_eq!((run.run, run.landed.read, run.landed.changed, run.landed.duplicate), (open.run, ROWS, ROWS, 0));
    assert_eq!((run.complete, run.whole, run.error.as_deref()), (false, true, None));
    assert_eq!((status(&school).live, status(&school).error), (ROWS, None));
    on_server(&school, &format!("DROP SCHEMA {schema} CASCADE"));
}
