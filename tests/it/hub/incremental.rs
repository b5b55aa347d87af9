//! Reading what changed over runs that ended, and reading by ranges over kills, with the whole hub around.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use xiaoshu::app::{self, RunAnswer, StatusLine};
use xiaoshu::source::load_script;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{ReadModels, RunRow};

use super::school::School;

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
    load_script(&school.path("jw.db"), sql).expect("changed");
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
    assert_eq!(counts(&school.round()), [(false, 1, 0)]);
    let line = status(&school);
    assert_eq!((line.live, line.missed.len(), line.last_read.as_deref()), (31, 0, Some("2024-11-20 10:10")));
    minute(24 * 60);
    assert_eq!(counts(&school.round()), [(true, 30, 1)]);
    let line = status(&school);
    assert_eq!((line.live, line.missed.len()), (30, 1));
    let missed = &line.missed[0];
    assert_eq!((missed.missed, missed.source.as_str(), missed.columns.as_slice()), (1, "jw", &["更新时间".to_owned()][..]));
    minute(5);
    assert_eq!(counts(&school.round()), [(false, 1, 0)], "from then on what changed again");
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
    file("1", 0..10);
    file("2", 10..15);
    let mut first = counts(&school.round());
    first.sort_unstable();
    assert_eq!(first, [(false, 5, 5), (false, 10, 10)], "each file is a run of its own");
    assert_eq!(counts(&school.round()), [(false, 0, 0)]);
    // One more, one under another name, one taken away.
    file("3", 14..20);
    std::fs::rename(school.path("files/courses-1.csv"), school.path("files/courses-0.csv")).expect("renamed");
    std::fs::remove_file(school.path("files/courses-2.csv")).expect("removed");
    assert_eq!(counts(&school.round()), [(false, 6, 5)], "only what is new by its content");
    assert_eq!(status(&school).live, 20);
    assert_eq!(counts(&school.round()), [(false, 0, 0)]);
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
    const ROWS: u64 = 40_000;
    let school = school("read.object = \"course\"\nread.chunks.rows = 3000", ROWS as usize);
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
        let reading = line.reading.first().expect("a read under way");
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
