//! Last week's backup of the store is restored: the generation rises, everything is gone through again, and the platform
//! ends with what the school holds now, nothing dropped as old and nothing deleted that is there.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use xiaoshu::store::Store;
use xiaoshu::store::postgres::{PostgresOptions, PostgresStore};
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};

use super::live::{Platform, Way, round};
use super::school;

/// Where the store is.
enum Home {
    File(PathBuf),
    Database(PostgresOptions),
}

impl Home {
    /// Keeps the store as it is now.
    fn back_up(&self, to: &Path) {
        match self {
            Self::File(dir) => copy(dir, to),
            Self::Database(options) => {
                let (url, schema) = (&options.url, &options.schema);
                done(Command::new("pg_dump").arg(url).args(["--schema", schema, "--file"]).arg(to));
            }
        }
    }

    /// Puts back what was kept.
    fn restore(&self, from: &Path) {
        match self {
            Self::File(dir) => {
                std::fs::remove_dir_all(dir).expect("removed");
                copy(from, dir);
            }
            Self::Database(options) => {
                let drop = format!("DROP SCHEMA \"{}\" CASCADE", options.schema);
                done(Command::new("psql").arg(&options.url).args(["-qv", "ON_ERROR_STOP=1", "-c", &drop]));
                done(Command::new("psql").arg(&options.url).args(["-qv", "ON_ERROR_STOP=1", "-f"]).arg(from));
            }
        }
    }

    async fn open(&self) -> Box<dyn Store> {
        match self {
            Self::File(dir) => Box::new(SqliteStore::open_read_only(dir, SqliteOptions::default()).await.expect("a store")),
            Self::Database(options) => Box::new(PostgresStore::open_read_only(options.clone()).await.expect("a store")),
        }
    }
}

