//! A MariaDB whose log is followed, with the whole hub around.

use std::sync::Arc;
use std::time::Duration;

use xiaoshu::app::{self, RunAnswer};

use super::crashing::CrashingStore;
use super::school::School;
use crate::sources::mariadb::Mariadb;

const TABLE: &str = "ODS_KCJBSJ";

/// A school whose courses are in a database.
pub fn school(server: &Mariadb, rows: usize) -> School {
    let own = server.settings();
    let text = |key: &str| own[key].as_str().expect("a text").to_owned();
    let source = format!(
        "kind = \"mysql\"\nhost = \"{}\"\nport = {}\ndatabase = \"{}\"\nuser = \"{}\"\npassword = {{ file = \"jw_password\" }}\n\
         guest.allow_writes = {{ by = \"test\", date = \"2024-11-20\", reason = \"the owner of the tables\" }}",
        text("host"),
        own["port"],
        text("database"),
        text("user"),
    );
    let school = school_of(&source);
    school.write("jw_password", &text("password"));
    server.run(&format!(
        "CREATE TABLE course (课程号 VARCHAR(20) PRIMARY KEY, 课程名称 VARCHAR(60), 总学时 INT);
         INSERT INTO course SELECT CONCAT('K', LPAD(seq, 4, '0')), CONCAT('课程', seq), 16 FROM seq_1_to_{rows}"
    ));
    school
}

/// A school whose courses are in the table `course` of a source with these settings, and are read by the log.
pub fn school_of(source: &str) -> School {
    let school = School::new(1, 0);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    let files = "kind = \"csv\"\npath = \"files\"\nsettle = 0";
    assert!(settings.contains(files));
    school.write("xiaoshu.toml", &settings.replace(files, source));
    std::fs::remove_file(school.path("mappings/projects.toml")).expect("removed");
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    let read = "read.object = \"course\"\nread.changes.by = \"log\"";
    school.write("mappings/courses.toml", &mapping.replace("read.object = \"courses.csv\"", read));
    school
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

fn live(school: &School) -> u64 {
    let answer = app::status(&school.context()).expect("a status");
    answer.tables.into_iter().find(|line| line.table == TABLE).expect("the table").live
}

#[test]
fn the_hub_follows_the_log_and_a_removal_is_proven_by_a_whole_read_at_once() {
    let server = Mariadb::logging(&[]);
    let school = school(&server, 300);
    let minute = || school.clock.advance(Duration::from_secs(60));
    assert_eq!(counts(&school.round()), [(true, 300, 300)]);
    minute();
    assert_eq!(counts(&school.round()), [(false, 0, 0)]);
    minute();
    server.run(
        "UPDATE course SET 总学时 = 32 WHERE 课程号 IN ('K0003', 'K0004'); UPDATE course SET 总学时 = 16 WHERE 课程号 = 'K0004'",
    );
    assert_eq!(counts(&school.round()), [(false, 2, 1)], "one of them is again as it was");
    minute();
    server.run("DELETE FROM course WHERE 课程号 = 'K0007'; INSERT INTO course VALUES ('K0999', '新课程', 8)");
    assert_eq!(counts(&school.round()), [(false, 0, 0), (true, 300, 1)]);
    assert_eq!(live(&school), 300);
    school.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(counts(&school.round()), [(true, 300, 0)], "the comparison finds nothing that was missed");
}

#[test]
fn a_hub_that_dies_at_any_commit_misses_no_change() {
    let server = Mariadb::logging(&[]);
    let school = school(&server, 40);
    let mut deaths = 0;
    for at in (0..36).step_by(3) {
        server.run(&format!(
            "UPDATE course SET 总学时 = {} WHERE 课程号 <= 'K0020'; INSERT INTO course VALUES ('N{at:04}', '新课程', 8)",
            100 + at
        ));
        deaths += usize::from(school.try_round(move |store| Arc::new(CrashingStore::new(store, at).0)).is_err());
        server.run(&format!("UPDATE course SET 课程名称 = '改名{at}' WHERE 课程号 > 'K0030'"));
        // The first goes on with what was interrupted, the second reads what came since.
        for _ in 0..2 {
            school.clock.advance(Duration::from_secs(600));
            school.round();
        }
        school.clock.advance(Duration::from_secs(25 * 3600));
        assert_eq!(counts(&school.round()), [(true, 41 + at as u64 / 3, 0)], "the comparison after crash point {at}");
    }
    assert!(deaths >= 6, "{deaths} deaths");
}