fn done(command: &mut Command) {
    let output = command.env("PGOPTIONS", "--client-min-messages=warning").output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read") {
        let entry = entry.expect("an entry");
        assert!(entry.file_type().expect("a type").is_file());
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

/// Courses by number, each with its hours, and a project each.
type Courses = BTreeMap<usize, usize>;

struct Story {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    platform: Platform,
    home: Home,
}

impl Story {
    fn new(way: Way, on_postgres: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let platform = Platform::start(&runtime, way);
        platform.furnish(dir.path(), 0);
        let home = match on_postgres {
            true => Home::Database(school::keep_in_postgres(dir.path())),
            false => Home::File(dir.path().join("data")),
        };
        Self { dir, runtime, platform, home }
    }

    fn backup(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    fn teaches(&self, courses: &Courses) {
        write(self.dir.path(), courses);
    }

    fn round(&self, arguments: &[&str]) -> String {
        round(self.dir.path(), arguments)
    }

    /// The Ministry's interface deletes only what has a field for its data state.
    fn can_delete(&self) -> bool {
        self.platform.way != Way::Http
    }

    fn generation(&self) -> u16 {
        self.runtime.block_on(async { self.home.open().await.generation().await.expect("a generation") })
    }

    /// Table and content of what the platform holds.
    fn held(&self, platform: &Platform) -> Vec<(&'static str, String)> {
        let mut held = Vec::new();
        for table in ["ODS_KCJBSJ", "ODS_KCJSSJ"] {
            for row in self.runtime.block_on(platform.brain.held(table)).expect("rows") {
                let mut row: serde_json::Value = serde_json::from_str(&row.body).expect("a row");
                row.as_object_mut().expect("an object").retain(|name, _| name != "SJCJSJ");
                held.push((table, row.to_string()));
            }
        }
        held.sort();
        held
    }

    /// What a hub that never knew anything else makes of the same school.
    fn expected(&self, courses: &Courses) -> Vec<(&'static str, String)> {
        let dir = tempfile::tempdir().expect("a folder");
        let fresh = Platform::start(&self.runtime, Way::Http);
        fresh.furnish(dir.path(), 0);
        write(dir.path(), courses);
        round(dir.path(), &[]);
        self.held(&fresh)
    }

    /// The platform holds what a hub that never knew anything else would have brought there.
    fn holds(&self, courses: &Courses) {
        let (held, expected) = (self.held(&self.platform), self.expected(courses));
        let more: Vec<_> = held.iter().filter(|row| !expected.contains(row)).collect();
        let less: Vec<_> = expected.iter().filter(|row| !held.contains(row)).collect();
        assert!(more.is_empty() && less.is_empty(), "there and not here: {more:#?}\nhere and not there: {less:#?}");
    }

    /// Everything is where it belongs, here and there.
    fn ends_with(&self, courses: &Courses) {
        self.holds(courses);
        self.runtime.block_on(async {
            let store = self.home.open().await;
            assert_eq!(store.audit().await.expect("an audit"), []);
            for row in store.stock().await.expect("stock") {
                let all = courses.len() as u64;
                assert_eq!((row.stock.live, row.stock.stored), (all, all), "{}: {:?}", row.table, row.stock);
            }
        });
    }
}

fn write(dir: &Path, courses: &Courses) {
    let (mut first, mut second) = ("课程号,课程名称,总学时\n".to_owned(), "课程号,课程名称,负责人,立项年度\n".to_owned());
    for (number, hours) in courses {
        first += &format!("K{number:04},课程{number},{hours}\n");
        second += &format!("K{number:04},课程{number},T{:03},2024\n", hours % 40);
    }
    std::fs::write(dir.join("files/courses.csv"), first).expect("written");
    std::fs::write(dir.join("files/projects.csv"), second).expect("written");
}

const CHANGED: std::ops::Range<usize> = 0..10;
/// Changed after the backup and changed back before it was restored: the backup takes them for what the platform holds.
const BACK_AGAIN: std::ops::Range<usize> = 10..15;

/// Runs, is backed up, runs on for a week, and is restored. Returns what the school holds at the end.
fn a_week_is_lost(story: &Story) -> Courses {
    let mut courses: Courses = (0..60).map(|number| (number, 20 + number % 40)).collect();
    story.teaches(&courses);
    story.round(&[]);
    story.home.back_up(&story.backup());

    for week in 1..=3 {
        for number in CHANGED.chain(BACK_AGAIN) {
            courses.insert(number, 70 + week);
        }
        courses.insert(60 + week, 30);
        if story.can_delete() && week < 3 {
            courses.remove(&(50 + week));
        }
        story.teaches(&courses);
        story.round(&[]);
    }
    story.holds(&courses);

    story.home.restore(&story.backup());
    for number in BACK_AGAIN {
        courses.insert(number, 20 + number % 40);
    }
    courses.insert(0, 99);
    courses.insert(70, 31);
    if story.can_delete() {
        courses.remove(&54);
    }
    story.teaches(&courses);
    courses
}

fn a_restored_backup_catches_up(way: Way, on_postgres: bool) {
    let story = Story::new(way, on_postgres);
    let courses = a_week_is_lost(&story);
    let before = story.generation();
    let log = story.round(&["--restored"]);
    assert_eq!(story.generation(), before + 1, "{log}");
    assert!(log.contains("the store was restored from a backup"), "{log}");
    if way == Way::Grpc {
        assert_eq!(log.matches("compared: both hold the same").count(), 2, "a full comparison: {log}");
    }
    story.ends_with(&courses);
    // And goes on as if nothing had been.
    let log = story.round(&[]);
    assert!(!log.contains("sending"), "{log}");
    story.ends_with(&courses);
}

mod catches_up {
    use super::{Way, a_restored_backup_catches_up};

    macro_rules! cases {
        ($($name:ident($way:ident, $on_postgres:literal);)+) => {
            $(#[test]
            fn $name() {
                a_restored_backup_catches_up(Way::$way, $on_postgres);
            })+
        };
    }

    cases! {
        from_a_file_over_http(Http, false);
        from_a_file_over_grpc(Grpc, false);
        from_a_file_over_kafka(Kafka, false);
        from_postgres_over_http(Http, true);
        from_postgres_over_grpc(Grpc, true);
        from_postgres_over_kafka(Kafka, true);
    }
}

#[test]
fn a_backup_restored_without_a_word_is_found_out_by_the_platforms_positions() {
    let story = Story::new(Way::Grpc, false);
    let courses = a_week_is_lost(&story);
    let before = story.generation();
    let log = story.round(&[]);
    assert!(log.contains("the platform holds what this store never sent"), "{log}");
    assert_eq!(story.generation(), before + 1);
    story.ends_with(&courses);
}

#[test]
fn a_restored_database_whose_leases_are_old_is_told_what_to_do() {
    let story = Story::new(Way::Grpc, true);
    let courses = a_week_is_lost(&story);
    let dir = story.dir.path();
    let output = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
        .args(["run", "--once", "--settings"])
        .arg(dir.join("xiaoshu.toml"))
        .output()
        .expect("run");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("--restored"), "{log}");
    story.round(&["--restored"]);
    story.ends_with(&courses);
}
